// The merge loop against its definition, on merge lists no trainer would make, with windows so small that they meet everywhere.
#include <QtTest>

#include <map>

#include "core/base/rng.h"
#include "core/text/bpe_merge.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

using Pair = std::pair<TokenId, TokenId>;

struct Merges {
    std::map<Pair, PairMap::Merge> list;
    PairMap table{0};
    TokenId ids = 0;
};

// Any two tokens may become any token, whatever they spell: more than a vocabulary allows, so that nothing is taken for granted.
Merges wild(Rng& rng, TokenId letters, TokenId ids, std::size_t count) {
    Merges merges;
    merges.ids = ids;
    for (std::uint32_t rank = 0; rank < count; ++rank)
        merges.list[{static_cast<TokenId>(rng.below(static_cast<std::uint64_t>(ids))), static_cast<TokenId>(rng.below(static_cast<std::uint64_t>(ids)))}] =
            {rank, static_cast<TokenId>(static_cast<std::uint64_t>(letters) + rng.below(static_cast<std::uint64_t>(ids - letters)))};
    merges.table = PairMap(merges.list.size());
    for (const auto& [pair, merge] : merges.list)
        merges.table.set(pair.first, pair.second, merge);
    return merges;
}

// As a trainer makes them: every token is the text of its halves, later merges use earlier tokens.
Merges trained(Rng& rng, TokenId letters, std::size_t count) {
    Merges merges;
    std::map<std::string, TokenId> names;
    std::vector<std::string> texts;
    for (TokenId id = 0; id < letters; ++id)
        names[std::string(1, static_cast<char>('a' + id))] = id, texts.emplace_back(1, static_cast<char>('a' + id));
    for (std::uint32_t rank = 0; rank < count; ++rank) {
        const auto left = static_cast<TokenId>(rng.below(texts.size())), right = static_cast<TokenId>(rng.below(texts.size()));
        const std::string joined = texts[static_cast<std::size_t>(left)] + texts[static_cast<std::size_t>(right)];
        if (joined.size() > 40 || merges.list.contains({left, right}))
            continue;
        if (!names.contains(joined)) {
            names[joined] = static_cast<TokenId>(texts.size());
            texts.push_back(joined);
        }
        merges.list[{left, right}] = {rank, names[joined]};
    }
    merges.ids = static_cast<TokenId>(texts.size());
    merges.table = PairMap(merges.list.size());
    for (const auto& [pair, merge] : merges.list)
        merges.table.set(pair.first, pair.second, merge);
    return merges;
}

// The definition: again and again the pair of lowest rank, of equal ones the leftmost.
std::vector<BpeSymbol> byDefinition(const Merges& merges, std::vector<BpeSymbol> symbols, const std::vector<bool>& avoided) {
    for (;;) {
        std::uint32_t best = PairMap::kNone;
        std::size_t where = 0;
        TokenId result = -1;
        for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
            const auto found = merges.list.find({symbols[i].id, symbols[i + 1].id});
            if (found != merges.list.end() && found->second.rank < best && !avoided[static_cast<std::size_t>(found->second.result)])
                best = found->second.rank, where = i, result = found->second.result;
        }
        if (best == PairMap::kNone)
            return symbols;
        symbols[where] = {result, symbols[where].bytes + symbols[where + 1].bytes};
        symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(where) + 1);
    }
}

bool same(const std::vector<BpeSymbol>& a, const std::vector<BpeSymbol>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const BpeSymbol& x, const BpeSymbol& y) { return x.id == y.id && x.bytes == y.bytes; });
}

} // namespace

class TestBpeMerge : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void anyWindowGivesWhatTheDefinitionGives_data() {
        QTest::addColumn<bool>("fromTrainer");
        QTest::newRow("wild merges") << false;
        QTest::newRow("trained merges") << true;
    }
    void anyWindowGivesWhatTheDefinitionGives() {
        QFETCH(bool, fromTrainer);
        Rng rng(fromTrainer ? 1 : 2);
        int fewer = 0;
        for (int round = 0; round < 400; ++round) {
            const auto letters = static_cast<TokenId>(1 + rng.below(4));
            const Merges merges = fromTrainer ? trained(rng, letters, 1 + rng.below(40))
                                              : wild(rng, letters, letters + static_cast<TokenId>(1 + rng.below(8)), 1 + rng.below(30));
            std::vector<bool> avoided(static_cast<std::size_t>(merges.ids));
            if (round % 3 == 0)
                avoided[rng.below(avoided.size())] = true;
            std::vector<BpeSymbol> symbols(1 + rng.below(700));
            const bool periodic = round % 2 == 0;
            const std::size_t period = 1 + rng.below(6);
            for (std::size_t i = 0; i < symbols.size(); ++i)
                symbols[i] = {periodic && i >= period ? symbols[i - period].id : static_cast<TokenId>(rng.below(static_cast<std::uint64_t>(letters))), 1};
            const auto expected = byDefinition(merges, symbols, avoided);
            fewer += expected.size() < symbols.size() / 2;
            for (const auto& [window, unsettled] : {std::pair(1, 1), {7, 1}, {20, 2}, {49, 4}, {150, 16}, {8192, 16}}) {
                BpeMerger merger(static_cast<std::size_t>(window), static_cast<std::size_t>(unsettled));
                auto found = symbols;
                merger.run(merges.table, found, &avoided);
                QVERIFY2(same(found, expected), qPrintable(QString("round %1, window %2").arg(round).arg(window)));
            }
        }
        QVERIFY(fewer > 50); // the merges did happen
    }

    // The tokens of the end decide about the beginning: merges that shift along the word, one place at a time.
    void aWordThatCannotBeCut() {
        // ids: 0 = a, 1 = b, 2 = c; (a b) -> b makes everything before the first b one token; "c" needs two of them.
        Merges merges;
        merges.list = {{{0, 1}, {0, 1}}, {{0, 0}, {1, 2}}, {{2, 2}, {2, 2}}};
        merges.ids = 3;
        merges.table = PairMap(merges.list.size());
        for (const auto& [pair, merge] : merges.list)
            merges.table.set(pair.first, pair.second, merge);
        const std::vector<bool> avoided(3);
        for (const std::size_t length : {100, 1000, 3000}) {
            std::vector<BpeSymbol> symbols(length, {0, 1});
            symbols.back().id = 1;
            const auto expected = byDefinition(merges, symbols, avoided);
            QCOMPARE(expected.size(), std::size_t{1});
            for (const std::size_t window : {1, 50, 64}) {
                BpeMerger merger(window, 2);
                auto found = symbols;
                merger.run(merges.table, found, nullptr);
                QVERIFY(same(found, expected));
            }
        }
    }
};

ATTUNE_TEST(TestBpeMerge)
#include "tst_bpe_merge.moc"

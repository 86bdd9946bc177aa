// The cache of token rows: the same ids and masks as fresh ones, a key that knows everything they depend on, and nothing believed that is
// damaged, foreign or made by another version of the program.
#include <QTemporaryDir>
#include <QtTest>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>

#include "core/data/sample_hash.h"
#include "core/engine/token_cache.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

const fs::path kStarter = fs::path(ATTUNE_SOURCE_DIR) / "resources" / "starter_model";

PromptFormat formatOf(const fs::path& folder) { return PromptFormat::forTokenizer(Tokenizer::load(folder).value()).value(); }

Sample chat(const std::string& question, const std::string& answer) {
    Sample sample;
    sample.id = question.substr(0, 8);
    sample.messages = {{"user", question}, {"assistant", answer}};
    return sample;
}

// Conversations, texts, rows that are cut and rows that are left out.
std::vector<Sample> someSamples(int count = 40) {
    std::vector<Sample> samples;
    for (int i = 0; i < count; ++i) {
        const std::string number = std::to_string(i);
        samples.push_back(chat("Where is order " + number + "? \xE2\x82\xAC", "It was sent on day " + number + "."));
        if (i % 5 == 1)
            samples.back().messages.back().content.append(std::size_t(400), 'x');
        if (i % 5 == 2)
            samples.back().messages.front().content.append(std::size_t(2000), 'y');
        if (i % 5 == 3) {
            samples.back().kind = SampleKind::Text;
            samples.back().text = "A plain text, number " + number;
        }
    }
    return samples;
}

class CountedSource final : public SampleSource {
public:
    explicit CountedSource(std::vector<Sample> samples) : m_samples(std::move(samples)) {
        for (const Sample& sample : m_samples)
            m_hash += toHex(contentHash(sample));
    }
    std::size_t size() const override { return m_samples.size(); }
    Result<Sample> at(std::size_t index) const override {
        ++reads;
        return m_samples.at(index);
    }
    std::string hash() const override { return m_hash; }
    mutable std::atomic<int> reads = 0;

private:
    std::vector<Sample> m_samples;
    std::string m_hash;
};

TokenizeOptions shortRows() {
    TokenizeOptions options;
    options.maxLength = 120;
    return options;
}

std::string slurp(const fs::path& path) { return readFile(path).value(); }

void spill(const fs::path& path, const std::string& content) {
    std::ofstream(path, std::ios::binary).write(content.data(), static_cast<std::streamsize>(content.size()));
}

fs::path onlyFile(const fs::path& folder) {
    fs::path found;
    int count = 0;
    for (const auto& entry : fs::directory_iterator(folder))
        found = entry.path(), ++count;
    return count == 1 ? found : fs::path();
}

TokenDataset rowsOf(int marker, int rows) {
    TokenDataset data;
    for (int i = 0; i < rows; ++i)
        data.rows.push_back({std::vector<TokenId>(100, marker), std::vector<bool>(100, true), 99, static_cast<std::size_t>(i), false});
    data.tokens = 100 * rows;
    return data;
}

} // namespace

class TestTokenCache : public QObject {
    Q_OBJECT
    std::unique_ptr<QTemporaryDir> m_folder;
    fs::path cacheFolder() const { return fs::path(m_folder->path().toStdString()) / "cache" / "tokens"; }

private Q_SLOTS:
    void init() { m_folder = std::make_unique<QTemporaryDir>(); }

    void theSecondTimeNothingIsTokenised() {
        const PromptFormat format = formatOf(kStarter);
        const CountedSource source(someSamples(200));
        const auto fresh = tokenizeSamples(source, format, shortRows(), {});
        QVERIFY(fresh);
        QVERIFY(fresh->truncatedRows > 0 && !fresh->dropped.empty() && fresh->rows.size() > 100);

        const auto first = tokenizeCached(cacheFolder(), source, format, shortRows(), {});
        QVERIFY(first && !first->fromCache && first->kept);
        QVERIFY(first->data == *fresh);
        source.reads = 0;
        const auto second = tokenizeCached(cacheFolder(), source, format, shortRows(), {});
        QVERIFY(second && second->fromCache);
        QVERIFY(source.reads <= 8); // the rows that are compared
        QVERIFY(second->data == *fresh);

        const auto off = tokenizeCached({}, source, format, shortRows(), {});
        QVERIFY(off && !off->fromCache && off->data == *fresh);
    }

    void othersCannotReadTheFiles() {
        const CountedSource source(someSamples());
        QVERIFY(tokenizeCached(cacheFolder(), source, formatOf(kStarter), shortRows(), {}));
        QCOMPARE(fs::status(cacheFolder()).permissions(), fs::perms::owner_all);
        QCOMPARE(fs::status(onlyFile(cacheFolder())).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    }

    void everyPartOfTheKeyCounts() {
        const auto samples = someSamples();
        const PromptFormat format = formatOf(kStarter);
        const auto key = [&](const std::vector<Sample>& rows, const PromptFormat& with, const TokenizeOptions& options) {
            return tokenCacheKey(CountedSource(rows), with, options);
        };
        const std::string usual = key(samples, format, shortRows());
        QCOMPARE(key(samples, formatOf(kStarter), shortRows()), usual);
        TokenizeOptions options = shortRows();
        options.threads = 2; // changes nothing about the rows
        QCOMPARE(key(samples, format, options), usual);

        std::vector<std::string> others;
        auto changed = samples;
        changed[7].messages[0].content += " ";
        others.push_back(key(changed, format, shortRows()));
        changed = samples;
        changed[7].messages[0].role = "system";
        others.push_back(key(changed, format, shortRows()));
        changed = samples;
        std::swap(changed[0], changed[5]);
        others.push_back(key(changed, format, shortRows()));
        changed = samples;
        changed.pop_back();
        others.push_back(key(changed, format, shortRows()));
        for (const TrainOn trainOn : {TrainOn::AllAssistant, TrainOn::Everything}) {
            options = shortRows();
            options.trainOn = trainOn;
            others.push_back(key(samples, format, options));
        }
        for (const std::size_t length : {std::size_t{0}, std::size_t{121}}) {
            options = shortRows();
            options.maxLength = length;
            others.push_back(key(samples, format, options));
        }
        PromptFormat stops = format;
        stops.addStopIds({5});
        others.push_back(key(samples, stops, shortRows()));
        // Tokenizer and template, changed in their files by as little as possible.
        const fs::path folder = m_folder->path().toStdString();
        for (const char* name : {"tokenizer.json", "tokenizer_config.json"}) {
            fs::copy_file(kStarter / "tokenizer.json", folder / "tokenizer.json", fs::copy_options::overwrite_existing);
            fs::copy_file(kStarter / "tokenizer_config.json", folder / "tokenizer_config.json", fs::copy_options::overwrite_existing);
            spill(folder / name, slurp(folder / name) + "\n");
            others.push_back(key(samples, formatOf(folder), shortRows()));
        }
        fs::copy_file(kStarter / "tokenizer_config.json", folder / "tokenizer_config.json", fs::copy_options::overwrite_existing);
        fs::copy_file(kStarter / "tokenizer.json", folder / "tokenizer.json", fs::copy_options::overwrite_existing);
        spill(folder / "chat_template.jinja", "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}");
        others.push_back(key(samples, formatOf(folder), shortRows()));

        others.push_back(usual);
        std::sort(others.begin(), others.end());
        QVERIFY(std::adjacent_find(others.begin(), others.end()) == others.end());
    }

    void aDamagedFileIsMadeAgain() {
        const PromptFormat format = formatOf(kStarter);
        const CountedSource source(someSamples(10));
        const auto first = tokenizeCached(cacheFolder(), source, format, shortRows(), {});
        QVERIFY(first);
        const fs::path file = onlyFile(cacheFolder());
        QVERIFY(!file.empty());
        const std::string key = file.stem().string(), good = slurp(file);
        const TokenCache cache(cacheFolder());
        const auto refused = [&](const std::string& content) {
            spill(file, content);
            return !cache.read(key) && !fs::exists(file);
        };
        for (std::size_t at = 0; at < good.size(); at += at < 64 || at + 64 > good.size() ? 1 : 97) {
            std::string bad = good;
            bad[at] = static_cast<char>(bad[at] ^ 0x10);
            QVERIFY2(refused(bad), std::to_string(at).c_str());
            QVERIFY2(refused(good.substr(0, at)), std::to_string(at).c_str());
        }
        QVERIFY(refused(good + "x"));
        spill(file, good);
        QVERIFY(cache.read(key) == first->data);

        spill(file, good.substr(0, good.size() / 2)); // as a crash of another program might leave it
        const auto again = tokenizeCached(cacheFolder(), source, format, shortRows(), {});
        QVERIFY(again && !again->fromCache && again->data == first->data);
        QCOMPARE(slurp(file), good);
    }

    void anEntryUnderAnotherNameIsNotBelieved() {
        const TokenCache cache(cacheFolder());
        QVERIFY(cache.write("one", rowsOf(1, 3)));
        fs::rename(cacheFolder() / "one.tokens", cacheFolder() / "two.tokens");
        QVERIFY(!cache.read("two"));
    }

    // As after an update that tokenises differently: the file is whole, but its rows are not what this program makes.
    void rowsOfAnotherProgramAreMadeAgain() {
        const PromptFormat format = formatOf(kStarter);
        const CountedSource source(someSamples());
        const auto first = tokenizeCached(cacheFolder(), source, format, shortRows(), {});
        QVERIFY(first);
        const TokenCache cache(cacheFolder());
        const std::string key = tokenCacheKey(source, format, shortRows());
        TokenDataset other = first->data;
        for (auto& row : other.rows)
            row.trained[row.trained.size() - 1] = !row.trained[row.trained.size() - 1];
        QVERIFY(cache.write(key, other));
        const auto again = tokenizeCached(cacheFolder(), source, format, shortRows(), {});
        QVERIFY(again && !again->fromCache && again->data == first->data);
        other = first->data;
        other.rows.pop_back();
        QVERIFY(cache.write(key, other));
        const auto third = tokenizeCached(cacheFolder(), source, format, shortRows(), {});
        QVERIFY(third && !third->fromCache && third->data == first->data);
    }

    void theOldestEntriesMakeRoom() {
        const auto age = [&](const std::string& key, int hours) {
            fs::last_write_time(cacheFolder() / (key + ".tokens"), fs::file_time_type::clock::now() - std::chrono::hours(hours));
        };
        QVERIFY(TokenCache(cacheFolder()).write("sized", rowsOf(0, 10)));
        const auto size = fs::file_size(cacheFolder() / "sized.tokens");
        fs::remove(cacheFolder() / "sized.tokens");
        const TokenCache cache(cacheFolder(), 3 * size + size / 2);
        spill(cacheFolder() / "left.tokens.1-1.tmp", "half");
        spill(cacheFolder() / "young.tokens.1-1.tmp", "half");
        fs::last_write_time(cacheFolder() / "left.tokens.1-1.tmp", fs::file_time_type::clock::now() - std::chrono::hours(48));
        for (const char* key : {"a", "b", "c"})
            QVERIFY(cache.write(key, rowsOf(1, 10)));
        age("a", 3), age("b", 2), age("c", 1);
        QVERIFY(cache.read("a")); // used: now the youngest
        QVERIFY(cache.write("d", rowsOf(4, 10)));
        QVERIFY(cache.read("a") && !cache.read("b") && cache.read("c") && cache.read("d"));
        QVERIFY(!fs::exists(cacheFolder() / "left.tokens.1-1.tmp") && fs::exists(cacheFolder() / "young.tokens.1-1.tmp"));
        QVERIFY(cache.write("large", rowsOf(5, 30))); // more than half of the room: not kept, nothing lost for it
        QVERIFY(!cache.read("large") && cache.read("a"));
    }

    void manyAtOnce() {
        const std::uint64_t room = 20000;
        std::atomic<int> wrong = 0, hits = 0;
        {
            std::vector<std::jthread> workers;
            for (int worker = 0; worker < 6; ++worker)
                workers.emplace_back([&, worker] {
                    for (int round = 0; round < 60; ++round) {
                        const TokenCache cache(cacheFolder(), room);
                        const int which = (worker + round) % 7;
                        const std::string key = "key" + std::to_string(which);
                        const TokenDataset expected = rowsOf(which, 10);
                        if (const auto found = cache.read(key)) {
                            ++hits;
                            wrong += !(*found == expected);
                        } else {
                            wrong += !cache.write(key, expected);
                        }
                    }
                });
        }
        QCOMPARE(wrong.load(), 0);
        QVERIFY(hits > 0);
        std::uint64_t total = 0;
        for (const auto& entry : fs::directory_iterator(cacheFolder())) {
            QCOMPARE(entry.path().extension(), fs::path(".tokens"));
            total += entry.file_size();
        }
        QVERIFY(total <= room);
    }

    void aFolderThatCannotBeWrittenCostsNothingButTime() {
        const fs::path file = fs::path(m_folder->path().toStdString()) / "file";
        spill(file, "in the way");
        const CountedSource source(someSamples());
        const auto tokens = tokenizeCached(file / "tokens", source, formatOf(kStarter), shortRows(), {});
        QVERIFY(tokens && !tokens->fromCache && !tokens->kept);
        QVERIFY(!tokens->data.rows.empty());
    }
};

ATTUNE_TEST(TestTokenCache)
#include "tst_token_cache.moc"

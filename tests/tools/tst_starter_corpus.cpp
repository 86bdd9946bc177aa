#include <QTemporaryDir>
#include <QtTest>

#include <set>

#include "core/base/json.h"
#include "tests/support/test_main.h"
#include "tools/starter/corpus.h"

using namespace attune;
using namespace attune::starter;

class TestStarterCorpus : public QObject {
    Q_OBJECT

private:
    static std::string textOf(const Document& document) {
        std::string text = document.text;
        for (const Turn& turn : document.messages)
            text += "\n" + turn.content;
        return text;
    }

private Q_SLOTS:
    void articlesAndCapitalsFit();
    void bracketsInTemplatesChooseBetweenAlternatives();
    void boundWordsStayTheSame();
    void sameSeedSameFilesOtherSeedOtherFiles();
    void documentDependsOnlyOnSeedAndIndex();
    void everyListOfTheGrammarExpands();
    void textIsPlainAndFullyExpanded();
    void noAnswerIsARecordAndTheSampleTaskIsAbsent();
    void readingAnswersComeFromThePassage();
};

void TestStarterCorpus::articlesAndCapitalsFit() {
    QCOMPARE(finishSentences("a_ apple and a_ pear. it took a_ hour! a_ uniform?"),
             std::string("An apple and a pear. It took an hour! A uniform?"));
    QCOMPARE(finishSentences("\"no,\" said Tom, \"but come in.\" then he left. \"who is it?\" asked Ann."),
             std::string("\"No,\" said Tom, \"but come in.\" Then he left. \"Who is it?\" asked Ann."));
}

void TestStarterCorpus::bracketsInTemplatesChooseBetweenAlternatives() {
    Pen pen(5, 5);
    std::set<std::string> seen;
    for (int i = 0; i < 200; ++i)
        seen.insert(pen.part("[a|b[1|2]|]x"));
    QCOMPARE(seen, (std::set<std::string>{"ax", "b1x", "b2x", "x"}));
}

void TestStarterCorpus::boundWordsStayTheSame() {
    Pen pen(5, 6);
    for (int i = 0; i < 50; ++i) {
        pen.forget();
        const std::string text = pen.part("{colour:c}|{c}|{C}");
        const std::string word = text.substr(0, text.find('|'));
        QCOMPARE(text, word + "|" + word + "|" + capitalised(word));
    }
}

void TestStarterCorpus::sameSeedSameFilesOtherSeedOtherFiles() {
    QTemporaryDir a, b, c;
    const auto make = [](const QTemporaryDir& folder, std::uint64_t seed) {
        return writeCorpus(folder.path().toStdString(), {seed, 20'000}).has_value();
    };
    QVERIFY(make(a, 1) && make(b, 1) && make(c, 2));
    for (const char* name : {"train/chat.jsonl", "train/text.jsonl", "validation/chat.jsonl", "validation/text.jsonl"}) {
        const auto hash = [&](const QTemporaryDir& folder) {
            return hashFile(fs::path(folder.path().toStdString()) / name).value();
        };
        QCOMPARE(hash(a), hash(b));
        if (QByteArray(name).startsWith("train")) // so few rows may leave a validation file empty
            QVERIFY(hash(a) != hash(c));
    }
}

void TestStarterCorpus::documentDependsOnlyOnSeedAndIndex() {
    const std::string first = toJsonLine(corpusDocument(1, 17));
    corpusDocument(1, 18);
    QCOMPARE(toJsonLine(corpusDocument(1, 17)), first);
    QVERIFY(toJsonLine(corpusDocument(1, 18)) != first);
}

// A grammar that names a list or a binding that is not there ends the program, so enough documents prove that none
// does.
void TestStarterCorpus::everyListOfTheGrammarExpands() {
    std::set<std::string> kinds;
    std::set<std::string> distinct;
    for (std::uint64_t i = 0; i < 6000; ++i) {
        std::string kind;
        distinct.insert(textOf(corpusDocument(3, i, &kind)));
        kinds.insert(kind);
    }
    QCOMPARE(kinds.size(), std::size_t{7});
    QVERIFY2(distinct.size() > 5800, std::to_string(distinct.size()).c_str());
}

void TestStarterCorpus::textIsPlainAndFullyExpanded() {
    for (std::uint64_t i = 0; i < 3000; ++i) {
        std::string kind;
        const std::string text = textOf(corpusDocument(4, i, &kind));
        QVERIFY(!text.empty());
        for (const char c : text)
            QVERIFY2(c == '\n' || (c >= ' ' && c <= '~'), text.c_str());
        for (const char* left : {"a_ ", "A_ ", "^", "|", "<|", "  A", ".."})
            QVERIFY2(text.find(left) == std::string::npos, text.c_str());
        if (kind != "record")
            QVERIFY2(text.find_first_of("{}[]#") == std::string::npos, text.c_str());
    }
}

void TestStarterCorpus::noAnswerIsARecordAndTheSampleTaskIsAbsent() {
    for (std::uint64_t i = 0; i < 5000; ++i) {
        const Document document = corpusDocument(1, i);
        const std::string text = textOf(document);
        for (const char* absent : {"into a record", "\"category\"", "\"urgency\"", "\"product\"", "\"summary\""})
            QVERIFY2(text.find(absent) == std::string::npos, text.c_str());
        for (const Turn& turn : document.messages)
            if (turn.role == "assistant")
                QVERIFY2(turn.content.find('{') == std::string::npos, turn.content.c_str());
    }
}

void TestStarterCorpus::readingAnswersComeFromThePassage() {
    int checked = 0;
    for (std::uint64_t i = 0; checked < 300; ++i) {
        std::string kind;
        const Document document = corpusDocument(9, i, &kind);
        if (kind != "reading" || document.messages.empty())
            continue;
        const std::string& passage = document.messages[0].content;
        std::string answer = document.messages[1].content;
        if (const std::size_t today = answer.rfind(" today."); today != std::string::npos)
            answer.resize(today);
        if (answer == "unknown" || answer.find("text") != std::string::npos)
            continue;
        std::string last; // the last word of an answer is a word of the passage
        for (const char c : answer)
            last = std::isalnum(static_cast<unsigned char>(c)) ? last + c : c == ' ' || c == '\'' ? "" : last;
        if (passage.find(last) == std::string::npos) // "Eight."
            last[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(last[0])));
        QVERIFY2(passage.find(last) != std::string::npos, (passage + "\n-> " + answer).c_str());
        ++checked;
    }
}

ATTUNE_TEST(TestStarterCorpus)
#include "tst_starter_corpus.moc"

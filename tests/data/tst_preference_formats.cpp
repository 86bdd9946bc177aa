// Preferences as annotation tools and trainers write them: judgements, rankings, chains of turns, labelled steps.
#include <fstream>

#include <QtTest>

#include "core/data/annotation_rows.h"
#include "core/data/import_file.h"
#include "core/data/sample_text.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

// rows | format | prompt | chosen | rejected | the first problem's reason
struct PreferenceCase {
    const char *name, *file, *content, *format, *prompt, *chosen, *rejected, *problem;
};

const PreferenceCase kPreferenceCases[] = {
    {"H2O LLM Studio", "a.csv", "prompt,answer,rejected_prompt,rejected_answer\nq,good,,bad\n", "preference", "q", "good", "bad", ""},
    {"other names", "a.jsonl", R"({"question":"q","chosen_response":"good","rejected_response":"bad"})", "preference", "q", "good",
     "bad", ""},
    {"texts with a common beginning", "a.jsonl", R"({"chosen":"The sky is blue.","rejected":"The sky is green."})",
     "preference_implicit", "The sky is", "blue.", "green.", ""},
    {"texts without one", "a.jsonl", R"({"chosen":"Blue.","rejected":"Green."})", "preference_implicit", "", "", "",
     "the two texts share no beginning that could be the prompt"},
    {"Label Studio", "a.json",
     R"([{"id":1,"data":{"prompt":"q","text1":"bad","text2":"good"},"annotations":[{"was_cancelled":true,"result":[]},
     {"result":[{"from_name":"pw","to_name":"text1,text2","type":"pairwise","value":{"selected":"right"}}]}]}])",
     "judged_pairs", "q", "good", "bad", ""},
    {"Label Studio, short form", "a.jsonl", R"({"id":1,"prompt":"q","text1":"good","text2":"bad","pw":{"selected":"left"}})",
     "judged_pairs", "q", "good", "bad", ""},
    {"Label Studio, table", "a.csv", "id,prompt,text1,text2,pw\n1,q,good,bad,left\n", "judged_pairs", "q", "good", "bad", ""},
    {"a reviewer's number beside the judgement", "a.jsonl",
     R"({"id":1,"prompt":"q","answer1":"bad","answer2":"good","comparison":"right","annotator":1})", "judged_pairs", "q", "good", "bad",
     ""},
    {"numbers that judge", "a.csv", "prompt,answer1,answer2,annotator,label\nq,bad,good,1,2\n", "judged_pairs", "q", "good", "bad", ""},
    {"a tie", "a.csv", "prompt,response_a,response_b,winner\nq,x,y,tie\n", "judged_pairs", "", "", "", "no answer is better (tie)"},
    {"named by column", "a.csv", "prompt,answer_1,answer_2,best\nq,bad,good,answer_2\nq,x,y,1\n", "judged_pairs", "q", "good", "bad",
     ""},
    {"Argilla, by question", "a.jsonl",
     R"({"prompt":"q","response-1":"mid","response-2":"bad","response-3":"good","order":[{"user_id":"u","status":"submitted","value":[)"
     R"({"rank":2,"value":"response-1"},{"rank":3,"value":"response-2"},{"rank":1,"value":"response-3"}]},)"
     R"({"user_id":"v","status":"discarded","value":[{"rank":1,"value":"response-2"},{"rank":2,"value":"response-1"}]}]})",
     "ranked", "q", "good", "bad", ""},
    {"Argilla 1", "a.json",
     R"([{"fields":{"prompt":"q","response-1":"good","response-2":"bad"},"metadata":{},"responses":[{"user_id":"u","status":"submitted",
     "values":{"order":{"value":[{"value":"response-1","rank":1},{"value":"response-2","rank":2}]}}}]}])",
     "ranked", "q", "good", "bad", ""},
    {"Argilla 2", "a.json",
     R"([{"fields":{"prompt":"q","response_a":"good","response_b":"bad"},"responses":{"best":[{"value":"response_a","user_id":"u"},
     {"value":"response_b","user_id":"v"},{"value":"response_a","user_id":"w"}]}}])",
     "judged_pairs", "q", "good", "bad", ""},
    {"reviewers who do not agree", "a.json",
     R"([{"fields":{"prompt":"q","response_a":"good","response_b":"bad"},"responses":{"best":[{"value":"response_a","user_id":"u"},
     {"value":"response_b","user_id":"v"}]}}])",
     "judged_pairs", "", "", "", "no answer is better (no majority)"},
    {"equal ranks", "a.jsonl", R"({"prompt":"q","a":"x","b":"y","r":[{"rank":1,"value":"a"},{"rank":1,"value":"b"}]})", "ranked", "", "",
     "", "all answers have the same rank"},
    {"a rank of nothing", "a.jsonl", R"({"prompt":"q","a":"x","r":[{"rank":1,"value":"a"},{"rank":2,"value":"b"}]})", "ranked", "", "", "",
     "missing or not text"},
};

} // namespace

class PreferenceFormatsTest : public QObject {
    Q_OBJECT

    QTemporaryDir m_folder;
    Result<ImportSummary> read(const std::string& name, const std::string& content, std::vector<Sample>& samples,
                               std::vector<ImportProblem>& problems) {
        const fs::path file = fs::path(m_folder.path().toStdString()) / name;
        std::ofstream(file, std::ios::binary) << content;
        return importFile(
            file, {},
            [&](Sample&& sample) -> Status {
                samples.push_back(std::move(sample));
                return {};
            },
            [&](const ImportProblem& problem) { problems.push_back(problem); });
    }

private Q_SLOTS:
    void pairsAreFound_data() {
        QTest::addColumn<int>("number");
        for (int i = 0; i < int(std::size(kPreferenceCases)); ++i)
            QTest::newRow(kPreferenceCases[i].name) << i;
    }
    void pairsAreFound() {
        QFETCH(int, number);
        const PreferenceCase& wanted = kPreferenceCases[number];
        std::vector<Sample> samples;
        std::vector<ImportProblem> problems;
        const auto summary = read(wanted.file, wanted.content, samples, problems);
        if (*wanted.problem) {
            QVERIFY(samples.empty());
            QVERIFY(!problems.empty());
            QCOMPARE(QString::fromStdString(problems.front().reason), QString(wanted.problem));
            return;
        }
        QVERIFY2(summary, summary ? "" : summary.error().message.c_str());
        QCOMPARE(QString::fromStdString(summary->mapping.format), QString(wanted.format));
        QVERIFY(samples.front().kind == SampleKind::Preference);
        QCOMPARE(QString::fromStdString(promptText(samples.front())), QString(wanted.prompt));
        QCOMPARE(QString::fromStdString(samples.front().chosen), QString(wanted.chosen));
        QCOMPARE(QString::fromStdString(samples.front().rejected), QString(wanted.rejected));
        const auto again = mappingFromJson(toJson(summary->mapping));
        QVERIFY(again && *again == summary->mapping);
    }

    void chainsOfTurnsAreJoined() {
        std::vector<Sample> samples;
        std::vector<ImportProblem> problems;
        // The child stands before its parent; numbers with gaps come as 1.0 out of Python.
        const auto summary = read("chain.csv",
                                  "id,parent_id,system,prompt,answer,rejected_answer\n"
                                  "3,2.0,s,q3,a3,b3\n1,,s,q1,a1,b1\n2,1.0,s,q2,a2,b2\n4,9,s,q4,a4,b4\n5,6,s,q5,a5,b5\n6,5,s,q6,a6,b6\n",
                                  samples, problems);
        QVERIFY2(summary, summary ? "" : summary.error().message.c_str());
        QCOMPARE(samples.size(), std::size_t{3});
        const std::vector<Message> expected{{"system", "s"},     {"user", "q1"},      {"assistant", "a1"},
                                            {"user", "q2"},      {"assistant", "a2"}, {"user", "q3"}};
        QVERIFY(samples[0].messages == expected);
        QCOMPARE(samples[0].rejected, std::string("b3"));
        QCOMPARE(samples[1].messages.size(), std::size_t{2});
        QCOMPARE(problems.size(), std::size_t{3});
        QCOMPARE(problems[0].row, std::int64_t{4});
        QCOMPARE(problems[0].field, std::string("parent_id"));
        QVERIFY(problems[0].reason.find("no usable row \"9\"") != std::string::npos);
        QVERIFY(problems[1].reason.find("circle") != std::string::npos);
    }

    void instructionsAreJoinedToo() {
        std::vector<Sample> samples;
        std::vector<ImportProblem> problems;
        const auto summary = read("alpaca.csv", "id,parent_id,instruction,output,rejected_answer,system\n1,,q1,a1,b1,s\n2,1,q2,a2,b2,\n", samples, problems);
        QVERIFY2(summary, summary ? "" : summary.error().message.c_str());
        const std::vector<Message> expected{{"system", "s"}, {"user", "q1"}, {"assistant", "a1"}, {"user", "q2"}};
        QVERIFY(samples.at(1).messages == expected);
    }

    void chatsAreJoinedToo() {
        std::vector<Sample> samples;
        std::vector<ImportProblem> problems;
        const auto summary = read("chat.jsonl", R"({"id":1,"parent_id":null,"prompt":"q1","answer":"a1"}
{"id":2,"parent_id":1,"prompt":"q2","answer":"a2"})",
                                  samples, problems);
        QVERIFY2(summary, summary ? "" : summary.error().message.c_str());
        const std::vector<Message> expected{{"user", "q1"}, {"assistant", "a1"}, {"user", "q2"}, {"assistant", "a2"}};
        QVERIFY(samples.at(1).messages == expected);
    }

    void stepsAreGoodWhenEveryStepIs() {
        std::vector<Sample> samples;
        std::vector<ImportProblem> problems;
        const auto summary = read("steps.jsonl", R"({"prompt":"q","completions":["one","two"],"labels":[true,true]}
{"prompt":"q","completions":["one","three"],"labels":[true,false]}
{"prompt":"q","completions":["one","three"],"labels":[true]})",
                                  samples, problems);
        QVERIFY2(summary, summary ? "" : summary.error().message.c_str());
        QCOMPARE(summary->mapping.format, std::string("stepwise"));
        QCOMPARE(samples.size(), std::size_t{2});
        QVERIFY(samples[0].kind == SampleKind::Unpaired);
        QCOMPARE(samples[0].chosen, std::string("one\ntwo"));
        QVERIFY(samples[0].label && !samples[1].label);
        QCOMPARE(problems.size(), std::size_t{1});
    }

    void reasoningStaysBeforeTheAnswer() {
        std::vector<Sample> samples;
        std::vector<ImportProblem> problems;
        const auto summary = read("think.jsonl", R"({"messages":[{"role":"user","content":"q"},{"role":"assistant","thinking":"hm","content":"a"}]}
{"messages":[{"role":"user","content":"q"},{"role":"assistant","reasoning_content":" ","content":"b"}]})",
                                  samples, problems);
        QVERIFY2(summary, summary ? "" : summary.error().message.c_str());
        QCOMPARE(samples.at(0).messages.back().content, std::string("<think>\nhm\n</think>\n\na"));
        QCOMPARE(samples.at(1).messages.back().content, std::string("b"));
        const Json row = Json::parse(R"({"input":"q","output":"a","chain_of_thought":"hm"})");
        const auto mapping = parseMapping("input=prompt,output=completion,chain_of_thought=reasoning", std::span(&row, 1));
        QVERIFY(mapping);
        QCOMPARE(previewSamples({row}, *mapping).at(0).messages.back().content, std::string("<think>\nhm\n</think>\n\na"));
    }

    void otherRowsAreLeftAlone() {
        for (const char* text : {R"({"data":{"x":1},"label":2})", R"({"fields":{"x":1}})", R"({"messages":[{"role":"user","content":"a"}]})",
                                 R"({"data":[1],"annotations":[]})", R"({"values":[{"value":1}]})", R"([1,2])"}) {
            const Json row = Json::parse(text);
            QCOMPARE(flattenAnnotations(row).dump(), row.dump());
        }
    }
};

ATTUNE_TEST(PreferenceFormatsTest)
#include "tst_preference_formats.moc"

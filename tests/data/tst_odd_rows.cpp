// Rows as other programs write them, with what is unusual or wrong in them: nothing is misread in silence.
#include <algorithm>
#include <fstream>

#include <QtTest>

#include "core/data/annotation_rows.h"
#include "core/data/import_file.h"
#include "core/data/jsonl_export.h"
#include "core/data/quality.h"
#include "core/data/sample_hash.h"
#include "core/data/sample_text.h"
#include "core/text/chat_template.h"
#include "tests/support/test_data.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

struct ReadRows {
    std::vector<Sample> samples;
    std::vector<ImportProblem> problems;
    Result<ImportSummary> summary = ImportSummary();
};

} // namespace

class OddRowsTest : public QObject {
    Q_OBJECT

    QTemporaryDir m_folder;
    // `content` is JSON with ' for ".
    ReadRows read(const std::string& name, std::string content) {
        std::replace(content.begin(), content.end(), '\'', '"');
        const fs::path file = fs::path(m_folder.path().toStdString()) / name;
        std::ofstream(file, std::ios::binary) << content;
        ReadRows result;
        result.summary = importFile(
            file, {},
            [&](Sample&& sample) -> Status {
                result.samples.push_back(std::move(sample));
                return {};
            },
            [&](const ImportProblem& problem) { result.problems.push_back(problem); });
        return result;
    }

private Q_SLOTS:
    void answersOfWeightZeroAreContext() {
        const auto rows = read("w.jsonl", "{'messages':[{'role':'user','content':'a'},{'role':'assistant','content':'b','weight':0},"
                                          "{'role':'user','content':'c'},{'role':'assistant','content':'d','weight':1}]}\n"
                                          "{'messages':[{'role':'user','content':'a'},{'role':'assistant','content':'b','weight':0}]}\n");
        QCOMPARE(rows.samples.size(), std::size_t{2});
        QVERIFY(!rows.samples[0].messages[1].learn && rows.samples[0].messages[3].learn);
        Sample learned = rows.samples[1];
        learned.messages[1].learn = true;
        QVERIFY(contentHash(learned) != contentHash(rows.samples[1])); // other tokens are trained: another row for every cache
        QualityCheck check;
        for (const Sample& sample : rows.samples)
            check.add(sample);
        QCOMPARE(check.report().contextAnswers, std::int64_t{2});
        QCOMPARE(check.report().contextLastAnswers, std::int64_t{1});
        QCOMPARE(check.report().contextLastRows, std::vector<std::int64_t>{2});
        for (const Sample& sample : rows.samples) {
            const auto again = read("again.jsonl", toJsonLine(sample));
            QVERIFY(again.samples.at(0).messages == sample.messages);
        }
        QVERIFY(toJsonLine(rows.samples[1]).find("\"weight\":0") != std::string::npos);
    }

    void otherWeightsAreRefused_data() {
        QTest::addColumn<QString>("weight");
        for (const char* weight : {"0.5", "2", "-1", "'0'", "true", "[1]"})
            QTest::newRow(weight) << weight;
    }
    void otherWeightsAreRefused() {
        QFETCH(QString, weight);
        const auto rows = read("w.jsonl", "{'messages':[{'role':'user','content':'a'},{'role':'assistant','content':'b'}]}\n"
                                          "{'messages':[{'role':'user','content':'a'},{'role':'assistant','content':'b','weight':" +
                                              weight.toStdString() + "}]}\n");
        QCOMPARE(rows.problems.size(), std::size_t{1});
        QCOMPARE(rows.problems[0].row, std::int64_t{2});
        QCOMPARE(rows.problems[0].field, std::string("messages[1].weight"));
        QVERIFY(rows.problems[0].reason.find("must be 0") != std::string::npos);
    }

    void reasoningBesideTheAnswerBelongsToIt_data() {
        QTest::addColumn<QString>("row");
        QTest::newRow("completion") << "{'prompt':'q','reasoning_content':'hm','completion':'b'}";
        QTest::newRow("answer") << "{'question':'q','reasoning':'hm','answer':'b'}";
        QTest::newRow("alpaca") << "{'instruction':'q','input':'','output':'b','thinking':'hm'}";
        QTest::newRow("inside already") << "{'question':'q','reasoning':'hm','answer':'<think>\\nhm\\n</think>\\n\\nb'}";
        QTest::newRow("messages") << "{'messages':[{'role':'user','content':'q'},{'role':'assistant','reasoning_content':'hm','content':'b'}]}";
    }
    void reasoningBesideTheAnswerBelongsToIt() {
        QFETCH(QString, row);
        const auto rows = read("r.jsonl", row.toStdString() + "\n");
        QCOMPARE(rows.samples.size(), std::size_t{1});
        QCOMPARE(rows.samples[0].messages.back().content, std::string("<think>\nhm\n</think>\n\nb"));
    }
    void aReasoningThatIsTheOnlyAnswerStaysTheAnswer() {
        const auto rows = read("r.jsonl", "{'question':'q','reasoning':'because'}\n");
        QCOMPARE(rows.samples.at(0).messages.back().content, std::string("because"));
    }

    void brokenToolsAreToldAndKept_data() {
        QTest::addColumn<QString>("row");
        QTest::addColumn<QString>("field");
        const QString turns = "'messages':[{'role':'user','content':'q'},{'role':'assistant','content':'b'}]";
        QTest::newRow("not JSON") << "{'tools':'[{broken'," + turns + "}" << "tools";
        QTest::newRow("a number") << "{'tools':7," + turns + "}" << "tools";
        QTest::newRow("no names") << "{'tools':[{'description':'d'}]," + turns + "}" << "tools";
        QTest::newRow("list of texts") << "{'tools':['f','g']," + turns + "}" << "tools";
        QTest::newRow("arguments") << "{'messages':[{'role':'user','content':'q'},{'role':'assistant','content':'',"
                                      "'tool_calls':[{'function':{'name':'f','arguments':'{bad'}}]}]}"
                                   << "messages[1]";
        QTest::newRow("function_call turn") << "{'conversations':[{'from':'human','value':'q'},{'from':'function_call','value':'{bad'}]}"
                                            << "messages[1]";
        QTest::newRow("answer") << "{'prompt':'q','chosen':{'role':'assistant','content':'','tool_calls':[{'name':'f','arguments':'no'}]},"
                                   "'rejected':{'role':'assistant','content':'x'}}"
                                << "chosen";
    }
    void brokenToolsAreToldAndKept() {
        QFETCH(QString, row);
        QFETCH(QString, field);
        const auto rows = read("t.jsonl", row.toStdString() + "\n");
        QVERIFY2(rows.summary, rows.summary ? "" : rows.summary.error().message.c_str());
        QCOMPARE(rows.samples.size(), std::size_t{1});
        QCOMPARE(rows.summary->toolFaults, std::int64_t{1});
        QCOMPARE(QString::fromStdString(rows.summary->firstToolFault->field), field);
        QCOMPARE(rows.summary->firstToolFault->row, std::int64_t{1});
        QualityCheck check;
        check.add(rows.samples[0]);
        QCOMPARE(check.report().toolFaults, std::int64_t{1});
        const auto again = read("again.jsonl", toJsonLine(rows.samples[0])); // nothing is lost
        QCOMPARE(again.samples.at(0).messages.size(), rows.samples[0].messages.size());
        for (std::size_t i = 0; i < rows.samples[0].messages.size(); ++i)
            QCOMPARE(again.samples[0].messages[i].content, rows.samples[0].messages[i].content);
        QCOMPARE(again.samples[0].chosen, rows.samples[0].chosen);
    }
    void goodToolsAreNoFinding() {
        const auto rows = read("t.jsonl", "{'tools':'[{\\'name\\':\\'f\\'}]','messages':[{'role':'user','content':'q'},{'role':'assistant',"
                                          "'content':null,'tool_calls':'[{\\'function\\':{\\'name\\':\\'f\\',\\'arguments\\':{}}}]'}]}\n");
        const auto old = read("f.jsonl", "{'functions':[{'name':'g','parameters':{}}],'messages':[{'role':'user','content':'q'},"
                                          "{'role':'assistant','content':null,'function_call':{'name':'g','arguments':'{}'}}]}\n");
        QVERIFY(rows.summary && old.summary);
        QCOMPARE(rows.summary->toolFaults + old.summary->toolFaults, std::int64_t{0});
        QCOMPARE(rows.samples.at(0).messages.at(2).toolCalls, 1); // calls as JSON inside a text, as tables have them
        QCOMPARE(old.samples.at(0).messages.at(2).toolCalls, 1);  // OpenAI's form before tool_calls
    }

    void callsInPreferredAnswersAreCalls() {
        ATTUNE_REQUIRE_TEST_DATA("chat_templates/templates");
        const auto rows = read("p.jsonl", "{'tools':[{'type':'function','function':{'name':'look','description':'d','parameters':{'type':'object'}}}],"
                                          "'conversations':[{'role':'user','content':'Find it.'}],"
                                          "'chosen':{'role':'assistant','content':'','tool_calls':[{'type':'function','function':{'name':'look',"
                                          "'arguments':{'where':'attic'}}}]},'rejected':{'role':'assistant','content':'I cannot.'}}\n");
        QVERIFY2(rows.summary, rows.summary ? "" : rows.summary.error().message.c_str());
        const Sample& sample = rows.samples.at(0);
        QCOMPARE(sample.chosenCalls, 1);
        int compared = 0;
        for (const auto& entry : fs::directory_iterator(dataPath)) {
            std::ifstream stream(entry.path(), std::ios::binary);
            const auto chat = ChatTemplate::parse(std::string(std::istreambuf_iterator<char>(stream), {}));
            if (!chat || !chat->reads("tools") || !chat->reads("tool_calls"))
                continue;
            std::vector<Message> whole = sample.messages;
            whole.push_back(chosenMessage(sample));
            OrderedJson ours = chatVariables(whole, {true, true}), direct = ours;
            direct["messages"][1] = OrderedJson::parse("{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":\"call00001\",\"type\":\"function\","
                                                       "\"function\":{\"name\":\"look\",\"arguments\":{\"where\":\"attic\"}}}]}");
            for (OrderedJson* variables : {&ours, &direct})
                (*variables)["bos_token"] = "<s>", (*variables)["eos_token"] = "</s>";
            const auto found = chat->render(ours), wanted = chat->render(direct);
            QCOMPARE(found.has_value(), wanted.has_value());
            if (!wanted)
                continue;
            QCOMPARE(QString::fromStdString(found->text), QString::fromStdString(wanted->text));
            QVERIFY2(found->text.find("attic") != std::string::npos, entry.path().c_str());
            ++compared;
        }
        QVERIFY(compared >= 3);
        const auto again = read("again.jsonl", toJsonLine(sample));
        QCOMPARE(again.samples.at(0).chosenCalls, 1);
        QCOMPARE(again.samples[0].chosen, sample.chosen);
    }

    void rowsWithoutAJudgementSayWhy_data() {
        QTest::addColumn<QString>("row");
        QTest::addColumn<QString>("why");
        const QString data = "'data':{'text':'t2'}", fields = "'fields':{'text':'t2'}";
        QTest::newRow("skipped") << "{" + data + ",'annotations':[{'was_cancelled':true,'result':[]}]}" << "skipped by the annotator (was_cancelled)";
        QTest::newRow("none") << "{" + data + ",'annotations':[]}" << "not annotated yet";
        QTest::newRow("empty") << "{" + data + ",'annotations':[{'result':[]}]}" << "the annotation is empty";
        QTest::newRow("discarded") << "{" + fields + ",'responses':[{'status':'discarded','values':{'label':{'value':'x'}}}]}" << "discarded by the annotator";
        QTest::newRow("draft") << "{" + fields + ",'responses':[{'status':'draft','values':{'label':{'value':'x'}}}]}"
                               << "the answer is a draft";
        QTest::newRow("by question") << "{" + fields + ",'responses':{'label':[{'value':'x','status':'pending'}]}}"
                                     << "the answer is not submitted yet";
        QTest::newRow("record") << "{'status':'discarded'," + fields + ",'responses':[]}" << "discarded by the annotator";
        QTest::newRow("flat") << "{'text':'t2','label':[{'user_id':'u','value':'x','status':'discarded'}]}" << "discarded by the annotator";
        QTest::newRow("flat, second form") << "{'text':'t2','label.responses':['x'],'label.responses.users':['u'],'label.responses.status':['draft']}"
                                           << "the answer is a draft";
    }
    void rowsWithoutAJudgementSayWhy() {
        QFETCH(QString, row);
        QFETCH(QString, why);
        // The first row, of the same tool, is judged.
        std::string good = row.toStdString();
        const auto put = [&](std::string_view from, std::string_view to) {
            if (const auto at = good.find(from); at != std::string::npos)
                good.replace(at, from.size(), to);
        };
        if (row.contains("'data'"))
            good = "{'data':{'text':'t1'},'annotations':[{'result':[{'from_name':'label','type':'choices','value':{'choices':['x']}}]}]}";
        else if (row.contains("'responses':["))
            good = "{'fields':{'text':'t1'},'responses':[{'status':'submitted','values':{'label':{'value':'x'}}}]}";
        else {
            for (const char* status : {"discarded", "draft", "pending"})
                put(status, "submitted");
            put("t2", "t1");
        }
        const auto rows = read("j.jsonl", good + "\n" + row.toStdString() + "\n");
        QVERIFY2(rows.summary, rows.summary ? "" : rows.summary.error().message.c_str());
        QCOMPARE(rows.samples.size(), std::size_t{1});
        QCOMPARE(rows.samples[0].messages.back().content, std::string("x"));
        QCOMPARE(rows.problems.size(), std::size_t{1});
        QCOMPARE(QString::fromStdString(rows.problems[0].reason), why);
        QCOMPARE(rows.summary->unjudged, (std::map<std::string, std::int64_t>{{why.toStdString(), 1}}));
        for (const std::string& column : rows.summary->columns)
            QVERIFY(column != kUnjudgedColumn);
    }

    void aFileThatWasCutOffSaysSo() {
        const std::string whole = "{'prompt':'a','completion':'b'}\n";
        const auto lines = read("c.jsonl", whole + "{'prompt':'c','comple");
        QCOMPARE(lines.samples.size(), std::size_t{1});
        QCOMPARE(describe(lines.problems.at(0)),
                 std::string("row 2: the file ends in the middle of this row; get the whole file again if rows are missing"));
        const auto broken = read("c.jsonl", "{'prompt':'c','comple\n" + whole); // a bad line in the middle is no cut
        QVERIFY(broken.problems.at(0).reason.find("not valid JSON") == 0);
        const auto list = read("c.json", "[{'prompt':'a','completion':'b'},\n{'prompt':'c','comp");
        QVERIFY(list.problems.at(0).reason.find("ends in the middle") != std::string::npos);
    }

    void otherFilesAreRefusedWhateverTheyAreCalled() {
        for (const char* name : {"a.csv", "a.jsonl", "a.txt", "a.json"}) {
            const auto rows = read(name, "%PDF-1.7\n1 0 obj\n");
            QVERIFY(!rows.summary);
            QVERIFY2(rows.summary.error().message.find("it is a PDF document") != std::string::npos, rows.summary.error().message.c_str());
            ImportOptions chosen;
            chosen.importer = "csv";
            const auto forced = importFile(fs::path(m_folder.path().toStdString()) / name, chosen, [](Sample&&) -> Status { return {}; }, {});
            QVERIFY(!forced && forced.error().code == ErrorCode::Unsupported);
        }
    }

    void unusedColumnsAreKnown() {
        const auto rows = read("u.csv", "question,answer,colour\na,b,red\n");
        QCOMPARE(unusedColumns(rows.summary->columns, rows.summary->mapping), std::vector<std::string>{"colour"});
    }

    void kindsAreNamedInWords() {
        const auto rows = read("k.jsonl", "{'prompt':'a','completion':'b'}\n{'prompt':['x'],'completion':'b'}\n{'prompt':'a','completion':{'x':1}}\n[1]\n");
        QCOMPARE(rows.problems.size(), std::size_t{3});
        QCOMPARE(rows.problems[2].reason, std::string("not a JSON object but a list"));
        for (const ImportProblem& problem : rows.problems)
            for (const char* wrong : {"a array", "a object"})
                QVERIFY(problem.reason.find(wrong) == std::string::npos);
    }
};

ATTUNE_TEST(OddRowsTest)
#include "tst_odd_rows.moc"

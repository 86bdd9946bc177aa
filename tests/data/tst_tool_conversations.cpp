// Rows with functions and calls: imported, stored as text that people can read, and given to the model's template in the form its makers
// expect, compared with the template printing the same conversation directly.
#include <algorithm>
#include <fstream>

#include <QtTest>

#include "core/data/import_file.h"
#include "core/data/jsonl_export.h"
#include "core/text/chat_template.h"
#include "tests/support/test_data.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

std::string fileText(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

Result<RenderedChat> print(const ChatTemplate& chat, OrderedJson variables) {
    variables["bos_token"] = "<s>";
    variables["eos_token"] = "</s>";
    return chat.render(variables);
}

} // namespace

class ToolConversationsTest : public QObject {
    Q_OBJECT

    QTemporaryDir m_folder;
    // `content` is JSON with ' for ".
    std::vector<Sample> readQuoted(std::string content) {
        std::replace(content.begin(), content.end(), '\'', '"');
        return read(content);
    }
    std::vector<Sample> read(const std::string& content) {
        const fs::path file = fs::path(m_folder.path().toStdString()) / "rows.jsonl";
        std::ofstream(file, std::ios::binary) << content << '\n';
        auto samples = loadSamples(file);
        return samples ? std::move(*samples) : std::vector<Sample>();
    }

private Q_SLOTS:
    void templatesPrintCallsAsTheirMakersMeant_data() {
        QTest::addColumn<QString>("file");
        const fs::path folder = test::testData() / "chat_templates" / "templates";
        if (fs::exists(folder))
            for (const auto& entry : fs::directory_iterator(folder)) {
                const auto chat = ChatTemplate::parse(fileText(entry.path()));
                if (chat && chat->reads("tools") && chat->reads("tool_calls"))
                    QTest::newRow(entry.path().stem().c_str()) << QString::fromStdString(entry.path().string());
            }
        else
            QTest::newRow("none") << QString();
    }
    void templatesPrintCallsAsTheirMakersMeant() {
        QFETCH(QString, file);
        ATTUNE_REQUIRE_TEST_DATA("chat_templates/contexts/tool_use.json");
        const std::vector<Sample> samples = read(OrderedJson::parse(fileText(dataPath)).dump());
        QCOMPARE(samples.size(), std::size_t{1});
        const auto chat = ChatTemplate::parse(fileText(file.toStdString()));
        QVERIFY(chat);
        // The conversation in the form of Hugging Face: arguments as objects, ids counted, keys of the tools in the usual order.
        OrderedJson direct = OrderedJson::parse(fileText(dataPath));
        int number = 0;
        std::string name;
        for (OrderedJson& message : direct["messages"]) {
            if (message.contains("tool_calls")) {
                OrderedJson& call = message["tool_calls"][0];
                name = call["function"]["name"];
                call = {{"id", "call0000" + std::to_string(++number)},
                        {"type", "function"},
                        {"function",
                         {{"name", name}, {"arguments", Json::parse(call["function"]["arguments"].get<std::string>())}}}};
            }
            if (message["role"] == "tool") {
                message["tool_call_id"] = "call0000" + std::to_string(number);
                message["name"] = name;
            }
        }
        for (OrderedJson& tool : direct["tools"]) {
            const Json sorted = Json::parse(tool["function"].dump());
            OrderedJson function;
            for (const char* key : {"name", "description", "parameters"})
                function[key] = sorted[key];
            tool = {{"type", "function"}, {"function", function}};
        }
        const OrderedJson ours = chatVariables(samples[0].messages, {true, true});
        const auto wanted = print(*chat, {{"messages", direct["messages"]}, {"tools", direct["tools"]}});
        const auto found = print(*chat, ours);
        QCOMPARE(found.has_value(), wanted.has_value());
        if (wanted)
            QCOMPARE(QString::fromStdString(found->text), QString::fromStdString(wanted->text));
        else
            QCOMPARE(QString::fromStdString(found.error().message), QString::fromStdString(wanted.error().message));
    }

    void whatATemplateDoesNotReadStaysText() {
        const auto samples = readQuoted("{'tools':[{'name':'f','description':'d'}],'messages':[{'role':'user','content':'go'},"
                                  "{'role':'assistant','content':'now','tool_calls':[{'function':{'name':'f','arguments':{'x':1}}}]}]}");
        const OrderedJson plain = chatVariables(samples.at(0).messages, {});
        QVERIFY(plain["tools"].is_null());
        QCOMPARE(plain["messages"][0]["content"].get<std::string>(),
                 std::string("Tools:\n[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\"}}]"));
        QCOMPARE(plain["messages"][2]["content"].get<std::string>(), std::string("now\n{\"name\":\"f\",\"arguments\":{\"x\":1}}"));
        QVERIFY(!plain["messages"][2].contains("tool_calls"));
    }

    void anEditThatBreaksACallLeavesText() {
        auto messages = readQuoted("{'messages':[{'role':'user','content':'go'},{'role':'assistant','tool_calls':[{'name':'f'},{'name':'g'}]}]}")
                            .at(0)
                            .messages;
        QCOMPARE(messages[1].toolCalls, 2);
        QCOMPARE(chatVariables(messages, {true, true})["messages"][1]["tool_calls"].size(), std::size_t{2});
        QCOMPARE(chatVariables(messages, {true, true})["messages"][1]["content"].get<std::string>(), std::string());
        messages[1].content += "}";
        QCOMPARE(chatVariables(messages, {true, true})["messages"][1]["content"].get<std::string>(), messages[1].content);
        messages.insert(messages.begin(), {"tools", "[not json"});
        QCOMPARE(chatVariables(messages, {true, true})["messages"][0]["content"].get<std::string>(), std::string("Tools:\n[not json"));
    }

    void shareGptCallsAreCalls() {
        const auto samples = readQuoted("{'tools':'[{\\'name\\':\\'f\\'}]','conversations':[{'from':'human','value':'go'},"
                                  "{'from':'function_call','value':'{\\'name\\':\\'f\\',\\'arguments\\':{\\'x\\':1}}'},"
                                  "{'from':'observation','value':'2'},{'from':'gpt','value':'two'}]}");
        const OrderedJson variables = chatVariables(samples.at(0).messages, {true, true});
        QCOMPARE(variables["tools"][0]["function"]["name"].get<std::string>(), std::string("f"));
        QCOMPARE(variables["messages"][1]["tool_calls"][0]["function"]["arguments"]["x"].get<int>(), 1);
        QCOMPARE(variables["messages"][2]["name"].get<std::string>(), std::string("f"));
    }

    void whatIsExportedIsReadAgain() {
        const auto samples = readQuoted("{'tools':[{'type':'function','function':{'name':'f','parameters':{'type':'object'}}}],'messages':["
                                  "{'role':'system','content':'s'},{'role':'user','content':'go'},{'role':'assistant','content':'now',"
                                  "'tool_calls':[{'function':{'name':'f','arguments':{'x':[1,{'y':null}]}}}]},{'role':'tool','content':'2'},"
                                  "{'role':'assistant','content':'two'}]}");
        const auto again = read(toJsonLine(samples.at(0)));
        QVERIFY(again.at(0).messages == samples.at(0).messages);
    }
};

ATTUNE_TEST(ToolConversationsTest)
#include "tst_tool_conversations.moc"

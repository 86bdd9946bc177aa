// Scenes of the Data station: realistic rows of the shipped sample, a file with bad rows, a file that is none.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <QDir>
#include <QFile>

#include "core/data/import_file.h"
#include "core/store/dataset_appender.h"
#include "gallery_stage.h"
#include "ui/models/sample_table_model.h"
#include "ui/views/data/bubble.h"
#include "ui/views/data/data_view.h"
#include "ui/views/data/row_table.h"
#include "ui/views/data/workspace.h"

namespace attune::gallery {

inline QString sampleFile(const char* name) {
    return QStringLiteral(ATTUNE_SOURCE_DIR "/resources/sample_project/") + QLatin1String(name);
}

/// A byte-level tokenizer small enough to write here, with a context length: enough to count and to show tokens.
inline QString writeTinyModel(const QString& parent, int contextLength,
                              const std::vector<std::string>& words = {"the", "and", "kettle"}) {
    const QString folder = parent + "/TinyLM";
    QDir().mkpath(folder);
    Json vocabulary = Json::object();
    int id = 0;
    vocabulary["<|end|>"] = id++;
    const auto add = [&](const std::string& token) {
        if (!vocabulary.contains(token))
            vocabulary[token] = id++;
    };
    // The visible stand-ins of all 256 bytes, as GPT-2 defined them.
    std::vector<std::string> bytes(256);
    int extra = 0;
    for (int byte = 0; byte < 256; ++byte) {
        const bool visible = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
        bytes[std::size_t(byte)] = QString(QChar(visible ? byte : 256 + extra++)).toStdString();
        add(bytes[std::size_t(byte)]);
    }
    // Merges that spell the words letter by letter.
    Json merges = Json::array();
    std::set<std::string> known;
    for (const std::string& word : words) {
        for (const bool blank : {false, true}) {
            std::string grown = blank ? bytes[' '] : std::string();
            for (const char letter : word) {
                const std::string next = bytes[std::size_t(static_cast<unsigned char>(letter))];
                if (!grown.empty()) {
                    if (known.insert(grown + " " + next).second)
                        merges.push_back(grown + " " + next);
                    add(grown + next);
                }
                grown += next;
            }
        }
    }
    const Json tokenizer{
        {"version", "1.0"},
        {"added_tokens",
         {{{"id", 0},
           {"content", "<|end|>"},
           {"special", true},
           {"single_word", false},
           {"lstrip", false},
           {"rstrip", false},
           {"normalized", false}}}},
        {"normalizer", nullptr},
        {"pre_tokenizer",
         {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}}},
        {"post_processor", nullptr},
        {"decoder", {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}}},
        {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", merges}}}};
    const auto write = [&](const char* name, const Json& json) {
        QFile file(folder + '/' + QLatin1String(name));
        if (!file.open(QIODevice::WriteOnly) || file.write(QByteArray::fromStdString(json.dump())) < 0)
            qFatal("cannot write the test's model");
    };
    write("tokenizer.json", tokenizer);
    write("tokenizer_config.json", {{"eos_token", "<|end|>"}});
    write("config.json", {{"architectures", {"LlamaForCausalLM"}},
                          {"model_type", "llama"},
                          {"hidden_size", 32},
                          {"num_hidden_layers", 2},
                          {"num_attention_heads", 4},
                          {"num_key_value_heads", 2},
                          {"intermediate_size", 64},
                          {"vocab_size", id},
                          {"max_position_embeddings", contextLength},
                          {"rms_norm_eps", 1e-5},
                          {"hidden_act", "silu"},
                          {"tie_word_embeddings", true}});
    QFile weights(folder + "/model.safetensors"); // an empty header: the station reads no weights
    if (weights.open(QIODevice::WriteOnly))
        weights.write(QByteArray("\x02\0\0\0\0\0\0\0{}", 10));
    return folder;
}

/// The words of the sample's first rows, the commonest first.
inline std::vector<std::string> sampleWords() {
    const auto samples = loadSamples(fspath(sampleFile("validation.jsonl")));
    std::map<std::string, int> counts;
    for (const Sample& sample : samples.value_or(std::vector<Sample>{}))
        for (const Message& message : sample.messages) {
            std::string word;
            for (const char c : message.content + " ") {
                if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
                    word += c;
                else if (!word.empty())
                    ++counts[std::exchange(word, {})];
            }
        }
    std::vector<std::pair<int, std::string>> ordered;
    for (const auto& [word, count] : counts)
        ordered.emplace_back(-count, word);
    std::sort(ordered.begin(), ordered.end());
    std::vector<std::string> words;
    for (std::size_t i = 0; i < std::min<std::size_t>(ordered.size(), 600); ++i)
        words.push_back(ordered[i].second);
    return words;
}

/// The sample's rows with some that need settling: repetitions, an empty answer, test rows that are also in training.
inline void fillSample(Project& project, bool freeze) {
    const auto check = [](const auto& result) {
        if (!result)
            qFatal("%s", result.error().message.c_str());
    };
    auto appender = project.datasets().beginImport("customer_messages", "customer_messages.jsonl", {});
    check(appender);
    qint64 row = 0;
    const auto add = [&](Sample sample, Split split) {
        sample.split = split;
        sample.sourceRow = ++row;
        check((*appender)->add(sample));
    };
    for (const auto& [name, split, most] :
         {std::tuple("train.jsonl", Split::Train, 900), std::tuple("validation.jsonl", Split::Validation, 150),
          std::tuple("test.jsonl", Split::Test, 150)}) {
        auto samples = loadSamples(fspath(sampleFile(name)));
        check(samples);
        samples->resize(std::min<std::size_t>(samples->size(), std::size_t(most)));
        for (Sample& sample : *samples) {
            if (row == 2)
                sample.tags = {"customer-17"};
            if (row == 4)
                sample.messages.back().content.clear();
            if (row == 11 || row == 40)
                sample.messages.back().content += "<|end|>";
            add(sample, split);
            if (row % 300 == 0)
                add(sample, split);
            if (row % 400 == 1 && split == Split::Train)
                add(sample, Split::Test);
        }
    }
    for (const std::int64_t bad : {17, 244, 980})
        check((*appender)->addProblem(
            {bad, bad, bad == 244 ? "messages[1].content" : "",
             bad == 244 ? "must be a text, but is a number" : "not valid JSON (unexpected end of the line)"}));
    check((*appender)->commit());
    if (freeze)
        check(project.datasets().freeze((*appender)->datasetId(), "first look"));
}

inline Workspace& workspaceOf(Stage& stage) {
    return *stage.window->findChild<Workspace*>();
}

inline bool settledRows(Stage& stage) {
    Workspace& workspace = workspaceOf(stage);
    return workspace.health().has_value() && !workspace.isChecking() && !workspace.isReading() &&
           workspace.tableModel().cellsAt(0) != nullptr;
}

inline std::vector<Scene> dataScenes() {
    const auto openFull = [](Stage& stage, bool withModel, bool frozen) {
        stage.openProject([&](Project& project) {
            fillSample(project, frozen);
            if (withModel)
                (void)project.setSetting("model.path", sstr(writeTinyModel(stage.folder.path(), 176, sampleWords())));
        });
        QTest::qWait(50);
        (void)QTest::qWaitFor([&] { return settledRows(stage); }, 20'000);
    };
    const auto openFile = [](Stage& stage, const QString& name, const QByteArray& content) {
        const QString path = stage.folder.filePath(name);
        QFile file(path);
        if (!file.open(QIODevice::WriteOnly) || file.write(content) != content.size())
            qFatal("cannot write the scene's file");
        file.close();
        stage.window->view("data")->openFiles({path});
    };
    std::vector<Scene> scenes;
    scenes.push_back({"data", "empty", [](Stage& stage) { stage.openProject(); }, {}, {}});
    scenes.push_back(
        {"data",
         "mapping",
         [openFile](Stage& stage) {
             stage.openProject();
             QTest::qWait(100);
             QByteArray csv = "ticket,customer_text,intent,priority,client\n";
             csv +=
                 "88213,\"I was charged twice for order 88213, please send one payment back.\",billing,high,client-4\n";
             csv += "88214,Where can I see my invoice for March?,billing,low,client-9\n88215,too few fields\n";
             csv += "88216,\"The app logs me out each time I open the basket.\nMy phone is a Fairphone "
                    "4.\",app_bug,normal,client-2\n";
             for (int i = 0; i < 30; ++i)
                 csv += QByteArray::number(88220 + i) +
                        ",Can I change the delivery address after the order has shipped?,delivery,normal,client-" +
                        QByteArray::number(i % 7) + "\n";
             openFile(stage, "support tickets 2026.csv", csv);
         },
         [](Stage& stage) { return stage.window->findChild<BubbleEdit*>() != nullptr; },
         {}});
    scenes.push_back({"data", "full", [openFull](Stage& stage) { openFull(stage, true, true); }, {}, {}});
    scenes.push_back({"data",
                      "row",
                      [openFull](Stage& stage) {
                          openFull(stage, true, false);
                          workspaceOf(stage).table().goTo(2);
                          Q_EMIT workspaceOf(stage).table().openWanted(false);
                          QTest::qWait(200);
                      },
                      {},
                      {}});
    scenes.push_back({"data",
                      "split",
                      [openFull](Stage& stage) {
                          openFull(stage, false, false);
                          workspaceOf(stage).openSplit();
                      },
                      {},
                      {}});
    scenes.push_back({"data",
                      "finding",
                      [openFull](Stage& stage) {
                          openFull(stage, true, true);
                          Q_EMIT stage.window->findChild<HealthPanel*>()->findingClicked(HealthFinding::ControlTokens);
                          QTest::qWait(200);
                      },
                      {},
                      {}});
    scenes.push_back({"data",
                      "problems",
                      [openFull](Stage& stage) {
                          openFull(stage, true, true);
                          workspaceOf(stage).showProblems();
                      },
                      {},
                      {}});
    scenes.push_back({"data",
                      "error",
                      [openFile](Stage& stage) {
                          stage.openProject();
                          QTest::qWait(100);
                          openFile(stage, "holiday.jsonl", QByteArray("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", 20));
                          QTest::qWait(300);
                      },
                      {},
                      {}});
    return scenes;
}

} // namespace attune::gallery

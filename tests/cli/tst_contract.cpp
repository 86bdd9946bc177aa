// The scripting commands as a script meets them: JSON lines in and out, exit status, messages on stderr.
#include <QtTest>

#include <QFile>
#include <QTemporaryDir>

#include <cmath>

#include "core/base/files.h"
#include "core/base/json.h"
#include "tests/support/cli_process.h"
#include "tests/support/test_data.h"
#include "tests/support/test_main.h"

using attune::Json;
using attune::test::CliResult;
using attune::test::kResources;
using attune::test::runCli;

namespace {

const QString kStarter = kResources + "/starter_model";

// Every line of the output as JSON; fails the calling test where the command or a line is not as promised.
std::vector<Json> lines(const CliResult& result) {
    if (result.exitStatus != 0)
        qFatal("exit status %d: %s", result.exitStatus, result.errors.constData());
    std::vector<Json> all;
    for (const QByteArray& line : result.output.split('\n'))
        if (!line.isEmpty())
            all.push_back(Json::parse(line.toStdString()));
    return all;
}

QByteArray line(const Json& object) {
    return QByteArray::fromStdString(object.dump() + "\n");
}

} // namespace

class TestContract : public QObject {
    Q_OBJECT

private Q_SLOTS:
    // Timings are not checked here: only that the window made its tour and every figure is there.
    void benchUiVisitsEveryStation() {
#ifdef ATTUNE_WINDOW
        const auto figures = lines(runCli({"--json", "bench", "ui", "--rows", "300", "--rounds", "1", "--program", ATTUNE_WINDOW}));
        QCOMPARE(figures.size(), std::size_t{1});
        QCOMPARE(figures[0]["rows"].get<int>(), 300);
        QCOMPARE(figures[0]["stations"].size(), std::size_t{7});
        for (const auto& [station, milliseconds] : figures[0]["stations"].items())
            QVERIFY2(milliseconds.get<double>() > 0, station.c_str());
        QVERIFY(figures[0]["beats"].get<int>() > 100); // at least 7 stations with 9 steps of 60 ms, a beat every 5 ms
        QVERIFY(figures[0]["seconds_to_window"].get<double>() > 0);
        QVERIFY(figures[0]["seconds_to_project"].get<double>() >= figures[0]["seconds_to_window"].get<double>());
#else
        QSKIP("built without the window");
#endif
        const CliResult without = runCli({"bench", "ui", "--rows", "300", "--program", "/nowhere/attune"});
        QCOMPARE(without.exitStatus, 1);
        QVERIFY(without.errors.contains("/nowhere/attune"));
    }

    void tokenizeAndBack() {
        const std::string text = "My order #42 hasn't arrived, caf\u00e9 \U0001F600!\nThanks";
        const auto ids = lines(runCli({"tokenize", "--model", kStarter, "-"}, line({{"text", text}}) + line({{"text", ""}})));
        QCOMPARE(ids.size(), std::size_t{2});
        QVERIFY(ids[0]["ids"].size() > 5);
        QVERIFY(ids[1]["ids"].empty());
        const auto back = lines(runCli({"tokenize", "--decode", "--model", kStarter, "-"}, line(ids[0])));
        QCOMPARE(back[0]["text"].get<std::string>(), text);
    }

    void tokenizeWithSpecialTokens() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        const QString model = QString::fromStdString(dataPath.string());
        const auto plain = lines(runCli({"tokenize", "--model", model, "-"}, line({{"text", "Once upon a time"}})));
        const auto special = lines(runCli({"tokenize", "--special", "--model", model, "-"}, line({{"text", "Once upon a time"}})));
        auto expected = plain[0]["ids"].get<std::vector<int>>();
        expected.insert(expected.begin(), 1); // <s>
        QCOMPARE(special[0]["ids"].get<std::vector<int>>(), expected);
    }

    void readsFilesToo() {
        QTemporaryDir folder;
        const QString path = folder.path() + "/texts.jsonl";
        QFile file(path);
        QVERIFY(file.open(QIODevice::WriteOnly));
        const QByteArray input = line({{"text", "one"}}) + "\r\n" + line({{"text", "two"}});
        file.write(input);
        file.close();
        QCOMPARE(runCli({"tokenize", "--model", kStarter, path}).output, runCli({"tokenize", "--model", kStarter, "-"}, input).output);
    }

    void renderWithATemplateAndADate() {
        QTemporaryDir folder;
        const QString path = folder.path() + "/t.jinja";
        QFile file(path);
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write("{{ strftime_now('%d %b %Y') }}|{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
                   "{% if add_generation_prompt %}<assistant>{% endif %}{% if not messages %}{{ raise_exception('no messages') }}{% endif %}");
        file.close();
        const auto rendered = lines(runCli(
            {"render", "--template", path, "--now", "2025-07-10", "-"},
            line({{"messages", {{{"role", "user"}, {"content", "Hi"}}}}, {"add_generation_prompt", true}}) +
                line({{"messages", Json::array()}}) + line({{"messages", {{{"role", "user"}, {"content", "Again"}}}}})));
        QCOMPARE(rendered.size(), std::size_t{3}); // a line that fails is that line's answer, the others go on
        QCOMPARE(rendered[0]["text"].get<std::string>(), std::string("10 Jul 2025|<user>Hi<assistant>"));
        QVERIFY(rendered[1]["error"].get<std::string>().find("no messages") != std::string::npos);
        QCOMPARE(rendered[2]["text"].get<std::string>(), std::string("10 Jul 2025|<user>Again"));
    }

    // Both against float64 numbers computed elsewhere.
    void scoreAndGreedyGeneration() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K/golden_forward.json");
        const QString model = QString::fromStdString(dataPath.parent_path().string());
        const auto golden = attune::readJsonFile(dataPath);
        QVERIFY(golden.has_value());
        QByteArray input;
        for (const Json& one : (*golden)["cases"])
            input += line({{"ids", one["prompt_ids"]}});
        const auto scored = lines(runCli({"score", "--model", model, "--precision", "f32", "-"}, input));
        QCOMPARE(scored.size(), (*golden)["cases"].size());
        std::size_t compared = 0;
        for (std::size_t i = 0; i < scored.size(); ++i) {
            const Json& expected = (*golden)["cases"][i]["prompt_token_logprobs"];
            QCOMPARE(scored[i]["ids"], (*golden)["cases"][i]["prompt_ids"]);
            QCOMPARE(scored[i]["logprobs"].size(), expected.size());
            for (std::size_t t = 0; t < expected.size(); ++t, ++compared)
                QVERIFY(std::abs(scored[i]["logprobs"][t].get<double>() - expected[t].get<double>()) < 1e-4);
        }
        QVERIFY(compared > 3);
        const auto byText = lines(runCli({"score", "--model", model, "-"}, line({{"text", (*golden)["cases"][0]["prompt"]}})));
        QCOMPARE(byText[0]["ids"], (*golden)["cases"][0]["prompt_ids"]);

        const std::size_t count = (*golden)["cases"][0]["greedy_ids"].size();
        const QStringList greedy{"generate",    "--model", model, "--temperature", "0", "--precision", "f32", "--max-tokens",
                                 QString::number(count), "-"};
        const auto written = lines(runCli(greedy, input));
        QCOMPARE(written.size(), scored.size());
        for (std::size_t i = 0; i < written.size(); ++i) { // batched; the golden text holds the prompt and a leading space
            const auto text = (*golden)["cases"][i]["greedy_text"].get<std::string>();
            const auto completion = written[i]["completion"].get<std::string>();
            QVERIFY2(text.ends_with(completion), completion.c_str());
            QCOMPARE(text.size(), completion.size() + (*golden)["cases"][i]["prompt"].get<std::string>().size() + 1);
            QCOMPARE(written[i]["tokens"], (*golden)["cases"][i]["greedy_ids"]);
            QVERIFY(written[i]["finish"].is_string());
        }
        QCOMPARE(lines(runCli(greedy, line({{"ids", (*golden)["cases"][0]["prompt_ids"]}})))[0], written[0]); // and alone
    }

    void benchPrintsItsFigures() {
        const auto result = lines(runCli({"--json", "bench", "train", "--model", kStarter, "--batch", "1", "--seq", "32", "--steps", "1"}));
        QCOMPARE(result.size(), std::size_t{1});
        for (const char* key : {"tokens_per_second", "peak_bytes", "gemm_gflops", "limit_share"})
            QVERIFY2(result[0].contains(key) && result[0][key].is_number() && result[0][key] > 0, key);
    }

    void benchOfAFileCountsWhatIsInIt() {
        const QString train = kResources + "/sample_project/train.jsonl";
        QFile file(train);
        QVERIFY(file.open(QIODevice::ReadOnly));
        const qint64 rows = file.readAll().count('\n');
        const auto imported = lines(runCli({"--json", "bench", "import", train}));
        QCOMPARE(imported.size(), std::size_t{1});
        QCOMPARE(imported[0]["rows"].get<qint64>(), rows);
        QCOMPARE(imported[0]["file_bytes"].get<qint64>(), file.size());
        QVERIFY(qAbs(imported[0]["rows_per_second"].get<double>() * imported[0]["seconds"].get<double>() - double(rows)) < 1e-6 * double(rows));
        QVERIFY(qAbs(imported[0]["bytes_per_second"].get<double>() * imported[0]["seconds"].get<double>() - double(file.size())) < 1e-6 * double(file.size()));
        QVERIFY(imported[0]["peak_bytes"] > 1'000'000);

        const auto tokenized = lines(runCli({"--json", "bench", "tokenize", "--model", kStarter, train, "--repeat", "2"}));
        QCOMPARE(tokenized.size(), std::size_t{1});
        QCOMPARE(tokenized[0]["bytes"].get<qint64>(), file.size());
        file.seek(0);
        QByteArray texts;
        while (!file.atEnd())
            texts += line({{"text", file.readLine().toStdString()}});
        std::size_t tokens = 0;
        for (const Json& row : lines(runCli({"tokenize", "--model", kStarter, "-"}, texts)))
            tokens += row["ids"].size();
        QCOMPARE(tokenized[0]["tokens"].get<std::size_t>(), tokens);
        QVERIFY(tokenized[0]["bytes_per_second"] > 0 && tokenized[0]["peak_bytes"] > 1'000'000);
    }

    void badLinesAreNamed() {
        const auto result = runCli({"tokenize", "--model", kStarter, "-"}, line({{"text", "ok"}}) + "[1]\n");
        QCOMPARE(result.exitStatus, 1);
        QVERIFY2(result.errors.contains("line 2") && result.errors.contains("next:"), result.errors.constData());
        QVERIFY(result.output.contains("ids")); // what was right came out
        const auto ids = runCli({"score", "--model", kStarter, "-"}, line({{"ids", {99999999}}}));
        QCOMPARE(ids.exitStatus, 1);
        QVERIFY2(ids.errors.contains("99999999"), ids.errors.constData());
    }

    void wrongUsageIsStatusTwo() {
        QCOMPARE(runCli({"tokenize"}).exitStatus, 2);
        QCOMPARE(runCli({"no-such-command"}).exitStatus, 2);
        QCOMPARE(runCli({"--help"}).exitStatus, 0);
    }
};

ATTUNE_TEST(TestContract)
#include "tst_contract.moc"

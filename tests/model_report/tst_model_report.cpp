// What is said of a model before it is used: facts of real ones, and everything that can be wrong, each with a next step.
#include <algorithm>
#include <fstream>

#include <QtTest>

#include "core/base/files.h"
#include "core/families/model_family.h"
#include "core/model_report/capabilities.h"
#include "core/model_report/model_report.h"
#include "tests/support/test_data.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

const fs::path kStarterModel = fs::path(ATTUNE_SOURCE_DIR) / "resources" / "starter_model";

void write(const fs::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
}

bool says(const ModelReport& report, ModelProblem::Severity severity, const std::string& words, const std::string& next) {
    return std::any_of(report.problems.begin(), report.problems.end(), [&](const ModelProblem& problem) {
        return problem.severity == severity && problem.message.find(words) != std::string::npos && problem.hint.find(next) != std::string::npos;
    });
}

std::string all(const ModelReport& report) {
    std::string text;
    for (const ModelProblem& problem : report.problems)
        text += problem.message + " | " + problem.hint + "\n";
    return text;
}

} // namespace

class ModelReportTest : public QObject {
    Q_OBJECT

    QTemporaryDir m_folder;
    int m_number = 0;
    // The starter model, to spoil.
    fs::path copy() {
        const fs::path to = fs::path(m_folder.path().toStdString()) / std::to_string(++m_number);
        fs::copy(kStarterModel, to, fs::copy_options::recursive);
        return to;
    }
    static ModelReport read(const fs::path& path) {
        auto report = readModelReport(path);
        if (!report)
            qFatal("%s", report.error().message.c_str());
        return *report;
    }
    using Severity = ModelProblem::Severity;

private Q_SLOTS:
    void aGoodModelIsUsable() {
        const ModelReport report = read(kStarterModel);
        QVERIFY2(report.isUsable(), all(report).c_str());
        QVERIFY(report.hasTokenizer && !report.templateText.empty() && report.templateHash.size() == 32 && report.hash.size() == 32);
        const auto bytes = fs::file_size(kStarterModel / "model.safetensors");
        QCOMPARE(report.fileBytes, static_cast<std::uint64_t>(bytes));
        std::uint64_t numbers = 0;
        for (const auto& [type, count] : report.storedNumbers)
            numbers += count;
        QVERIFY(numbers >= static_cast<std::uint64_t>(report.config->totalParameters()));
    }

    void aRealModelWithoutATemplate() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        const ModelReport report = read(dataPath);
        QVERIFY2(report.isUsable(), all(report).c_str());
        QCOMPARE(report.config->layers, std::int64_t{5});
        QCOMPARE(report.vocabulary, std::size_t{512});
        QVERIFY(says(report, Severity::Warning, "no chat template", "plain text") || says(report, Severity::Warning, "no chat template", "chat_template.jinja"));
    }

    void formatsThatRunCodeAreRefusedWithTheNextStep() {
        for (const char* name : {"pytorch_model.bin", "model.pt", "model.pth", "model.ckpt"}) {
            const fs::path folder = copy();
            fs::remove(folder / "model.safetensors");
            write(folder / name, std::string("PK\x03\x04", 4) + "archive/data.pkl");
            for (const fs::path& given : {folder, folder / name}) {
                const ModelReport report = read(given);
                QVERIFY(!report.isUsable());
                QVERIFY2(says(report, Severity::Error, "can run code", "safetensors"), all(report).c_str());
            }
        }
        // The name is not trusted: a pickle under a good name is none the better.
        const fs::path folder = copy();
        write(folder / "model.safetensors", "\x80\x02}q\x01." + std::string(64, ' '));
        const ModelReport report = read(folder);
        QVERIFY2(!report.isUsable() && says(report, Severity::Error, "pickle", "safetensors"), all(report).c_str());
        // Beside good weights it is only told of.
        const fs::path beside = copy();
        write(beside / "optimizer.pt", "\x80\x02}q\x01.");
        const ModelReport fine = read(beside);
        QVERIFY2(fine.isUsable() && says(fine, Severity::Warning, "optimizer.pt is of a kind that can run code", "delete it"), all(fine).c_str());
    }

    void whatIsMissingOrDoesNotFitIsNamed() {
        const fs::path noTokenizer = copy();
        for (const auto& entry : fs::directory_iterator(noTokenizer))
            if (entry.path().filename().string().find("token") != std::string::npos || entry.path().filename().string().starts_with("vocab"))
                fs::remove(entry.path());
        const ModelReport without = read(noTokenizer);
        QVERIFY2(!without.isUsable() && !without.hasTokenizer && without.config, all(without).c_str());

        const fs::path badConfig = copy();
        write(badConfig / "config.json", R"({"architectures": ["NoSuchModel"]})");
        const ModelReport unknown = read(badConfig);
        QVERIFY2(!unknown.isUsable() && says(unknown, Severity::Error, "NoSuchModel", ""), all(unknown).c_str());
        QVERIFY(unknown.hasTokenizer); // what can be read is read

        const fs::path badTemplate = copy();
        write(badTemplate / "chat_template.jinja", "{% for %}");
        const ModelReport broken = read(badTemplate);
        QVERIFY2(!broken.isUsable(), all(broken).c_str());

        for (const char* nothing : {"/nowhere/model", "/etc/hostname"})
            QVERIFY2(!read(nothing).isUsable() && !read(nothing).problems[0].hint.empty(), nothing);
    }

    void theLicenceIsFound() {
        QCOMPARE(licenceOfCard("---\nlicense: apache-2.0\n---\n# Model\n"), std::string("apache-2.0"));
        QCOMPARE(licenceOfCard("---\r\nlanguage: en\r\nlicense: \"mit\"\r\n---\r\n"), std::string("mit"));
        QCOMPARE(licenceOfCard("---\nlicense:\n- mit\n- apache-2.0\ntags: x\n---\n"), std::string("mit, apache-2.0"));
        QCOMPARE(licenceOfCard("---\nlicense: other\nlicense_name: llama3.2\n---\n"), std::string("llama3.2"));
        QCOMPARE(licenceOfCard("# Model\nlicense: mit\n"), std::string()); // not in the front matter
        QCOMPARE(licenceOfCard("---\nlicense:"), std::string());
        const fs::path folder = copy();
        fs::remove(folder / "README.md");
        for (const char* name : {"LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE"})
            fs::remove(folder / name);
        QVERIFY(says(read(folder), Severity::Warning, "No licence", "page you got it from"));
        write(folder / "LICENSE", "\n\n   Apache License\n   Version 2.0\n");
        QCOMPARE(read(folder).licence, std::string("Apache License"));
        write(folder / "README.md", "---\nlicense: mit\n---\n");
        QCOMPARE(read(folder).licence, std::string("mit"));
        QCOMPARE(read(folder).licenceSource, std::string("README.md"));
    }

    void capabilitiesFollowTheMemory() {
        ParamSpec rank;
        rank.key = "r", rank.defaultValue = std::int64_t{16};
        Catalog catalog;
        catalog.methods = {{{"full", "Full", "", {}}, false}, {{"lora", "LoRA", "", {rank}}, true}};
        const ModelReport report = read(kStarterModel);
        Computer computer;
        computer.cores = 4, computer.memoryBytes = 64'000'000'000, computer.freeMemoryBytes = 32'000'000'000;
        auto list = modelCapabilities(*report.config, kStarterModel.string(), catalog, computer);
        QCOMPARE(list.size(), std::size_t{3});
        QCOMPARE(list[0].id, std::string("generate"));
        RunConfig config; // the same figure as `model estimate` for the same rows
        config.method = {"lora", {}};
        config.training["epochs"] = 1.0;
        const std::int64_t length = std::min<std::int64_t>(512, report.config->contextLength);
        const DataShape rows{1000, double(length), double(length) / 4, length};
        QCOMPARE(list[2].bytes, estimateMemory(*report.config, config, catalog, rows, computer).total());
        for (const ModelCapability& each : list)
            QVERIFY(each.verdict == ModelCapability::Verdict::Fits && each.bytes > 0);
        computer.freeMemoryBytes = 1; // what little memory makes of the estimate is its own affair
        QVERIFY(modelCapabilities(*report.config, "", catalog, computer)[2].verdict == ModelCapability::Verdict::Tight);
        computer.memoryBytes = 1;
        QVERIFY(modelCapabilities(*report.config, "", catalog, computer)[2].verdict == ModelCapability::Verdict::TooLarge);
    }

    void readingCanBeCancelled() {
        std::stop_source stop;
        stop.request_stop();
        const auto report = readModelReport(kStarterModel, {stop.get_token()});
        QVERIFY(!report && report.error().code == ErrorCode::Cancelled);
    }
};

ATTUNE_TEST(ModelReportTest)
#include "tst_model_report.moc"

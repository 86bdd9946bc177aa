#include "core/engine/export_run.h"

#include <ATen/ATen.h>

#include "core/engine/engine_catalog.h"
#include "core/engine/generate.h"
#include "core/engine/model_loader.h"
#include "core/engine/train_run.h"
#include "core/export/exporter.h"
#include "core/plan/param_check.h"
#include "core/run/run_folder.h"

namespace attune {

namespace {

constexpr std::int64_t kComparedTokens = 64; // greedy tokens per text
constexpr const char* kCheckTexts[] = {"Hello, my order has not arrived yet. Can you help me?", "Write one sentence about the sea.",
                                  "The most important point of the contract is", "Question: What should I do next?\nAnswer:"};

} // namespace

Result<ExportReport> exportRunFolder(const ExportRequest& request, std::stop_token stop, const Emit& emit) {
    const Exporter* exporter = findExporter(request.format);
    if (!exporter) {
        std::string known;
        for (const auto& entry : builtinExporters())
            known += (known.empty() ? "" : ", ") + entry->description().id;
        return fail(ErrorCode::InvalidArgument, "There is no export format \"" + request.format + "\"", "Choose one of: " + known + ".");
    }
    for (const auto& [key, value] : request.options) {
        const ParamSpec* spec = findParam(exporter->description().params, key);
        if (!spec)
            return fail(ErrorCode::InvalidArgument, "The export format " + request.format + " has no option \"" + key + "\"", "Leave it out.");
        ATTUNE_CHECK(checkParam(*spec, value, key));
    }
    const RunFolder folder{request.runFolder};
    const fs::path out = request.outputFolder;
    std::error_code code;
    if (fs::exists(out, code) && !fs::is_directory(out, code))
        return fail(ErrorCode::InvalidArgument, out.string() + " is a file", "Choose a new or empty folder.");
    if (fs::exists(out, code) && !fs::is_empty(out, code))
        return fail(ErrorCode::InvalidArgument, "The folder " + out.string() + " is not empty", "Choose a new or empty folder.");
    if (!fs::exists(folder.recipe(), code))
        return fail(ErrorCode::NotFound, request.runFolder + " is not a run folder: it holds no recipe.yaml", "Choose the folder of a run.");
    const bool adapter = fs::exists(folder.adapter() / "adapter_config.json", code);
    if (!adapter && !fs::exists(folder.root / "model" / "config.json", code))
        return fail(ErrorCode::NotFound, "The run in " + request.runFolder + " has no result yet", "Let the run finish first, or continue it.");

    ATTUNE_ASSIGN(const RunConfig recipe, readRunConfig(folder.recipe(), engineCatalog()));
    const std::string& base = recipe.model;
    const TunedModel tuned = resolveTuned(base, request.runFolder);
    emit(StateChanged{RunState::Preparing, "Loading the tuned model", 0.1});
    // f32: the comparison then shows what the format loses, not what computing in bf16 loses.
    ATTUNE_ASSIGN(LoadedModel loaded, loadModel({.model = tuned.model, .adapter = tuned.adapter, .precision = "f32", .stop = stop}));
    const ExportInput input{loaded.source, *loaded.family, *loaded.model, base, request.options};
    const Progress progress{stop, [&](double fraction, const std::string& what) { emit(StateChanged{RunState::Running, what, fraction}); }};

    const bool existed = fs::exists(out, code);
    const auto work = [&]() -> Result<ExportReport> {
        ATTUNE_ASSIGN(const auto files, exporter->write(input, out, progress));
        ATTUNE_ASSIGN(const auto reloaded, exporter->reload(input, out, loaded.model->settings()));
        std::vector<std::vector<std::int64_t>> prompts;
        for (const char* text : kCheckTexts) {
            ATTUNE_ASSIGN(auto ids, promptIds(loaded, Prompt{.messages = {{"user", text}}}));
            prompts.push_back(std::move(ids));
        }
        ATTUNE_ASSIGN(const Agreement agreement, compareModels(*loaded.model, *reloaded, prompts, kComparedTokens, stop));
        ExportReport report;
        for (const std::string& file : files)
            report.files.push_back((out / file).string());
        report.maxLogitDifference = agreement.maxLogitDifference;
        report.tokenAgreement = agreement.tokenAgreement;
        report.comparedTokens = agreement.comparedTokens;
        return report;
    };
    auto report = work();
    if (!report) { // the folder was new or empty: everything in it is ours
        for (fs::directory_iterator it(out, code), end; !code && it != end; it.increment(code)) {
            std::error_code ignored;
            fs::remove_all(it->path(), ignored);
        }
        if (!existed)
            fs::remove(out, code);
    }
    return report;
}

} // namespace attune

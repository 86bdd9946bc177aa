#include "core/engine/export_model.h"

#include <algorithm>
#include <array>

#include <ATen/ATen.h>

#include "core/export/exporter.h"
#include "core/nn/decoder.h"

namespace attune {

namespace {

constexpr std::int64_t kComparedTokens = 24; // of each text
constexpr std::array<const char*, 4> kTexts{
    "Once upon a time there was a small town by the sea.", "Question: What is the capital of France?\nAnswer:",
    "{\"name\": \"Anna\", \"age\": 31, \"city\":", "Dear customer service, I ordered a lamp two weeks ago and"};

Result<std::vector<std::vector<std::int64_t>>> fixedTexts(const LoadedModel& model) {
    std::vector<std::vector<std::int64_t>> rows;
    for (const char* text : kTexts) {
        ATTUNE_ASSIGN(const Encoding encoded, model.tokenizer->encode(text, {.addSpecialTokens = true}));
        std::vector<std::int64_t> ids(encoded.ids.begin(), encoded.ids.end());
        if (static_cast<std::int64_t>(ids.size()) > model.config().contextLength)
            ids.resize(static_cast<std::size_t>(model.config().contextLength));
        if (!ids.empty())
            rows.push_back(std::move(ids));
    }
    return rows;
}

} // namespace

Result<ExportReport> exportModel(LoadedModel& trained, const std::string& format, const fs::path& folder,
                                 const std::string& baseModelName, const Progress& progress) {
    const Exporter* exporter = findExporter(format);
    if (!exporter) {
        std::string known;
        for (const auto& each : builtinExporters())
            known += (known.empty() ? "" : ", ") + each->description().id;
        return fail(ErrorCode::InvalidArgument, "The export format \"" + format + "\" is not known", "Choose one of: " + known + ".");
    }
    const ExportInput input{trained.source, *trained.family, *trained.model, baseModelName};
    ATTUNE_ASSIGN(const std::vector<std::string> files, exporter->write(input, folder, progress));
    ExportReport report;
    for (const std::string& file : files)
        report.files.push_back((folder / file).string());
    progress.report(-1, "Reading the export back");
    ATTUNE_ASSIGN(const std::unique_ptr<CausalLm> reloaded, exporter->reload(input, folder, trained.model->settings()));
    ATTUNE_ASSIGN(const auto rows, fixedTexts(trained));
    ATTUNE_ASSIGN(const Agreement agreement, compareModels(*trained.model, *reloaded, rows, kComparedTokens, progress.stop));
    report.maxLogitDifference = agreement.maxLogitDifference;
    report.tokenAgreement = agreement.tokenAgreement;
    report.comparedTokens = agreement.comparedTokens;
    return report;
}

Result<AdapterProof> proveAdapter(LoadedModel& tuned, const std::vector<std::vector<std::int64_t>>& rows, std::stop_token stop) {
    std::vector<std::vector<std::int64_t>> texts = rows;
    if (texts.empty()) {
        ATTUNE_ASSIGN(texts, fixedTexts(tuned));
    }
    AdapterProof proof;
    proof.modelHash = tuned.modelHash, proof.adapterHash = tuned.adapterHash, proof.templateHash = tuned.format.hash();
    double sum = 0;
    std::int64_t numbers = 0;
    for (const auto& text : texts) {
        if (stop.stop_requested())
            return fail(ErrorCode::Cancelled, "Comparing was cancelled");
        Decoder decoder(*tuned.model);
        const bool enabled = tuned.model->adaptersEnabled();
        tuned.model->setAdaptersEnabled(true);
        auto with = decoder.prefill({text});
        tuned.model->setAdaptersEnabled(false);
        auto without = decoder.prefill({text});
        tuned.model->setAdaptersEnabled(enabled);
        if (!with || !without)
            return fail(with ? std::move(without).error() : std::move(with).error());
        const at::Tensor difference = (with->to(at::kDouble) - without->to(at::kDouble)).abs();
        proof.maxLogitDifference = std::max(proof.maxLogitDifference, difference.max().item<double>());
        sum += difference.sum().item<double>();
        numbers += difference.numel();
    }
    if (numbers > 0)
        proof.meanLogitDifference = sum / static_cast<double>(numbers);
    return proof;
}

} // namespace attune

#include "core/model_report/model_report.h"

#include <algorithm>

#include "core/families/model_family.h"
#include "core/text/prompt_format.h"

namespace attune {

namespace {

void add(ModelReport& report, ModelProblem::Severity severity, std::string message, std::string hint) {
    report.problems.push_back({severity, std::move(message), std::move(hint)});
}
void addError(ModelReport& report, const Error& error) {
    add(report, ModelProblem::Severity::Error, error.message, error.hint);
}

// Weights in formats that can run code beside the good ones: they are not read, and said to be there.
void noteUnsafeFiles(ModelReport& report) {
    std::vector<std::string> names;
    std::error_code code;
    for (fs::directory_iterator it(report.path, code), end; !code && it != end; it.increment(code))
        if (nameOfFormatThatRunsCode(it->path()))
            names.push_back(it->path().filename().string());
    if (names.empty() || !report.config)
        return; // without other weights this is the error itself
    std::sort(names.begin(), names.end());
    std::string list;
    for (std::size_t i = 0; i < std::min<std::size_t>(3, names.size()); ++i)
        list += (i ? ", " : "") + names[i];
    if (names.size() > 3)
        list += " and " + std::to_string(names.size() - 3) + " more";
    add(report, ModelProblem::Severity::Warning, list + (names.size() == 1 ? " is" : " are") + " of a kind that can run code; not opened, not needed",
        "You can delete " + std::string(names.size() == 1 ? "it" : "them") + ": the safetensors weights are complete.");
}

void readWeights(ModelReport& report, const ModelSource& source) {
    std::error_code code;
    for (const auto& file : source.files()) {
        if (const auto bytes = fs::file_size(file->path(), code); !code)
            report.fileBytes += bytes;
        for (const TensorInfo& tensor : file->tensors())
            report.storedNumbers[tensor.storedAs.empty() ? tensorTypeName(tensor.type) : tensor.storedAs] += tensor.elements();
    }
    if (auto hash = source.fingerprint())
        report.hash = std::move(*hash);
    else
        addError(report, hash.error());
}

void readTokenizer(ModelReport& report) {
    auto tokenizer = Tokenizer::load(report.path);
    if (!tokenizer)
        return addError(report, tokenizer.error());
    report.hasTokenizer = true;
    report.vocabulary = (*tokenizer)->vocabularySize();
    report.tokenizerHash = (*tokenizer)->hash();
    report.templateText = (*tokenizer)->chatTemplate();
    if (report.config && report.vocabulary > static_cast<std::size_t>(report.config->vocabularySize))
        add(report, ModelProblem::Severity::Error,
            "The tokenizer has " + std::to_string(report.vocabulary) + " tokens, the model embeds " + std::to_string(report.config->vocabularySize),
            "Tokenizer and weights are of different models: download both from the same place.");
    if (!(*tokenizer)->eosId())
        add(report, ModelProblem::Severity::Warning, "The tokenizer names no token that ends a text", "The model may not stop by itself; answers then end at the length limit.");
    if (report.templateText.empty())
        return add(report, ModelProblem::Severity::Warning, "The model has no chat template, so prompts are plain text",
                   "Fine for a base model. For a chat model, get chat_template.jinja or the complete tokenizer_config.json.");
    const auto format = PromptFormat::forTokenizer(*tokenizer);
    if (!format)
        return addError(report, format.error());
    report.templateHash = format->hash();
    // What the template makes of the shortest conversation: a template that cannot say this cannot be trained with.
    if (const auto prompt = format->promptIds({{"user", "Hello"}}); !prompt)
        addError(report, prompt.error());
}

} // namespace

bool ModelReport::isUsable() const {
    return config && std::none_of(problems.begin(), problems.end(), [](const ModelProblem& p) { return p.severity == ModelProblem::Severity::Error; });
}

Result<ModelReport> readModelReport(const fs::path& path, const Progress& progress) {
    ModelReport report;
    report.path = path;
    report.name = (path.has_filename() ? path : path.parent_path()).filename().string();
    const auto cancelled = [] { return fail(ErrorCode::Cancelled, "Cancelled"); };
    progress.report(-1, "Reading the files");
    const auto source = ModelSource::open(path);
    if (!source) {
        addError(report, source.error());
        return report;
    }
    report.gguf = source->gguf() != nullptr;
    auto config = readModelConfig(*source);
    if (config)
        report.config = std::move(*config);
    else
        addError(report, config.error());
    if (progress.cancelled())
        return cancelled();
    progress.report(-1, "Looking at the weights");
    readWeights(report, *source);
    const ModelLicence licence = modelLicence(*source);
    report.licence = licence.name, report.licenceSource = licence.source;
    if (progress.cancelled())
        return cancelled();
    progress.report(-1, "Reading the tokenizer");
    readTokenizer(report);
    if (report.licence.empty())
        add(report, ModelProblem::Severity::Warning, "No licence is named in the model's files", "Look at the page you got it from before you give a tuned model away.");
    if (!report.gguf)
        noteUnsafeFiles(report);
    std::stable_sort(report.problems.begin(), report.problems.end(), [](const ModelProblem& a, const ModelProblem& b) { return a.severity < b.severity; });
    return report;
}

} // namespace attune

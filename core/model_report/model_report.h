// Everything a person must know of a model before using it, read from its folder or GGUF file without loading the weights:
// what it is, its licence, tokenizer and chat template, and what is wrong with the next step. Torch-free; any thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/model_files/model_config.h"
#include "core/model_files/model_source.h"

namespace attune {

struct ModelProblem {
    enum class Severity { Error, Warning } severity = Severity::Error; // Error: the model cannot be used as it is
    std::string message, hint;
};

struct ModelReport {
    fs::path path;
    std::string name; // of the folder or file
    bool gguf = false;
    std::optional<ModelConfig> config; // empty: what is wrong stands in `problems`
    std::string hash;                  // ModelSource::fingerprint
    std::map<std::string, std::uint64_t> storedNumbers; // how many numbers are stored as "BF16", "Q4_K" ...
    std::uint64_t fileBytes = 0; // of the weights on the disk
    bool hasTokenizer = false;
    std::size_t vocabulary = 0;
    std::string tokenizerHash;
    std::string templateText, templateHash; // the chat template; "" = none
    std::string licence, licenceSource;     // "apache-2.0", "README.md"; "" = none is named
    std::vector<ModelProblem> problems;     // errors first

    bool isUsable() const;
};

/// Reads what can be read; what cannot is a problem, never a failure of the whole. Errors: Cancelled.
Result<ModelReport> readModelReport(const fs::path& path, const Progress& progress = {});

/// The licence a model names: of its card (README.md), a GGUF file's metadata, or the first line of a LICENSE file.
struct ModelLicence {
    std::string name, source;
};
ModelLicence modelLicence(const ModelSource& source);
/// The licence in the front matter of a model card; "" when there is none.
std::string licenceOfCard(std::string_view text);

} // namespace attune

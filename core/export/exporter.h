// An exporter turns a trained model into files other programs read, and reads them back to prove that nothing changed
// on the way. One file each, one line in builtin_exporters.cpp. Engine thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/param_spec.h"
#include "core/base/progress.h"
#include "core/families/model_family.h"
#include "core/nn/causal_lm.h"

namespace attune {

struct ExportInput {
    const ModelSource& base; // the folder the model was loaded from
    const ModelFamily& family;
    CausalLm& model;           // the checkpoint: adapters attached, or trained masters
    std::string baseModelName; // written into the adapter's config
    ParamMap options = {};     // by the keys of the exporter's description, checked; what is absent has its default
};

class Exporter {
public:
    virtual ~Exporter() = default;
    virtual const Described& description() const = 0;
    /// Creates the folder when needed. Returns the names of the files in it. Errors: InvalidArgument (the folder of the
    /// base model, a run this format cannot hold), OutOfSpace, Io, Cancelled.
    virtual Result<std::vector<std::string>> write(const ExportInput& input, const fs::path& folder,
                                                   const Progress& progress) const = 0;
    /// The model again, from the written files alone (and the base, for an adapter).
    virtual Result<std::unique_ptr<CausalLm>> reload(const ExportInput& input, const fs::path& folder,
                                                     const ComputeSettings& settings) const = 0;
};

const std::vector<std::unique_ptr<Exporter>>& builtinExporters(); // "adapter", "merged", "gguf", "nf4"
const Exporter* findExporter(std::string_view id);

struct Agreement {
    double maxLogitDifference = 0, meanLogitDifference = 0;
    double tokenAgreement = 0; // share of positions whose best token is the same
    std::int64_t comparedTokens = 0;
};

/// Runs both models over the first one's greedy continuation of each prompt (`tokens` tokens, less at the end of the
/// context) and compares the logits before every token. The adapters' switches of both models count. Errors: those of
/// Decoder, Cancelled.
Result<Agreement> compareModels(CausalLm& first, CausalLm& second,
                                const std::vector<std::vector<std::int64_t>>& prompts, std::int64_t tokens,
                                const std::stop_token& stop = {});

} // namespace attune

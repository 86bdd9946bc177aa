// What the engine can do, as values: filled by the engine from its registries, read by forms, recipes, checks and the
// command line, none of which know libtorch.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "core/base/metric_spec.h"
#include "core/base/param_spec.h"

namespace attune {

struct MethodEntry {
    Described description;
    bool producesAdapter = true;
};

/// Forward passes over a recipe's rows beside the one that is learned from, for estimates of time.
struct ForwardPasses {
    int perStep = 0;     // over a step's rows, before it (KTO's divergence, losses that sort pairs)
    int beforeStart = 0; // over all rows, once (the reference model)
};

struct ObjectiveEntry {
    Described description;
    std::string sampleKind;                        // the kind it is made for, a sampleKindId
    std::vector<std::string> kinds = {};           // all kinds it takes; empty = only that one
    std::vector<std::string> unusedTraining = {};  // keys of trainingParams() that do nothing for it
    // What it needs beside a loss, for estimates.
    bool ownAnswers = false; // learns from answers that the model writes while training: "max_completion_length" ...
    bool scoreHead = false, valueHead = false;
    std::int64_t rowsPerSample = 1; // 2 for pairs: they go through the model together
    std::function<ForwardPasses(const ParamMap& settings)> forwardPasses = {}; // with these settings; empty: none
    std::vector<MetricSpec> metrics = {}; // what its runs report beside the loss, the most telling first
    bool takes(std::string_view kind) const;
};

struct OptimizerEntry {
    Described description;
    // Bytes of state for one trained tensor [rows, columns] (a vector is one row); may be empty.
    std::function<std::int64_t(std::int64_t rows, std::int64_t columns)> stateBytes = {};
};

struct ProtectionEntry {
    Described description;
    bool needsGeneralData = false; // the recipe has to name data.general
    // Copies that it keeps of every trained tensor: of weights (and prompts), and of adapters' matrices.
    int copiesOfWeights = 0, copiesOfAdapters = 0;
    bool mixesRows = false; // its param "share" is a share of every step's tokens
    bool inputBases = false; // it keeps the directions that general data uses of each adapter's input
};

struct Catalog {
    std::vector<MethodEntry> methods;
    std::vector<ObjectiveEntry> objectives;
    std::vector<OptimizerEntry> optimizers;
    std::vector<Described> schedules;
    std::vector<ProtectionEntry> protections;
    std::vector<Described> exporters; // formats of Engine::exportRun
};

/// The knobs every run has (batch size, length, learning rate, checkpoints ...). Keys used by the training loop:
/// epochs (double), max_steps (0 = by epochs), batch_size (samples per optimizer step and accumulation),
/// gradient_accumulation, max_length (0 = the model's context), learning_rate, warmup_ratio, max_grad_norm, seed,
/// micro_batch_tokens (0 = by the model's width), precision ("auto", "bf16", "f32"), train_on
/// ("completion", "all_assistant", "everything"), eval_every (steps, 0 = automatic), save_every (0 = automatic),
/// keep_checkpoints, early_stopping_patience (evaluations, 0 = off), sample_prompts, sample_max_tokens, threads (0 =
/// all cores); and what the run is judged by afterwards: forgetting_limit, score_gain (core/plan/acceptance.h).
const Described& trainingParams();

/// The value of a key: from `values`, else the default of its spec. The key must exist in `specs`.
ParamValue paramOr(const ParamMap& values, const std::vector<ParamSpec>& specs, std::string_view key);
bool paramBool(const ParamMap& values, const std::vector<ParamSpec>& specs, std::string_view key);
std::int64_t paramInt(const ParamMap& values, const std::vector<ParamSpec>& specs, std::string_view key);
double paramDouble(const ParamMap& values, const std::vector<ParamSpec>& specs,
                   std::string_view key); // integers convert
std::string paramString(const ParamMap& values, const std::vector<ParamSpec>& specs, std::string_view key);
std::vector<std::string> paramList(const ParamMap& values, const std::vector<ParamSpec>& specs, std::string_view key);

} // namespace attune

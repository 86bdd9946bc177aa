#include "core/plan/estimate.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/plan/data_fit.h"
#include "core/plan/param_check.h"
#include "core/plan/trained_beside.h"

namespace attune {

namespace {

// How the engine works, as numbers. Each is a property of the code or a measurement, not a guess per model.
constexpr std::int64_t kRuntimeBytes = 170'000'000; // libtorch and its libraries, where nobody has measured this process
constexpr std::int64_t kWorkspaceBytes = 24'000'000; // code and packing buffers of the products, thread stacks
constexpr double kBytesPerStoredToken = 4.125, kBytesPerRow = 120; // of the prepared data set: an id, a bit, and vectors
// Matrix products, per core, where no measurement of this computer is given (see Computer::gflopsF32).
constexpr double kGflopsBf16PerCore = 200, kGflopsF32PerCoreAvx512 = 100, kGflopsF32PerCoreAvx2 = 50;
// Share of the product rate a step reaches: memory-bound passes cost relatively more on narrow models. 72 % at hidden
// size 576, 61 % at 288, 83 % at 2048.
constexpr double kBestShare = 0.88, kHalfShareHidden = 128;
constexpr double kFullShare = 0.9;     // full fine-tuning adds the optimizer's pass over every parameter
constexpr double kHousekeeping = 1.08; // validation, checkpoints and watched answers, as share of the training time
constexpr double kUnpackedPerCore = 2.3e9; // numbers a second out of 4 bits, what it pushes out of the caches included
constexpr double kBackwardOfAttention = 2.5; // P once more, dV, dP, dQ, dK against Q K^T and P V

bool isFull(const RunConfig& config) {
    return config.method.id == "full";
}

std::int64_t computeBytes(const RunConfig& config, const Computer& computer) {
    return effectivePrecision(config, computer) == "bf16" ? 2 : 4;
}

double trainingDouble(const RunConfig& config, std::string_view key) {
    return paramDouble(config.training, trainingParams().params, key);
}

// What an objective does with its rows. Objectives that learn from rewards: every answer counts as long as it may become, and every prompt
// with the row's own answer where the data's shape holds it, an upper bound.
struct ObjectiveWork {
    bool ownAnswers = false;
    double tokens = 0, perPrompt = 1, passes = 1; // of own answers: their length, how many, how often each is learned from
    double asked = 0, judged = 0;                 // forward passes over a step's rows: for log-probabilities, by a reward model
    double beforeStart = 0;                       // over all rows
};
ObjectiveWork objectiveWork(const RunConfig& config, const Catalog& catalog) {
    ObjectiveWork work;
    const ObjectiveEntry* objective = findObjectiveEntry(catalog, config.objective.id);
    if (objective && objective->forwardPasses) {
        const ForwardPasses passes = objective->forwardPasses(config.objective.params);
        work.asked = passes.perStep, work.beforeStart = passes.beforeStart;
    }
    if (!objective || !objective->ownAnswers)
        return work;
    const auto& specs = objective->description.params;
    const auto setting = [&](const char* key, double otherwise) {
        return findParam(specs, key) ? paramDouble(config.objective.params, specs, key) : otherwise;
    };
    work.ownAnswers = true;
    work.tokens = setting("max_completion_length", 0);
    work.perPrompt = setting("num_generations", 1);
    work.passes = setting("num_iterations", 1) * setting("num_ppo_epochs", 1);
    const bool changing = work.passes > 1 || setting("num_mini_batches", 1) > 1; // later updates are off policy
    work.asked = (changing || objective->valueHead ? 1 : 0) + (setting("beta", 0) != 0 || setting("kl_coef", 0) != 0 ? 1 : 0);
    work.judged = findParam(specs, "reward_model") && !paramString(config.objective.params, specs, "reward_model").empty() ? 1 : 0;
    return work;
}

struct RowTokens {
    double average = 0, targets = 0, longest = 0;
};

// Tokens of a sample, both rows of a pair, after cutting each row to the configured length.
RowTokens rowTokens(const ModelConfig& model, const RunConfig& config, const Catalog& catalog, const DataShape& data,
                    const ObjectiveWork& own) {
    double limit = trainingDouble(config, "max_length");
    const double context = static_cast<double>(model.contextLength);
    if (limit <= 0 || (context > 0 && limit > context))
        limit = context > 0 ? context : static_cast<double>(data.longestTokens);
    if (const ObjectiveEntry* objective = findObjectiveEntry(catalog, config.objective.id))
        limit *= static_cast<double>(objective->rowsPerSample);
    RowTokens rows;
    rows.longest = std::min(static_cast<double>(data.longestTokens) + own.tokens, limit);
    rows.average = std::min(data.averageTokens + own.tokens, limit);
    rows.targets = std::min(own.tokens > 0 ? own.tokens : data.averageTargets, rows.average);
    return rows;
}

// Tokens of a step for each one of the task.
double mixedFactor(const RunConfig& config, const Catalog& catalog) {
    for (const ProtectionEntry& entry : catalog.protections)
        if (entry.description.id == config.protection.id && entry.mixesRows)
            return 1 / (1 - paramDouble(config.protection.params, entry.description.params, "share"));
    return 1;
}

double rowsPerStep(const RunConfig& config) {
    return std::max(1.0, trainingDouble(config, "batch_size") * trainingDouble(config, "gradient_accumulation"));
}

std::int64_t whole(double bytes) {
    return static_cast<std::int64_t>(std::llround(bytes));
}

} // namespace

std::string effectivePrecision(const RunConfig& config, const Computer& computer) {
    const std::string precision = paramString(config.training, trainingParams().params, "precision");
    if (precision == "auto")
        return computer.bf16 ? "bf16" : "f32";
    return precision;
}

std::int64_t trainableParameters(const ModelConfig& model, const RunConfig& config, const Catalog& catalog) {
    std::int64_t count = 0;
    for (const TrainedTensor& tensor : trainedTensors(model, config, catalog))
        count += tensor.count * tensor.rows * tensor.columns;
    return count;
}

MemoryEstimate engineMemory(const ModelConfig& model, const RunConfig& config, const Catalog& catalog,
                            const PassShape& shape, std::int64_t residentBefore) {
    MemoryEstimate estimate;
    estimate.weights = weightBytes(model, config, catalog, shape.typeBytes);
    estimate.gradients = gradientBytes(model, config, catalog);
    estimate.optimizer = optimizerBytes(model, config, catalog);
    estimate.protection = protectionBytes(model, config, catalog);
    estimate.activations = passBytes(model, config, catalog, shape) + attentionBytes(model, shape);
    estimate.overhead = (residentBefore > 0 ? residentBefore : kRuntimeBytes) + kWorkspaceBytes;
    return estimate;
}

namespace {

MemoryEstimate memoryWith(bool recompute, const ModelConfig& model, const RunConfig& config, const Catalog& catalog,
                          const DataShape& data, const Computer& computer) {
    const ObjectiveWork own = objectiveWork(config, catalog);
    const RowTokens rows = rowTokens(model, config, catalog, data, own);
    const double stepTokens = rows.average * rowsPerStep(config) * own.perPrompt;
    // Rows go through the model in pieces of this size, so activations do not grow with the batch.
    const double piece = static_cast<double>(effectiveMicroBatchTokens(model, config));
    const double micro = std::max(rows.longest, std::min(piece, stepTokens));
    PassShape shape;
    shape.tokens = whole(micro);
    shape.targets = whole(rows.average > 0 ? micro * rows.targets / rows.average : micro);
    shape.typeBytes = computeBytes(config, computer);
    shape.recompute = recompute;
    shape.threads = computer.cores;
    MemoryEstimate estimate = engineMemory(model, config, catalog, shape, computer.residentBytes);
    estimate.activations += ownAnswerBytes(model, config, catalog, data.longestTokens, shape);
    // Watched are the prompts of rows: what of a row is not trained.
    const ObjectiveEntry* objective = findObjectiveEntry(catalog, config.objective.id);
    const double ofRow = rows.longest / static_cast<double>(std::max<std::int64_t>(1, objective ? objective->rowsPerSample : 1));
    const double prompt = rows.average > 0 ? ofRow * (1 - rows.targets / rows.average) : ofRow;
    estimate.activations = std::max(estimate.activations, watchedAnswerBytes(model, config, catalog, whole(prompt), shape));
    estimate.activations = std::max(estimate.activations, resultBytes(model, config, catalog));
    estimate.overhead +=
        whole(static_cast<double>(std::max<std::int64_t>(0, data.rows)) * (rows.average * kBytesPerStoredToken + kBytesPerRow));
    return estimate;
}

} // namespace

std::string effectiveActivations(const ModelConfig& model, const RunConfig& config, const Catalog& catalog,
                                 const DataShape& data, const Computer& computer) {
    const std::string chosen = paramString(config.training, trainingParams().params, "activations");
    if (chosen != "auto")
        return chosen;
    constexpr double kUsableShare = 0.7; // of what is free: the window and other programs want some
    const double keeping = static_cast<double>(memoryWith(false, model, config, catalog, data, computer).total());
    return computer.freeMemoryBytes > 0 && keeping > kUsableShare * static_cast<double>(computer.freeMemoryBytes)
               ? "recompute"
               : "keep";
}

MemoryEstimate estimateMemory(const ModelConfig& model, const RunConfig& config, const Catalog& catalog,
                              const DataShape& data, const Computer& computer) {
    const bool recompute = effectiveActivations(model, config, catalog, data, computer) == "recompute";
    return memoryWith(recompute, model, config, catalog, data, computer);
}

TimeEstimate estimateTime(const ModelConfig& model, const RunConfig& config, const Catalog& catalog,
                          const DataShape& data, const Computer& computer) {
    const ObjectiveWork own = objectiveWork(config, catalog);
    const RowTokens rows = rowTokens(model, config, catalog, data, own);
    // Of a mixture of experts a token goes through some only.
    const auto active = static_cast<double>(model.activeLinearParameters());
    const TrainedBeside beside = trainedBeside(model, config, catalog);
    std::int64_t trainedBesideLayers = 0; // embeddings, norms and head: not part of what every token goes through
    for (const TrainedTensor& tensor : beside.tensors)
        trainedBesideLayers += tensor.rows * tensor.columns * tensor.count;
    const double trained = static_cast<double>(trainableParameters(model, config, catalog) - trainedBesideLayers) * active /
                           static_cast<double>(std::max<std::int64_t>(1, model.linearParameters()));
    const bool full = isFull(config);
    // Per multiply-add of a weight: forward, gradient to the activations, and (trained weights only) gradient to the
    // weight.
    const double passes = full ? 6 : 4;
    // Computing again: every block but the last, without its last product, whose result nothing needs.
    const bool recompute = effectiveActivations(model, config, catalog, data, computer) == "recompute";
    const double layers = static_cast<double>(std::max<std::int64_t>(1, model.layers));
    const double again = recompute ? (layers - 1) / layers : 0;
    const std::int64_t mlps = model.experts > 0 ? model.expertsPerToken : 1;
    const double withoutDown = active - static_cast<double>(model.layers * mlps * model.hiddenSize * model.intermediateSize);
    const double linear = passes * active + 2 * again * withoutDown +
                          (full ? 0 : (6 + 2 * again) * trained);
    const auto headProduct = 2 * static_cast<double>(model.vocabularySize) * static_cast<double>(model.hiddenSize);
    const double headGradient = beside.head ? headProduct
                                : model.tiedHead ? 2 * static_cast<double>(beside.tokenRows) * static_cast<double>(model.hiddenSize) : 0;
    const double head = passes / 2 * headProduct + headGradient;
    // Q K^T and P V over the causal half: 2 products x 2 FLOP x length / 2.
    const double attentionForward = static_cast<double>(model.layers) * 2 * rows.average * static_cast<double>(model.queryWidth());
    const double attention = attentionForward * (1 + kBackwardOfAttention + again);
    const double learned = rows.average * (linear + attention) + rows.targets * head;
    const double read = rows.average * (2 * active + attentionForward) + rows.targets * headProduct; // forward alone
    // A written token costs about three times one that is read, as few are written at once. Its prompt is read once for each answer.
    constexpr double kWritten = 3;
    const double prompt = std::max(0.0, rows.average - own.tokens);
    const double written = prompt * (2 * active + attentionForward) + own.tokens * kWritten * (2 * active + attentionForward + headProduct);
    const double judging = rows.average * (2 * active + attentionForward);
    const double flopPerRow = own.perPrompt * (own.passes * learned + own.asked * read + own.judged * judging + (own.ownAnswers ? written : 0));

    const bool bf16 = effectivePrecision(config, computer) == "bf16";
    double gflops = bf16 ? computer.gflopsBf16 : computer.gflopsF32;
    if (gflops <= 0) {
        const double f32 = computer.bf16 ? kGflopsF32PerCoreAvx512 : kGflopsF32PerCoreAvx2;
        const double perCore = !bf16           ? f32
                               : computer.bf16 ? kGflopsBf16PerCore
                                               : f32 / 2; // bf16 without hardware converts
        gflops = perCore * computer.cores;
    }
    const double hidden = static_cast<double>(std::max<std::int64_t>(1, model.hiddenSize));
    const double share = kBestShare * hidden / (hidden + kHalfShareHidden) * (full ? kFullShare : 1);

    // Weights in 4 bits are unpacked for each pass over them, whatever the number of tokens that go through at once.
    const bool packed = config.method.id == "qlora" || model.packedWeights;
    const double perPass = packed ? static_cast<double>(model.linearParameters()) / (kUnpackedPerCore * std::max(1, computer.cores)) : 0;

    TimeEstimate estimate;
    const double batch = rowsPerStep(config);
    const double rowCount = static_cast<double>(std::max<std::int64_t>(0, data.rows));
    const double inStep = rowCount > 0 ? std::min(batch, rowCount) : batch;
    const double mixed = mixedFactor(config, catalog), perSecond = gflops * 1e9 * share;
    // Rows that a protection mixes in are learned from, and neither asked about nor answered.
    estimate.secondsPerStep = inStep * (flopPerRow + (mixed - 1) * own.perPrompt * own.passes * learned) / perSecond;
    const double ofRows = inStep * own.perPrompt;
    estimate.perStep = {ofRows * own.tokens, ofRows * (rows.average * (own.asked + own.judged) + (own.ownAnswers ? prompt : 0)),
                        ofRows * own.passes * rows.average * mixed};
    estimate.beforeStart.read = rowCount * own.beforeStart * rows.average;
    const double stepTokens = mixed * inStep * own.perPrompt * rows.average;
    const double piece = std::max(rows.average, static_cast<double>(effectiveMicroBatchTokens(model, config)));
    estimate.secondsPerStep += ((2 + again) * own.passes + own.asked + own.judged) * perPass * std::max(1.0, std::ceil(stepTokens / piece));
    const double before = rowCount * own.beforeStart * read / perSecond +
                          perPass * own.beforeStart * std::ceil(rowCount * rows.average / piece);
    const double maxSteps = trainingDouble(config, "max_steps");
    estimate.steps = maxSteps > 0 ? static_cast<std::int64_t>(maxSteps)
                                  : static_cast<std::int64_t>(std::ceil(
                                        std::ceil(rowCount / batch) * trainingDouble(config, "epochs") - 1e-9));
    estimate.seconds = before + estimate.secondsPerStep * static_cast<double>(estimate.steps) * kHousekeeping;
    if (estimate.secondsPerStep > 0)
        estimate.tokensPerSecond = stepTokens / estimate.secondsPerStep;
    return estimate;
}

LargestModel largestTunableModel(const Computer& computer) {
    struct Shape {
        const char* name;
        std::int64_t vocabulary, hidden, layers, heads, kvHeads, intermediate;
        bool tied;
    };
    // Shapes of published models of each size, largest first.
    static constexpr std::array<Shape, 8> kShapes{{{"13 B", 32000, 5120, 40, 40, 40, 13824, false},
                                                   {"7 B", 32000, 4096, 32, 32, 32, 11008, false},
                                                   {"3 B", 128256, 3072, 28, 24, 8, 8192, true},
                                                   {"1.5 B", 151936, 1536, 28, 12, 2, 8960, true},
                                                   {"1 B", 128256, 2048, 16, 32, 8, 8192, true},
                                                   {"0.5 B", 151936, 896, 24, 14, 2, 4864, true},
                                                   {"135 M", 49152, 576, 30, 9, 3, 1536, true},
                                                   {"15 M", 32000, 288, 6, 6, 6, 768, true}}};
    Catalog catalog;
    ParamSpec rank;
    rank.key = "r", rank.defaultValue = std::int64_t{16};
    catalog.methods.push_back({{"lora", "LoRA", "", {rank}}, true});
    RunConfig config;
    constexpr double kUsableShare = 0.85; // the desktop needs the rest
    const DataShape data{1000, 512, 128, 512};
    for (const Shape& shape : kShapes) {
        ModelConfig model;
        model.vocabularySize = shape.vocabulary, model.hiddenSize = shape.hidden, model.layers = shape.layers;
        model.heads = shape.heads, model.kvHeads = shape.kvHeads, model.headDim = shape.hidden / shape.heads;
        model.intermediateSize = shape.intermediate, model.contextLength = 2048, model.tiedHead = shape.tied;
        const MemoryEstimate memory = estimateMemory(model, config, catalog, data, computer);
        if (static_cast<double>(memory.total()) <= kUsableShare * static_cast<double>(computer.freeMemoryBytes))
            return {shape.name, model.totalParameters(), memory,
                    estimateTime(model, config, catalog, data, computer).tokensPerSecond};
    }
    return {};
}

} // namespace attune

#include "core/plan/engine_memory.h"

#include <algorithm>
#include <string>

#include "core/plan/param_check.h"

namespace attune {

namespace {

constexpr std::int64_t kF32Bytes = 4;

bool trainsEverything(const RunConfig& config) {
    return config.method.id == "full";
}

// The blocks' linear weights lie in 4 bits and are unpacked one layer at a time.
bool packsLinears(const RunConfig& config) {
    return config.method.id == "qlora";
}

// Half a byte a weight, a scale in 8 bits for 64 of them, and one in f32 for 256 scales.
std::int64_t packedBytes(std::int64_t numbers) {
    const std::int64_t scales = (numbers + 63) / 64;
    return (numbers + 1) / 2 + scales + kF32Bytes * ((scales + 255) / 256);
}

const Described* methodEntry(const RunConfig& config, const Catalog& catalog) {
    for (const MethodEntry& method : catalog.methods)
        if (method.description.id == config.method.id)
            return &method.description;
    return nullptr;
}

std::int64_t roundedUp(std::int64_t value, std::int64_t step) {
    return (value + step - 1) / step * step;
}

std::int64_t rankOf(const std::array<BlockLinear, 7>& linears, std::size_t first, std::size_t last) {
    std::int64_t rank = 0;
    for (std::size_t i = first; i <= last; ++i)
        rank += linears[i].rank;
    return rank;
}

// The four products of a block: parts [first, last] of the seven linears share one input.
struct FusedLinear {
    std::size_t first, last;
    std::int64_t in, out, rank;
    bool bias;
};

std::array<FusedLinear, 4> fusedLinears(const ModelConfig& model, const std::array<BlockLinear, 7>& linears) {
    const auto fused = [&](std::size_t first, std::size_t last, bool bias) {
        FusedLinear linear{first, last, linears[last].in, 0, rankOf(linears, first, last), bias};
        for (std::size_t i = first; i <= last; ++i)
            linear.out += linears[i].out;
        return linear;
    };
    return {fused(0, 2, model.qkvBias), fused(3, 3, model.attentionOutputBias), fused(4, 5, model.mlpBias),
            fused(6, 6, model.mlpBias)};
}

// Weights (and biases) of norms.
std::vector<TrainedTensor> normTensors(const ModelConfig& model) {
    std::vector<TrainedTensor> tensors{
        {1, model.hiddenSize, (model.normsPerLayer() * model.layers + 1) * (model.norm == NormKind::LayerNorm ? 2 : 1)}};
    if (model.qkNorm != QkNorm::None) {
        const bool head = model.qkNorm == QkNorm::Head;
        tensors.push_back({1, head ? model.headDim : model.queryWidth(), model.layers});
        tensors.push_back({1, head ? model.headDim : model.kvWidth(), model.layers});
    }
    return tensors;
}

std::int64_t numbersOf(const std::vector<TrainedTensor>& tensors) {
    std::int64_t numbers = 0;
    for (const TrainedTensor& tensor : tensors)
        numbers += tensor.count * tensor.rows * tensor.columns;
    return numbers;
}

// Of reward models and of reinforcement learning.
std::vector<TrainedTensor> headTensors(const ModelConfig& model, const RunConfig& config, const Catalog& catalog) {
    const ObjectiveEntry* objective = objectiveEntry(config, catalog);
    if (objective && objective->valueHead)
        return {{1, model.hiddenSize, 1}, {1, 1, 1}};
    if (objective && objective->scoreHead)
        return {{1, model.hiddenSize, 1}};
    return {};
}

} // namespace

std::array<BlockLinear, 7> blockLinears(const ModelConfig& model, const RunConfig& config, const Catalog& catalog) {
    std::array<BlockLinear, 7> linears{{{"q_proj", model.hiddenSize, model.queryWidth()},
                                        {"k_proj", model.hiddenSize, model.kvWidth()},
                                        {"v_proj", model.hiddenSize, model.kvWidth()},
                                        {"o_proj", model.queryWidth(), model.hiddenSize},
                                        {"gate_proj", model.hiddenSize, model.gatedMlp ? model.intermediateSize : 0},
                                        {"up_proj", model.hiddenSize, model.intermediateSize},
                                        {"down_proj", model.intermediateSize, model.hiddenSize}}};
    const Described* method = methodEntry(config, catalog);
    if (trainsEverything(config) || !method || !findParam(method->params, "r"))
        return linears;
    const std::int64_t rank = paramInt(config.method.params, method->params, "r");
    std::vector<std::string> targets{"all-linear"};
    if (findParam(method->params, "target_modules"))
        targets = paramList(config.method.params, method->params, "target_modules");
    const auto named = [&](const char* name) { return std::find(targets.begin(), targets.end(), name) != targets.end(); };
    const bool all = targets.empty() || named("all-linear");
    for (BlockLinear& linear : linears)
        if (linear.out > 0 && (all || named(linear.name)))
            linear.rank = rank;
    return linears;
}

const ObjectiveEntry* objectiveEntry(const RunConfig& config, const Catalog& catalog) {
    for (const ObjectiveEntry& objective : catalog.objectives)
        if (objective.description.id == config.objective.id)
            return &objective;
    return nullptr;
}

std::vector<TrainedTensor> trainedTensors(const ModelConfig& model, const RunConfig& config, const Catalog& catalog) {
    std::vector<TrainedTensor> tensors = headTensors(model, config, catalog);
    if (const Described* method = methodEntry(config, catalog); method && findParam(method->params, "num_virtual_tokens")) {
        tensors.push_back({paramInt(config.method.params, method->params, "num_virtual_tokens"), model.hiddenSize, 1});
        return tensors;
    }
    const std::array<BlockLinear, 7> linears = blockLinears(model, config, catalog);
    if (!trainsEverything(config)) {
        for (const BlockLinear& linear : linears)
            if (linear.rank > 0) {
                tensors.push_back({linear.rank, linear.in, model.layers});
                tensors.push_back({linear.out, linear.rank, model.layers});
            }
        return tensors;
    }
    tensors.push_back({model.vocabularySize, model.hiddenSize, model.tiedHead ? 1 : 2});
    if (model.positions == PositionKind::Learned)
        tensors.push_back({model.contextLength, model.hiddenSize, 1});
    if (model.headBias)
        tensors.push_back({1, model.vocabularySize, 1});
    for (const TrainedTensor& norm : normTensors(model))
        tensors.push_back(norm);
    for (const FusedLinear& linear : fusedLinears(model, linears)) {
        tensors.push_back({linear.out, linear.in, model.layers});
        if (linear.bias)
            tensors.push_back({1, linear.out, model.layers});
    }
    return tensors;
}

std::int64_t weightBytes(const ModelConfig& model, const RunConfig& config, const Catalog& catalog,
                         std::int64_t typeBytes) {
    const std::array<BlockLinear, 7> linears = blockLinears(model, config, catalog);
    const std::int64_t norms = numbersOf(normTensors(model));
    std::int64_t numbers = (model.tiedHead ? 1 : 2) * model.vocabularySize * model.hiddenSize; // in the compute type
    if (model.positions == PositionKind::Learned)
        numbers += model.contextLength * model.hiddenSize;
    if (model.headBias)
        numbers += model.vocabularySize;
    const bool packs = packsLinears(config);
    for (const FusedLinear& linear : fusedLinears(model, linears))
        numbers += model.layers * (linear.out * ((packs ? 0 : linear.in) + linear.rank) + linear.rank * linear.in +
                                   (linear.bias ? linear.out : 0));
    std::int64_t packed = 0;
    for (const BlockLinear& linear : linears)
        packed += packs ? model.layers * packedBytes(linear.in * linear.out) : 0;
    std::int64_t masters = 0; // beside the compute weights
    if (trainsEverything(config))
        masters = typeBytes < kF32Bytes ? numbers : 0;
    else
        for (const BlockLinear& linear : linears)
            masters += model.layers * linear.rank * (linear.in + linear.out);
    if (const Described* method = methodEntry(config, catalog); method && findParam(method->params, "num_virtual_tokens"))
        masters += paramInt(config.method.params, method->params, "num_virtual_tokens") * model.hiddenSize;
    masters += numbersOf(headTensors(model, config, catalog));
    return numbers * typeBytes + (norms + masters) * kF32Bytes + packed;
}

std::int64_t gradientBytes(const ModelConfig& model, const RunConfig& config, const Catalog& catalog) {
    return numbersOf(trainedTensors(model, config, catalog)) * kF32Bytes;
}

std::int64_t optimizerBytes(const ModelConfig& model, const RunConfig& config, const Catalog& catalog) {
    const auto entry = std::find_if(catalog.optimizers.begin(), catalog.optimizers.end(), [&](const OptimizerEntry& known) {
        return known.description.id == config.optimizer.id;
    });
    const bool known = entry != catalog.optimizers.end() && entry->stateBytes;
    std::int64_t bytes = 0;
    for (const TrainedTensor& tensor : trainedTensors(model, config, catalog))
        bytes += tensor.count * (known ? entry->stateBytes(tensor.rows, tensor.columns)
                                       : 2 * kF32Bytes * tensor.rows * tensor.columns);
    return bytes;
}

std::int64_t passBytes(const ModelConfig& model, const RunConfig& config, const Catalog& catalog,
                       const PassShape& shape) {
    constexpr std::int64_t kRowRound = 32, kLogitBytes = std::int64_t{64} << 20, kLogitRows = 512;
    const std::int64_t type = shape.typeBytes, t = roundedUp(shape.tokens, kRowRound);
    const std::array<BlockLinear, 7> linears = blockLinears(model, config, catalog);
    const std::array<FusedLinear, 4> fused = fusedLinears(model, linears);
    const FusedLinear &qkv = fused[0], &out = fused[1], &up = fused[2], &down = fused[3];
    const std::int64_t hidden = model.hiddenSize, query = model.queryWidth(), kv = model.kvWidth();

    // Per token: the residual before a block; then what the block keeps for its backward: the residual in its middle, two
    // norms' statistics, q, k, v, the log-sum-exps, attention's output, gate and up, and the adapters' inner values.
    const std::int64_t residual = hidden * kF32Bytes;
    const std::int64_t ranks = qkv.rank + out.rank + up.rank + down.rank;
    // Some families: what norms of queries and keys and of the branches' outputs read, and their statistics.
    const bool qkNorm = model.qkNorm != QkNorm::None;
    const std::int64_t qkStatistics = model.qkNorm == QkNorm::Head ? model.heads + model.kvHeads : 2;
    const std::int64_t ofNorms = (qkNorm ? (query + kv) * type + qkStatistics * kF32Bytes : 0) +
                                 (model.postNorm ? 2 * residual + 2 * 2 * kF32Bytes : 0);
    const std::int64_t kept = residual + (2 * 2 + model.heads) * kF32Bytes + ofNorms +
                              (query + 2 * kv + query + out.rank + up.out + ranks) * type;
    // Shared by all blocks: inputs of products and their gradients, q, k, v side by side, the MLP's inner values and their
    // gradient, gradients of q (in the compute type), k and v, the last residual and the residual's gradient.
    const std::int64_t input = std::max(qkv.in + qkv.rank, up.in + up.rank);
    const std::int64_t inputGradient = std::max(input, out.in + out.rank);
    const bool scaled = model.residualMultiplier != 1.0;
    const std::int64_t narrow = type < kF32Bytes || scaled ? hidden : 0;
    const std::int64_t branch = model.postNorm ? hidden * type : scaled ? residual : 0;
    const std::int64_t branchGradient = model.postNorm || model.layout != BlockLayout::Sequential ? residual : 0;
    const std::int64_t shared = (input + inputGradient + qkv.out + 2 * (down.in + down.rank) + narrow + query) * type +
                                2 * kv * kF32Bytes + 2 * residual + branch + branchGradient;
    const bool dropout = [&] {
        const Described* method = methodEntry(config, catalog);
        return ranks > 0 && method && findParam(method->params, "dropout") &&
               paramDouble(config.method.params, method->params, "dropout") > 0;
    }();
    std::int64_t dropped = 0; // one product's input, without what its adapter leaves out
    for (const FusedLinear& linear : fused)
        if (dropout && linear.rank > 0)
            dropped = std::max(dropped, linear.in);
    const std::int64_t blocks = shape.recompute ? 1 : model.layers;
    const std::int64_t perToken = model.layers * residual + blocks * kept + shared + dropped * type;

    // The head works on chunks of targets: logits, the rows in f32 and normalised, their gradients, and sums.
    const std::int64_t most = std::clamp<std::int64_t>(
        kLogitBytes / std::max<std::int64_t>(1, model.vocabularySize * type) / kRowRound * kRowRound, kRowRound, kLogitRows);
    const std::int64_t rows = std::min(most, roundedUp(std::max<std::int64_t>(1, shape.targets), kRowRound));
    std::int64_t unpacked = 0; // the largest layer with its adapters' columns
    for (const FusedLinear& linear : fused)
        if (packsLinears(config))
            unpacked = std::max(unpacked, linear.out * (linear.in + linear.rank) * type);
    return unpacked + t * perToken + rows * ((model.vocabularySize + 2 * hidden) * type + 2 * residual + 3 * kF32Bytes);
}

std::int64_t ownAnswerBytes(const ModelConfig& model, const RunConfig& config, const Catalog& catalog, std::int64_t promptTokens,
                            std::int64_t typeBytes) {
    constexpr std::int64_t kMostAtOnce = 64, kMostCacheBytes = std::int64_t{1} << 30; // of generateTexts
    const ObjectiveEntry* objective = objectiveEntry(config, catalog);
    if (!objective || !objective->ownAnswers)
        return 0;
    const auto& specs = objective->description.params;
    const ParamMap& values = config.objective.params;
    const auto training = [&](const char* key) { return paramInt(config.training, trainingParams().params, key); };
    std::int64_t answers = training("batch_size") * training("gradient_accumulation");
    if (findParam(specs, "num_generations"))
        answers *= paramInt(values, specs, "num_generations");
    const std::int64_t tokens = std::min(model.contextLength, promptTokens + paramInt(values, specs, "max_completion_length"));
    const std::int64_t each = 2 * model.layers * model.kvWidth() * typeBytes * tokens;
    std::int64_t bytes = std::max(each, std::min(kMostCacheBytes, std::min(answers, kMostAtOnce) * each));
    bytes += std::min(answers, kMostAtOnce) * model.vocabularySize * kF32Bytes; // their next tokens' logits
    const auto weight = [&](const char* key) { return findParam(specs, key) ? paramDouble(values, specs, key) : 0.0; };
    const bool judged = findParam(specs, "reward_model") && !paramString(values, specs, "reward_model").empty();
    if (trainsEverything(config) && (weight("beta") != 0 || weight("kl_coef") != 0 || judged)) {
        RunConfig frozen = config;
        frozen.method = {"", {}}, frozen.objective = {"", {}};
        bytes += weightBytes(model, frozen, catalog, typeBytes);
    }
    return bytes;
}

std::int64_t attentionBytes(const ModelConfig& model, const PassShape& shape) {
    constexpr std::int64_t kStretch = 256, kRound = 32;
    const std::int64_t group = model.heads / std::max<std::int64_t>(1, model.kvHeads);
    const std::int64_t block = std::clamp<std::int64_t>(roundedUp(128 / std::max<std::int64_t>(1, group), kRound), 64, 128);
    const std::int64_t t = roundedUp(shape.tokens, kRound), queries = std::min(block, t) * group;
    const std::int64_t keys = std::min(kStretch, t), both = kF32Bytes + shape.typeBytes;
    const std::int64_t perThread =
        roundedUp(queries * (2 * keys * both + model.headDim * both + 3 * kF32Bytes), 4096);
    // In bf16 each thread packs the keys and values of a row as its products read them (forward or backward: up to four times).
    const std::int64_t packed = shape.typeBytes < kF32Bytes
                                    ? 4 * roundedUp(t, 64) * roundedUp(model.headDim, 64) * shape.typeBytes
                                    : 0;
    // Gradients of keys and values are first summed per thread: every head once, and where a thread ends in its midst twice.
    const std::int64_t rows = (model.kvHeads + shape.threads - 1) * roundedUp(t, 64);
    return shape.threads * (perThread + packed) + 2 * rows * model.headDim * kF32Bytes;
}

} // namespace attune

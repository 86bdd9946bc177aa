#include "core/plan/engine_memory.h"

#include <algorithm>
#include <set>
#include <string>

#include "core/plan/data_fit.h"
#include "core/plan/engine_memory_parts.h"
#include "core/plan/lora_settings.h"
#include "core/plan/param_check.h"
#include "core/plan/trained_beside.h"

namespace attune {

namespace {

// Half a byte a weight, a scale in 8 bits for 64 of them, and one in f32 for 256 scales.
std::int64_t packedBytes(std::int64_t numbers) {
    const std::int64_t scales = (numbers + 63) / 64;
    return (numbers + 1) / 2 + scales + kF32Bytes * ((scales + 255) / 256);
}

std::int64_t roundedUp(std::int64_t value, std::int64_t step) {
    return (value + step - 1) / step * step;
}

// A switch or list of the method; off and empty where the method has none.
bool methodSwitch(const RunConfig& config, const Catalog& catalog, std::string_view key) {
    const Described* method = methodEntry(config, catalog);
    return method && findParam(method->params, key) && paramBool(config.method.params, method->params, key);
}

bool isDora(const RunConfig& config, const Catalog& catalog) {
    return methodSwitch(config, catalog, "use_dora");
}

// Blocks that full fine-tuning leaves as they are.
std::set<std::int64_t> frozenBlocks(const ModelConfig& model, const RunConfig& config, const Catalog& catalog) {
    const Described* method = methodEntry(config, catalog);
    if (!method || !findParam(method->params, "frozen_layers"))
        return {};
    return readLayerList(paramList(config.method.params, method->params, "frozen_layers"), model.layers, "frozen_layers")
        .value_or(std::set<std::int64_t>{});
}

std::int64_t rankOf(const BlockLinears& linears, std::size_t first, std::size_t last) {
    std::int64_t rank = 0;
    for (std::size_t i = first; i <= last; ++i)
        rank += linears[i].rank;
    return rank;
}

// One product of a block: of linears that share an input.
struct FusedLinear {
    std::int64_t in, out, rank;
    bool bias;
};

// q k v, o, then gate up and down of the MLP or of each expert.
std::vector<FusedLinear> fusedLinears(const ModelConfig& model, const BlockLinears& linears) {
    const auto fused = [&](std::size_t first, std::size_t last, bool bias) {
        FusedLinear linear{linears[last].in, 0, rankOf(linears, first, last), bias};
        for (std::size_t i = first; i <= last; ++i)
            linear.out += linears[i].out;
        return linear;
    };
    std::vector<FusedLinear> all{fused(0, 2, model.qkvBias), fused(3, 3, model.attentionOutputBias)};
    for (std::size_t mlp = 4; mlp < linears.size(); mlp += 3)
        all.push_back(fused(mlp, mlp + 1, model.mlpBias)), all.push_back(fused(mlp + 2, mlp + 2, model.mlpBias));
    return all;
}

// Weights (and biases) of the norms of so many blocks; `final`: and of the one in front of the head.
std::vector<TrainedTensor> normTensors(const ModelConfig& model, std::int64_t layers, bool final = true) {
    std::vector<TrainedTensor> tensors{
        {1, model.hiddenSize, (model.normsPerLayer() * layers + final) * (model.norm == NormKind::LayerNorm ? 2 : 1)}};
    if (model.qkNorm != QkNorm::None && layers > 0) {
        const bool head = model.qkNorm == QkNorm::Head;
        tensors.push_back({1, head ? model.headDim : model.queryWidth(), layers});
        tensors.push_back({1, head ? model.headDim : model.kvWidth(), layers});
    }
    return tensors;
}

// Of reward models and of reinforcement learning.
std::vector<TrainedTensor> headTensors(const ModelConfig& model, const RunConfig& config, const Catalog& catalog) {
    const ObjectiveEntry* objective = findObjectiveEntry(catalog, config.objective.id);
    if (objective && objective->valueHead)
        return {{1, model.hiddenSize, 1}, {1, 1, 1}};
    if (objective && objective->scoreHead)
        return {{1, model.hiddenSize, 1}};
    return {};
}

} // namespace

std::vector<BlockLinears> blockLinears(const ModelConfig& model, const RunConfig& config, const Catalog& catalog) {
    BlockLinears plain{{"q_proj", model.hiddenSize, model.queryWidth()},
                       {"k_proj", model.hiddenSize, model.kvWidth()},
                       {"v_proj", model.hiddenSize, model.kvWidth()},
                       {"o_proj", model.queryWidth(), model.hiddenSize}};
    for (std::int64_t mlp = 0; mlp < std::max<std::int64_t>(1, model.experts); ++mlp)
        plain.insert(plain.end(), {{"gate_proj", model.hiddenSize, model.gatedMlp ? model.intermediateSize : 0},
                                   {"up_proj", model.hiddenSize, model.intermediateSize},
                                   {"down_proj", model.intermediateSize, model.hiddenSize}});
    std::vector<BlockLinears> blocks(static_cast<std::size_t>(std::max<std::int64_t>(0, model.layers)), plain);
    const Described* method = methodEntry(config, catalog);
    if (trainsEverything(config) || !method || !findParam(method->params, "r"))
        return blocks;
    const auto nameOf = [&](std::size_t block, std::size_t linear) {
        std::string name = "model.layers." + std::to_string(block) + (linear < 4 ? ".self_attn." : ".mlp.");
        if (linear >= 4 && model.experts > 0)
            name += "experts." + std::to_string((linear - 4) / 3) + ".";
        return name + plain[linear].name;
    };
    std::vector<std::string> modules;
    for (std::size_t block = 0; block < blocks.size(); ++block)
        for (std::size_t linear = 0; linear < plain.size(); ++linear)
            if (plain[linear].out > 0)
                modules.push_back(nameOf(block, linear));
    LoraSettings settings;
    settings.rank = paramInt(config.method.params, method->params, "r");
    if (findParam(method->params, "rank_pattern")) {
        if (auto read = readLoraSettings(config.method.params, method->params, modules, model))
            settings = std::move(*read);
    } else if (findParam(method->params, "target_modules")) {
        for (const std::string& name : paramList(config.method.params, method->params, "target_modules"))
            settings.targets.insert(name);
        if (settings.targets.contains("all-linear"))
            settings.targets.clear();
    }
    for (std::size_t block = 0; block < blocks.size(); ++block)
        for (std::size_t i = 0; i < plain.size(); ++i)
            if (const std::string name = nameOf(block, i);
                plain[i].out > 0 && settings.adapts(name, static_cast<std::int64_t>(block)))
                blocks[block][i].rank = settings.rankOf(name);
    return blocks;
}

std::vector<TrainedTensor> trainedTensors(const ModelConfig& model, const RunConfig& config, const Catalog& catalog) {
    std::vector<TrainedTensor> tensors = headTensors(model, config, catalog);
    if (const Described* method = methodEntry(config, catalog); method && findParam(method->params, "num_virtual_tokens")) {
        tensors.push_back({paramInt(config.method.params, method->params, "num_virtual_tokens"), model.hiddenSize, 1});
        return tensors;
    }
    const std::vector<BlockLinears> blocks = blockLinears(model, config, catalog);
    const auto addBlocks = [&](std::int64_t count) {
        for (const FusedLinear& linear : fusedLinears(model, blocks.front())) {
            tensors.push_back({linear.out, linear.in, count});
            if (linear.bias)
                tensors.push_back({1, linear.out, count});
        }
        if (model.experts > 0)
            tensors.push_back({model.experts, model.hiddenSize, count}); // the routers
    };
    if (const std::int64_t added = newBlocks(config, catalog); added > 0 && !blocks.empty()) {
        for (const TrainedTensor& norm : normTensors(model, added, false))
            tensors.push_back(norm);
        addBlocks(added);
        return tensors;
    }
    if (!trainsEverything(config)) {
        const bool dora = isDora(config, catalog);
        for (const TrainedTensor& beside : trainedBeside(model, config, catalog).tensors)
            tensors.push_back(beside);
        for (const BlockLinears& linears : blocks)
            for (const BlockLinear& linear : linears)
                if (linear.rank > 0) {
                    tensors.push_back({linear.rank, linear.in, 1});
                    tensors.push_back({linear.out, linear.rank, 1});
                    if (dora)
                        tensors.push_back({1, linear.out, 1});
                }
        return tensors;
    }
    if (!methodSwitch(config, catalog, "freeze_embeddings")) {
        tensors.push_back({model.vocabularySize, model.hiddenSize, model.tiedHead ? 1 : 2});
        if (model.positions == PositionKind::Learned)
            tensors.push_back({model.contextLength, model.hiddenSize, 1});
        if (model.headBias)
            tensors.push_back({1, model.vocabularySize, 1});
    }
    const std::int64_t trained =
        model.layers - static_cast<std::int64_t>(frozenBlocks(model, config, catalog).size());
    for (const TrainedTensor& norm : normTensors(model, trained))
        tensors.push_back(norm);
    if (!blocks.empty() && trained > 0)
        addBlocks(trained);
    return tensors;
}

std::int64_t weightBytes(const ModelConfig& base, const RunConfig& config, const Catalog& catalog,
                         std::int64_t typeBytes) {
    const ModelConfig model = deepened(base, config, catalog);
    const std::int64_t norms = numbersOf(normTensors(model, model.layers)), heads = numbersOf(headTensors(model, config, catalog));
    std::int64_t numbers = (model.tiedHead ? 1 : 2) * model.vocabularySize * model.hiddenSize; // in the compute type
    if (model.positions == PositionKind::Learned)
        numbers += model.contextLength * model.hiddenSize;
    if (model.headBias)
        numbers += model.vocabularySize;
    const Described* method = methodEntry(config, catalog);
    const bool packs = packsLinears(model, config), dora = isDora(config, catalog);
    const std::string start = method && findParam(method->params, "init") ? paramString(config.method.params, method->params, "init") : "";
    const bool twice = start.starts_with("pissa") || start == "olora"; // the first values are kept
    numbers += model.layers * model.experts * model.hiddenSize; // the routers
    std::int64_t packed = 0, masters = 0; // masters lie beside the compute weights
    for (const BlockLinears& linears : blockLinears(model, config, catalog)) {
        for (const FusedLinear& linear : fusedLinears(model, linears)) {
            numbers += linear.out * ((packs ? 0 : linear.in) + linear.rank) + linear.rank * linear.in +
                       (linear.bias ? linear.out : 0);
            masters += dora && linear.rank > 0 ? 2 * linear.out : 0; // each row's length and factor
        }
        for (const BlockLinear& linear : linears) {
            packed += packs ? packedBytes(linear.in * linear.out) : 0;
            masters += linear.rank * (linear.in + linear.out) * (twice ? 2 : 1) + (dora && linear.rank > 0 ? linear.out : 0);
        }
    }
    if (trainsEverything(config) && typeBytes < kF32Bytes) {
        const std::int64_t trained = model.layers - static_cast<std::int64_t>(frozenBlocks(model, config, catalog).size());
        masters = numbersOf(trainedTensors(model, config, catalog)) - numbersOf(normTensors(model, trained)) - heads;
    }
    if (const std::int64_t added = newBlocks(config, catalog); added > 0 && typeBytes < kF32Bytes) // norms have the masters' type anyway
        masters += numbersOf(trainedTensors(base, config, catalog)) - numbersOf(normTensors(model, added, false)) - heads;
    if (method && findParam(method->params, "num_virtual_tokens"))
        masters += paramInt(config.method.params, method->params, "num_virtual_tokens") * model.hiddenSize;
    const TrainedBeside beside = trainedBeside(model, config, catalog);
    if (typeBytes < kF32Bytes) // else the compute weights are the masters
        masters += beside.inComputeType;
    const std::int64_t rows = beside.tokenRows * model.hiddenSize;
    masters += rows, numbers += rows; // the rows and the base's
    masters += heads;
    return numbers * typeBytes + (norms + masters) * kF32Bytes + beside.indexBytes + packed;
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

std::int64_t heldDirections(std::int64_t in) { return std::min<std::int64_t>(in * 3 / 4, 512); }

namespace {

// Layers that read the same input share their directions.
std::int64_t inputBasisBytes(const ModelConfig& model, const RunConfig& config, const Catalog& catalog) {
    std::int64_t numbers = 0;
    for (const BlockLinears& block : blockLinears(model, config, catalog)) {
        bool counted = false;
        for (const BlockLinear& layer : block) {
            const std::string_view name = layer.name;
            if (name != "k_proj" && name != "v_proj" && name != "up_proj")
                counted = false;
            if (layer.rank > 0 && !counted)
                numbers += layer.in * heldDirections(layer.in), counted = true;
        }
    }
    return numbers * kF32Bytes;
}

} // namespace

std::int64_t protectionBytes(const ModelConfig& model, const RunConfig& config, const Catalog& catalog) {
    const Described* method = methodEntry(config, catalog);
    const bool adapters = method && findParam(method->params, "r");
    const auto entryOf = [&](std::string_view id) -> const ProtectionEntry* {
        for (const ProtectionEntry& entry : catalog.protections)
            if (entry.description.id == id)
                return &entry;
        return nullptr;
    };
    const auto copiesOf = [&](const ProtectionEntry* entry) { return !entry ? 0 : adapters ? entry->copiesOfAdapters : entry->copiesOfWeights; };
    const ProtectionEntry* chosen = entryOf(config.protection.id);
    std::int64_t copies = copiesOf(chosen), ofWeights = chosen ? chosen->copiesOfWeights : 0;
    constexpr const char* kPull = "l2_sp_strength"; // of protections that hold the weights as well
    if (chosen && findParam(chosen->description.params, kPull) && paramDouble(config.protection.params, chosen->description.params, kPull) > 0)
        copies += copiesOf(entryOf("l2_sp")), ofWeights += entryOf("l2_sp") ? entryOf("l2_sp")->copiesOfWeights : 0;
    const std::int64_t all = numbersOf(trainedTensors(model, config, catalog));
    const std::int64_t beside = numbersOf(trainedBeside(model, config, catalog).tensors); // none without adapters
    return (copies * (all - beside) + ofWeights * beside) * kF32Bytes +
           (chosen && chosen->inputBases && adapters ? inputBasisBytes(model, config, catalog) : 0);
}

std::int64_t passBytes(const ModelConfig& base, const RunConfig& config, const Catalog& catalog,
                       const PassShape& shape) {
    const ModelConfig model = deepened(base, config, catalog);
    constexpr std::int64_t kRowRound = 32, kLogitBytes = std::int64_t{64} << 20, kLogitRows = 512, kExpertRound = 16;
    const std::int64_t type = shape.typeBytes, t = roundedUp(shape.tokens, kRowRound);
    const std::vector<BlockLinears> layers = blockLinears(model, config, catalog);
    const std::int64_t hidden = model.hiddenSize, query = model.queryWidth(), kv = model.kvWidth();
    const Described* method = methodEntry(config, catalog);
    const bool dora = isDora(config, catalog), packs = packsLinears(model, config);
    const bool drops = method && findParam(method->params, "r") && findParam(method->params, "dropout") &&
                       paramDouble(config.method.params, method->params, "dropout") > 0;

    // Per token: the residual before a block; then what the block keeps for its backward: the residual in its middle, two
    // norms' statistics, q, k, v, the log-sum-exps, attention's output, gate and up, the adapters' inner values, and with
    // DoRA the products before their rows are scaled.
    const std::int64_t residual = hidden * kF32Bytes;
    // Some families: what norms of queries and keys and of the branches' outputs read, and their statistics.
    const bool qkNorm = model.qkNorm != QkNorm::None;
    const std::int64_t qkStatistics = model.qkNorm == QkNorm::Head ? model.heads + model.kvHeads : 2;
    const std::int64_t ofNorms = (qkNorm ? (query + kv) * type + qkStatistics * kF32Bytes : 0) +
                                 (model.postNorm ? 2 * residual + 2 * 2 * kF32Bytes : 0);
    // Shared by all blocks: inputs of products and their gradients, q, k, v side by side, the MLP's inner values and their
    // gradient, gradients of q (in the compute type), k and v, the last residual and the residual's gradient. Adapters lie
    // beside the inputs; blocks may have different ones.
    // Experts have a row for each token that is sent to them: their columns are counted apart, per such row.
    const bool mixture = model.experts > 0;
    std::int64_t input = mixture ? hidden : 0, inputGradient = input, inner = 0, joined = 0, dropped = 0, scaled = 0, unpacked = 0;
    std::int64_t gateUp = 0, attention = 0, everyWhere = 0, expertInput = 0, keptByExperts = 0;
    std::array<std::int64_t, 4> widest{}; // of the columns that are kept beside a product
    for (const BlockLinears& linears : layers) {
        const std::vector<FusedLinear> fused = fusedLinears(model, linears);
        const FusedLinear &qkv = fused[0], &out = fused[1];
        input = std::max(input, qkv.in + qkv.rank);
        inputGradient = std::max({inputGradient, qkv.in + qkv.rank, out.in + out.rank});
        joined = qkv.out, gateUp = fused[2].out;
        attention = std::max(attention, out.rank);
        everyWhere += out.rank;
        std::array<std::int64_t, 4> here{}; // the same of this block
        for (std::size_t i = 0; i < fused.size(); ++i) {
            const FusedLinear& linear = fused[i];
            const std::size_t kind = i < 2 ? i : 2 + i % 2;
            if (kind == 2 && mixture)
                expertInput = std::max(expertInput, linear.in + linear.rank);
            else if (kind == 2)
                input = std::max(input, linear.in + linear.rank), inputGradient = std::max(inputGradient, linear.in + linear.rank);
            else if (kind == 3)
                inner = std::max(inner, linear.in + linear.rank);
            const bool unscaled = linear.rank > 0 && dora;
            here[kind] = std::max(here[kind], linear.rank + (unscaled ? linear.out : 0));
            if (unscaled)
                scaled = std::max(scaled, linear.out);
            if (linear.rank > 0 && drops)
                dropped = std::max(dropped, linear.in); // one product's input, without what its adapter leaves out
            if (packs)
                unpacked = std::max(unpacked, linear.out * (linear.in + linear.rank) * type); // with its adapters' columns
        }
        everyWhere += here[0] + here[1] + (mixture ? 0 : here[2] + here[3]);
        keptByExperts += here[2] + here[3];
        for (std::size_t kind = 0; kind < widest.size(); ++kind)
            widest[kind] = std::max(widest[kind], here[kind]);
    }
    // The router's probabilities and choices; per row of an expert its token and weight, gate and up.
    const std::int64_t router = mixture ? (model.experts + 2 * model.expertsPerToken) * kF32Bytes : 0;
    const std::int64_t expertRow = 2 * kF32Bytes + gateUp * type;
    const std::int64_t everyBlock = residual + (2 * 2 + model.heads) * kF32Bytes + ofNorms +
                                    (2 * query + 2 * kv + (mixture ? 0 : gateUp)) * type + router;
    // Computed again: one set of buffers for all blocks, each as wide as the widest block needs.
    const bool oneSet = shape.recompute || shape.forwardOnly;
    const std::int64_t kept = oneSet
                                  ? everyBlock + (attention + widest[0] + widest[1] + (mixture ? 0 : widest[2] + widest[3])) * type
                                  : model.layers * everyBlock + everyWhere * type;
    const bool multiplied = model.residualMultiplier != 1.0;
    const std::int64_t narrow = type < kF32Bytes || multiplied ? hidden : 0;
    const std::int64_t branch = model.postNorm ? hidden * type : multiplied ? residual : 0;
    const std::int64_t branchGradient = model.postNorm || model.layout != BlockLayout::Sequential ? residual : 0;
    const std::int64_t shared = (input + inputGradient + joined + (mixture ? model.experts : 2 * inner) + narrow + query + dropped + scaled) * type +
                                2 * kv * kF32Bytes + 2 * residual + branch + branchGradient;
    const std::int64_t perToken = model.layers * residual + kept + shared;
    // Experts: what blocks keep for each of their rows, and what they share: inputs, inner values, outputs, their gradients and
    // those of the weights.
    const std::int64_t perRow = (shape.recompute ? expertRow + (widest[2] + widest[3]) * type
                                                 : model.layers * expertRow + keptByExperts * type) +
                                (2 * expertInput + 2 * inner + hidden) * type + residual + kF32Bytes;
    const std::int64_t expertRows = mixture ? t * model.expertsPerToken + kExpertRound * model.experts : 0;
    if (shape.forwardOnly) { // one set of buffers for all blocks, two residuals that take turns; logits only of last positions
        const std::int64_t passing = (input + joined + (mixture ? 0 : inner)) * type + residual + branch;
        return unpacked + t * (residual + everyBlock + passing) + expertRows * (expertRow + (expertInput + inner + hidden) * type);
    }

    // The head works on chunks of targets: logits, the rows in f32 and normalised, their gradients, and sums.
    const std::int64_t most = std::clamp<std::int64_t>(
        kLogitBytes / std::max<std::int64_t>(1, model.vocabularySize * type) / kRowRound * kRowRound, kRowRound, kLogitRows);
    const std::int64_t rows = std::min(most, roundedUp(std::max<std::int64_t>(1, shape.targets), kRowRound));
    return unpacked + t * perToken + expertRows * perRow + rows * ((model.vocabularySize + 2 * hidden) * type + 2 * residual + 3 * kF32Bytes);
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

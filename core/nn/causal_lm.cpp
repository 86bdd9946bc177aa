#include "core/nn/causal_lm.h"

#include <cmath>
#include <numbers>

#include <unistd.h>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/base/rng.h"

namespace attune {

namespace {

Status checkShape(const ModelConfig& c) {
    const auto need = [](bool ok, const char* what) -> Status {
        if (!ok)
            return fail(ErrorCode::Unsupported, std::string("The model's shape is impossible: ") + what + ".",
                        "Check config.json of the model.");
        return {};
    };
    ATTUNE_CHECK(need(c.vocabularySize > 0 && c.hiddenSize > 0 && c.layers > 0 && c.intermediateSize > 0,
                      "vocabulary, hidden size, layers and intermediate size must be positive"));
    ATTUNE_CHECK(need(c.heads > 0 && c.kvHeads > 0 && c.heads % c.kvHeads == 0,
                      "the number of heads must be a multiple of the number of key/value heads"));
    ATTUNE_CHECK(need(c.headDim > 0 && (c.positions != PositionKind::Rope || c.headDim % 2 == 0),
                      "the head dimension must be positive, and even with rotary positions"));
    ATTUNE_CHECK(need(c.rotaryDim >= 0 && c.rotaryDim <= c.headDim && c.rotaryDim % 2 == 0,
                      "the rotated part of a head must be even and at most the head"));
    ATTUNE_CHECK(need(c.localLayers.empty() || static_cast<std::int64_t>(c.localLayers.size()) == c.layers,
                      "the list of local layers must name every layer"));
    ATTUNE_CHECK(need(c.layout == BlockLayout::Sequential || !c.postNorm, "parallel branches have no norms behind them"));
    ATTUNE_CHECK(need(c.contextLength > 0, "the context length must be positive"));
    return {};
}

// A declared size must not be believed before it is compared with the machine: products in double cannot overflow.
Status checkMemory(const ModelConfig& c, const ComputeSettings& settings) {
    if (!settings.device.is_cpu())
        return {};
    const auto d = [](std::int64_t v) { return static_cast<double>(v); };
    const double perLayer = d(c.hiddenSize) * (2.0 * d(c.heads) * d(c.headDim) + 2.0 * d(c.kvHeads) * d(c.headDim)) +
                            3.0 * d(c.hiddenSize) * d(c.intermediateSize);
    const double bytes = (d(c.layers) * perLayer + 2.0 * d(c.vocabularySize) * d(c.hiddenSize)) *
                         d(static_cast<std::int64_t>(c10::elementSize(settings.dtype)));
    const double machine = d(sysconf(_SC_PHYS_PAGES)) * d(sysconf(_SC_PAGE_SIZE));
    if (machine > 0 && bytes > machine)
        return fail(ErrorCode::OutOfMemory,
                    "The model needs " + std::to_string(static_cast<std::int64_t>(bytes / 1e9)) +
                        " GB for its weights, the computer has " +
                        std::to_string(static_cast<std::int64_t>(machine / 1e9)) + " GB.",
                    "Choose a smaller model.");
    return {};
}

Linear makeLinear(const std::string& prefix, const std::vector<std::pair<std::string, std::int64_t>>& parts,
                  std::int64_t in, bool bias, const at::TensorOptions& options) {
    Linear linear;
    for (const auto& [name, rows] : parts) {
        const std::int64_t begin = linear.parts.empty() ? 0 : linear.parts.back().begin + linear.parts.back().rows;
        linear.parts.push_back({prefix + name, begin, rows, nullptr});
    }
    const std::int64_t out = linear.parts.back().begin + linear.parts.back().rows;
    if (parts.size() == 1)
        linear.weight.name = prefix + parts[0].first + ".weight";
    linear.weight.compute = at::empty({out, in}, options);
    if (bias) {
        if (parts.size() == 1)
            linear.bias.name = prefix + parts[0].first + ".bias";
        linear.bias.compute = at::empty({out}, options);
    }
    return linear;
}

Norm makeNorm(const std::string& name, std::int64_t width, NormKind kind, const at::TensorOptions& options) {
    Norm norm;
    norm.weight = {name + ".weight", at::empty({width}, options), nullptr};
    if (kind == NormKind::LayerNorm)
        norm.bias = {name + ".bias", at::empty({width}, options), nullptr};
    return norm;
}

void makeNorms(Block& block, const std::string& prefix, const ModelConfig& config, const at::TensorOptions& options) {
    const auto make = [&](const char* name) { return makeNorm(prefix + name, config.hiddenSize, config.norm, options); };
    if (config.preNorm) {
        block.attentionNorm = make("input_layernorm");
        if (config.layout != BlockLayout::ParallelSharedNorm)
            block.mlpNorm = make("post_attention_layernorm");
    }
    if (config.postNorm)
        block.attentionPostNorm = make("post_self_attn_layernorm"), block.mlpPostNorm = make("post_mlp_layernorm");
    if (config.qkNorm != QkNorm::None) {
        const bool head = config.qkNorm == QkNorm::Head;
        block.queryNorm = makeNorm(prefix + "self_attn.q_norm", head ? config.headDim : config.queryWidth(),
                                   NormKind::RmsNorm, options);
        block.keyNorm = makeNorm(prefix + "self_attn.k_norm", head ? config.headDim : config.kvWidth(),
                                 NormKind::RmsNorm, options);
    }
}

// The name under which a fused weight is trained and its moments are stored: the parts' common prefix and what it
// holds.
std::string fusedName(const Linear& linear) {
    const std::string& first = linear.parts.front().name;
    const std::string prefix = first.substr(0, first.rfind('.') + 1);
    return prefix + (linear.parts.size() == 3 ? "qkv_proj" : "gate_up_proj");
}

void train(Weight& weight, const std::string& name, bool decay, at::ScalarType master) {
    auto parameter = std::make_unique<Parameter>();
    parameter->name = name;
    parameter->decay = decay;
    parameter->value = weight.compute.scalar_type() == master && weight.compute.is_contiguous()
                           ? weight.compute
                           : weight.compute.to(master).contiguous();
    parameter->grad = at::zeros(parameter->value.sizes(), parameter->value.options());
    weight.trained = std::move(parameter);
}

void refresh(Weight& weight) {
    if (weight.trained && !weight.trained->value.is_alias_of(weight.compute))
        weight.compute.copy_(weight.trained->value);
}

// Four normals of one counter (Box-Muller), so that element i is the same for any number of threads.
void fillNormal(float* values, std::int64_t begin, std::int64_t end, std::uint64_t seed, std::uint64_t stream,
                float deviation) {
    for (std::int64_t block = begin / 4; block * 4 < end; ++block) {
        const auto words = philox(seed, stream, static_cast<std::uint64_t>(block));
        for (std::int64_t pair = 0; pair < 2; ++pair) {
            const float u = (static_cast<float>(words[2 * pair] >> 8) + 1.0f) * 0x1.0p-24f; // (0, 1]
            const float angle =
                static_cast<float>(words[2 * pair + 1] >> 8) * 0x1.0p-24f * 2.0f * std::numbers::pi_v<float>;
            const float radius = deviation * std::sqrt(-2.0f * std::log(u));
            const std::int64_t i = block * 4 + pair * 2;
            if (i >= begin && i < end)
                values[i - begin] = radius * std::cos(angle);
            if (i + 1 >= begin && i + 1 < end)
                values[i + 1 - begin] = radius * std::sin(angle);
        }
    }
}

void initializeNormal(at::Tensor tensor, std::uint64_t seed, std::uint64_t stream, float deviation) {
    const std::int64_t rows = tensor.size(0), columns = tensor.size(1);
    constexpr std::int64_t kRowsAtOnce = 1024; // a small f32 staging area instead of a second copy of the tensor
    at::Tensor staging = at::empty({std::min(rows, kRowsAtOnce), columns}, at::kFloat);
    for (std::int64_t row = 0; row < rows; row += kRowsAtOnce) {
        const std::int64_t count = std::min(kRowsAtOnce, rows - row);
        float* data = staging.data_ptr<float>();
        at::parallel_for(0, count * columns, 16384, [&](std::int64_t begin, std::int64_t end) {
            fillNormal(data + begin, row * columns + begin, row * columns + end, seed, stream, deviation);
        });
        tensor.narrow(0, row, count).copy_(staging.narrow(0, 0, count));
    }
}

} // namespace

Result<std::unique_ptr<CausalLm>> CausalLm::create(const ModelConfig& config, const ComputeSettings& settings) {
    ATTUNE_CHECK(checkShape(config));
    ATTUNE_CHECK(checkMemory(config, settings));
    if (settings.dtype != at::kFloat && settings.dtype != at::kBFloat16 && settings.dtype != at::kDouble)
        return fail(ErrorCode::Unsupported, "The model can compute in float32, bfloat16 or float64 only.", {});
    try {
        std::unique_ptr<CausalLm> model(new CausalLm);
        model->m_config = config;
        model->m_settings = settings;
        const at::TensorOptions options = at::TensorOptions().dtype(settings.dtype).device(settings.device);
        const at::TensorOptions normOptions = options.dtype(model->masterType());
        const std::int64_t hidden = config.hiddenSize, query = config.queryWidth(), kv = config.kvWidth();
        model->embedding = {"model.embed_tokens.weight", at::empty({config.vocabularySize, hidden}, options), nullptr};
        if (config.positions == PositionKind::Learned)
            model->positions = {"model.embed_positions.weight", at::empty({config.contextLength, hidden}, options),
                                nullptr};
        for (std::int64_t layer = 0; layer < config.layers; ++layer) {
            const std::string prefix = "model.layers." + std::to_string(layer) + ".";
            Block block;
            makeNorms(block, prefix, config, normOptions);
            block.qkv = makeLinear(prefix + "self_attn.", {{"q_proj", query}, {"k_proj", kv}, {"v_proj", kv}}, hidden,
                                   config.qkvBias, options);
            block.attentionOut =
                makeLinear(prefix + "self_attn.", {{"o_proj", hidden}}, query, config.attentionOutputBias, options);
            std::vector<std::pair<std::string, std::int64_t>> up;
            if (config.gatedMlp)
                up.emplace_back("gate_proj", config.intermediateSize);
            up.emplace_back("up_proj", config.intermediateSize);
            block.gateUp = makeLinear(prefix + "mlp.", up, hidden, config.mlpBias, options);
            block.down =
                makeLinear(prefix + "mlp.", {{"down_proj", hidden}}, config.intermediateSize, config.mlpBias, options);
            model->blocks.push_back(std::move(block));
        }
        model->finalNorm = makeNorm("model.norm", hidden, config.norm, normOptions);
        model->head = {"lm_head.weight",
                       config.tiedHead ? model->embedding.compute : at::empty({config.vocabularySize, hidden}, options),
                       nullptr};
        if (config.headBias)
            model->headBias = {"lm_head.bias", at::empty({config.vocabularySize}, options), nullptr};
        return model;
    } catch (const std::exception& exception) {
        return fail(ErrorCode::OutOfMemory, std::string("The model's weights do not fit: ") + exception.what(),
                    "Close other programs or choose a smaller model.");
    }
}

std::vector<CausalLm::NamedTensor> CausalLm::baseTensors() const {
    std::vector<NamedTensor> tensors;
    const auto add = [&](const Weight& weight) {
        if (weight.defined())
            tensors.push_back({weight.name, weight.compute});
    };
    const auto addLinear = [&](const Linear& linear) {
        for (const LinearPart& part : linear.parts) {
            tensors.push_back({part.name + ".weight", linear.weight.compute.narrow(0, part.begin, part.rows)});
            if (linear.bias.defined())
                tensors.push_back({part.name + ".bias", linear.bias.compute.narrow(0, part.begin, part.rows)});
        }
    };
    add(embedding);
    add(positions);
    const auto addNorm = [&](const Norm& norm) { add(norm.weight), add(norm.bias); };
    for (const Block& block : blocks)
        Block::visit(block, addNorm, addLinear);
    addNorm(finalNorm);
    if (!m_config.tiedHead)
        add(head);
    add(headBias);
    return tensors;
}

void CausalLm::initializeRandom(std::uint64_t seed) {
    const float residual = 0.02f / std::sqrt(2.0f * static_cast<float>(m_config.layers));
    std::uint64_t stream = 0x494e495400000000ull; // a stream of its own ("INIT"), one per tensor
    for (NamedTensor& named : baseTensors()) {
        ++stream;
        const bool writesResidual = named.name.ends_with("o_proj.weight") || named.name.ends_with("down_proj.weight");
        if (named.tensor.dim() == 2)
            initializeNormal(named.tensor, seed, stream, writesResidual ? residual : 0.02f);
        else
            named.tensor.fill_(named.name.ends_with(".bias") ? 0.0 : 1.0);
    }
    for (Weight* weight : weights()) // masters follow; a no-op where they are the same memory
        if (weight->trained)
            weight->trained->value.copy_(weight->compute);
}

std::vector<Weight*> CausalLm::weights() {
    std::vector<Weight*> all;
    const auto add = [&](Weight& weight) {
        if (weight.defined())
            all.push_back(&weight);
    };
    add(embedding), add(positions);
    const auto addBoth = [&](auto& layer) { add(layer.weight), add(layer.bias); };
    for (Block& block : blocks)
        Block::visit(block, addBoth, addBoth);
    addBoth(finalNorm);
    if (!m_config.tiedHead)
        add(head);
    add(headBias);
    return all;
}

std::vector<LinearPart*> CausalLm::linearParts() {
    std::vector<LinearPart*> parts;
    for (Block& block : blocks)
        for (Linear* linear : block.linears())
            for (LinearPart& part : linear->parts)
                parts.push_back(&part);
    return parts;
}

std::vector<Parameter*> CausalLm::trainable() {
    std::vector<Parameter*> parameters;
    for (Weight* weight : weights())
        if (weight->trained)
            parameters.push_back(weight->trained.get());
    for (LinearPart* part : linearParts())
        if (part->lora) {
            parameters.push_back(&part->lora->a);
            parameters.push_back(&part->lora->b);
        }
    if (scoreHead)
        parameters.push_back(scoreHead.get());
    return parameters;
}

std::int64_t CausalLm::trainableCount() {
    std::int64_t count = 0;
    for (const Parameter* parameter : trainable())
        count += parameter->value.numel();
    return count;
}

void CausalLm::zeroGradients() {
    for (Parameter* parameter : trainable())
        if (parameter->grad.defined())
            parameter->grad.zero_();
}

void CausalLm::trainAllWeights() {
    const at::ScalarType master = masterType();
    train(embedding, embedding.name, true, master);
    if (positions.defined())
        train(positions, positions.name, true, master);
    const auto trainNorm = [&](Norm& norm) {
        train(norm.weight, norm.weight.name, false, master);
        if (norm.bias.defined())
            train(norm.bias, norm.bias.name, false, master);
    };
    for (Block& block : blocks) {
        for (Norm* norm : block.norms())
            trainNorm(*norm);
        for (Linear* linear : block.linears()) {
            const std::string name = linear->parts.size() == 1 ? linear->parts[0].name : fusedName(*linear);
            train(linear->weight, name + ".weight", true, master);
            if (linear->bias.defined())
                train(linear->bias, name + ".bias", false, master);
        }
    }
    trainNorm(finalNorm);
    if (!m_config.tiedHead)
        train(head, head.name, true, master);
    if (headBias.defined())
        train(headBias, headBias.name, false, master);
}

void CausalLm::addScoreHead(std::uint64_t seed) {
    auto made = std::make_unique<Parameter>();
    made->name = "score.weight";
    at::Tensor drawn = at::empty({1, m_config.hiddenSize}, at::kFloat);
    fillNormal(drawn.data_ptr<float>(), 0, m_config.hiddenSize, seed, 0x53434f5245000000ull, 0.02f); // "SCORE"
    made->value = drawn.to(at::TensorOptions().dtype(masterType()).device(m_settings.device));
    made->grad = at::zeros_like(made->value);
    scoreHead = std::move(made);
}

void CausalLm::prepareAdapters() {
    for (Block& block : blocks)
        for (Linear* linear : block.linears()) {
            std::int64_t rank = 0;
            for (const LinearPart& part : linear->parts)
                rank += part.lora ? part.lora->rank() : 0;
            if (rank == 0 && linear->adapterRank() == 0)
                continue;
            const at::Tensor base = linear->weight.compute;
            const std::int64_t out = base.size(0), in = base.size(1);
            at::Tensor storage = at::zeros({out, in + rank}, base.options());
            at::Tensor moved = storage.narrow(1, 0, in);
            moved.copy_(base);
            if (linear->weight.trained && linear->weight.trained->value.is_alias_of(base))
                linear->weight.trained->value = base.contiguous();
            linear->weight.compute = moved;
            linear->augmented = rank > 0 ? storage : at::Tensor();
            linear->loraA = rank > 0 ? at::empty({rank, in}, base.options()) : at::Tensor();
            linear->loraAGradient = rank > 0 ? at::zeros({rank, in}, base.options().dtype(masterType())) : at::Tensor();
            std::int64_t row = 0;
            for (LinearPart& part : linear->parts) {
                if (!part.lora)
                    continue;
                part.lora->a.grad = linear->loraAGradient.narrow(0, row, part.lora->rank());
                part.lora->b.grad = at::zeros_like(part.lora->b.value);
                row += part.lora->rank();
            }
        }
}

void CausalLm::refreshComputeWeights() {
    for (Weight* weight : weights())
        refresh(*weight);
    for (Block& block : blocks)
        for (Linear* linear : block.linears()) {
            std::int64_t column = 0;
            for (const LinearPart& part : linear->parts) {
                if (!part.lora)
                    continue;
                const std::int64_t rank = part.lora->rank();
                linear->loraA.narrow(0, column, rank).copy_(part.lora->a.value);
                linear->augmented.narrow(0, part.begin, part.rows)
                    .narrow(1, linear->inFeatures() + column, rank)
                    .copy_(part.lora->b.value * part.lora->scale);
                column += rank;
            }
        }
}

} // namespace attune

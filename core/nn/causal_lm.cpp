#include "core/nn/causal_lm.h"

#include <algorithm>
#include <cmath>

#include <unistd.h>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include "core/nn/random_weights.h"

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
    const double element = d(static_cast<std::int64_t>(c10::elementSize(settings.dtype)));
    const double packed = settings.linears != LinearFormat::Plain ? 4.13 / 8.0 : element;
    const double bytes = d(c.layers) * perLayer * packed + 2.0 * d(c.vocabularySize) * d(c.hiddenSize) * element;
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
                  std::int64_t in, bool bias, const at::TensorOptions& options, bool packed) {
    Linear linear;
    for (const auto& [name, rows] : parts) {
        LinearPart part;
        part.name = prefix + name;
        part.begin = linear.out;
        part.rows = rows;
        linear.out += rows;
        linear.parts.push_back(std::move(part));
    }
    const std::int64_t out = linear.out;
    linear.in = in;
    linear.packed = packed;
    if (parts.size() == 1)
        linear.weight.name = prefix + parts[0].first + ".weight";
    if (!packed)
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
        const bool packed = model->packed();
        model->embedding = {"model.embed_tokens.weight", at::empty({config.vocabularySize, hidden}, options), nullptr};
        if (config.positions == PositionKind::Learned)
            model->positions = {"model.embed_positions.weight", at::empty({config.contextLength, hidden}, options),
                                nullptr};
        for (std::int64_t layer = 0; layer < config.layers; ++layer) {
            const std::string prefix = "model.layers." + std::to_string(layer) + ".";
            Block block;
            block.origin = layer;
            makeNorms(block, prefix, config, normOptions);
            block.qkv = makeLinear(prefix + "self_attn.", {{"q_proj", query}, {"k_proj", kv}, {"v_proj", kv}}, hidden,
                                   config.qkvBias, options, packed);
            block.attentionOut =
                makeLinear(prefix + "self_attn.", {{"o_proj", hidden}}, query, config.attentionOutputBias, options, packed);
            std::vector<std::pair<std::string, std::int64_t>> up;
            if (config.gatedMlp)
                up.emplace_back("gate_proj", config.intermediateSize);
            up.emplace_back("up_proj", config.intermediateSize);
            block.gateUp = makeLinear(prefix + "mlp.", up, hidden, config.mlpBias, options, packed);
            block.down =
                makeLinear(prefix + "mlp.", {{"down_proj", hidden}}, config.intermediateSize, config.mlpBias, options, packed);
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

// f(name, tensor, linear, part): every base parameter in order; of packed weights `linear` and `part`, no tensor.
template <class F>
void CausalLm::visitBase(F&& f) {
    const auto add = [&](const Weight& weight) {
        if (weight.defined())
            f(weight.name, weight.compute, nullptr, nullptr);
    };
    const auto addLinear = [&](Linear& linear) {
        for (LinearPart& part : linear.parts) {
            if (linear.packed)
                f(part.name + ".weight", at::Tensor(), &linear, &part);
            else
                f(part.name + ".weight", linear.weight.compute.narrow(0, part.begin, part.rows), nullptr, nullptr);
            if (linear.bias.defined())
                f(part.name + ".bias", linear.bias.compute.narrow(0, part.begin, part.rows), nullptr, nullptr);
        }
    };
    add(embedding);
    add(positions);
    const auto addNorm = [&](const Norm& norm) { add(norm.weight), add(norm.bias); };
    for (Block& block : blocks)
        Block::visit(block, addNorm, addLinear);
    addNorm(finalNorm);
    if (!m_config.tiedHead)
        add(head);
    add(headBias);
}

std::vector<CausalLm::NamedTensor> CausalLm::baseTensors() const {
    std::vector<NamedTensor> tensors;
    const_cast<CausalLm*>(this)->visitBase( // the visitor only reads
        [&](const std::string& name, const at::Tensor& tensor, const Linear*, const LinearPart*) {
            if (tensor.defined())
                tensors.push_back({name, tensor});
        });
    return tensors;
}

std::vector<CausalLm::PackedPart> CausalLm::packedParts() {
    std::vector<PackedPart> parts;
    for (Block& block : blocks)
        for (Linear* linear : block.linears())
            for (LinearPart& part : linear->parts)
                if (linear->packed)
                    parts.push_back({part.name + ".weight", linear, &part});
    return parts;
}

void Linear::unpackRows(std::int64_t first, std::int64_t count, void* to, std::int64_t stride,
                        at::ScalarType type) const {
    const auto size = static_cast<std::int64_t>(c10::elementSize(type));
    for (const LinearPart& part : parts) {
        const std::int64_t begin = std::max(first, part.begin), end = std::min(first + count, part.begin + part.rows);
        if (begin >= end)
            continue;
        auto* data = static_cast<std::byte*>(to) + (begin - first) * stride * size;
        if (part.nf4)
            dequantizeNf4Rows(*part.nf4, begin - part.begin, end - begin, data, stride, type);
        else
            at::from_blob(data, {end - begin, in}, {stride, 1}, at::TensorOptions().dtype(type))
                .copy_(part.plain.narrow(0, begin - part.begin, end - begin));
    }
}

void Linear::readRows(std::int64_t first, const at::Tensor& to) const {
    if (!packed) {
        at::Tensor(to).copy_(weight.compute.narrow(0, first, to.size(0)));
        return;
    }
    const std::int64_t stride = to.stride(0);
    auto* data = static_cast<std::byte*>(to.data_ptr());
    at::parallel_for(0, to.size(0), 8, [&](std::int64_t begin, std::int64_t end) {
        unpackRows(first + begin, end - begin, data + begin * stride * static_cast<std::int64_t>(to.element_size()), stride,
                   to.scalar_type());
    });
}

void CausalLm::unpack(Linear& linear) {
    const at::Tensor whole =
        at::empty({linear.out, linear.in}, at::TensorOptions().dtype(m_settings.dtype).device(m_settings.device));
    linear.readRows(0, whole);
    linear.weight.compute = whole;
    linear.packed = false;
    for (LinearPart& part : linear.parts)
        part.nf4.reset(), part.plain = at::Tensor();
}

void CausalLm::unpackPlainLayers() {
    for (Block& block : blocks)
        for (Linear* linear : block.linears())
            if (linear->packed && std::none_of(linear->parts.begin(), linear->parts.end(),
                                               [](const LinearPart& part) { return part.nf4 != nullptr; }))
                unpack(*linear);
}

void CausalLm::packLinears() {
    for (Block& block : blocks)
        for (Linear* linear : block.linears()) {
            if (linear->packed)
                continue;
            for (LinearPart& part : linear->parts)
                part.nf4 = std::make_unique<Nf4Matrix>(
                    quantizeNf4(linear->weight.compute.narrow(0, part.begin, part.rows)));
            linear->weight.compute = at::Tensor();
            linear->packed = true;
        }
    m_settings.linears = LinearFormat::Nf4;
}

void CausalLm::initializeRandom(std::uint64_t seed) {
    std::uint64_t number = 0;
    visitBase([&](const std::string& name, const at::Tensor& tensor, Linear* linear, LinearPart* part) {
        ++number;
        if (!linear)
            return randomWeight(name, tensor, m_config.layers, seed, number);
        const at::Tensor whole = at::empty({part->rows, linear->in}, m_settings.dtype);
        randomWeight(name, whole, m_config.layers, seed, number);
        part->nf4 = std::make_unique<Nf4Matrix>(quantizeNf4(whole));
    });
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
            if (part->lora->magnitude.value.defined())
                parameters.push_back(&part->lora->magnitude);
        }
    if (scoreHead)
        parameters.push_back(scoreHead.get());
    if (valueHead)
        parameters.insert(parameters.end(), {&valueHead->weight, &valueHead->bias});
    if (prompt)
        parameters.push_back(&prompt->embeddings);
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

namespace {

void trainNorm(Norm& norm, at::ScalarType master) {
    train(norm.weight, norm.weight.name, false, master);
    if (norm.bias.defined())
        train(norm.bias, norm.bias.name, false, master);
}

void trainBlock(Block& block, at::ScalarType master) {
    for (Norm* norm : block.norms())
        trainNorm(*norm, master);
    for (Linear* linear : block.linears()) {
        const std::string name = linear->parts.size() == 1 ? linear->parts[0].name : fusedName(*linear);
        train(linear->weight, name + ".weight", true, master);
        if (linear->bias.defined())
            train(linear->bias, name + ".bias", false, master);
    }
}

} // namespace

void CausalLm::trainBlocks(const std::set<std::int64_t>& numbers) {
    for (const std::int64_t number : numbers)
        trainBlock(blocks.at(static_cast<std::size_t>(number)), masterType());
}

void CausalLm::trainAllWeights(const std::set<std::int64_t>& frozenBlocks, bool embeddings) {
    const at::ScalarType master = masterType();
    if (embeddings)
        train(embedding, embedding.name, true, master);
    if (embeddings && positions.defined())
        train(positions, positions.name, true, master);
    for (std::size_t layer = 0; layer < blocks.size(); ++layer)
        if (!frozenBlocks.contains(static_cast<std::int64_t>(layer)))
            trainBlock(blocks[layer], master);
    trainNorm(finalNorm, master);
    if (embeddings && !m_config.tiedHead)
        train(head, head.name, true, master);
    if (embeddings && headBias.defined())
        train(headBias, headBias.name, false, master);
}

void CausalLm::addScoreHead(std::uint64_t seed) {
    auto made = std::make_unique<Parameter>();
    made->name = "score.weight";
    const at::Tensor drawn = at::empty({1, m_config.hiddenSize}, at::kFloat);
    initializeNormal(drawn, seed, 0x53434f5245000000ull, 0.02f); // "SCORE"
    made->value = drawn.to(at::TensorOptions().dtype(masterType()).device(m_settings.device));
    made->grad = at::zeros_like(made->value);
    scoreHead = std::move(made);
}

void CausalLm::addValueHead() {
    const at::TensorOptions options = at::TensorOptions().dtype(masterType()).device(m_settings.device);
    auto made = std::make_unique<ValueHead>();
    made->weight.name = "v_head.summary.weight", made->bias.name = "v_head.summary.bias";
    made->bias.decay = false;
    made->weight.value = at::zeros({1, m_config.hiddenSize}, options), made->bias.value = at::zeros({1}, options);
    for (Parameter* parameter : {&made->weight, &made->bias})
        parameter->grad = at::zeros_like(parameter->value);
    valueHead = std::move(made);
}

void CausalLm::prepareAdapters() {
    for (Block& block : blocks)
        for (Linear* linear : block.linears()) {
            std::int64_t rank = 0;
            for (const LinearPart& part : linear->parts)
                rank += part.lora ? part.lora->rank() : 0;
            if (rank == 0 && linear->adapterRank() == 0)
                continue;
            const at::TensorOptions options = at::TensorOptions().dtype(m_settings.dtype).device(m_settings.device);
            const std::int64_t out = linear->out, in = linear->in;
            linear->augmented = linear->scaledB = at::Tensor();
            if (linear->packed) {
                linear->scaledB = rank > 0 ? at::zeros({out, rank}, options) : at::Tensor();
            } else {
                const at::Tensor base = linear->weight.compute;
                at::Tensor storage = at::zeros({out, in + rank}, options);
                at::Tensor moved = storage.narrow(1, 0, in);
                moved.copy_(base);
                if (linear->weight.trained && linear->weight.trained->value.is_alias_of(base))
                    linear->weight.trained->value = base.contiguous();
                linear->weight.compute = moved;
                if (rank > 0)
                    linear->augmented = storage, linear->scaledB = storage.narrow(1, in, rank);
            }
            linear->loraA = rank > 0 ? at::empty({rank, in}, options) : at::Tensor();
            linear->loraAGradient = rank > 0 ? at::zeros({rank, in}, options.dtype(masterType())) : at::Tensor();
            std::int64_t row = 0;
            for (LinearPart& part : linear->parts) {
                if (!part.lora)
                    continue;
                part.lora->a.grad = linear->loraAGradient.narrow(0, row, part.lora->rank());
                part.lora->b.grad = at::zeros_like(part.lora->b.value);
                if (part.lora->magnitude.value.defined())
                    part.lora->magnitude.grad = at::zeros_like(part.lora->magnitude.value);
                row += part.lora->rank();
            }
        }
}

void CausalLm::setAdaptersEnabled(bool enabled) {
    if (enabled == m_adaptersEnabled)
        return;
    m_adaptersEnabled = enabled;
    for (const Block& block : blocks)
        for (const Linear* linear : {&block.qkv, &block.attentionOut, &block.gateUp, &block.down})
            if (linear->needsStart)
                return refreshComputeWeights();
}

// Rows of W + scale * B A in stretches: the whole of it never exists.
void CausalLm::refreshRowScale(Linear& linear) {
    constexpr std::int64_t kRows = 256;
    const at::TensorOptions options = at::TensorOptions().dtype(masterType()).device(m_settings.device);
    bool any = false;
    for (const LinearPart& part : linear.parts)
        any |= part.lora && part.lora->magnitude.value.defined();
    if (!any) {
        linear.rowNorm = linear.rowScale = at::Tensor();
        return;
    }
    linear.rowNorm = at::ones({linear.out}, options);
    linear.rowScale = at::ones({linear.out}, options);
    const at::Tensor staging = at::empty({std::min(kRows, linear.out), linear.in}, options);
    for (const LinearPart& part : linear.parts) {
        if (!part.lora || !part.lora->magnitude.value.defined())
            continue;
        for (std::int64_t row = 0; row < part.rows; row += kRows) {
            const std::int64_t count = std::min(kRows, part.rows - row);
            at::Tensor weight = staging.narrow(0, 0, count);
            linear.readRows(part.begin + row, weight);
            weight.addmm_(part.lora->b.value.narrow(0, row, count), part.lora->a.value, 1, part.lora->scale);
            linear.rowNorm.narrow(0, part.begin + row, count).copy_(weight.norm(2, 1));
        }
        linear.rowScale.narrow(0, part.begin, part.rows)
            .copy_(part.lora->magnitude.value / linear.rowNorm.narrow(0, part.begin, part.rows));
    }
}

void CausalLm::refreshComputeWeights() {
    at::NoGradGuard noGrad;
    for (Weight* weight : weights())
        refresh(*weight);
    for (Block& block : blocks)
        for (Linear* linear : block.linears()) {
            std::int64_t column = 0;
            linear->needsStart = false;
            for (const LinearPart& part : linear->parts) {
                if (!part.lora)
                    continue;
                const LoraAdapter& lora = *part.lora;
                const std::int64_t rank = lora.rank();
                const at::Tensor& a = m_adaptersEnabled || !lora.startA.defined() ? lora.a.value : lora.startA;
                const at::Tensor& b = m_adaptersEnabled || !lora.startB.defined() ? lora.b.value : lora.startB;
                // Beside a part that needs its start, one that does not must add nothing while adapters are off.
                const double scale = m_adaptersEnabled || lora.startA.defined() ? lora.scale : 0.0;
                linear->needsStart |= lora.startA.defined();
                linear->loraA.narrow(0, column, rank).copy_(a);
                linear->scaledB.narrow(0, part.begin, part.rows).narrow(1, column, rank).copy_(b * scale);
                column += rank;
            }
            refreshRowScale(*linear);
        }
}

} // namespace attune

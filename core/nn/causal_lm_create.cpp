// CausalLm::create: a shape that can be, memory that is there, and all tensors of the network, uninitialised.
#include "core/nn/causal_lm.h"

#include <algorithm>

#include <unistd.h>

#include <ATen/ATen.h>

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
    ATTUNE_CHECK(need(c.experts == 0 || (c.expertsPerToken > 0 && c.expertsPerToken <= c.experts),
                      "a token's experts must be at least one and at most all"));
    ATTUNE_CHECK(need(c.experts == 0 || (c.gatedMlp && !c.mlpBias && !c.postNorm && c.layout == BlockLayout::Sequential &&
                                         c.residualMultiplier == 1.0),
                      "experts are gated, without biases, norms behind them, parallel branches and multipliers"));
    ATTUNE_CHECK(need(c.contextLength > 0, "the context length must be positive"));
    return {};
}

// A declared size must not be believed before it is compared with the machine: products in double cannot overflow.
Status checkMemory(const ModelConfig& c, const ComputeSettings& settings) {
    if (!settings.device.is_cpu())
        return {};
    const auto d = [](std::int64_t v) { return static_cast<double>(v); };
    const double perLayer = d(c.hiddenSize) * (2.0 * d(c.heads) * d(c.headDim) + 2.0 * d(c.kvHeads) * d(c.headDim)) +
                            3.0 * d(c.hiddenSize) * d(c.intermediateSize) * d(std::max<std::int64_t>(1, c.experts));
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

} // namespace

Result<std::unique_ptr<CausalLm>> CausalLm::create(const ModelConfig& config, const ComputeSettings& settings) {
    ATTUNE_CHECK(checkShape(config));
    ATTUNE_CHECK(checkMemory(config, settings));
    if (settings.dtype != at::kFloat && settings.dtype != at::kBFloat16 && settings.dtype != at::kDouble)
        return fail(ErrorCode::Unsupported, "The model can compute in float32, bfloat16 or float64 only.", {});
    if (config.experts > 0 && !settings.device.is_cpu())
        return fail(ErrorCode::Unsupported, "A mixture of experts can be computed on the CPU only.", "Choose the CPU as device.");
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
            const auto gateUp = [&](const std::string& mlp) {
                std::vector<std::pair<std::string, std::int64_t>> up;
                if (config.gatedMlp)
                    up.emplace_back("gate_proj", config.intermediateSize);
                up.emplace_back("up_proj", config.intermediateSize);
                return makeLinear(mlp, up, hidden, config.mlpBias, options, packed);
            };
            const auto down = [&](const std::string& mlp) {
                return makeLinear(mlp, {{"down_proj", hidden}}, config.intermediateSize, config.mlpBias, options, packed);
            };
            if (config.experts == 0) {
                block.gateUp = gateUp(prefix + "mlp."), block.down = down(prefix + "mlp.");
            } else {
                block.router = makeLinear(prefix + "mlp.", {{"gate", config.experts}}, hidden, false, options,
                                          settings.linears == LinearFormat::AsStored);
                for (std::int64_t expert = 0; expert < config.experts; ++expert) {
                    const std::string mlp = prefix + "mlp.experts." + std::to_string(expert) + ".";
                    block.experts.push_back({gateUp(mlp), down(mlp)});
                }
            }
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

} // namespace attune

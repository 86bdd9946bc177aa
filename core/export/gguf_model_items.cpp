#include <array>
#include <cmath>

#include "core/export/gguf_items.h"

namespace attune {

namespace {

tl::unexpected<Error> inexpressible(const std::string& what) {
    return fail(ErrorCode::Unsupported, "A GGUF file cannot express " + what, "Export the merged model instead.");
}

std::uint32_t whole(std::int64_t value) {
    return static_cast<std::uint32_t>(value);
}

Status addRope(const ModelConfig& config, const std::string& architecture, const std::string& prefix, GgufItems& items) {
    const RopeConfig& rope = config.rope;
    items.emplace_back(prefix + "rope.dimension_count", whole(config.headDim));
    items.emplace_back(prefix + "rope.freq_base", static_cast<float>(rope.theta));
    switch (rope.scaling) {
    case RopeScaling::None:
    case RopeScaling::Llama3: // as the tensor rope_freqs.weight
        return {};
    case RopeScaling::Linear:
        items.emplace_back(prefix + "rope.scaling.type", std::string("linear"));
        items.emplace_back(prefix + "rope.scaling.factor", static_cast<float>(rope.factor));
        return {};
    case RopeScaling::Yarn: {
        // llama.cpp derives the magnitude from the factor itself; another one has no key that means the same.
        const double derived = rope.factor <= 1 ? 1.0 : 0.1 * std::log(rope.factor) + 1.0;
        if (rope.attentionFactor != 0.0 && std::abs(rope.attentionFactor - derived) > 1e-6)
            return inexpressible("yarn scaling with an attention factor of its own");
        items.emplace_back(prefix + "rope.scaling.type", std::string("yarn"));
        items.emplace_back(prefix + "rope.scaling.factor", static_cast<float>(rope.factor));
        items.emplace_back(prefix + "rope.scaling.original_context_length", whole(rope.originalContext));
        items.emplace_back(prefix + "rope.scaling.yarn_beta_fast", static_cast<float>(rope.betaFast));
        items.emplace_back(prefix + "rope.scaling.yarn_beta_slow", static_cast<float>(rope.betaSlow));
        return {};
    }
    case RopeScaling::Dynamic:
        return inexpressible("dynamic rope scaling");
    case RopeScaling::LongRope: // the factors are tensors; the kind has no name of its own
        if (architecture != "phi3")
            return inexpressible("long and short rope factors in a " + architecture + " model");
        items.emplace_back(prefix + "rope.scaling.original_context_length", whole(rope.originalContext));
        items.emplace_back(prefix + "rope.scaling.attn_factor", static_cast<float>(rope.attentionFactor));
        return {};
    }
    return {};
}

} // namespace

namespace {

// One of llama.cpp's architectures, and the traits that its graph has without being told.
struct GgufArchitecture {
    std::string_view ours, theirs;
    Activation activation = Activation::Silu;
    QkNorm qkNorm = QkNorm::None;
    bool gemma = false, postNorm = false;
    std::int64_t windowPattern = 0; // of so many layers the last one sees everything; 0: no windows (llama.cpp ignores Phi-3's)
    std::int64_t layersOfLargest = 0; // that model scales queries by hidden / heads
};
constexpr std::array<GgufArchitecture, 12> kGgufArchitectures{
    {{"LlamaForCausalLM", "llama"},
     {"MistralForCausalLM", "llama"},
     {"MixtralForCausalLM", "llama"},
     {"Qwen3MoeForCausalLM", "qwen3moe", Activation::Silu, QkNorm::Head},
     {"OlmoeForCausalLM", "olmoe", Activation::Silu, QkNorm::Projection},
     {"Qwen2ForCausalLM", "qwen2"},
     {"Qwen3ForCausalLM", "qwen3", Activation::Silu, QkNorm::Head},
     {"GPT2LMHeadModel", "gpt2", Activation::GeluTanh},
     {"Phi3ForCausalLM", "phi3"},
     {"GemmaForCausalLM", "gemma", Activation::GeluTanh, QkNorm::None, true},
     {"Gemma2ForCausalLM", "gemma2", Activation::GeluTanh, QkNorm::None, true, true, 2, 46},
     {"Gemma3ForCausalLM", "gemma3", Activation::GeluTanh, QkNorm::Head, true, true, 6, 62}}};

bool isNear(double a, double b) {
    return std::abs(a - b) <= 1e-6 * std::max(std::abs(a), std::abs(b));
}

bool windowsFit(const ModelConfig& config, const GgufArchitecture& known) {
    if (config.slidingWindow == 0) // windows as long as the context are none, and llama.cpp's would be as long
        return true;
    if (known.windowPattern == 0)
        return false;
    for (std::int64_t layer = 0; layer < config.layers; ++layer)
        if (config.isLocal(layer) != ((layer + 1) % known.windowPattern != 0))
            return false;
    return true;
}

bool queriesFit(const ModelConfig& config, const GgufArchitecture& known) {
    if (config.queryScale == 0.0)
        return true;
    const bool largest = known.layersOfLargest != 0 && config.layers == known.layersOfLargest;
    const std::int64_t expected = largest ? config.hiddenSize / config.heads : config.headDim;
    return known.layersOfLargest != 0 && isNear(config.queryScale, 1.0 / std::sqrt(static_cast<double>(expected)));
}

// llama.cpp turns Gemma 3's local layers at this base, unstretched.
bool localRopeFits(const ModelConfig& config, const GgufArchitecture& known) {
    return !config.localRope || (known.theirs == "gemma3" && config.localRope->theta == 10000.0 && config.localRope->scaling == RopeScaling::None);
}

bool traitsFit(const ModelConfig& config, const GgufArchitecture& known) {
    const double embedding = known.gemma ? std::sqrt(static_cast<double>(config.hiddenSize)) : 1.0;
    return config.layout == BlockLayout::Sequential && config.preNorm && config.postNorm == known.postNorm && config.rotatedDim() == config.headDim &&
           isNear(config.embeddingMultiplier, embedding) && config.residualMultiplier == 1.0 && config.logitMultiplier == 1.0 &&
           (known.theirs == "gemma2" || (config.attentionSoftCap == 0.0 && config.logitSoftCap == 0.0)) && !config.headBias &&
           (config.experts == 0 || config.renormalizedExperts == (known.theirs != "olmoe")) && config.qkNorm == known.qkNorm && windowsFit(config, known) && queriesFit(config, known) && localRopeFits(config, known);
}

} // namespace

Result<std::string> ggufArchitectureOf(const ModelConfig& config) {
    for (const GgufArchitecture& known : kGgufArchitectures) {
        if (config.architecture != known.ours)
            continue;
        const std::string theirs(known.theirs);
        if (!traitsFit(config, known))
            return inexpressible("a trait of this model (its window of attention, norms or multipliers) in a " + theirs + " model");
        if (config.activation != known.activation)
            return inexpressible("this activation in a " + theirs + " model");
        return theirs;
    }
    return inexpressible("the architecture " + config.architecture + " (or this release does not know how)");
}

Result<GgufItems> ggufModelItems(const ModelConfig& config, const std::string& architecture) {
    const std::string prefix = architecture + ".";
    GgufItems items;
    items.emplace_back(prefix + "vocab_size", whole(config.vocabularySize));
    items.emplace_back(prefix + "context_length", whole(config.contextLength));
    items.emplace_back(prefix + "embedding_length", whole(config.hiddenSize));
    items.emplace_back(prefix + "block_count", whole(config.layers));
    items.emplace_back(prefix + "feed_forward_length", whole(config.intermediateSize));
    if (config.experts > 0) {
        items.emplace_back(prefix + "expert_count", whole(config.experts));
        items.emplace_back(prefix + "expert_used_count", whole(config.expertsPerToken));
        items.emplace_back(prefix + "expert_feed_forward_length", whole(config.intermediateSize));
    }
    items.emplace_back(prefix + "attention.head_count", whole(config.heads));
    items.emplace_back(prefix + "attention.head_count_kv", whole(config.kvHeads));
    const bool rms = config.norm == NormKind::RmsNorm;
    items.emplace_back(prefix + (rms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon"), static_cast<float>(config.normEpsilon));
    if (config.slidingWindow > 0)
        items.emplace_back(prefix + "attention.sliding_window", whole(config.slidingWindow));
    if (config.attentionSoftCap > 0.0)
        items.emplace_back(prefix + "attn_logit_softcapping", static_cast<float>(config.attentionSoftCap));
    if (config.logitSoftCap > 0.0)
        items.emplace_back(prefix + "final_logit_softcapping", static_cast<float>(config.logitSoftCap));
    if (config.positions == PositionKind::Rope) {
        items.emplace_back(prefix + "attention.key_length", whole(config.headDim));
        items.emplace_back(prefix + "attention.value_length", whole(config.headDim));
        ATTUNE_CHECK(addRope(config, architecture, prefix, items));
    }
    return items;
}

std::vector<std::pair<std::string, std::vector<float>>> ggufRopeTensors(const ModelConfig& config) {
    const RopeConfig& rope = config.rope;
    if (config.positions != PositionKind::Rope)
        return {};
    const auto floats = [](const std::vector<double>& values) { return std::vector<float>(values.begin(), values.end()); };
    if (rope.scaling == RopeScaling::LongRope)
        return {{"rope_factors_long.weight", floats(rope.longFactor)}, {"rope_factors_short.weight", floats(rope.shortFactor)}};
    if (rope.scaling != RopeScaling::Llama3)
        return {};
    std::vector<float> divisors;
    constexpr double kPi = 3.14159265358979323846;
    for (std::int64_t i = 0; i < config.headDim; i += 2) {
        const double wave = 2 * kPi * std::pow(rope.theta, static_cast<double>(i) / static_cast<double>(config.headDim));
        const double smooth = (static_cast<double>(rope.originalContext) / wave - rope.lowFreqFactor) / (rope.highFreqFactor - rope.lowFreqFactor);
        const double kept = std::min(1.0, std::max(0.0, smooth)); // 1: a short wave, left alone; 0: a long one, stretched whole
        divisors.push_back(static_cast<float>(1.0 / ((1 - kept) / rope.factor + kept)));
    }
    return {{"rope_freqs.weight", divisors}};
}

} // namespace attune

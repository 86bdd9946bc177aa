#include "core/model_files/gguf_names.h"

#include <array>
#include <charconv>
#include <string>
#include <utility>

namespace attune {

namespace {

using NamePair = std::pair<std::string_view, std::string_view>;

constexpr std::array<NamePair, 4> kOutsideBlocks{{{"model.embed_tokens", "token_embd"},
                                                  {"model.embed_positions", "position_embd"},
                                                  {"model.norm", "output_norm"},
                                                  {"lm_head", "output"}}};

// The second norm of a block is Llama's "post_attention_layernorm"; where a family also norms what a branch gives (Gemma 2),
// those norms have names of their own.
constexpr std::array<NamePair, 14> kInBlocks{{{"input_layernorm", "attn_norm"},
                                              {"self_attn.q_proj", "attn_q"},
                                              {"self_attn.k_proj", "attn_k"},
                                              {"self_attn.v_proj", "attn_v"},
                                              {"self_attn.o_proj", "attn_output"},
                                              {"self_attn.q_norm", "attn_q_norm"},
                                              {"self_attn.k_norm", "attn_k_norm"},
                                              {"post_attention_layernorm", "ffn_norm"},
                                              {"post_self_attn_layernorm", "post_attention_norm"},
                                              {"post_mlp_layernorm", "post_ffw_norm"},
                                              {"mlp.gate_proj", "ffn_gate"},
                                              {"mlp.up_proj", "ffn_up"},
                                              {"mlp.down_proj", "ffn_down"},
                                              {"mlp.gate", "ffn_gate_inp"}}};

// "mlp.experts.3.up_proj": rows of one tensor for all experts, whose number comes first; older files have a tensor for each.
std::vector<GgufPlace> expertPlaces(std::string_view expert, const std::string& block, const std::string& kind, const ModelConfig& config) {
    std::int64_t number = -1;
    const auto [end, error] = std::from_chars(expert.data(), expert.data() + expert.size(), number);
    const std::string_view layer = expert.substr(static_cast<std::size_t>(end - expert.data()));
    if (error != std::errc() || number < 0 || number >= config.experts)
        return {};
    for (const auto& [ours, theirs] : {NamePair{".gate_proj", "ffn_gate"}, NamePair{".up_proj", "ffn_up"}, NamePair{".down_proj", "ffn_down"}})
        if (layer == ours) {
            const std::int64_t rows = theirs == "ffn_down" ? config.hiddenSize : config.intermediateSize;
            return {{block + std::string(theirs) + "_exps" + kind, number * rows, rows},
                    {block + std::string(theirs) + "." + std::to_string(number) + kind}};
        }
    return {};
}

} // namespace

std::vector<GgufPlace> ggufPlaces(std::string_view canonicalName, const ModelConfig& config) {
    std::vector<GgufPlace> places;
    const auto dot = canonicalName.rfind('.');
    if (dot == std::string_view::npos)
        return places;
    const std::string kind(canonicalName.substr(dot)); // ".weight", ".bias"
    const std::string_view module = canonicalName.substr(0, dot);
    for (const auto& [ours, theirs] : kOutsideBlocks)
        if (module == ours) {
            places.push_back({std::string(theirs) + kind});
            if (config.tiedHead && module == "lm_head")
                places.push_back({"token_embd" + kind});
        }
    constexpr std::string_view kBlock = "model.layers.";
    if (!module.starts_with(kBlock))
        return places;
    const std::string_view rest = module.substr(kBlock.size());
    const auto end = rest.find('.');
    if (end == std::string_view::npos)
        return places;
    const std::string block = "blk." + std::string(rest.substr(0, end)) + ".";
    const std::string_view name = rest.substr(end + 1);
    constexpr std::string_view kExperts = "mlp.experts.";
    if (name.starts_with(kExperts))
        return expertPlaces(name.substr(kExperts.size()), block, kind, config);
    const std::int64_t query = config.queryWidth(), kv = config.kvWidth(), mlp = config.intermediateSize;
    if (config.architecture == "Phi3ForCausalLM" && (name == "mlp.gate_proj" || name == "mlp.up_proj")) // one tensor for both
        return {{block + "ffn_up" + kind, name == "mlp.up_proj" ? mlp : 0, mlp}};
    for (const auto& [ours, theirs] : kInBlocks)
        if (name == ours)
            places.push_back({block + std::string(theirs) + kind});
    // Some architectures store several layers as one (GPT-2, Phi-3).
    if (name == "self_attn.q_proj")
        places.push_back({block + "attn_qkv" + kind, 0, query});
    else if (name == "self_attn.k_proj")
        places.push_back({block + "attn_qkv" + kind, query, kv});
    else if (name == "self_attn.v_proj")
        places.push_back({block + "attn_qkv" + kind, query + kv, kv});
    return places;
}

bool ignorableGgufTensor(std::string_view name, const ModelConfig& config) {
    return name == "rope_freqs.weight" || name == "rope_factors_long.weight" || name == "rope_factors_short.weight" || (config.tiedHead && (name == "output.weight" || name == "token_embd.weight"));
}

bool holdsAllExperts(std::string_view name) {
    return name.ends_with("_exps.weight");
}

bool interleavesRotary(std::string_view ggufArchitecture) {
    return ggufArchitecture == "llama";
}

} // namespace attune

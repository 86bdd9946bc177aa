#include "core/model_files/gguf_names.h"

#include <array>
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
constexpr std::array<NamePair, 13> kInBlocks{{{"input_layernorm", "attn_norm"},
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
                                              {"mlp.down_proj", "ffn_down"}}};

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
    return name == "rope_freqs.weight" || (config.tiedHead && (name == "output.weight" || name == "token_embd.weight"));
}

bool interleavesRotary(std::string_view ggufArchitecture) {
    return ggufArchitecture == "llama";
}

} // namespace attune

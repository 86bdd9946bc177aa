#include "core/export/gguf_mixture.h"

#include <algorithm>

namespace attune {

namespace {

// The first and last eighth of the layers and every third between keep more bits.
bool isDelicateLayer(std::int64_t layer, std::int64_t layers) {
    return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

GgmlType wantedType(const GgufMixture& mixture, std::string_view name, std::int64_t layer, std::int64_t layers, bool tied,
                    std::int64_t experts) {
    const bool blocks = mixture.base == GgmlType::Q4_0 || mixture.base == GgmlType::Q4_K;
    if (!blocks)
        return mixture.base;
    if (name == "output.weight" || (tied && name == "token_embd.weight"))
        return GgmlType::Q6_K;
    if (mixture.base != GgmlType::Q4_K)
        return mixture.base;
    if (experts == 8) { // attention is a small part of such models
        if (name.ends_with(".attn_k.weight") || name.ends_with(".attn_v.weight"))
            return GgmlType::Q8_0;
        if (name.ends_with(".attn_output.weight"))
            return GgmlType::Q5_K;
    }
    if (name.ends_with(".attn_qkv.weight"))
        return GgmlType::Q5_K;
    const bool delicate = name.ends_with(".attn_v.weight") || name.ends_with(".ffn_down.weight") || name.ends_with(".ffn_down_exps.weight");
    return delicate && isDelicateLayer(layer, layers) ? GgmlType::Q6_K : GgmlType::Q4_K;
}

// Rows that are no whole number of blocks take the nearest type that has smaller ones.
GgmlType fittingType(GgmlType type, std::int64_t rowLength) {
    if (rowLength % ggmlTypeFacts(type).blockLength == 0)
        return type;
    const GgmlType smaller = type == GgmlType::Q4_K   ? GgmlType::Q5_0
                             : type == GgmlType::Q5_K ? GgmlType::Q5_1
                             : type == GgmlType::Q6_K ? GgmlType::Q8_0
                                                      : GgmlType::F16;
    return rowLength % ggmlTypeFacts(smaller).blockLength == 0 ? smaller : GgmlType::F16;
}

} // namespace

const std::vector<GgufMixture>& ggufMixtures() {
    static const std::vector<GgufMixture> kMixtures{{"q8_0", "Q8_0", 7, GgmlType::Q8_0},
                                                    {"q4_k_m", "Q4_K_M", 15, GgmlType::Q4_K},
                                                    {"q4_0", "Q4_0", 2, GgmlType::Q4_0},
                                                    {"f16", "F16", 1, GgmlType::F16},
                                                    {"bf16", "BF16", 32, GgmlType::BF16}};
    return kMixtures;
}

const GgufMixture* findGgufMixture(std::string_view id) {
    const auto& all = ggufMixtures();
    const auto found = std::find_if(all.begin(), all.end(), [&](const GgufMixture& each) { return each.id == id; });
    return found == all.end() ? nullptr : &*found;
}

GgmlType mixtureType(const GgufMixture& mixture, std::string_view name, const std::vector<std::int64_t>& shape, std::int64_t layer,
                     std::int64_t layers, bool tied, std::int64_t experts) {
    if (shape.size() < 2 || name == "position_embd.weight" || name.ends_with(".ffn_gate_inp.weight"))
        return GgmlType::F32; // small, and every number counts
    return fittingType(wantedType(mixture, name, layer, layers, tied, experts), shape.back());
}

} // namespace attune

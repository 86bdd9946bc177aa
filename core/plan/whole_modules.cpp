#include "core/plan/whole_modules.h"

namespace attune {

std::vector<WholeModule> wholeModules(const ModelConfig& model) {
    std::vector<WholeModule> all{{"model.embed_tokens", model.vocabularySize, model.hiddenSize}};
    if (model.positions == PositionKind::Learned)
        all.push_back({"model.embed_positions", model.contextLength, model.hiddenSize});
    const auto norm = [&](const std::string& name) {
        all.push_back({name, 1, model.hiddenSize, model.norm == NormKind::LayerNorm ? model.hiddenSize : 0});
    };
    const bool perHead = model.qkNorm == QkNorm::Head;
    for (std::int64_t layer = 0; layer < model.layers; ++layer) {
        const std::string prefix = "model.layers." + std::to_string(layer) + ".";
        if (model.preNorm) {
            norm(prefix + "input_layernorm");
            if (model.layout != BlockLayout::ParallelSharedNorm)
                norm(prefix + "post_attention_layernorm");
        }
        if (model.postNorm)
            norm(prefix + "post_self_attn_layernorm"), norm(prefix + "post_mlp_layernorm");
        if (model.qkNorm != QkNorm::None) { // RMS norms whatever the others are: no bias
            all.push_back({prefix + "self_attn.q_norm", 1, perHead ? model.headDim : model.queryWidth()});
            all.push_back({prefix + "self_attn.k_norm", 1, perHead ? model.headDim : model.kvWidth()});
        }
    }
    norm("model.norm");
    if (!model.tiedHead)
        all.push_back({"lm_head", model.vocabularySize, model.hiddenSize, model.headBias ? model.vocabularySize : 0});
    return all;
}

} // namespace attune

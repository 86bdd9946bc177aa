// LoRA's settings as a recipe and a form describe them; how they are read: lora_settings.cpp.
#include "core/plan/lora_settings.h"

namespace attune {

namespace {

ParamSpec setting(const char* key, const char* label, ParamValue usual, const char* help, const char* ifTooHigh = "", const char* ifTooLow = "") {
    ParamSpec spec;
    spec.key = key, spec.label = label, spec.help = help;
    spec.defaultValue = std::move(usual);
    spec.ifTooHigh = ifTooHigh, spec.ifTooLow = ifTooLow;
    return spec;
}

ParamSpec between(double least, double most, ParamSpec spec) {
    spec.min = least, spec.max = most;
    return spec;
}

ParamSpec oneOf(std::vector<std::string> choices, ParamSpec spec) {
    spec.choices = std::move(choices);
    return spec;
}

ParamSpec loraAdvanced(ParamSpec spec) {
    spec.advanced = true;
    return spec;
}

ParamSpec advancedList(const char* key, const char* label, const char* help) { return loraAdvanced(setting(key, label, std::vector<std::string>{}, help)); }

} // namespace

std::vector<ParamSpec> loraParams(bool onPackedWeights) {
    std::vector<std::string> starts{"kaiming", "gaussian", "orthogonal"};
    if (!onPackedWeights)
        starts.insert(starts.end(), {"pissa", "pissa_niter_4", "olora"});
    return {
        between(1, 1024,
                setting("r", "Rank (r)", std::int64_t{16}, "How much the adapter can learn: the width of its two small matrices.",
                        "More memory and, with little data, learning by heart.", "The adapter cannot express the change your examples ask for.")),
        between(0.001, 4096,
                setting("alpha", "Scaling (alpha)", 32.0, "How strongly the adapter acts: its output is multiplied by alpha / r. Twice the rank is usual.",
                        "Training becomes unstable, like a learning rate that is too high.", "The model hardly changes.")),
        between(0, 0.9,
                setting("dropout", "Dropout", 0.0, "The share of the adapter's inputs that is left out at random while training.", "Learning is slow and noisy.",
                        "Nothing bad; with few examples a little (0.05) can help against learning by heart.")),
        loraAdvanced(oneOf({kAllLinearLayers, "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"},
                       setting("target_modules", "Adapted layers", std::vector<std::string>{kAllLinearLayers},
                               "Which linear layers get an adapter; all-linear means every one.", "More layers cost time and memory.",
                               "Few layers limit what can be learned."))),
        loraAdvanced(setting("use_rslora", "Rank-stabilised scaling", false,
                         "Scale by alpha / sqrt(r) instead of alpha / r, so that high ranks keep learning (rsLoRA).",
                         "Switched on with a large alpha the adapter acts very strongly: lower alpha or the learning rate.",
                         "Switched off, ranks above 64 learn hardly more than small ones.")),
        loraAdvanced(oneOf(starts, setting("init", "Start values", std::string("kaiming"),
                                       onPackedWeights
                                           ? "How the adapter begins, at zero effect. kaiming and gaussian: the second matrix is zero. orthogonal: neither is, and they cancel out (even "
                                             "ranks only)."
                                           : "How the adapter begins. kaiming, gaussian and orthogonal (even ranks only): at zero effect. pissa: with the largest singular values of each "
                                             "weight, which learns faster; pissa_niter_4 finds them roughly and quickly. olora: with an orthonormal basis of "
                                             "each weight. Adapters saved after these three are ordinary LoRA of twice the rank."))),
        loraAdvanced(setting("use_dora", "Magnitude and direction (DoRA)", false,
                         "Learns the length of each row of a weight apart from its direction: often better at small ranks, and slower.",
                         "Switched on, each step takes longer and needs more memory.", "Switched off, small ranks may stay behind full fine-tuning.")),
        loraAdvanced(between(1, 1024,
                         setting("loraplus_lr_ratio", "Learning rate ratio (LoRA+)", 1.0,
                                 "The second matrix learns so many times faster than the first (LoRA+); 1 means alike.",
                                 "Loss jumps or rises; 16 is usual, with a learning rate about half of LoRA's.", "At 1 wide models learn more slowly than they could."))),
        advancedList("rank_pattern", "Ranks of single layers", "Another rank for some layers, for example q_proj=8."),
        advancedList("alpha_pattern", "Scaling of single layers", "Another alpha for some layers, for example q_proj=16."),
        advancedList("layers_to_transform", "Adapted blocks", "Numbers of the blocks that get adapters, counted from 0, for example 8-15; empty means all."),
        advancedList("exclude_modules", "Layers left out", "Layers that get no adapter although they would be chosen: last names (k_proj) or whole names."),
        advancedList("modules_to_save", "Trained whole",
                     "Embeddings, norms and output layer that are trained whole beside the adapter: embed_tokens, lm_head, norm, input_layernorm, "
                     "post_attention_layernorm. They make the adapter's file and the memory larger."),
        advancedList("trainable_token_indices", "Trained tokens",
                     "Ids of tokens whose rows in the embedding are trained while all others stay, for example 12, 40-43: for markers the model has not "
                     "learned yet."),
    };
}

} // namespace attune

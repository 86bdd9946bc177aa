#include "core/families/phi3.h"

#include "core/families/decoder_config.h"
#include "core/families/named_family.h"
#include "core/families/rope_config.h"

namespace attune {

namespace {

class Phi3Family final : public NamedFamily {
public:
    Phi3Family() : NamedFamily({.inLayer = {{"self_attn.q_proj", "self_attn.qkv_proj"},
                                           {"self_attn.k_proj", "self_attn.qkv_proj"},
                                           {"self_attn.v_proj", "self_attn.qkv_proj"},
                                           {"mlp.gate_proj", "mlp.gate_up_proj"},
                                           {"mlp.up_proj", "mlp.gate_up_proj"}}}) {}
    std::string id() const override { return "phi3"; }
    bool accepts(std::string_view architecture) const override { return architecture == "Phi3ForCausalLM"; }

    Result<ModelConfig> readConfig(const Json& config) const override {
        const ConfigReader reader(config);
        ModelConfig result;
        result.architecture = "Phi3ForCausalLM";
        result.familyId = id();
        ATTUNE_CHECK(reader.refuseUnknownMathematics(
            decoderKeys({"rms_norm_eps", "hidden_act", "sliding_window", "layer_types", "partial_rotary_factor", "attn_pdrop",
                         "embd_pdrop", "resid_pdrop", "full_attn_mod"})));
        ATTUNE_ASSIGN(const std::int64_t everyLayer, reader.sizeOr("full_attn_mod", 1, kMaxSize));
        if (everyLayer != 1)
            return fail(ErrorCode::Unsupported, "config.json: full_attn_mod is not known here", "Choose another model.");
        ATTUNE_CHECK(readDecoderShape(config, {.contextLength = 4096, .normEpsilon = 1e-5}, result));
        ATTUNE_CHECK(readRotaryShare(config, "partial_rotary_factor", 1.0, result));
        ATTUNE_CHECK(readRopeConfig(config, result));
        ATTUNE_CHECK(readSlidingWindow(config, 0, [](std::int64_t) { return true; }, result));
        return result;
    }

protected:
    // qkv_proj holds queries, keys and values one after the other, gate_up_proj gate and up.
    void locate(std::string_view module, const ModelConfig& config, DiskTensor& tensor) const override {
        const std::int64_t query = config.queryWidth(), kv = config.kvWidth();
        if (module == "self_attn.q_proj" && config.rotaryDim > 0)
            tensor.rows = headRows(config, config.heads, 0, config.headDim, true);
        else if (module == "self_attn.q_proj")
            tensor.size = query;
        else if (module == "self_attn.k_proj" && config.rotaryDim > 0)
            tensor.rows = headRows(config, config.kvHeads, query, config.headDim, true);
        else if (module == "self_attn.k_proj")
            tensor.begin = query, tensor.size = kv;
        else if (module == "self_attn.v_proj")
            tensor.begin = query + kv, tensor.size = kv;
        else if (module == "mlp.gate_proj")
            tensor.size = config.intermediateSize;
        else if (module == "mlp.up_proj")
            tensor.begin = tensor.size = config.intermediateSize;
    }
};

} // namespace

std::unique_ptr<ModelFamily> makePhi3Family() {
    return std::make_unique<Phi3Family>();
}

} // namespace attune

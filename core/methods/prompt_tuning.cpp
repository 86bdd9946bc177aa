#include "core/methods/prompt_tuning.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/base/rng.h"
#include "core/methods/state_tensors.h"
#include "core/plan/catalog.h"
#include "core/plan/param_check.h"

namespace attune {

namespace {

constexpr std::uint64_t kPromptStream = 0x50524f4d00000000ull; // "PROM"

std::vector<ParamSpec> promptParams() {
    std::vector<ParamSpec> specs(3);
    specs[0].key = "num_virtual_tokens";
    specs[0].label = "Virtual tokens";
    specs[0].unit = "tokens";
    specs[0].help = "How many trained vectors stand in front of every text; they take as many tokens of the context.";
    specs[0].defaultValue = std::int64_t{20};
    specs[0].min = 1, specs[0].max = 1024;
    specs[0].ifTooHigh = "Less room for the text, and training is slower and less steady.";
    specs[0].ifTooLow = "The prompt cannot say what your examples ask for.";
    specs[1].key = "init";
    specs[1].label = "Start values";
    specs[1].help = "Where the vectors begin: as random tokens of the vocabulary, as the tokens of a text of yours, or as random numbers.";
    specs[1].defaultValue = std::string("vocabulary");
    specs[1].choices = {"vocabulary", "text", "random"};
    specs[2].key = "init_text";
    specs[2].label = "Text to begin with";
    specs[2].help = "With start values from a text: an instruction that says what the model should do; cut or repeated to the number of virtual tokens.";
    specs[2].defaultValue = std::string();
    specs[2].onlyWhen = "init=text";
    return specs;
}

} // namespace

PromptTuningMethod::PromptTuningMethod() {
    m_description.id = "prompt_tuning";
    m_description.title = "Prompt tuning";
    m_description.summary = "Trains only a short invisible prompt of a few thousand numbers: for large models and simple tasks.";
    m_description.cost = "A tiny file; each step still goes through the model", m_description.quality = "Below LoRA, mostly on small models";
    m_description.params = promptParams();
}

Status PromptTuningMethod::attach(CausalLm& model, const ParamMap& params, std::uint64_t seed) const {
    return attachWithText(model, params, seed, {});
}

Status PromptTuningMethod::attachWithText(CausalLm& model, const ParamMap& params, std::uint64_t seed,
                                          const TextEncoder& encode) const {
    const auto& specs = m_description.params;
    for (const ParamSpec& spec : specs)
        ATTUNE_CHECK(checkParam(spec, paramOr(params, specs, spec.key), spec.key));
    const std::int64_t tokens = paramInt(params, specs, "num_virtual_tokens");
    const std::string init = paramString(params, specs, "init"), text = paramString(params, specs, "init_text");
    if (tokens >= model.config().contextLength)
        return fail(ErrorCode::InvalidArgument,
                    "num_virtual_tokens leaves no room for a text: the model reads " + std::to_string(model.config().contextLength) + " tokens",
                    "Choose fewer virtual tokens.");
    at::NoGradGuard noGrad;
    auto prompt = std::make_unique<SoftPrompt>();
    Parameter& embeddings = prompt->embeddings;
    embeddings.name = "prompt_embeddings";
    const at::TensorOptions options = at::TensorOptions().dtype(model.masterType()).device(model.settings().device);
    Rng rng(seed, kPromptStream);
    if (init == "random") { // as a fresh torch.nn.Embedding: N(0, 1)
        prompt->init = "RANDOM";
        at::Tensor host = at::empty({tokens, model.config().hiddenSize}, at::kDouble);
        for (std::int64_t i = 0; i < host.numel(); ++i)
            host.data_ptr<double>()[i] = rng.normal();
        embeddings.value = host.to(options);
    } else {
        std::vector<std::int64_t> ids;
        if (init == "text") {
            prompt->init = "TEXT", prompt->initText = text;
            if (!encode)
                return fail(ErrorCode::InvalidArgument, "init: text needs the model's tokenizer, which is not there.", "Choose vocabulary or random.");
            ATTUNE_ASSIGN(ids, encode(text));
            if (ids.empty())
                return fail(ErrorCode::InvalidArgument, "init: text needs a text to begin with, and init_text is empty.",
                            "Write an instruction into init_text, or choose vocabulary.");
        } else {
            prompt->init = "SAMPLE_VOCAB";
            for (std::int64_t i = 0; i < tokens; ++i)
                ids.push_back(static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(model.config().vocabularySize))));
        }
        at::Tensor rows = at::empty({tokens}, at::kLong);
        for (std::int64_t i = 0; i < tokens; ++i)
            rows.data_ptr<std::int64_t>()[i] = ids[static_cast<std::size_t>(i) % ids.size()];
        embeddings.value = model.embedding.compute.index_select(0, rows.to(model.settings().device)).to(options);
    }
    embeddings.grad = at::zeros_like(embeddings.value);
    model.prompt = std::move(prompt);
    return {};
}

std::vector<StateTensor> PromptTuningMethod::state(CausalLm& model) const {
    return {{model.prompt->embeddings.name, model.prompt->embeddings.value}};
}

Status PromptTuningMethod::load(CausalLm& model, const std::vector<StateTensor>& stored) const {
    return copyState(stored, state(model));
}

Status PromptTuningMethod::merge(CausalLm&) const {
    return fail(ErrorCode::InvalidArgument, "A trained prompt cannot be folded into the model's weights.", "Export the adapter.");
}

} // namespace attune

#include "core/engine/adapter_proof.h"

#include <array>

#include <ATen/ATen.h>

#include "core/engine/model_loader.h"
#include "core/engine/train_run.h"
#include "core/nn/decoder.h"

namespace attune {

namespace {

constexpr std::array kProofTexts = {"Hello, how can I help you today?", "The answer to the question is", "Dear customer, thank you for your message.",
                               "1, 2, 3, 4"};

// [texts, V] in f32.
Result<at::Tensor> nextTokenLogits(const LoadedModel& loaded) {
    std::vector<std::vector<std::int64_t>> prompts;
    for (const char* text : kProofTexts) {
        ATTUNE_ASSIGN(const Encoding encoding, loaded.tokenizer->encode(text, {.addSpecialTokens = true}));
        prompts.emplace_back(encoding.ids.begin(), encoding.ids.end());
    }
    Decoder decoder(*loaded.model);
    return decoder.prefill(prompts).map([](const at::Tensor& logits) { return logits.to(at::kFloat).clone(); });
}

} // namespace

Result<AdapterProof> proveAdapterIsActive(const std::string& model, const std::string& adapter, std::stop_token stop) {
    const TunedModel tuned = resolveTuned(model, adapter);
    AdapterProof proof;
    at::Tensor before, after;
    const auto load = [&stop](const std::string& folder, const std::string& adapterFolder) {
        return loadModel({.model = folder, .adapter = adapterFolder, .precision = "f32", .stop = stop});
    };
    {
        ATTUNE_ASSIGN(const LoadedModel loaded, load(tuned.model, tuned.adapter));
        ATTUNE_ASSIGN(after, nextTokenLogits(loaded));
        proof.adapterHash = tuned.adapter.empty() ? loaded.modelHash : loaded.adapterHash;
        if (!tuned.adapter.empty() && !loaded.model->changesBase()) { // the same weights with the adapter off are the base
            loaded.model->setAdaptersEnabled(false);
            ATTUNE_ASSIGN(before, nextTokenLogits(loaded));
            proof.modelHash = loaded.modelHash;
            proof.templateHash = loaded.format.hash();
        }
    }
    if (!before.defined()) {
        ATTUNE_ASSIGN(const LoadedModel loaded, load(model, {}));
        ATTUNE_ASSIGN(before, nextTokenLogits(loaded));
        proof.modelHash = loaded.modelHash;
        proof.templateHash = loaded.format.hash();
    }
    const at::Tensor difference = (after - before).abs();
    proof.maxLogitDifference = difference.max().item<double>();
    proof.meanLogitDifference = difference.mean().item<double>();
    return proof;
}

} // namespace attune

// Of engine_memory.h: what answers and results need while training's own buffers are there or free.
#include <algorithm>

#include "core/plan/data_fit.h"
#include "core/plan/engine_memory.h"
#include "core/plan/engine_memory_parts.h"
#include "core/plan/trained_beside.h"

namespace attune {

namespace {

constexpr std::int64_t kReadAtOnce = 512; // tokens of prompts, of the decoder

// Positions that a text's cache has room for, as the decoder makes it.
std::int64_t cachePositions(const ModelConfig& model, std::int64_t promptTokens, std::int64_t newTokens) {
    constexpr std::int64_t kRoomAtFirst = 512, kFirstCapacity = 64; // of generate, KvCache
    const std::int64_t context = std::max<std::int64_t>(1, model.contextLength);
    const std::int64_t longest = std::clamp<std::int64_t>(promptTokens, 1, context);
    std::int64_t capacity = kFirstCapacity;
    while (capacity < std::min(context, longest + std::min(newTokens, kRoomAtFirst)))
        capacity *= 2;
    return std::min(capacity, context);
}

} // namespace

std::int64_t ownAnswerBytes(const ModelConfig& model, const RunConfig& config, const Catalog& catalog, std::int64_t promptTokens,
                            const PassShape& shape) {
    constexpr std::int64_t kMostAtOnce = 64, kMostCacheBytes = std::int64_t{1} << 30; // of generateTexts
    const ObjectiveEntry* objective = findObjectiveEntry(catalog, config.objective.id);
    if (!objective || !objective->ownAnswers)
        return 0;
    const auto& specs = objective->description.params;
    const ParamMap& values = config.objective.params;
    const auto training = [&](const char* key) { return paramInt(config.training, trainingParams().params, key); };
    std::int64_t answers = training("batch_size") * training("gradient_accumulation");
    if (findParam(specs, "num_generations"))
        answers *= paramInt(values, specs, "num_generations");
    const std::int64_t each = 2 * model.layers * model.kvWidth() * shape.typeBytes *
                              cachePositions(model, promptTokens, paramInt(values, specs, "max_completion_length"));
    std::int64_t bytes = std::max(each, std::min(kMostCacheBytes, std::min(answers, kMostAtOnce) * each));
    bytes += 2 * std::min(answers, kMostAtOnce) * model.vocabularySize * kF32Bytes; // their next tokens' logits
    PassShape reading = shape; // of the prompts, beside the buffers that learning keeps
    reading.forwardOnly = true;
    const std::int64_t longest = std::clamp<std::int64_t>(promptTokens, 1, std::max<std::int64_t>(1, model.contextLength));
    reading.tokens = std::max(longest, std::min(kReadAtOnce, answers * longest));
    bytes += passBytes(model, config, catalog, reading) + attentionBytes(model, reading);
    const auto weight = [&](const char* key) { return findParam(specs, key) ? paramDouble(values, specs, key) : 0.0; };
    const bool judged = findParam(specs, "reward_model") && !paramString(values, specs, "reward_model").empty();
    const bool changed = trainsEverything(config) || newBlocks(config, catalog) > 0 || trainedBeside(model, config, catalog).changesBase;
    if (changed && (weight("beta") != 0 || weight("kl_coef") != 0 || judged)) {
        RunConfig frozen = config;
        ModelConfig copy = model;
        copy.packedWeights = packsLinears(model, config);
        frozen.method = {"", {}}, frozen.objective = {"", {}};
        bytes += weightBytes(copy, frozen, catalog, shape.typeBytes);
    }
    if (judged) { // its adapter and head beside the network, with their gradients' place; of the usual rank, as only its run knows
        RunConfig judge;
        judge.method.id = "lora", judge.objective.id = "reward";
        bytes += 2 * numbersOf(trainedTensors(model, judge, catalog)) * kF32Bytes;
    }
    return bytes;
}

std::int64_t watchedAnswerBytes(const ModelConfig& base, const RunConfig& config, const Catalog& catalog, std::int64_t promptTokens,
                                const PassShape& shape) {
    constexpr std::int64_t kWatched = 4; // of watched_answers
    const auto& specs = trainingParams().params;
    const ObjectiveEntry* objective = findObjectiveEntry(catalog, config.objective.id);
    const std::int64_t newTokens = paramInt(config.training, specs, "sample_max_tokens");
    if (newTokens <= 0 || (objective && objective->scoreHead))
        return 0;
    const ModelConfig model = deepened(base, config, catalog);
    const auto named = static_cast<std::int64_t>(paramList(config.training, specs, "sample_prompts").size());
    const std::int64_t prompts = named > 0 ? named : kWatched, context = std::max<std::int64_t>(1, model.contextLength);
    const std::int64_t longest = std::clamp<std::int64_t>(promptTokens, 1, context);
    PassShape reading = shape;
    reading.forwardOnly = true;
    reading.tokens = std::max(longest, std::min(kReadAtOnce, prompts * longest));
    return passBytes(base, config, catalog, reading) + attentionBytes(model, reading) +
           prompts * (2 * model.layers * model.kvWidth() * cachePositions(model, longest, newTokens) * shape.typeBytes + 2 * model.vocabularySize * kF32Bytes);
}

std::int64_t resultBytes(const ModelConfig& model, const RunConfig& config, const Catalog& catalog) {
    if (!trainsEverything(config) && newBlocks(config, catalog) == 0)
        return numbersOf(trainedTensors(model, config, catalog)) * kF32Bytes;
    constexpr std::int64_t kPerNumber = 2 * kF32Bytes; // f32, and the file's type: at most f32 too
    const std::int64_t largest = std::max({model.vocabularySize * model.hiddenSize, model.hiddenSize * model.intermediateSize,
                                           model.hiddenSize * (model.queryWidth() + 2 * model.kvWidth())}); // some families store q, k and v as one
    return largest * kPerNumber;
}

} // namespace attune

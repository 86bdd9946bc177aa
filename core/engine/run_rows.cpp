#include "core/engine/run_rows.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/base/rng.h"
#include "core/engine/reference_pass.h"
#include "core/objectives/policy_objective.h"

namespace attune {

namespace {

TrainOn trainOnOf(const std::string& id) {
    if (id == "everything")
        return TrainOn::Everything;
    return id == "all_assistant" ? TrainOn::AllAssistant : TrainOn::Completion;
}

std::string rowsInWords(std::size_t count, const char* which) {
    return std::to_string(count) + " " + which + (count == 1 ? " row" : " rows");
}

std::string tokensInWords(const CachedTokens& tokens, const char* which) {
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, "%.2f s", tokens.seconds);
    const std::string rows = rowsInWords(tokens.data.rows.size(), which);
    if (tokens.fromCache)
        return "Read the tokens of " + rows + " from the cache in " + seconds;
    return "Tokenised " + rows + " in " + seconds + (tokens.kept ? "" : "; not kept for the next run: " + tokens.kept.error().message);
}

void reportDataNotes(const TokenDataset& data, const char* which, const Emit& emit) {
    if (!data.dropped.empty()) {
        const auto& first = data.dropped.front();
        emit(WarningRaised{0, "data.dropped_rows",
                           std::to_string(data.dropped.size()) + " of " + rowsInWords(data.dropped.size() + static_cast<std::size_t>(data.samples()), which) +
                               (data.dropped.size() == 1 ? " is" : " are") + " left out; the first is row " + std::to_string(first.source + 1) + ": " + first.reason,
                           "Raise training.max_length or shorten these rows."});
    }
    if (data.truncatedRows > 0)
        emit(WarningRaised{0, "data.truncated_rows",
                           rowsInWords(static_cast<std::size_t>(data.truncatedRows), which) + (data.truncatedRows == 1 ? " is" : " are") + " longer than the maximum length: the ends of their answers are cut",
                           "Raise training.max_length, or shorten these rows."});
    if (data.endNotTrained > 0)
        emit(WarningRaised{0, "data.end_not_trained",
                           "In " + rowsInWords(static_cast<std::size_t>(data.endNotTrained), which) + " the end of the answer is not learned: the model may not stop by itself",
                           "Look at such a row in the loss view; the chat template may not mark the end of turn."});
}

// The samples an objective takes, or the refusal that says which objectives take what the data holds.
std::vector<SampleKind> kindsFor(const Objective& objective) {
    std::vector<SampleKind> kinds;
    for (const SampleKind kind : {SampleKind::Chat, SampleKind::Text, SampleKind::Preference, SampleKind::Unpaired, SampleKind::PromptOnly})
        if (objective.accepts(sampleKindId(kind)))
            kinds.push_back(kind);
    return kinds;
}

// Why tokenising failed, in the words of this objective.
Error withObjective(Error error, const SampleSource& source, const Objective& objective) {
    if (error.code != ErrorCode::Unsupported)
        return error;
    std::string wanted, others;
    for (const SampleKind kind : kindsFor(objective))
        wanted += std::string(wanted.empty() ? "" : " or ") + kindInWords(kind);
    error.message += ", but the objective \"" + objective.description().title + "\" (" + objective.description().id + ") learns from " + wanted;
    if (const auto sample = source.at(0))
        for (const auto& other : builtinObjectives())
            if (other->accepts(sampleKindId(sample->kind)))
                others += (others.empty() ? "" : ", ") + other->description().id;
    error.hint = (others.empty() ? std::string("No objective learns from this data yet; ")
                                 : "Set objective.id to one of " + others + ", or ") +
                 "choose data with " + wanted + ".";
    return error;
}

} // namespace

Result<TokenizeOptions> tokenizeOptionsOf(const RunConfig& config, const Objective& objective, const ModelConfig& model,
                                          std::int64_t promptTokens, int threads) {
    const auto& specs = trainingParams().params;
    const ObjectiveNeeds needs = objective.needs();
    TokenizeOptions options;
    options.trainOn = needs.trainOnSetting ? trainOnOf(paramString(config.training, specs, "train_on")) : TrainOn::Completion;
    options.threads = threads;
    options.kinds = kindsFor(objective);
    options.wholeSamplesOnly = needs.wholeSamplesOnly;
    const std::int64_t wanted = paramInt(config.training, specs, "max_length"), context = model.contextLength - promptTokens;
    if (context < 2)
        return fail(ErrorCode::InvalidArgument, "The trained prompt fills the model's context", "Choose fewer virtual tokens.");
    options.maxLength = static_cast<std::size_t>(wanted > 0 ? std::min(wanted, context) : context);
    return options;
}

DataShape shapeOf(const TokenDataset& data) {
    const std::int64_t rows = data.samples();
    const auto average = [&](std::int64_t sum) { return static_cast<double>(sum) / static_cast<double>(std::max<std::int64_t>(1, rows)); };
    return {rows, average(data.tokens), average(data.targets), data.longest};
}

Result<TokenDataset> tokenRowsOf(const SampleSource& source, const char* which, const TrainRequest& request, const Objective& objective,
                                 const PromptFormat& format, const TokenizeOptions& options, const Progress& progress, const Emit& emit) {
    auto tokens = tokenizeCached(request.tokenCache, source, format, options, progress);
    if (!tokens)
        return fail(withObjective(std::move(tokens).error(), source, objective));
    emit(StateChanged{RunState::Preparing, tokensInWords(*tokens, which), 1});
    reportDataNotes(tokens->data, which, emit);
    return std::move(tokens->data);
}

Result<PromptRows> promptRowsOf(const SampleSource& source, const char* which, const Objective& objective, const PromptFormat& format,
                                std::size_t maxLength, const Progress& progress, const Emit& emit) {
    const RolloutPlan& plan = objective.policy()->plan();
    const auto answer = static_cast<std::size_t>(plan.maxTokens);
    if (answer >= maxLength)
        return fail(ErrorCode::InvalidArgument,
                    "The longest answer of " + std::to_string(answer) + " tokens leaves no room for a prompt within the " +
                        std::to_string(maxLength) + " tokens of a row",
                    "Lower objective.max_completion_length, or raise training.max_length where the model allows it.");
    auto rows = readPromptRows(source, format, maxLength - answer, plan.rewards, progress);
    if (!rows)
        return fail(withObjective(std::move(rows).error(), source, objective));
    reportDataNotes(rows->data, which, emit);
    return rows;
}

Result<GeneralRows> generalRows(const TrainRequest& request, const PromptFormat& format, TokenizeOptions options, const Progress& progress,
                                const Emit& emit) {
    options.trainOn = TrainOn::AllAssistant;
    options.kinds = {SampleKind::Chat, SampleKind::Text};
    options.wholeSamplesOnly = false;
    auto tokens = tokenizeCached(request.tokenCache, *request.general, format, options, progress);
    if (!tokens) {
        Error error = std::move(tokens).error();
        error.message = "General data: " + error.message;
        error.hint = "data.general takes texts and conversations. " + error.hint;
        return fail(std::move(error));
    }
    emit(StateChanged{RunState::Preparing, tokensInWords(*tokens, "general"), 1});
    return splitGeneral(std::move(tokens->data));
}

void adviseOnLabels(const TokenDataset& data, const Objective& objective, const Emit& emit) {
    double desirable = 0, undesirable = 0;
    for (std::size_t i = 0; i < data.rows.size(); i += data.rowsPerSample)
        (data.rows[i].desirable ? desirable : undesirable) += 1;
    if (std::string advice = objective.balanceAdvice(desirable, undesirable); !advice.empty())
        emit(WarningRaised{0, "data.unbalanced_labels",
                           "Good and bad answers do not count alike: there are " + std::to_string(std::llround(desirable)) + " good and " +
                               std::to_string(std::llround(undesirable)) + " bad ones",
                           std::move(advice)});
}

Status prepareComparisons(TokenDataset& train, TokenDataset* validation, const ObjectiveNeeds& needs, const TrainSettings& settings,
                          std::size_t maxLength, CausalLm& model, const fs::path& folder, const std::string& identity,
                          const Progress& progress) {
    if (needs.mismatched) {
        const auto count = static_cast<std::uint32_t>(train.samples());
        ATTUNE_CHECK(addMismatchedRows(train, permutation(count, settings.seed, 0), settings.batchSize, maxLength));
        if (validation) {
            const auto held = static_cast<std::uint32_t>(validation->samples());
            ATTUNE_CHECK(addMismatchedRows(*validation, permutation(held, settings.seed, 0), held, maxLength));
        }
    }
    if (!needs.reference)
        return {};
    ATTUNE_CHECK(addReference(train, model, settings.microBatchTokens, folder / "reference-train.safetensors", identity, progress, needs.restWeight));
    if (validation)
        ATTUNE_CHECK(addReference(*validation, model, settings.microBatchTokens, folder / "reference-validation.safetensors", identity, progress,
                                  needs.restWeight));
    return {};
}

} // namespace attune

#include "core/engine/reward_judge.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <cstdio>

#include <ATen/ATen.h>

#include "core/engine/engine_catalog.h"
#include "core/engine/token_dataset.h"
#include "core/export/peft_adapter.h"
#include "core/plan/run_config.h"
#include "core/run/metric_sink.h"
#include "core/run/run_folder.h"
#include "core/stats/intervals.h"

namespace attune {

namespace {

std::string percent(double share) {
    char text[16];
    std::snprintf(text, sizeof text, "%.0f %%", 100 * share);
    return text;
}

// Of the weights that were kept: the best measurement, or the last one where nothing was best.
void readHeldOutAccuracy(const std::vector<TrainingEvent>& events, RewardRecord& record) {
    bool best = false;
    for (const TrainingEvent& event : events)
        if (const auto* eval = std::get_if<EvalFinished>(&event); eval && eval->name == "validation" && (eval->best || !best))
            if (const auto found = eval->metrics.find("rewards/accuracies"); found != eval->metrics.end()) {
                record.accuracy = found->second, best = best || eval->best;
                const auto pairs = eval->metrics.find("rewards/pairs");
                record.pairs = pairs == eval->metrics.end() ? 0 : std::llround(std::clamp(pairs->second, 0.0, 1e9));
            }
}

// Nothing where nobody knows of how many pairs.
std::optional<Interval> accuracyInterval(const RewardRecord& record) {
    if (!record.accuracy || record.pairs <= 0)
        return std::nullopt;
    return wilsonInterval(std::llround(*record.accuracy * static_cast<double>(record.pairs)), record.pairs);
}

} // namespace

Result<RewardRecord> readRewardRecord(const fs::path& folder) {
    RewardRecord record;
    const RunFolder run{folder};
    std::error_code code;
    if (!fs::exists(run.recipe(), code)) {
        ATTUNE_ASSIGN(record.adapter, findAdapterFolder(folder));
        return record;
    }
    ATTUNE_ASSIGN(const RunConfig config, readRunConfig(run.recipe(), engineCatalog()));
    if (config.objective.id != "reward")
        return fail(ErrorCode::InvalidArgument,
                    folder.string() + " is a run with the objective " + config.objective.id + ", not a reward model",
                    "Train a reward model on preference pairs first (objective.id: reward), and name its run folder.");
    if (!fs::exists(run.adapter() / kPeftConfigFile, code))
        return fail(ErrorCode::InvalidArgument, "The reward model in " + folder.string() + " has no adapter",
                    "Finish its run; reward models are trained with an adapter method such as lora, so that one base model serves both.");
    record.adapter = run.adapter();
    record.baseModel = config.model;
    if (const auto metrics = readMetrics(run.metrics()))
        readHeldOutAccuracy(metrics->events, record);
    return record;
}

std::string accuracyInWords(const RewardRecord& record) {
    const std::string share = percent(record.accuracy.value_or(0));
    const auto interval = accuracyInterval(record);
    if (!interval)
        return share + " of the pairs it has not seen";
    return share + " of the " + std::to_string(record.pairs) + " pairs it has not seen (95 % interval " + percent(interval->low) + " to " +
           percent(interval->high) + ")";
}

Status checkRewardAccuracy(const RewardRecord& record, double least, const fs::path& folder) {
    const std::string hint = "Train the reward model with more pairs and a validation set, or lower objective.reward_model_min_accuracy "
                             "(0 takes any reward model).";
    if (least <= 0)
        return {};
    if (!record.accuracy)
        return fail(ErrorCode::InvalidArgument,
                    "Nobody has measured how often the reward model in " + folder.string() + " is right about pairs it has not seen", hint);
    if (*record.accuracy < least)
        return fail(ErrorCode::InvalidArgument,
                    "The reward model in " + folder.string() + " is right about " + accuracyInWords(record) + "; at least " + percent(least) +
                        " are asked for",
                    hint);
    if (const auto interval = accuracyInterval(record); interval && interval->low <= 0.5)
        return fail(ErrorCode::InvalidArgument,
                    "The reward model in " + folder.string() + " is right about " + accuracyInWords(record) +
                        ": of so few pairs it may be no better than a coin",
                    hint);
    return {};
}

Result<std::unique_ptr<RewardJudge>> RewardJudge::load(const RewardRecord& record, const LoadedModel& loaded, CausalLm& network,
                                                       std::int64_t microBatchTokens) {
    if (!record.baseModel.empty())
        if (const auto source = ModelSource::open(record.baseModel)) // moved away: the shapes of its adapter decide
            if (const auto hash = source->fingerprint(); hash && *hash != loaded.modelHash)
                return fail(ErrorCode::InvalidArgument,
                            "The reward model was trained on another base model (" + record.baseModel + ")",
                            "Train a reward model on this run's base model.");
    for (const LinearPart* part : network.linearParts())
        if (part->lora && part->lora->startA.defined())
            return fail(ErrorCode::InvalidArgument, "A run that begins with PiSSA or OLoRA changes the base weights, which the reward model needs as they were",
                        "Choose another beginning of the adapter (method.init).");
    std::unique_ptr<RewardJudge> judge(new RewardJudge(network, loaded.format, microBatchTokens));
    AdapterState others;
    Status read;
    {
        const Exchanged bare(network, others);
        read = readPeftAdapter(record.adapter, *loaded.family, network, SavedModules::Refuse);
        if (read && !network.scoreHead)
            read = fail(ErrorCode::InvalidArgument, record.adapter.string() + " has no score head: it is no reward model",
                        "Name the run folder of a run with the objective reward.");
        exchangeAdapters(network, judge->m_state); // bare again, and the guard puts back what was there
    }
    ATTUNE_CHECK(read);
    ATTUNE_ASSIGN(judge->m_hash, hashFile(record.adapter / kPeftWeightsFile));
    return judge;
}

Result<std::vector<double>> RewardJudge::score(const std::vector<std::vector<Message>>& conversations) {
    const Exchanged atWork(m_network, m_state);
    const auto longest = static_cast<std::size_t>(m_network.config().contextLength - m_network.promptTokens());
    std::vector<std::vector<TokenId>> rows;
    std::vector<std::int64_t> lengths;
    std::vector<std::size_t> readable; // of the rows: which conversation
    for (std::size_t i = 0; i < conversations.size(); ++i) {
        auto row = m_format.trainingRow(conversations[i], TrainOn::Completion, longest);
        if (!row)
            continue; // a sampled answer may be anything, also what the template cannot print
        lengths.push_back(static_cast<std::int64_t>(row->ids.size()));
        rows.push_back(std::move(row->ids));
        readable.push_back(i);
    }
    if (readable.empty() && !conversations.empty())
        return fail(ErrorCode::InvalidData, "The reward model can read none of the answers: the chat template prints none of them",
                    "Lower the learning rate, or train on examples first.");
    std::vector<double> scores(conversations.size(), std::numeric_limits<double>::infinity());
    TrainingPass pass(m_network);
    for (const auto& group : planMicroBatches(lengths, m_microBatchTokens)) {
        PackedTokens batch;
        batch.rowStarts.push_back(0);
        for (const std::uint32_t row : group) {
            batch.ids.insert(batch.ids.end(), rows[row].begin(), rows[row].end());
            batch.rowStarts.push_back(static_cast<std::int32_t>(batch.ids.size()));
        }
        batch.targets.assign(batch.ids.size(), -100);
        ATTUNE_CHECK(pass.forward(batch, {.keepForBackward = false, .training = false}));
        m_tokens += static_cast<double>(batch.tokens());
        ATTUNE_ASSIGN(const at::Tensor given, pass.rowScores());
        const at::Tensor host = given.to(at::kCPU, at::kDouble).contiguous();
        for (std::size_t i = 0; i < group.size(); ++i)
            scores[readable[group[i]]] = host.data_ptr<double>()[i];
    }
    // What it cannot read is as bad as the worst it could.
    const double least = scores.empty() ? 0.0 : *std::min_element(scores.begin(), scores.end());
    for (double& score : scores)
        if (std::isinf(score))
            score = least;
    return scores;
}

} // namespace attune

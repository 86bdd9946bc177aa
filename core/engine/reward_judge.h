// A reward model at work: the adapter and score head of a run with the objective reward, exchanged for whatever else is on the
// same base network while it scores. Engine thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/engine/model_loader.h"
#include "core/nn/adapter_state.h"
#include "core/nn/training_pass.h"

namespace attune {

/// What a reward model's run says of it.
struct RewardRecord {
    fs::path adapter;             // folder in PEFT layout
    std::optional<double> accuracy; // share of held-out pairs it got right, at the weights that were kept; nothing: not measured
    std::int64_t pairs = 0;         // that this was counted on; 0: the run does not say
    std::string baseModel;          // the run's model, "" when only an adapter is there
};
/// "72 % of the 80 pairs it has not seen (95 % interval 61 to 81 %)". Of a record with an accuracy.
std::string accuracyInWords(const RewardRecord& record);
/// Reads a run folder, or an adapter's folder without its run. Errors: NotFound, InvalidArgument (a run of another objective,
/// or one that is not finished).
Result<RewardRecord> readRewardRecord(const fs::path& folder);
/// Refuses a reward model that was not measured, is right too seldom, or was right about so few pairs that it may be no better than
/// a coin (the lower end of the 95 % interval is not above one half); least 0 takes any.
Status checkRewardAccuracy(const RewardRecord& record, double least, const fs::path& folder);

class RewardJudge {
public:
    /// Puts the reward model's state beside the base network of `loaded`, which outlives the judge. Errors: as readPeftAdapter;
    /// InvalidArgument (trained on another base model, no score head, a base that PiSSA changed).
    static Result<std::unique_ptr<RewardJudge>> load(const RewardRecord& record, const LoadedModel& loaded, CausalLm& network,
                                                     std::int64_t microBatchTokens);

    /// The score of each conversation, whose last message is the answer, as the reward model's own rows were built: higher is
    /// better. Errors: those of the template and tokenizer, OutOfMemory.
    Result<std::vector<double>> score(const std::vector<std::vector<Message>>& conversations);
    /// Tokens that score() read so far.
    double tokensRead() const { return m_tokens; }
    const std::string& hash() const { return m_hash; } // of its weights

private:
    RewardJudge(CausalLm& network, const PromptFormat& format, std::int64_t microBatchTokens)
        : m_network(network), m_format(format), m_microBatchTokens(microBatchTokens) {}
    CausalLm& m_network;
    const PromptFormat& m_format;
    std::int64_t m_microBatchTokens;
    AdapterState m_state; // the reward model's, while it is not at work
    std::string m_hash;
    double m_tokens = 0;
};

} // namespace attune

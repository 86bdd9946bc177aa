// What reinforcement learning reads of a data set: prompts as token ids, and each row's own answer to compare with. Plain
// data, torch-free.
#pragma once

#include <string>
#include <vector>

#include "core/engine/token_dataset.h"
#include "core/rewards/reward_mix.h"

namespace attune {

struct PromptRows {
    TokenDataset data;                   // rows hold prompts only; nothing of them is trained
    std::vector<std::vector<Message>> messages; // of each row: the prompt
    std::vector<std::string> references;        // of each row; empty where it has none
};

/// The prompts of conversations (without their last answer), of pairs (whose better answer is the reference) and of rows
/// without an answer. Left out, with a reason: prompts longer than `longest` tokens, rows that `rewards` cannot score.
/// Errors: as tokenizeSamples.
Result<PromptRows> readPromptRows(const SampleSource& source, const PromptFormat& format, std::size_t longest,
                                  const RewardMix& rewards, const Progress& progress);

} // namespace attune

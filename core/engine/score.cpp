#include "core/engine/score.h"

#include <ATen/ATen.h>

#include "core/nn/training_pass.h"

namespace attune {

namespace {

constexpr std::size_t kPackTokens = 2048;
constexpr std::int64_t kNoTarget = -100;

Status checkRow(const CausalLm& model, const std::vector<std::int64_t>& row, std::size_t number) {
    const auto bad = [&](const std::string& what, const char* hint) {
        return fail(ErrorCode::InvalidArgument, "Row " + std::to_string(number) + " " + what, hint);
    };
    if (row.empty())
        return bad("has no tokens", "Remove the row or give it a text.");
    const std::int64_t room = model.config().contextLength - model.promptTokens();
    if (static_cast<std::int64_t>(row.size()) > room)
        return bad("has " + std::to_string(row.size()) + " tokens, the model reads at most " + std::to_string(room),
                   "Shorten the row.");
    for (const std::int64_t id : row)
        if (id < 0 || id >= model.config().vocabularySize)
            return bad("has the token id " + std::to_string(id) + ", the model knows 0 to " +
                           std::to_string(model.config().vocabularySize - 1),
                       "Use ids of this model's own tokenizer.");
    return {};
}

} // namespace

Result<std::vector<std::vector<float>>> scoreRows(CausalLm& model, const std::vector<std::vector<std::int64_t>>& rows,
                                                  std::stop_token stop) {
    for (std::size_t i = 0; i < rows.size(); ++i)
        ATTUNE_CHECK(checkRow(model, rows[i], i + 1));
    TrainingPass pass(model);
    ForwardOptions forward;
    forward.keepForBackward = false;
    forward.training = false;
    std::vector<std::vector<float>> results(rows.size());
    for (std::size_t begin = 0; begin < rows.size();) {
        if (stop.stop_requested())
            return fail(ErrorCode::Cancelled, "Scoring was cancelled");
        PackedTokens batch;
        batch.rowStarts.push_back(0);
        std::size_t end = begin;
        while (end < rows.size() && (end == begin || batch.ids.size() + rows[end].size() <= kPackTokens)) {
            const auto& row = rows[end++];
            batch.ids.insert(batch.ids.end(), row.begin(), row.end());
            batch.targets.insert(batch.targets.end(), row.begin() + 1, row.end());
            batch.targets.push_back(kNoTarget);
            batch.rowStarts.push_back(static_cast<std::int32_t>(batch.ids.size()));
        }
        if (batch.ids.size() > end - begin) { // rows of one token have nothing to predict
            ATTUNE_CHECK(pass.forward(batch, forward));
            ATTUNE_ASSIGN(const at::Tensor computed, pass.targetLogProbs());
            const at::Tensor logProbs = computed.to(at::kCPU, at::kFloat).contiguous();
            const float* next = logProbs.data_ptr<float>();
            for (std::size_t row = begin; row < end; ++row) {
                results[row].assign(next, next + (rows[row].size() - 1));
                next += rows[row].size() - 1;
            }
        }
        begin = end;
    }
    return results;
}

Result<std::vector<std::vector<float>>> rewardRows(CausalLm& model, const std::vector<std::vector<std::int64_t>>& rows,
                                                   std::stop_token stop) {
    for (std::size_t i = 0; i < rows.size(); ++i)
        ATTUNE_CHECK(checkRow(model, rows[i], i + 1));
    TrainingPass pass(model);
    std::vector<std::vector<float>> results;
    for (std::size_t begin = 0; begin < rows.size();) {
        if (stop.stop_requested())
            return fail(ErrorCode::Cancelled, "Scoring was cancelled");
        PackedTokens batch;
        batch.rowStarts.push_back(0);
        std::size_t end = begin;
        while (end < rows.size() && (end == begin || batch.ids.size() + rows[end].size() <= kPackTokens)) {
            batch.ids.insert(batch.ids.end(), rows[end].begin(), rows[end].end());
            batch.rowStarts.push_back(static_cast<std::int32_t>(batch.ids.size()));
            ++end;
        }
        batch.targets.assign(batch.ids.size(), kNoTarget);
        ATTUNE_CHECK(pass.forward(batch, {.keepForBackward = false, .training = false}));
        ATTUNE_ASSIGN(const at::Tensor given, pass.rowScores());
        const at::Tensor scores = given.to(at::kCPU, at::kFloat).contiguous();
        for (std::size_t i = 0; i < end - begin; ++i)
            results.push_back({scores.data_ptr<float>()[i]});
        begin = end;
    }
    return results;
}

} // namespace attune

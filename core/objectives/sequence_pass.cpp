#include "core/objectives/sequence_pass.h"

#include <ATen/ATen.h>

namespace attune {

std::vector<RowLogProbs> sumByRow(const at::Tensor& logProbs, std::span<const RowFacts> rows, const TargetFacts& facts) {
    const at::Tensor host = logProbs.to(at::kCPU, at::kDouble).contiguous();
    const at::Tensor hostFacts = facts.numbers.defined() ? facts.numbers.to(at::kCPU, at::kDouble).contiguous() : at::Tensor();
    const double* value = host.data_ptr<double>();
    const double* fact = hostFacts.defined() ? hostFacts.data_ptr<double>() : nullptr;
    std::vector<RowLogProbs> sums;
    sums.reserve(rows.size());
    for (const RowFacts& row : rows) {
        RowLogProbs sum;
        sum.allTokens = static_cast<double>(row.targets), sum.answerTokens = static_cast<double>(row.answerTargets);
        for (std::int64_t i = 0; i < row.targets; ++i, ++value) {
            sum.all += *value;
            const std::int64_t inAnswer = i - row.answerBegin;
            const bool answer = inAnswer >= 0 && inAnswer < row.answerTargets;
            if (answer)
                sum.answer += row.weightOf(inAnswer) * *value;
            if (!fact)
                continue;
            sum.likeliest += fact[0], sum.entropy += fact[1], sum.meanLogit += fact[2];
            if (answer)
                sum.surprise += (*value - fact[3]) / static_cast<double>(row.answerTargets);
            fact += 4;
        }
        sums.push_back(sum);
    }
    return sums;
}

namespace {

Status checkRows(const PackedTokens& batch, std::span<const RowFacts> rows) {
    std::int64_t described = 0, present = 0;
    for (const RowFacts& row : rows)
        described += row.targets;
    for (const std::int64_t target : batch.targets)
        present += target != -100;
    if (rows.size() + 1 != batch.rowStarts.size() || described != present)
        return fail(ErrorCode::Internal, "A batch of " + std::to_string(batch.rowStarts.size() - 1) + " rows and " +
                                             std::to_string(present) + " targets was described as " +
                                             std::to_string(rows.size()) + " rows and " + std::to_string(described) + ".");
    return {};
}

} // namespace

Result<std::vector<RowLogProbs>> rowLogProbs(TrainingPass& pass, const PackedTokens& batch, std::span<const RowFacts> rows,
                                             const ForwardOptions& options) {
    ATTUNE_CHECK(checkRows(batch, rows));
    ForwardOptions forward = options;
    forward.keepForBackward = false;
    ATTUNE_CHECK(pass.forward(batch, forward));
    TargetFacts facts;
    ATTUNE_ASSIGN(const at::Tensor logProbs, pass.targetLogProbs(&facts));
    return sumByRow(logProbs, rows, facts);
}

Status backwardRows(TrainingPass& pass, std::span<const RowFacts> rows, std::span<const RowGradient> gradients) {
    std::int64_t targets = 0;
    for (const RowFacts& row : rows)
        targets += row.targets;
    at::Tensor gradient = at::empty({targets}, at::kDouble);
    double* value = gradient.data_ptr<double>();
    for (std::size_t r = 0; r < rows.size(); ++r)
        for (std::int64_t i = 0; i < rows[r].targets; ++i) {
            const std::int64_t inAnswer = i - rows[r].answerBegin;
            const bool answer = inAnswer >= 0 && inAnswer < rows[r].answerTargets;
            *value++ = gradients[r].all + (answer ? rows[r].weightOf(inAnswer) * gradients[r].answer : 0);
        }
    ATTUNE_CHECK(pass.setLogProbGradient(gradient));
    return pass.backward();
}

PackedTokens rowAlone(const PackedTokens& batch, std::size_t index) {
    const std::int32_t begin = batch.rowStarts[index], end = batch.rowStarts[index + 1];
    PackedTokens row;
    row.ids.assign(batch.ids.begin() + begin, batch.ids.begin() + end);
    row.targets.assign(batch.targets.begin() + begin, batch.targets.begin() + end);
    row.rowStarts = {0, end - begin};
    return row;
}

} // namespace attune

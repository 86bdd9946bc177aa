#include "core/objectives/sequence_pass.h"

#include <ATen/ATen.h>

namespace attune {

std::vector<RowLogProbs> sumByRow(const at::Tensor& logProbs, std::span<const RowFacts> rows) {
    const at::Tensor host = logProbs.to(at::kCPU, at::kDouble).contiguous();
    const double* value = host.data_ptr<double>();
    std::vector<RowLogProbs> sums;
    sums.reserve(rows.size());
    for (const RowFacts& row : rows) {
        RowLogProbs sum;
        sum.allTokens = static_cast<double>(row.targets), sum.answerTokens = static_cast<double>(row.answerTargets);
        for (std::int64_t i = 0; i < row.targets; ++i, ++value) {
            sum.all += *value;
            if (i >= row.answerBegin && i < row.answerBegin + row.answerTargets)
                sum.answer += *value;
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
    ATTUNE_ASSIGN(const at::Tensor logProbs, pass.targetLogProbs());
    return sumByRow(logProbs, rows);
}

Status backwardRows(TrainingPass& pass, std::span<const RowFacts> rows, std::span<const RowGradient> gradients) {
    std::int64_t targets = 0;
    for (const RowFacts& row : rows)
        targets += row.targets;
    at::Tensor gradient = at::empty({targets}, at::kDouble);
    double* value = gradient.data_ptr<double>();
    for (std::size_t r = 0; r < rows.size(); ++r)
        for (std::int64_t i = 0; i < rows[r].targets; ++i) {
            const bool answer = i >= rows[r].answerBegin && i < rows[r].answerBegin + rows[r].answerTargets;
            *value++ = gradients[r].all + (answer ? gradients[r].answer : 0);
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

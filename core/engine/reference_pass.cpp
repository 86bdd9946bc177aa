#include "core/engine/reference_pass.h"

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>

#include "core/engine/base_only.h"
#include "core/engine/checkpoint.h"
#include "core/objectives/sequence_pass.h"

namespace attune {

namespace {

// The prompt of one row with the answer of another.
TokenDataset::Row mismatch(const TokenDataset::Row& prompt, const TokenDataset::Row& answer, std::size_t maxLength) {
    const auto answerBegin = [](const TokenDataset::Row& row) {
        const auto begin = static_cast<std::size_t>(std::find(row.trained.begin(), row.trained.end(), true) - row.trained.begin());
        return static_cast<std::ptrdiff_t>(begin);
    };
    TokenDataset::Row row;
    row.source = prompt.source;
    row.ids.assign(prompt.ids.begin(), prompt.ids.begin() + answerBegin(prompt));
    row.trained.assign(row.ids.size(), false);
    row.ids.insert(row.ids.end(), answer.ids.begin() + answerBegin(answer), answer.ids.end());
    row.trained.insert(row.trained.end(), answer.trained.begin() + answerBegin(answer), answer.trained.end());
    if (maxLength > 0 && row.ids.size() > maxLength)
        row.ids.resize(maxLength), row.trained.resize(maxLength);
    row.targets = std::count(row.trained.begin(), row.trained.end(), true);
    return row;
}

} // namespace

Status addMismatchedRows(TokenDataset& data, std::span<const std::uint32_t> order, std::int64_t batchSize, std::size_t maxLength) {
    if (order.size() < 2 || batchSize < 2)
        return fail(ErrorCode::InvalidData,
                    order.size() < 2 ? "There is only one answer; this objective compares answers with those of other prompts"
                                     : "With a batch size of 1 there is no other answer in the batch to compare with",
                    order.size() < 2 ? "Add more rows." : "Set training.batch_size to 2 or more; 8 or more is better.");
    std::vector<std::uint32_t> partner(order.size());
    for (std::size_t begin = 0; begin < order.size(); begin += static_cast<std::size_t>(batchSize)) {
        const std::size_t end = std::min(order.size(), begin + static_cast<std::size_t>(batchSize));
        for (std::size_t i = begin; i < end; ++i)
            partner[order[i]] = i > begin ? order[i - 1] : end - begin > 1 ? order[end - 1] : order[i - 1];
    }
    std::vector<TokenDataset::Row> rows;
    rows.reserve(2 * data.rows.size());
    for (std::size_t i = 0; i < data.rows.size(); ++i) {
        TokenDataset::Row other = mismatch(data.rows[i], data.rows[partner[i]], maxLength);
        rows.push_back(data.rows[i]);
        rows.push_back(std::move(other));
    }
    data.rows = std::move(rows);
    data.rowsPerSample = 2;
    return {};
}

Status addReference(TokenDataset& data, CausalLm& model, std::int64_t microBatchTokens, const fs::path& file,
                    const std::string& identity, const Progress& progress, double restWeight) {
    const std::string name = "reference/" + identity;
    std::error_code code;
    const at::Tensor kept = at::empty({static_cast<std::int64_t>(data.rows.size())}, at::kDouble);
    if (fs::exists(file, code) && readTensorsInto(file, {{name, kept}})) { // anything odd about the file: compute again
        const double* value = kept.data_ptr<double>();
        data.reference.assign(value, value + data.rows.size());
        return {};
    }
    std::vector<std::int64_t> lengths;
    for (const TokenDataset::Row& row : data.rows)
        lengths.push_back(static_cast<std::int64_t>(row.ids.size()));
    // Each row by itself, whatever it belongs to: a data set seen with one row per sample.
    std::vector<double> reference(data.rows.size());
    TrainingPass pass(model);
    const BaseOnly base(model);
    const std::size_t rowsPerSample = std::exchange(data.rowsPerSample, std::size_t{1});
    const auto sharedTokens = [&](std::size_t row) {
        const auto first = data.rows.begin() + static_cast<std::ptrdiff_t>(row / rowsPerSample * rowsPerSample);
        return std::min_element(first, first + static_cast<std::ptrdiff_t>(rowsPerSample),
                                [](const auto& a, const auto& b) { return a.targets < b.targets; })->targets;
    };
    const auto work = [&]() -> Status {
        const SampleRows rows(data, {});
        std::size_t done = 0;
        for (const auto& group : planMicroBatches(lengths, microBatchTokens)) {
            if (progress.cancelled())
                return fail(ErrorCode::Cancelled, "The run was stopped while the reference was computed");
            PackedRows batch = rows.pack(group);
            for (std::size_t i = 0; restWeight != 1 && i < group.size(); ++i)
                batch.facts[i].restWeight = restWeight, batch.facts[i].sharedTokens = sharedTokens(group[i]);
            ATTUNE_ASSIGN(const auto sums, rowLogProbs(pass, batch.tokens, batch.facts, {.keepForBackward = false, .training = false}));
            for (std::size_t i = 0; i < group.size(); ++i)
                reference[group[i]] = sums[i].answer;
            done += group.size();
            progress.report(static_cast<double>(done) / static_cast<double>(data.rows.size()), "Asking the reference model");
        }
        return {};
    };
    Status worked = work();
    data.rowsPerSample = rowsPerSample;
    ATTUNE_CHECK(worked);
    data.reference = std::move(reference);
    at::Tensor computed = at::empty({static_cast<std::int64_t>(data.reference.size())}, at::kDouble);
    std::copy(data.reference.begin(), data.reference.end(), computed.data_ptr<double>());
    return writeTensors(file, {{name, computed}});
}

} // namespace attune

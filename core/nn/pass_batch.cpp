#include "core/nn/pass_batch.h"

#include <algorithm>
#include <type_traits>

#include <ATen/ATen.h>

#include "core/nn/rope.h"

namespace attune {

PackedTokens withPrompt(const PackedTokens& batch, std::int64_t tokens) {
    PackedTokens result;
    result.firstRowIsPrefix = batch.firstRowIsPrefix;
    result.promptIncluded = true;
    result.rowStarts.push_back(0);
    for (std::size_t row = 0; row + 1 < batch.rowStarts.size(); ++row) {
        if (row == 0 || !batch.firstRowIsPrefix)
            for (std::int64_t i = 0; i < tokens; ++i)
                result.ids.push_back(virtualToken(i)), result.targets.push_back(-100);
        const auto begin = batch.rowStarts[row], end = batch.rowStarts[row + 1];
        result.ids.insert(result.ids.end(), batch.ids.begin() + begin, batch.ids.begin() + end);
        result.targets.insert(result.targets.end(), batch.targets.begin() + begin, batch.targets.begin() + end);
        result.rowStarts.push_back(static_cast<std::int32_t>(result.ids.size()));
    }
    return result;
}

Status checkBatch(const PackedTokens& batch, const ModelConfig& config, std::int64_t promptTokens) {
    const auto bad = [](std::string message) { return fail(ErrorCode::InvalidArgument, std::move(message)); };
    if (batch.ids.empty() || batch.targets.size() != batch.ids.size())
        return bad("A batch needs at least one token and one target per token.");
    if (batch.rowStarts.size() < 2 || batch.rowStarts.front() != 0 || batch.rowStarts.back() != batch.tokens() ||
        !std::is_sorted(batch.rowStarts.begin(), batch.rowStarts.end()))
        return bad("The rows of a batch must tile its tokens.");
    for (std::size_t i = 0; i < batch.ids.size(); ++i) {
        const auto outside = [&](std::int64_t id) { return id < 0 || id >= config.vocabularySize; };
        const bool isVirtual = batch.ids[i] < 0 && batch.ids[i] >= virtualToken(promptTokens - 1) && promptTokens > 0;
        if ((outside(batch.ids[i]) && !isVirtual) || (batch.targets[i] != -100 && outside(batch.targets[i])))
            return fail(ErrorCode::InvalidArgument,
                        "Token " + std::to_string(outside(batch.ids[i]) ? batch.ids[i] : batch.targets[i]) +
                            " at position " + std::to_string(i) + " is outside the model's vocabulary of " +
                            std::to_string(config.vocabularySize) + ".",
                        "The tokenizer does not fit the model.");
    }
    if (batch.firstRowIsPrefix && ropeDependsOnLength(config.rope))
        return bad("This model's positions depend on the length of a row: rows cannot share a prefix.");
    if (config.positions == PositionKind::Learned)
        for (std::size_t row = 0; row + 1 < batch.rowStarts.size(); ++row)
            if (const std::int64_t length = batch.rowStarts[row + 1] - batch.rowStarts[row] +
                                            (batch.firstRowIsPrefix && row > 0 ? batch.rowStarts[1] : 0);
                length > config.contextLength)
                return fail(ErrorCode::InvalidArgument,
                            "Row " + std::to_string(row) + " has " + std::to_string(length) +
                                " tokens; the model has positions for " + std::to_string(config.contextLength) + ".",
                            "Shorten the maximum length.");
    return {};
}

namespace {

at::Tensor onDevice(const std::vector<std::int64_t>& values, at::Device device) {
    at::Tensor host = at::empty({static_cast<std::int64_t>(values.size())}, at::kLong);
    std::copy(values.begin(), values.end(), host.data_ptr<std::int64_t>());
    return host.to(device);
}

} // namespace

template <class Real>
kernels::Rotation PassBatch::buildRotation(const ModelConfig& config, bool local, at::Device device,
                                           Table<Real>& table) const {
    auto& [cosines, sines] = table;
    const auto half = static_cast<std::size_t>(config.headDim / 2);
    const auto& starts = layout.rowStarts;
    at::Tensor rows = at::zeros({tokens}, at::kInt);
    std::int32_t* tableRow = rows.data_ptr<std::int32_t>();
    const bool perLength = ropeDependsOnLength(local ? *config.localRope : config.rope);
    if (perLength)
        cosines.clear(), sines.clear();
    for (std::size_t row = 0; row + 1 < starts.size(); ++row) {
        const std::int64_t before = layout.prefixOf(row), length = before + starts[row + 1] - starts[row];
        // One table for all rows, or with length-dependent scaling a section for each.
        const auto known = static_cast<std::int64_t>(cosines.size() / half);
        const std::int64_t first = perLength ? known : 0;
        if (perLength)
            appendRopeTable(ropeFrequencies(config, length, local), 0, length, cosines, sines);
        else if (length > known)
            appendRopeTable(ropeFrequencies(config, length, local), known, length - known, cosines, sines);
        for (std::int64_t t = before; t < length; ++t)
            tableRow[starts[row] + t - before] = static_cast<std::int32_t>(first + t);
    }
    const at::TensorOptions options = at::TensorOptions().dtype(std::is_same_v<Real, double> ? at::kDouble : at::kFloat);
    const auto positions = static_cast<std::int64_t>(cosines.size() / half);
    return {at::from_blob(cosines.data(), {positions, config.headDim / 2}, options).to(device),
            at::from_blob(sines.data(), {positions, config.headDim / 2}, options).to(device), rows.to(device)};
}

template <class Real>
void PassBatch::buildRotations(const ModelConfig& config, at::Device device, Table<Real> (&tables)[2]) {
    rotation = buildRotation(config, false, device, tables[0]);
    if (config.localRope)
        localRotation = buildRotation(config, true, device, tables[1]);
}

void PassBatch::take(const PackedTokens& batch, const ModelConfig& config, at::ScalarType master, at::Device device) {
    count = batch.tokens();
    tokens = roundUp(count, kRowRound);
    layout = {batch.rowStarts, tokens,         config.kvHeads, config.heads / config.kvHeads,
              config.headDim,  batch.firstRowIsPrefix};
    layout.softCap = config.attentionSoftCap;
    localLayout = layout;
    std::int64_t longest = 0;
    for (std::size_t row = 0; row + 1 < layout.rowStarts.size(); ++row)
        longest = std::max<std::int64_t>(longest, layout.prefixOf(row) + layout.rowStarts[row + 1] - layout.rowStarts[row]);
    localLayout.window = longest > config.slidingWindow ? config.slidingWindow : 0; // a window that hides nothing costs nothing
    std::vector<std::int64_t> rows, wanted, real = batch.ids, virtualPlaces, virtualNumbers;
    for (std::size_t i = 0; i < real.size(); ++i)
        if (real[i] < 0) {
            virtualPlaces.push_back(static_cast<std::int64_t>(i)), virtualNumbers.push_back(virtualToken(real[i]));
            real[i] = 0;
        }
    ids = onDevice(real, device);
    virtualRows = onDevice(virtualPlaces, device);
    virtualIndices = onDevice(virtualNumbers, device);
    for (std::size_t i = 0; i < batch.targets.size(); ++i)
        if (batch.targets[i] != -100)
            rows.push_back(static_cast<std::int64_t>(i)), wanted.push_back(batch.targets[i]);
    targetRows = onDevice(rows, device);
    targets = onDevice(wanted, device);
    rotation = localRotation = {};
    if (config.positions == PositionKind::Learned) {
        std::vector<std::int64_t> positions(batch.ids.size());
        for (std::size_t row = 0; row + 1 < batch.rowStarts.size(); ++row)
            for (std::int32_t t = batch.rowStarts[row]; t < batch.rowStarts[row + 1]; ++t)
                positions[static_cast<std::size_t>(t)] = layout.prefixOf(row) + t - batch.rowStarts[row];
        positionIds = onDevice(positions, device);
    } else if (master == at::kDouble) {
        buildRotations(config, device, m_tablesD);
    } else {
        buildRotations(config, device, m_tablesF);
    }
}

} // namespace attune

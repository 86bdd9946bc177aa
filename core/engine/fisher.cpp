#include "core/engine/fisher.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/engine/checkpoint.h"
#include "core/engine/sample_rows.h"

namespace attune {

namespace {

std::vector<StateTensor> named(CausalLm& model, const FisherDiagonal& fisher, const std::string& identity) {
    std::vector<StateTensor> tensors;
    const auto trained = model.trainable();
    for (std::size_t i = 0; i < fisher.size(); ++i)
        tensors.push_back({"fisher/" + identity + "/" + trained[i]->name, fisher[i]});
    return tensors;
}

// One row: the gradient of its log-probability, squared, is added. Returns its targets.
Result<std::int64_t> addSquares(TrainingPass& pass, CausalLm& model, const PackedTokens& row, FisherDiagonal& fisher) {
    at::NoGradGuard noGrad;
    const auto targets = std::count_if(row.targets.begin(), row.targets.end(), [](std::int64_t id) { return id != -100; });
    model.zeroGradients();
    ATTUNE_CHECK(pass.forward(row, {.keepForBackward = true, .training = false}));
    ATTUNE_CHECK(pass.targetLogProbsWithGradient(at::ones({targets}, at::kDouble)));
    ATTUNE_CHECK(pass.backward());
    const auto trained = model.trainable();
    for (std::size_t i = 0; i < trained.size(); ++i)
        if (fisher[i].sizes() == trained[i]->grad.sizes()) // not of adapters: the pass collects their weights' squares
            fisher[i].addcmul_(trained[i]->grad, trained[i]->grad);
    return targets;
}

void takeFactors(CausalLm& model, const SquaresOfAdapted& squares, FisherDiagonal& fisher) {
    std::map<const Parameter*, at::Tensor> factors;
    for (const LinearPart* part : model.linearParts())
        if (part->lora)
            if (const auto found = squares.find(part->lora.get()); found != squares.end())
                factors[&part->lora->a] = found->second.columns, factors[&part->lora->b] = found->second.rows;
    const auto trained = model.trainable();
    for (std::size_t i = 0; i < trained.size(); ++i)
        if (const auto found = factors.find(trained[i]); found != factors.end())
            fisher[i].copy_(found->second);
}

} // namespace

Result<FisherDiagonal> measureFisher(CausalLm& model, const TokenDataset& data, std::int64_t rows, const fs::path& file,
                                     const std::string& identity, const Progress& progress) {
    FisherDiagonal fisher = emptyFisher(model);
    std::error_code code;
    if (fs::exists(file, code) && readTensorsInto(file, named(model, fisher, identity))) // anything odd about the file: measure again
        return fisher;
    for (at::Tensor& tensor : fisher)
        tensor.zero_();
    const SampleRows packed(data, {});
    const std::int64_t count = std::min<std::int64_t>(rows, packed.samples());
    std::int64_t targets = 0;
    {
        TrainingPass pass(model);
        SquaresOfAdapted squares;
        pass.collectSquares(&squares);
        for (std::int64_t i = 0; i < count; ++i) {
            if (progress.cancelled())
                return fail(ErrorCode::Cancelled, "The run was stopped while it measured which weights matter");
            const std::uint32_t row[] = {static_cast<std::uint32_t>(i * packed.samples() / count)};
            ATTUNE_ASSIGN(const std::int64_t ofRow, addSquares(pass, model, packed.pack(row).tokens, fisher));
            targets += ofRow;
            progress.report(static_cast<double>(i + 1) / static_cast<double>(count), "Measuring which weights matter");
        }
        takeFactors(model, squares, fisher);
    }
    model.zeroGradients();
    for (at::Tensor& tensor : fisher) {
        tensor.div_(static_cast<double>(std::max<std::int64_t>(1, targets)));
        if (!std::isfinite(tensor.sum(at::kDouble).item<double>()))
            return fail(ErrorCode::Numerical, "The importance of the weights is not a finite number",
                        "Look at the general data, or compute in f32 (training.precision).");
    }
    ATTUNE_CHECK(writeTensors(file, named(model, fisher, identity)));
    return fisher;
}

} // namespace attune

// AdamW whose two averages are kept in 8 bits (Dettmers et al. 2022): a quarter of the optimizer's memory. As in
// bitsandbytes, blocks of 256 numbers share an f32 maximum, the average of gradients uses the signed dynamic map and
// that of squares the unsigned one, and tensors below 4,096 elements stay in f32. Differences to bitsandbytes, which
// make steps safer or equal to our AdamW: decay comes before the step, and a square that is not zero is never rounded
// to zero. Engine thread.
#pragma once

#include "core/optim/adamw.h"

namespace attune {

class AdamW8 final : public SteppedOptimizer {
public:
    static constexpr std::int64_t kSmallest = 4096; // elements of a tensor worth quantising

    AdamW8(std::vector<Parameter*> parameters, const AdamWOptions& options);
    /// "<name>.exp_avg" and ".exp_avg_sq": codes (u8), each with "_absmax" (f32, one per block); small tensors: f32 alone.
    std::vector<StateTensor> state() override;

private:
    void update(double learningRate, double gradientScale) override;
    void updateWithAten(std::size_t index, const kernels::AdamWStep& step);

    struct Moments {
        at::Tensor average, averageSquare;               // [n] u8 codes, or like the parameter when small
        at::Tensor averageMaxima, averageSquareMaxima;   // [blocks] f32, undefined when small
    };
    std::vector<Moments> m_moments;
    AdamWOptions m_options;
};

const OptimizerKind& adamW8Kind();

} // namespace attune

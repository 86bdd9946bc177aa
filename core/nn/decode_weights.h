// The weights as decoding reads them: in place, or as a copy in 8 bits with one scale for 64 inputs (about 0.5 % of a
// weight's size as error, half the memory traffic of bf16). Adapters stay as they are. Internal to the decoder.
#pragma once

#include <vector>

#include "core/nn/causal_lm.h"
#include "core/nn/decoder.h"

namespace attune {

/// One matrix [out, in].
struct DecodeMatrix {
    at::Tensor plain;         // in place; undefined when in 8 bits
    at::Tensor codes, scales; // [out, groups * 64] int8, [out, groups] f32
    bool eightBit() const { return codes.defined(); }
    std::int64_t groups() const { return scales.size(1); }
};

struct DecodeWeights {
    struct Mlp {
        DecodeMatrix gateUp, down;
    };
    struct Layer {
        DecodeMatrix qkv, attentionOut, gateUp, down;
        DecodeMatrix router; // as stored: its rounding would send tokens to other experts
        std::vector<Mlp> experts;
    };
    std::vector<Layer> layers;
    DecodeMatrix head;

    DecodeWeights(const CausalLm& model, DecodePrecision precision);
};

} // namespace attune

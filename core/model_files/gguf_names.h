// How llama.cpp names the tensors of a decoder-only model, against our canonical names (those of Hugging Face's Llama), and how its
// files write some of them: https://github.com/ggml-org/llama.cpp, gguf-py. Torch-free, stateless.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/model_files/model_config.h"

namespace attune {

/// One place a canonical parameter may have in a GGUF file: a tensor, or rows [begin, begin + size) of one (size < 0: all).
struct GgufPlace {
    std::string name;
    std::int64_t begin = 0, size = -1;
};

/// The places in the order in which they are looked for; empty for a name GGUF has nothing for.
std::vector<GgufPlace> ggufPlaces(std::string_view canonicalName, const ModelConfig& config);

/// Tensors without a meaning of their own here: what the config has taken in already, the second copy of a tied head.
bool ignorableGgufTensor(std::string_view name, const ModelConfig& config);

/// Whether a tensor is [experts, out, in]; here it counts as a matrix of experts * out rows.
bool holdsAllExperts(std::string_view name);

/// Rotary positions turn pairs of numbers of a head. Hugging Face pairs number i with i + half; llama.cpp's "llama" pairs 2i with 2i + 1
/// and stores the rows of q and k in that order. Returns where the file has row `row` of such a tensor with `headRows` rows a head.
constexpr std::int64_t interleavedRow(std::int64_t row, std::int64_t headRows) {
    const std::int64_t head = row / headRows, within = row % headRows, half = headRows / 2;
    return head * headRows + within % half * 2 + within / half;
}

/// Whether the files of an architecture ("llama") hold q and k in that order.
bool interleavesRotary(std::string_view ggufArchitecture);

} // namespace attune

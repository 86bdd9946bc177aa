// Which tensor of a GGUF file is stored in which type. A quantisation's name stands for a mixture: what hurts most keeps more bits. The
// rules are llama.cpp's (llama-quant.cpp), so that a file of a name is what its users expect. Stateless.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model_files/gguf_blocks.h"

namespace attune {

struct GgufMixture {
    std::string id;      // "q4_k_m", the choice in the exporter's options
    std::string name;    // "Q4_K_M", in file names
    std::uint32_t number; // "general.file_type"
    GgmlType base;        // of an ordinary matrix
};
const std::vector<GgufMixture>& ggufMixtures();
const GgufMixture* findGgufMixture(std::string_view id);

/// The type of one tensor. `layer` of `layers` is its block (negative outside blocks); `tied`: the embedding is the head as well;
/// `experts`: of a mixture, 0 for others.
GgmlType mixtureType(const GgufMixture& mixture, std::string_view name, const std::vector<std::int64_t>& shape, std::int64_t layer,
                     std::int64_t layers, bool tied, std::int64_t experts = 0);

} // namespace attune

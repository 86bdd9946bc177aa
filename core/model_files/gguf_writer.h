// Writing GGUF (version 3, little endian), atomically: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Torch-free.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/files.h"
#include "core/model_files/gguf_blocks.h"

namespace attune {

/// A value to be written; its C++ type is its type in the file.
using GgufItem = std::variant<bool, std::uint32_t, std::uint64_t, float, std::string, std::vector<std::string>, std::vector<std::int32_t>,
                              std::vector<float>>;
using GgufItems = std::vector<std::pair<std::string, GgufItem>>; // in the order in which they are written

struct GgufTensorToWrite {
    std::string name;
    GgmlType type = GgmlType::F32;
    std::vector<std::int64_t> shape; // outermost first
    std::function<Result<std::span<const std::byte>>()> bytes; // asked for when its turn comes; stays valid until the next call
};

/// Errors: Internal (a name twice, a row that is no whole number of blocks, a wrong number of bytes), OutOfSpace, Io, and those of `bytes`.
Status writeGguf(const fs::path& path, const GgufItems& items, const std::vector<GgufTensorToWrite>& tensors);

} // namespace attune

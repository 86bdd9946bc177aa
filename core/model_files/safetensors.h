// The safetensors format, strictly (https://github.com/huggingface/safetensors): reader with the limits of a hostile world,
// writer with atomic replacement. Torch-free: bytes in, bytes out. Files are read with pread, never mapped (a mapped file that
// somebody truncates kills the process).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/files.h"

namespace attune {

enum class TensorType { F64, F32, F16, BF16, I64, I32, I16, I8, U8, Bool };
std::size_t tensorTypeBytes(TensorType type);
const char* tensorTypeName(TensorType type); // "F32" ...

struct TensorInfo {
    std::string name;
    TensorType type = TensorType::F32;
    std::vector<std::int64_t> shape;
    std::uint64_t begin = 0, end = 0; // bytes within the data part
    std::uint64_t elements() const;
};

class SafetensorsFile {
public:
    /// Checks the whole header; reads no tensor. Errors: NotFound, InvalidData (what is wrong with which tensor), Unsupported.
    static Result<std::shared_ptr<const SafetensorsFile>> open(const fs::path& path);
    ~SafetensorsFile();

    const std::vector<TensorInfo>& tensors() const { return m_tensors; } // in file order
    const TensorInfo* find(std::string_view name) const;
    const std::map<std::string, std::string>& metadata() const { return m_metadata; }
    const fs::path& path() const { return m_path; }
    /// Reads bytes [offset, offset + out.size()) of one tensor into memory the caller owns.
    Status read(const TensorInfo& tensor, std::span<std::byte> out, std::uint64_t offset = 0) const;

private:
    SafetensorsFile() = default;
    fs::path m_path;
    int m_fd = -1;
    std::uint64_t m_dataStart = 0;
    std::vector<TensorInfo> m_tensors;
    std::map<std::string, std::size_t, std::less<>> m_index;
    std::map<std::string, std::string> m_metadata;
};

/// One tensor to be written; `bytes` is asked for when its turn comes, so that nothing needs a second copy of all weights.
struct TensorToWrite {
    std::string name;
    TensorType type = TensorType::F32;
    std::vector<std::int64_t> shape;
    std::function<Result<std::span<const std::byte>>()> bytes; // stays valid until the next call
};

/// Atomic (old or complete new file). Tensors are laid out in the given order, aligned to 8 bytes by header padding.
Status writeSafetensors(const fs::path& path, const std::vector<TensorToWrite>& tensors,
                        const std::map<std::string, std::string>& metadata = {{"format", "pt"}});

} // namespace attune

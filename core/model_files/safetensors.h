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

#include "core/model_files/file_bytes.h"
#include "core/model_files/tensor_file.h"

namespace attune {

class SafetensorsFile final : public TensorFile {
public:
    /// Checks the whole header; reads no tensor. Errors: NotFound, InvalidData (what is wrong with which tensor), Unsupported (also a
    /// file that is no safetensors file but a format that can run code, whatever its name).
    static Result<std::shared_ptr<const SafetensorsFile>> open(const fs::path& path);

    const std::map<std::string, std::string>& metadata() const { return m_metadata; }
    Status read(const TensorInfo& tensor, std::span<std::byte> out, std::uint64_t offset = 0) const override;

private:
    SafetensorsFile() = default;
    FileBytes m_bytes;
    std::uint64_t m_dataStart = 0;
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

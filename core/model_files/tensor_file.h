// What every file of weights offers, whatever its format: named tensors of plain numbers, read piece by piece. Torch-free; immutable
// after opening, so it may be read from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/files.h"

namespace attune {

enum class TensorType { F64, F32, F16, BF16, I64, I32, I16, I8, U8, Bool };
std::size_t tensorTypeBytes(TensorType type);
const char* tensorTypeName(TensorType type); // "F32" ...
std::optional<TensorType> tensorTypeOf(std::string_view name);

struct TensorInfo {
    std::string name;
    TensorType type = TensorType::F32; // what read() gives
    std::vector<std::int64_t> shape;
    std::uint64_t begin = 0, end = 0; // bytes within the data part, as read() counts them
    std::string storedAs;             // "Q4_K": what the file holds where that is another form; "" = type
    std::uint64_t elements() const;
};

class TensorFile {
public:
    virtual ~TensorFile() = default;
    const std::vector<TensorInfo>& tensors() const { return m_tensors; } // in file order
    const TensorInfo* find(std::string_view name) const;
    const fs::path& path() const { return m_path; }
    /// Reads bytes [offset, offset + out.size()) of one tensor into memory the caller owns. Errors: Io, InvalidData (the file became
    /// shorter), Unsupported (a stored form we cannot turn into numbers, named).
    virtual Status read(const TensorInfo& tensor, std::span<std::byte> out, std::uint64_t offset = 0) const = 0;

protected:
    TensorFile() = default;
    void indexTensors(); // once, when m_tensors is complete
    fs::path m_path;
    std::vector<TensorInfo> m_tensors;

private:
    std::map<std::string, std::size_t, std::less<>> m_index;
};

} // namespace attune

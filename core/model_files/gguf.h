// The GGUF container of llama.cpp (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), versions 2 and 3, little endian, read
// strictly: nothing is allocated from a number the file merely declares, and every tensor lies inside the file without overlap.
// Torch-free; immutable after opening, safe from any thread. What the keys and tensors mean is the work of gguf_model.h.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/model_files/file_bytes.h"
#include "core/model_files/gguf_blocks.h"

namespace attune {

/// One value of the metadata. Lists hold one kind each; whole numbers of every width are kept as int64 (a uint64 beyond it is refused).
using GgufValue = std::variant<bool, std::int64_t, double, std::string, std::vector<std::int64_t>, std::vector<double>,
                               std::vector<std::string>>;

struct GgufTensor {
    std::string name;
    GgmlType type = GgmlType::F32;
    std::vector<std::int64_t> shape; // outermost first, as everywhere here (the file says it the other way round)
    std::uint64_t offset = 0, bytes = 0; // in the data part
    std::int64_t rowLength() const { return shape.back(); }
};

class GgufFile {
public:
    /// Reads the whole metadata and checks the place of every tensor; reads no tensor. Errors: NotFound, InvalidData (what is wrong with
    /// which key or tensor), Unsupported (version 1, big endian, one part of a split file, nested lists).
    static Result<std::shared_ptr<const GgufFile>> open(const fs::path& path);
    /// Whether the file begins like one; false also when it cannot be read.
    static bool looksLike(const fs::path& path);

    const fs::path& path() const { return m_path; }
    std::uint32_t version() const { return m_version; }
    const std::map<std::string, GgufValue, std::less<>>& metadata() const { return m_metadata; }
    const std::vector<GgufTensor>& tensors() const { return m_tensors; } // in file order
    const GgufTensor* find(std::string_view name) const;

    // Values by key. A key that is absent gives nothing; one of another kind, or a number out of [0, max], is InvalidData, named.
    Result<std::optional<std::string>> text(std::string_view key) const;
    Result<std::optional<std::int64_t>> count(std::string_view key, std::int64_t max) const;
    Result<std::optional<double>> number(std::string_view key) const; // finite; whole numbers count
    Result<std::optional<bool>> flag(std::string_view key) const;
    /// The list, or nullptr when absent. It lives as long as the file.
    Result<const std::vector<std::string>*> texts(std::string_view key) const;
    Result<const std::vector<std::int64_t>*> integers(std::string_view key) const;
    Result<std::vector<double>> numbers(std::string_view key) const; // of either kind; empty when absent

    /// The stored bytes [offset, offset + out.size()) of a tensor.
    Status read(const GgufTensor& tensor, std::span<std::byte> out, std::uint64_t offset) const;
    /// An InvalidData error that names this file.
    tl::unexpected<Error> broken(const std::string& what) const;
    tl::unexpected<Error> unsupported(const std::string& what, const std::string& hint) const;

private:
    friend class GgufParser;
    GgufFile() = default;
    const GgufValue* value(std::string_view key) const;
    tl::unexpected<Error> wrongKind(std::string_view key, const char* expected) const;
    fs::path m_path;
    FileBytes m_bytes;
    std::uint32_t m_version = 0;
    std::uint64_t m_dataStart = 0;
    std::map<std::string, GgufValue, std::less<>> m_metadata;
    std::vector<GgufTensor> m_tensors;
    std::map<std::string, std::size_t, std::less<>> m_index;
};

} // namespace attune

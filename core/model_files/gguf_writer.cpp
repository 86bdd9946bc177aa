#include "core/model_files/gguf_writer.h"

#include <bit>
#include <set>
#include <type_traits>

namespace attune {

namespace {

constexpr std::uint64_t kWriteAlignment = 32; // the format's default, so that the key can be left out

// Numbers of the value types in the file.
template <class T>
constexpr std::uint32_t valueNumber() {
    if constexpr (std::is_same_v<T, bool>)
        return 7;
    else if constexpr (std::is_same_v<T, std::uint32_t>)
        return 4;
    else if constexpr (std::is_same_v<T, std::int32_t>)
        return 5;
    else if constexpr (std::is_same_v<T, std::uint64_t>)
        return 10;
    else if constexpr (std::is_same_v<T, float>)
        return 6;
    else
        return 8; // a text
}

template <class T>
void putRaw(std::string& out, T value) {
    static_assert(std::endian::native == std::endian::little && std::is_trivially_copyable_v<T>);
    out.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

void putText(std::string& out, const std::string& text) {
    putRaw(out, static_cast<std::uint64_t>(text.size()));
    out += text;
}

template <class T>
void putPlain(std::string& out, const T& value) {
    if constexpr (std::is_same_v<T, std::string>)
        putText(out, value);
    else if constexpr (std::is_same_v<T, bool>)
        out += value ? '\1' : '\0';
    else
        putRaw(out, value);
}

template <class T>
void putValue(std::string& out, const T& value) {
    putRaw(out, valueNumber<T>());
    putPlain(out, value);
}

template <class T>
void putValue(std::string& out, const std::vector<T>& list) {
    putRaw(out, std::uint32_t{9});
    putRaw(out, valueNumber<T>());
    putRaw(out, static_cast<std::uint64_t>(list.size()));
    for (const T& each : list)
        putPlain(out, each);
}

std::uint64_t padding(std::uint64_t size) {
    return (kWriteAlignment - size % kWriteAlignment) % kWriteAlignment;
}

Result<std::uint64_t> storedBytes(const GgufTensorToWrite& tensor) {
    const GgmlTypeFacts& facts = ggmlTypeFacts(tensor.type);
    std::uint64_t numbers = 1;
    for (const std::int64_t size : tensor.shape)
        if (size < 1 || __builtin_mul_overflow(numbers, static_cast<std::uint64_t>(size), &numbers))
            return fail(ErrorCode::Internal, "Tensor " + tensor.name + " has an impossible shape");
    if (tensor.shape.empty() || tensor.shape.size() > 4 || tensor.shape.back() % facts.blockLength != 0)
        return fail(ErrorCode::Internal, "Tensor " + tensor.name + " cannot be stored as " + facts.name);
    return numbers / facts.blockLength * facts.blockBytes;
}

} // namespace

Status writeGguf(const fs::path& path, const GgufItems& items, const std::vector<GgufTensorToWrite>& tensors) {
    std::string head = "GGUF";
    putRaw(head, std::uint32_t{3});
    putRaw(head, static_cast<std::uint64_t>(tensors.size()));
    putRaw(head, static_cast<std::uint64_t>(items.size()));
    std::set<std::string_view> seen;
    for (const auto& [key, item] : items) {
        if (!seen.insert(key).second)
            return fail(ErrorCode::Internal, "Key " + key + " would be written twice to " + path.string());
        putText(head, key);
        std::visit([&](const auto& value) { putValue(head, value); }, item);
    }
    seen.clear();
    std::uint64_t position = 0;
    std::vector<std::uint64_t> sizes;
    for (const GgufTensorToWrite& tensor : tensors) {
        if (!seen.insert(tensor.name).second)
            return fail(ErrorCode::Internal, "Tensor " + tensor.name + " would be written twice to " + path.string());
        ATTUNE_ASSIGN(const std::uint64_t bytes, storedBytes(tensor));
        putText(head, tensor.name);
        putRaw(head, static_cast<std::uint32_t>(tensor.shape.size()));
        for (auto size = tensor.shape.rbegin(); size != tensor.shape.rend(); ++size)
            putRaw(head, static_cast<std::uint64_t>(*size));
        putRaw(head, static_cast<std::uint32_t>(tensor.type));
        putRaw(head, position);
        sizes.push_back(bytes);
        position += bytes + padding(bytes);
    }
    head.append(padding(head.size()), '\0');
    ATTUNE_ASSIGN(AtomicFile file, AtomicFile::create(path));
    ATTUNE_CHECK(file.write(head));
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        ATTUNE_ASSIGN(const std::span<const std::byte> bytes, tensors[i].bytes());
        if (bytes.size() != sizes[i])
            return fail(ErrorCode::Internal, "Tensor " + tensors[i].name + " gave " + std::to_string(bytes.size()) + " bytes instead of " +
                                                 std::to_string(sizes[i]));
        ATTUNE_CHECK(file.write(bytes));
        ATTUNE_CHECK(file.write(std::string(padding(bytes.size()), '\0')));
    }
    return file.commit();
}

} // namespace attune

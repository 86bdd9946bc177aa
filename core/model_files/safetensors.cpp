#include "core/model_files/safetensors.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <optional>
#include <tuple>

#include "core/base/json.h"

namespace attune {

namespace {

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
constexpr std::size_t kMaxTensors = 100'000;
constexpr std::size_t kMaxRank = 8;
constexpr std::size_t kMaxNameBytes = 4096;

tl::unexpected<Error> broken(const fs::path& path, const std::string& what) {
    return fail(ErrorCode::InvalidData, path.string() + ": " + what,
                "The file is damaged or not a safetensors file; download or export it again.");
}

bool hasControlCharacter(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7f;
    });
}

std::optional<std::uint64_t> unsignedNumber(const Json& value) {
    if (!value.is_number_unsigned())
        return std::nullopt;
    return value.get<std::uint64_t>();
}

// Names come from the file: shortened, so that a hostile one does not flood a message.
std::string shown(const std::string& name) {
    return "\"" + (name.size() > 120 ? name.substr(0, 120) + "..." : name) + "\"";
}

Result<TensorInfo> readEntry(const fs::path& path, const std::string& name, const Json& entry) {
    const std::string who = "tensor " + shown(name);
    if (name.empty() || name.size() > kMaxNameBytes || hasControlCharacter(name))
        return broken(path, who + " has a name that is empty, too long or holds control characters");
    if (!entry.is_object())
        return broken(path, who + " is not described by an object");
    const auto type = entry.find("dtype"), shape = entry.find("shape"), offsets = entry.find("data_offsets");
    if (type == entry.end() || shape == entry.end() || offsets == entry.end() || entry.size() != 3)
        return broken(path, who + " needs exactly dtype, shape and data_offsets");
    if (!type->is_string())
        return broken(path, who + ": dtype is not a string");
    const std::string typeName = type->get<std::string>();
    const std::optional<TensorType> known = tensorTypeOf(typeName);
    if (!known)
        return fail(
            ErrorCode::Unsupported, path.string() + ": " + who + " has the number type " + shown(typeName),
            "Only F32, F16, BF16 and plain integer tensors can be read; ask for an unquantised version of the model.");
    TensorInfo info;
    info.name = name;
    info.type = *known;
    if (!shape->is_array() || shape->size() > kMaxRank)
        return broken(path, who + ": shape is not a list of at most " + std::to_string(kMaxRank) + " sizes");
    std::uint64_t elements = 1;
    for (const Json& value : *shape) {
        const auto size = unsignedNumber(value);
        if (!size || *size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
            return broken(path, who + ": a size in its shape is not a whole number from 0");
        if (__builtin_mul_overflow(elements, *size, &elements))
            return broken(path, who + ": its shape is impossibly large");
        info.shape.push_back(static_cast<std::int64_t>(*size));
    }
    if (!offsets->is_array() || offsets->size() != 2)
        return broken(path, who + ": data_offsets is not a pair");
    const auto begin = unsignedNumber((*offsets)[0]), end = unsignedNumber((*offsets)[1]);
    if (!begin || !end || *begin > *end)
        return broken(path, who + ": data_offsets are not two ascending whole numbers from 0");
    std::uint64_t bytes = 0;
    if (__builtin_mul_overflow(elements, std::uint64_t{tensorTypeBytes(*known)}, &bytes) || bytes != *end - *begin)
        return broken(path, who + ": its shape does not fit its " + std::to_string(*end - *begin) + " bytes");
    info.begin = *begin;
    info.end = *end;
    return info;
}

} // namespace

Result<std::shared_ptr<const SafetensorsFile>> SafetensorsFile::open(const fs::path& path) {
    const std::shared_ptr<SafetensorsFile> file(new SafetensorsFile);
    file->m_path = path;
    ATTUNE_ASSIGN(file->m_bytes, FileBytes::open(path));
    const std::uint64_t fileBytes = file->m_bytes.size();
    if (fileBytes < 8)
        return broken(path, "it is truncated: " + std::to_string(fileBytes) + " bytes, not even a header length");
    std::array<std::byte, 8> lengthBytes{};
    ATTUNE_CHECK(file->m_bytes.read(lengthBytes, 0));
    std::uint64_t headerBytes = 0;
    for (std::size_t i = 8; i-- > 0;)
        headerBytes = headerBytes << 8 | static_cast<std::uint64_t>(lengthBytes[i]);
    if (headerBytes > kMaxHeaderBytes || headerBytes > fileBytes - 8)
        if (const auto other = formatThatRunsCode(path))
            return fail(ErrorCode::Unsupported,
                        path.string() + " is not a safetensors file but " + *other +
                            ", a format that can run code when it is opened",
                        kAskForSafetensors);
    if (headerBytes > kMaxHeaderBytes)
        return broken(path,
                      "its header would have " + std::to_string(headerBytes) + " bytes, more than the format allows");
    if (headerBytes > fileBytes - 8)
        return broken(path, "it is truncated: " + std::to_string(fileBytes) + " bytes, its header alone needs " +
                                std::to_string(headerBytes + 8));
    std::string header(static_cast<std::size_t>(headerBytes), '\0');
    ATTUNE_CHECK(file->m_bytes.read(std::as_writable_bytes(std::span(header)), 8));
    if (header.empty() || header.front() != '{')
        return broken(path, "its header does not start with {");
    const auto last = header.find_last_not_of(' ');
    if (header[last] != '}')
        return broken(path, "its header does not end with }");
    JsonLimits limits;
    limits.maxBytes = kMaxHeaderBytes;
    limits.maxDepth = 4;
    limits.maxValues = 20 * kMaxTensors;
    ATTUNE_ASSIGN(const Json root, parseJson(header, path.string() + " (header)", limits));

    if (root.size() > kMaxTensors + 1)
        return broken(path, "it lists more than " + std::to_string(kMaxTensors) + " tensors");
    for (const auto& [name, entry] : root.items()) {
        if (name == "__metadata__") {
            if (!entry.is_object())
                return broken(path, "__metadata__ is not an object");
            for (const auto& [key, value] : entry.items()) {
                if (!value.is_string())
                    return broken(path, "__metadata__ key " + shown(key) + " is not a string");
                file->m_metadata.emplace(key, value.get<std::string>());
            }
            continue;
        }
        ATTUNE_ASSIGN(TensorInfo info, readEntry(path, name, entry));
        file->m_tensors.push_back(std::move(info));
    }
    std::sort(file->m_tensors.begin(), file->m_tensors.end(), [](const TensorInfo& a, const TensorInfo& b) {
        return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
    });
    const std::uint64_t dataBytes = fileBytes - 8 - headerBytes;
    std::uint64_t position = 0;
    for (const TensorInfo& tensor : file->m_tensors) {
        if (tensor.begin != position)
            return broken(path,
                          "tensor " + shown(tensor.name) +
                              (tensor.begin < position ? " overlaps the one before it" : " leaves a hole before it"));
        position = tensor.end;
    }
    if (position > dataBytes)
        return broken(path, "it is truncated: " + std::to_string(fileBytes) + " bytes, its header describes " +
                                std::to_string(position + 8 + headerBytes));
    if (position < dataBytes)
        return broken(path, "it has " + std::to_string(dataBytes - position) + " bytes after its last tensor");
    file->m_dataStart = 8 + headerBytes;
    file->indexTensors();
    return file;
}

Status SafetensorsFile::read(const TensorInfo& tensor, std::span<std::byte> out, std::uint64_t offset) const {
    const std::uint64_t size = tensor.end - tensor.begin;
    if (offset > size || out.size() > size - offset)
        return fail(ErrorCode::Internal, "Read past the end of tensor " + tensor.name + " of " + m_path.string());
    return m_bytes.read(out, m_dataStart + tensor.begin + offset);
}

Status writeSafetensors(const fs::path& path, const std::vector<TensorToWrite>& tensors,
                        const std::map<std::string, std::string>& metadata) {
    OrderedJson header = OrderedJson::object();
    if (!metadata.empty()) {
        OrderedJson& entries = header["__metadata__"] = OrderedJson::object();
        for (const auto& [key, value] : metadata)
            entries[key] = value;
    }
    std::map<std::string_view, bool> seen;
    std::vector<std::uint64_t> sizes;
    std::uint64_t position = 0;
    for (const TensorToWrite& tensor : tensors) {
        if (!seen.emplace(tensor.name, true).second || tensor.name == "__metadata__")
            return fail(ErrorCode::Internal, "Tensor " + tensor.name + " would be written twice to " + path.string());
        std::uint64_t bytes = tensorTypeBytes(tensor.type);
        for (const std::int64_t size : tensor.shape)
            if (size < 0 || __builtin_mul_overflow(bytes, static_cast<std::uint64_t>(size), &bytes))
                return fail(ErrorCode::Internal, "Tensor " + tensor.name + " has an impossible shape");
        header[tensor.name] = {{"dtype", tensorTypeName(tensor.type)},
                               {"shape", tensor.shape},
                               {"data_offsets", {position, position + bytes}}};
        sizes.push_back(bytes);
        position += bytes;
    }
    std::string text;
    try {
        text = header.dump();
    } catch (const Json::exception&) { // a name that is not UTF-8
        return fail(ErrorCode::InvalidArgument, "Cannot write " + path.string() + ": a tensor name is not valid UTF-8");
    }
    text.append((8 - text.size() % 8) % 8, ' ');
    std::string length(8, '\0');
    for (std::size_t i = 0; i < 8; ++i)
        length[i] = static_cast<char>(static_cast<std::uint64_t>(text.size()) >> (8 * i) & 0xff);

    ATTUNE_ASSIGN(AtomicFile file, AtomicFile::create(path));
    ATTUNE_CHECK(file.write(length));
    ATTUNE_CHECK(file.write(text));
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        ATTUNE_ASSIGN(const std::span<const std::byte> bytes, tensors[i].bytes());
        if (bytes.size() != sizes[i])
            return fail(ErrorCode::Internal, "Tensor " + tensors[i].name + " gave " + std::to_string(bytes.size()) +
                                                 " bytes instead of " + std::to_string(sizes[i]));
        ATTUNE_CHECK(file.write(bytes));
    }
    return file.commit();
}

} // namespace attune

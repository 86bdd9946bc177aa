#include "core/model_files/gguf.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace attune {

namespace {

constexpr std::uint64_t kMaxKeys = 65'536, kMaxGgufTensors = 100'000;
constexpr std::uint64_t kMaxKeyBytes = 65'535, kMaxTextBytes = std::uint64_t{64} << 20, kMaxTensorNameBytes = 1024;
constexpr std::uint64_t kMaxListLength = std::uint64_t{16} << 20, kMaxListNumbers = std::uint64_t{32} << 20; // one list, all lists
constexpr std::uint32_t kMaxDimensions = 4;
constexpr std::int64_t kMaxAlignment = std::int64_t{1} << 20;
constexpr std::uint32_t kDefaultAlignment = 32;
constexpr std::string_view kMagic = "GGUF";

// The value types of the metadata, by their number in the file.
enum class ValueType : std::uint32_t { U8, I8, U16, I16, U32, I32, F32, Bool, Text, List, U64, I64, F64 };

std::size_t bytesOf(ValueType type) {
    constexpr std::array<std::size_t, 13> kBytes{1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8}; // texts and lists: the least they take
    return kBytes[static_cast<std::size_t>(type)];
}

bool badText(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7f; });
}

// Names come from the file: shortened, so that a hostile one does not flood a message.
std::string quotedName(std::string_view name) {
    return "\"" + std::string(name.substr(0, 120)) + (name.size() > 120 ? "...\"" : "\"");
}

} // namespace

// Walks through the head of the file. Every step checks what is left before it takes or allocates anything.
class GgufParser {
public:
    explicit GgufParser(GgufFile& file) : m_file(file), m_left(file.m_bytes.size()) {}

    Status parse() {
        ATTUNE_ASSIGN(const std::string magic, take(4, "the first four bytes"));
        if (magic != kMagic)
            return m_file.broken("it is not a GGUF file");
        ATTUNE_ASSIGN(m_file.m_version, number<std::uint32_t>("the version"));
        if (m_file.m_version == 0x02000000 || m_file.m_version == 0x03000000)
            return m_file.unsupported("it is written for big endian machines", "Ask the publisher for the little endian file.");
        if (m_file.m_version != 2 && m_file.m_version != 3)
            return m_file.unsupported("GGUF version " + std::to_string(m_file.m_version) + " is not known here",
                                      "Convert the model again with a current llama.cpp (it writes version 3).");
        ATTUNE_ASSIGN(const auto tensors, number<std::uint64_t>("the number of tensors"));
        ATTUNE_ASSIGN(const auto keys, number<std::uint64_t>("the number of keys"));
        if (tensors > kMaxGgufTensors)
            return m_file.broken("it would have " + std::to_string(tensors) + " tensors");
        if (keys > kMaxKeys)
            return m_file.broken("it would have " + std::to_string(keys) + " keys");
        for (std::uint64_t i = 0; i < keys; ++i)
            ATTUNE_CHECK(readKey(i));
        if (const auto parts = m_file.value("split.count"))
            if (const auto* count = std::get_if<std::int64_t>(parts); count && *count > 1)
                return m_file.unsupported("it is one part of " + std::to_string(*count), "Join the parts first (llama-gguf-split --merge).");
        for (std::uint64_t i = 0; i < tensors; ++i)
            ATTUNE_CHECK(readTensor(i));
        return place();
    }

private:
    Status need(std::uint64_t bytes, const std::string& what) const {
        if (bytes <= m_left)
            return {};
        return m_file.broken("it is truncated in " + what);
    }

    Status takeInto(std::span<std::byte> out, const std::string& what) {
        ATTUNE_CHECK(need(out.size(), what));
        std::size_t done = 0;
        while (done < out.size()) {
            if (m_at == m_filled) {
                const std::uint64_t size = std::min<std::uint64_t>(m_buffer.size(), m_left);
                ATTUNE_CHECK(m_file.m_bytes.read(std::as_writable_bytes(std::span(m_buffer)).first(size), m_position));
                m_at = 0, m_filled = size;
            }
            const std::size_t part = std::min(out.size() - done, m_filled - m_at);
            std::memcpy(out.data() + done, m_buffer.data() + m_at, part);
            m_at += part, done += part, m_position += part, m_left -= part;
        }
        return {};
    }

    Result<std::string> take(std::uint64_t bytes, const std::string& what) {
        ATTUNE_CHECK(need(bytes, what)); // before anything of that size exists
        std::string text(static_cast<std::size_t>(bytes), '\0');
        ATTUNE_CHECK(takeInto(std::as_writable_bytes(std::span(text)), what));
        return text;
    }

    template <class T>
    Result<T> number(const std::string& what) {
        static_assert(std::endian::native == std::endian::little);
        T value{};
        ATTUNE_CHECK(takeInto(std::as_writable_bytes(std::span(&value, 1)), what));
        return value;
    }

    Result<std::string> text(std::uint64_t limit, const std::string& what) {
        ATTUNE_ASSIGN(const auto bytes, number<std::uint64_t>(what));
        if (bytes > limit)
            return m_file.broken(what + " would have " + std::to_string(bytes) + " bytes");
        return take(bytes, what);
    }

    Result<std::int64_t> integer(ValueType type, const std::string& what) {
        switch (type) {
        case ValueType::U8:
            return number<std::uint8_t>(what).map([](auto v) { return std::int64_t{v}; });
        case ValueType::I8:
            return number<std::int8_t>(what).map([](auto v) { return std::int64_t{v}; });
        case ValueType::U16:
            return number<std::uint16_t>(what).map([](auto v) { return std::int64_t{v}; });
        case ValueType::I16:
            return number<std::int16_t>(what).map([](auto v) { return std::int64_t{v}; });
        case ValueType::U32:
            return number<std::uint32_t>(what).map([](auto v) { return std::int64_t{v}; });
        case ValueType::I32:
            return number<std::int32_t>(what).map([](auto v) { return std::int64_t{v}; });
        case ValueType::U64: {
            ATTUNE_ASSIGN(const auto value, number<std::uint64_t>(what));
            if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
                return m_file.broken(what + " is impossibly large");
            return static_cast<std::int64_t>(value);
        }
        case ValueType::Bool: {
            ATTUNE_ASSIGN(const auto value, number<std::uint8_t>(what));
            if (value > 1)
                return m_file.broken(what + " must be true or false");
            return std::int64_t{value};
        }
        default:
            return number<std::int64_t>(what);
        }
    }

    Result<double> real(ValueType type, const std::string& what) {
        if (type == ValueType::F32)
            return number<float>(what).map([](float v) { return double{v}; });
        return number<double>(what);
    }

    static bool isReal(ValueType type) { return type == ValueType::F32 || type == ValueType::F64; }

    Result<ValueType> valueType(const std::string& what) {
        ATTUNE_ASSIGN(const auto type, number<std::uint32_t>(what));
        if (type > static_cast<std::uint32_t>(ValueType::F64))
            return m_file.broken(what + " has the value type " + std::to_string(type) + ", which does not exist");
        return static_cast<ValueType>(type);
    }

    Result<GgufValue> list(const std::string& what) {
        ATTUNE_ASSIGN(const ValueType type, valueType(what));
        ATTUNE_ASSIGN(const auto length, number<std::uint64_t>(what));
        if (type == ValueType::List)
            return m_file.unsupported(what + " is a list of lists", "Convert the model again with a current llama.cpp.");
        m_listNumbers += length <= kMaxListLength ? length : 0;
        if (length > kMaxListLength || m_listNumbers > kMaxListNumbers)
            return m_file.broken(what + " would have " + std::to_string(length) + " entries");
        ATTUNE_CHECK(need(length * bytesOf(type), what));
        const auto size = static_cast<std::size_t>(length);
        if (type == ValueType::Text) {
            std::vector<std::string> texts;
            texts.reserve(size);
            for (std::size_t i = 0; i < size; ++i) {
                ATTUNE_ASSIGN(std::string each, text(kMaxTextBytes, what + "[" + std::to_string(i) + "]"));
                texts.push_back(std::move(each));
            }
            return GgufValue(std::move(texts));
        }
        if (isReal(type)) {
            std::vector<double> numbers(size);
            for (double& each : numbers) {
                ATTUNE_ASSIGN(each, real(type, what));
            }
            return GgufValue(std::move(numbers));
        }
        std::vector<std::int64_t> numbers(size);
        for (std::int64_t& each : numbers) {
            ATTUNE_ASSIGN(each, integer(type, what));
        }
        return GgufValue(std::move(numbers));
    }

    Status readKey(std::uint64_t index) {
        ATTUNE_ASSIGN(const std::string key, text(kMaxKeyBytes, "key " + std::to_string(index)));
        if (key.empty() || badText(key))
            return m_file.broken("key " + std::to_string(index) + " is empty or holds control characters");
        const std::string what = "key " + quotedName(key);
        ATTUNE_ASSIGN(const ValueType type, valueType(what));
        GgufValue value;
        if (type == ValueType::Text) {
            ATTUNE_ASSIGN(value, text(kMaxTextBytes, what));
        } else if (type == ValueType::List) {
            ATTUNE_ASSIGN(value, list(what));
        } else if (isReal(type)) {
            ATTUNE_ASSIGN(value, real(type, what));
        } else {
            ATTUNE_ASSIGN(const std::int64_t number, integer(type, what));
            value = number;
            if (type == ValueType::Bool)
                value = number != 0;
        }
        if (!m_file.m_metadata.emplace(key, std::move(value)).second)
            return m_file.broken(what + " is there twice");
        return {};
    }

    Status readTensor(std::uint64_t index) {
        GgufTensor tensor;
        ATTUNE_ASSIGN(tensor.name, text(kMaxTensorNameBytes, "the name of tensor " + std::to_string(index)));
        if (tensor.name.empty() || badText(tensor.name))
            return m_file.broken("tensor " + std::to_string(index) + " has a name that is empty or holds control characters");
        const std::string what = "tensor " + quotedName(tensor.name);
        ATTUNE_ASSIGN(const auto dimensions, number<std::uint32_t>(what));
        if (dimensions < 1 || dimensions > kMaxDimensions)
            return m_file.broken(what + " has " + std::to_string(dimensions) + " dimensions");
        std::uint64_t elements = 1;
        for (std::uint32_t i = 0; i < dimensions; ++i) {
            ATTUNE_ASSIGN(const auto size, number<std::uint64_t>(what));
            if (size < 1 || size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) ||
                __builtin_mul_overflow(elements, size, &elements))
                return m_file.broken(what + ": its shape is impossible");
            tensor.shape.insert(tensor.shape.begin(), static_cast<std::int64_t>(size));
        }
        ATTUNE_ASSIGN(const auto type, number<std::uint32_t>(what));
        const GgmlTypeFacts* facts = ggmlTypeFacts(type);
        if (!facts)
            return m_file.unsupported(what + " has the number type " + std::to_string(type) + ", which is not known here",
                                      "Ask for the model as F16, Q8_0 or Q4_K_M.");
        tensor.type = facts->type;
        if (tensor.rowLength() % facts->blockLength != 0)
            return m_file.broken(what + ": a row of " + std::to_string(tensor.rowLength()) + " numbers is no whole number of " +
                                 facts->name + " blocks");
        if (__builtin_mul_overflow(elements / facts->blockLength, std::uint64_t{facts->blockBytes}, &tensor.bytes))
            return m_file.broken(what + ": its shape is impossible");
        ATTUNE_ASSIGN(tensor.offset, number<std::uint64_t>(what));
        if (!m_file.m_index.emplace(tensor.name, m_file.m_tensors.size()).second)
            return m_file.broken(what + " is there twice");
        m_file.m_tensors.push_back(std::move(tensor));
        return {};
    }

    // The data part: it begins aligned after the head; tensors follow one another in the listed order, each aligned.
    Status place() {
        ATTUNE_ASSIGN(const auto wanted, m_file.count("general.alignment", kMaxAlignment));
        const auto alignment = static_cast<std::uint64_t>(wanted.value_or(kDefaultAlignment));
        if (!std::has_single_bit(alignment))
            return m_file.broken("key \"general.alignment\" must be a power of two up to " + std::to_string(kMaxAlignment));
        const auto aligned = [&](std::uint64_t at) { return (at + alignment - 1) / alignment * alignment; };
        const std::uint64_t size = m_file.m_bytes.size();
        m_file.m_dataStart = aligned(m_position); // m_position <= size < 2^63, so this does not overflow
        std::uint64_t at = 0;
        for (const GgufTensor& tensor : m_file.m_tensors) {
            const std::string what = "tensor " + quotedName(tensor.name);
            if (tensor.offset != at)
                return m_file.broken(what + (tensor.offset < at ? " overlaps the one before it" : " leaves a hole before it"));
            if (m_file.m_dataStart > size || tensor.offset > size - m_file.m_dataStart ||
                tensor.bytes > size - m_file.m_dataStart - tensor.offset)
                return m_file.broken(what + " reaches beyond the end of the file; the download is incomplete");
            at = aligned(tensor.offset + tensor.bytes);
        }
        return {};
    }

    GgufFile& m_file;
    std::string m_buffer = std::string(1 << 16, '\0');
    std::size_t m_at = 0, m_filled = 0;
    std::uint64_t m_position = 0, m_left = 0, m_listNumbers = 0;
};

Result<std::shared_ptr<const GgufFile>> GgufFile::open(const fs::path& path) {
    const std::shared_ptr<GgufFile> file(new GgufFile);
    file->m_path = path;
    ATTUNE_ASSIGN(file->m_bytes, FileBytes::open(path));
    ATTUNE_CHECK(GgufParser(*file).parse());
    return file;
}

bool GgufFile::looksLike(const fs::path& path) {
    const auto file = FileBytes::open(path);
    std::array<char, 4> head{};
    return file && file->size() >= 4 && file->read(std::as_writable_bytes(std::span(head)), 0) &&
           std::string_view(head.data(), 4) == kMagic;
}

const GgufTensor* GgufFile::find(std::string_view name) const {
    const auto found = m_index.find(name);
    return found == m_index.end() ? nullptr : &m_tensors[found->second];
}

const GgufValue* GgufFile::value(std::string_view key) const {
    const auto found = m_metadata.find(key);
    return found == m_metadata.end() ? nullptr : &found->second;
}

tl::unexpected<Error> GgufFile::broken(const std::string& what) const {
    return fail(ErrorCode::InvalidData, m_path.string() + ": " + what, "The file is damaged or not a GGUF file; download or export it again.");
}

tl::unexpected<Error> GgufFile::unsupported(const std::string& what, const std::string& hint) const {
    return fail(ErrorCode::Unsupported, m_path.string() + ": " + what, hint);
}

tl::unexpected<Error> GgufFile::wrongKind(std::string_view key, const char* expected) const {
    return broken("key " + quotedName(key) + " must be " + expected);
}

Result<std::optional<std::string>> GgufFile::text(std::string_view key) const {
    const GgufValue* found = value(key);
    if (!found)
        return std::optional<std::string>();
    const auto* held = std::get_if<std::string>(found);
    if (!held)
        return wrongKind(key, "a text");
    return std::optional(*held);
}

Result<std::optional<std::int64_t>> GgufFile::count(std::string_view key, std::int64_t max) const {
    const GgufValue* found = value(key);
    if (!found)
        return std::optional<std::int64_t>();
    const auto* held = std::get_if<std::int64_t>(found);
    if (!held || *held < 0 || *held > max)
        return wrongKind(key, ("a whole number up to " + std::to_string(max)).c_str());
    return std::optional(*held);
}

Result<std::optional<double>> GgufFile::number(std::string_view key) const {
    const GgufValue* found = value(key);
    if (!found)
        return std::optional<double>();
    if (const auto* whole = std::get_if<std::int64_t>(found))
        return std::optional(static_cast<double>(*whole));
    const auto* held = std::get_if<double>(found);
    if (!held || !std::isfinite(*held))
        return wrongKind(key, "a finite number");
    return std::optional(*held);
}

Result<std::optional<bool>> GgufFile::flag(std::string_view key) const {
    const GgufValue* found = value(key);
    if (!found)
        return std::optional<bool>();
    const auto* held = std::get_if<bool>(found);
    if (!held)
        return wrongKind(key, "true or false");
    return std::optional(*held);
}

Result<const std::vector<std::string>*> GgufFile::texts(std::string_view key) const {
    const GgufValue* found = value(key);
    if (!found)
        return nullptr;
    const auto* held = std::get_if<std::vector<std::string>>(found);
    if (!held)
        return wrongKind(key, "a list of texts");
    return held;
}

Result<const std::vector<std::int64_t>*> GgufFile::integers(std::string_view key) const {
    const GgufValue* found = value(key);
    if (!found)
        return nullptr;
    const auto* held = std::get_if<std::vector<std::int64_t>>(found);
    if (!held)
        return wrongKind(key, "a list of whole numbers");
    return held;
}

Result<std::vector<double>> GgufFile::numbers(std::string_view key) const {
    const GgufValue* found = value(key);
    if (!found)
        return std::vector<double>();
    if (const auto* held = std::get_if<std::vector<double>>(found))
        return *held;
    if (const auto* whole = std::get_if<std::vector<std::int64_t>>(found))
        return std::vector<double>(whole->begin(), whole->end());
    return wrongKind(key, "a list of numbers");
}

Status GgufFile::read(const GgufTensor& tensor, std::span<std::byte> out, std::uint64_t offset) const {
    if (offset > tensor.bytes || out.size() > tensor.bytes - offset)
        return fail(ErrorCode::Internal, "Read past the end of tensor " + tensor.name + " of " + m_path.string());
    return m_bytes.read(out, m_dataStart + tensor.offset + offset);
}

} // namespace attune

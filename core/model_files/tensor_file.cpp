#include "core/model_files/tensor_file.h"

#include <algorithm>
#include <array>

namespace attune {

namespace {

struct TypeEntry {
    TensorType type;
    const char* name;
    std::size_t bytes;
};
constexpr std::array<TypeEntry, 10> kTypes{{{TensorType::F64, "F64", 8},
                                            {TensorType::F32, "F32", 4},
                                            {TensorType::F16, "F16", 2},
                                            {TensorType::BF16, "BF16", 2},
                                            {TensorType::I64, "I64", 8},
                                            {TensorType::I32, "I32", 4},
                                            {TensorType::I16, "I16", 2},
                                            {TensorType::I8, "I8", 1},
                                            {TensorType::U8, "U8", 1},
                                            {TensorType::Bool, "BOOL", 1}}};

const TypeEntry& entryOf(TensorType type) {
    return kTypes[static_cast<std::size_t>(type)];
}

} // namespace

std::size_t tensorTypeBytes(TensorType type) {
    return entryOf(type).bytes;
}
const char* tensorTypeName(TensorType type) {
    return entryOf(type).name;
}

std::optional<TensorType> tensorTypeOf(std::string_view name) {
    const auto found =
        std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeEntry& entry) { return entry.name == name; });
    return found == kTypes.end() ? std::nullopt : std::optional(found->type);
}

std::uint64_t TensorInfo::elements() const {
    return (end - begin) / tensorTypeBytes(type);
}

const TensorInfo* TensorFile::find(std::string_view name) const {
    const auto found = m_index.find(name);
    return found == m_index.end() ? nullptr : &m_tensors[found->second];
}

void TensorFile::indexTensors() {
    for (std::size_t i = 0; i < m_tensors.size(); ++i)
        m_index.emplace(m_tensors[i].name, i);
}

} // namespace attune

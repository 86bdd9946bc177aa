// Any bytes as a safetensors file: what is accepted tiles the file exactly and every byte of every tensor can be read.
#include <algorithm>

#include "core/model_files/safetensors.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace attune;
    const fuzz::MemoryFile input(data, size);
    const auto file = SafetensorsFile::open(input.path());
    if (!file) {
        fuzz::requireReadable(file.error());
        return 0;
    }
    std::uint64_t total = 0;
    std::vector<std::byte> out;
    for (const TensorInfo& tensor : (*file)->tensors()) {
        const std::uint64_t bytes = tensor.end - tensor.begin;
        fuzz::require(tensor.begin <= tensor.end && bytes <= size, "a tensor lies inside the file");
        fuzz::require(bytes == tensor.elements() * tensorTypeBytes(tensor.type), "a tensor has the bytes of its shape");
        total += bytes;
        out.resize(static_cast<std::size_t>(bytes));
        fuzz::require((*file)->read(tensor, out).has_value(), "an accepted tensor can be read");
        fuzz::require((*file)->find(tensor.name) != nullptr, "a tensor is found by its name");
    }
    fuzz::require(total <= size, "tensors do not overlap");
    return 0;
}

// Any bytes as a GGUF file: everything that looks into one before a model is built from it. Must end without a crash, a leak or a hang.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#include "core/families/model_family.h"
#include "core/model_files/gguf_model.h"
#include "core/text/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace attune;
    const int fd = memfd_create("fuzz", 0);
    if (fd < 0 || write(fd, data, size) != static_cast<ssize_t>(size))
        return close(fd);
    const fs::path path = "/proc/self/fd/" + std::to_string(fd);
    if (const auto file = GgufFile::open(path)) {
        (void)ggufConfig(**file);
        if (const auto source = ModelSource::open(path))
            (void)readModelConfig(*source);
        if (const auto weights = ggufWeights(*file))
            for (const TensorInfo& info : (*weights)->tensors()) {
                const std::uint64_t bytes = info.end - info.begin;
                std::vector<std::byte> out(std::min<std::uint64_t>(bytes, 4096));
                (void)(*weights)->read(info, out);
                (void)(*weights)->read(info, out, bytes - out.size());
            }
        if (const auto tokenizer = Tokenizer::load(path))
            (void)(*tokenizer)->encode("Hello <s> w\xC3\xB6rld 12");
    }
    close(fd);
    return 0;
}

// Any bytes as a GGUF file: everything that looks into one before a model is built from it.
#include <algorithm>

#include "core/families/model_family.h"
#include "core/model_files/gguf_model.h"
#include "core/text/tokenizer.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace attune;
    const fuzz::MemoryFile input(data, size);
    const auto file = GgufFile::open(input.path());
    if (!file) {
        fuzz::requireReadable(file.error());
        return 0;
    }
    (void)ggufConfig(**file);
    (void)ggufEndIds(**file);
    if (const auto source = ModelSource::open(input.path()))
        (void)readModelConfig(*source);
    if (const auto weights = ggufWeights(*file))
        for (const TensorInfo& info : (*weights)->tensors()) {
            const std::uint64_t bytes = info.end - info.begin;
            std::vector<std::byte> out(static_cast<std::size_t>(std::min<std::uint64_t>(bytes, 4096)));
            (void)(*weights)->read(info, out);
            (void)(*weights)->read(info, out, bytes - out.size());
        }
    if (const auto tokenizer = Tokenizer::load(input.path())) {
        const std::string_view text = "Hello <s> w\xC3\xB6rld 12";
        if (const auto encoding = (*tokenizer)->encode(text))
            for (std::size_t i = 0; i < encoding->ids.size(); ++i)
                fuzz::require(encoding->offsets[i].end <= text.size(), "a token stands inside the text");
    }
    return 0;
}

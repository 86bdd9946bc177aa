#include <algorithm>
#include <numeric>

#include "core/families/gemma.h"
#include "core/families/gemma2.h"
#include "core/families/gemma3.h"
#include "core/families/gpt2.h"
#include "core/families/gpt_neox.h"
#include "core/families/granite.h"
#include "core/families/llama.h"
#include "core/families/mistral.h"
#include "core/families/mixtral.h"
#include "core/families/model_family.h"
#include "core/families/olmo2.h"
#include "core/families/olmoe.h"
#include "core/families/phi.h"
#include "core/families/phi3.h"
#include "core/families/qwen2.h"
#include "core/families/qwen3.h"
#include "core/families/qwen3_moe.h"
#include "core/families/stablelm.h"

namespace attune {

const std::vector<std::unique_ptr<ModelFamily>>& builtinFamilies() {
    static const std::vector<std::unique_ptr<ModelFamily>> kFamilies = [] {
        std::vector<std::unique_ptr<ModelFamily>> families;
        families.push_back(makeLlamaFamily());
        families.push_back(makeGpt2Family());
        families.push_back(makeMistralFamily());
        families.push_back(makeQwen2Family());
        families.push_back(makeQwen3Family());
        families.push_back(makePhiFamily());
        families.push_back(makePhi3Family());
        families.push_back(makeGptNeoxFamily());
        families.push_back(makeStableLmFamily());
        families.push_back(makeOlmo2Family());
        families.push_back(makeGraniteFamily());
        families.push_back(makeGemmaFamily());
        families.push_back(makeGemma2Family());
        families.push_back(makeGemma3Family());
        families.push_back(makeMixtralFamily());
        families.push_back(makeQwen3MoeFamily());
        families.push_back(makeOlmoeFamily());
        return families;
    }();
    return kFamilies;
}

const ModelFamily* findFamily(std::string_view architecture) {
    for (const auto& family : builtinFamilies())
        if (family->accepts(architecture))
            return family.get();
    return nullptr;
}

std::vector<std::int64_t> ModelFamily::diskRows(std::string_view canonicalModule, std::int64_t count,
                                                const ModelConfig& config) const {
    const auto found = diskTensors(std::string(canonicalModule) + ".weight", config);
    if (!found.empty() && !found.front().rows.empty())
        return found.front().rows;
    std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
    std::iota(rows.begin(), rows.end(), found.empty() ? 0 : found.front().begin);
    return rows;
}

} // namespace attune

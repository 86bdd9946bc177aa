#include <algorithm>

#include "core/families/gpt2.h"
#include "core/families/llama.h"
#include "core/families/model_family.h"

namespace attune {

const std::vector<std::unique_ptr<ModelFamily>>& builtinFamilies() {
    static const std::vector<std::unique_ptr<ModelFamily>> kFamilies = [] {
        std::vector<std::unique_ptr<ModelFamily>> families;
        families.push_back(makeLlamaFamily());
        families.push_back(makeGpt2Family());
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

} // namespace attune

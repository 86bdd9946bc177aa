#include "core/methods/full.h"
#include "core/methods/lora.h"
#include "core/methods/progressive.h"
#include "core/methods/prompt_tuning.h"
#include "core/methods/qlora.h"

namespace attune {

const std::vector<std::unique_ptr<Method>>& builtinMethods() {
    static const std::vector<std::unique_ptr<Method>> methods = [] {
        std::vector<std::unique_ptr<Method>> all;
        all.push_back(std::make_unique<LoraMethod>());
        all.push_back(std::make_unique<QloraMethod>());
        all.push_back(std::make_unique<PromptTuningMethod>());
        all.push_back(std::make_unique<ProgressiveMethod>());
        all.push_back(std::make_unique<FullMethod>());
        return all;
    }();
    return methods;
}

const Method* findMethod(std::string_view id) {
    for (const auto& method : builtinMethods())
        if (method->description().id == id)
            return method.get();
    return nullptr;
}

} // namespace attune

#include "core/protections/ewc.h"
#include "core/protections/l2_sp.h"
#include "core/protections/memory.h"
#include "core/protections/none.h"
#include "core/protections/null_space.h"
#include "core/protections/replay.h"

namespace attune {

const std::vector<std::unique_ptr<Protection>>& builtinProtections() {
    static const std::vector<std::unique_ptr<Protection>> protections = [] {
        std::vector<std::unique_ptr<Protection>> all;
        all.push_back(std::make_unique<NoProtection>());
        all.push_back(std::make_unique<ReplayProtection>());
        all.push_back(std::make_unique<MemoryProtection>());
        all.push_back(std::make_unique<L2SpProtection>());
        all.push_back(std::make_unique<EwcProtection>());
        all.push_back(std::make_unique<NullSpaceProtection>());
        return all;
    }();
    return protections;
}

const Protection* findProtection(std::string_view id) {
    for (const auto& protection : builtinProtections())
        if (protection->description().id == id)
            return protection.get();
    return nullptr;
}

} // namespace attune

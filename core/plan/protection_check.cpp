#include "core/plan/protection_check.h"

#include <algorithm>

#include "core/plan/param_check.h"


namespace attune {

namespace {

// A protection that holds new adapters by what their layers read.
void checkHeldAdapters(const RunConfig& config, const std::string& title, const std::vector<ParamSpec>& method, std::vector<Complaint>& complaints) {
    const auto add = [&](const char* field, const std::string& message, const char* hint) {
        complaints.push_back({Complaint::Severity::Error, field, "The protection \"" + title + "\" " + message, hint});
    };
    if (!findParam(method, "r"))
        return add("protection.id", "holds adapters, and this method trains none", "Choose the method lora or qlora, or another protection.");
    for (const char* start : {"pissa", "pissa_niter_4", "olora"})
        if (findParam(method, "init") && paramString(config.method.params, method, "init") == start)
            add("method.init", "chooses itself where the adapter's first matrix begins", "Set init: kaiming, gaussian or orthogonal.");
    if (findParam(method, "use_dora") && paramBool(config.method.params, method, "use_dora"))
        add("method.use_dora", "cannot hold the magnitudes of DoRA, which act on everything a layer reads", "Set use_dora: false.");
    for (const char* key : {"modules_to_save", "trainable_token_indices"})
        if (findParam(method, key) && !paramList(config.method.params, method, key).empty())
            add(key == std::string_view("modules_to_save") ? "method.modules_to_save" : "method.trainable_token_indices",
                "holds adapters only, and here more is trained", "Leave this setting empty, or choose another protection.");
    if (!config.start.empty())
        add("start", "begins with a new adapter, and start names an earlier one",
            "Merge the earlier adapter into the model and begin from that, or choose another protection.");
}

} // namespace

std::vector<Complaint> checkProtection(const RunConfig& config, const Catalog& catalog) {
    std::vector<Complaint> complaints;
    const auto entry = std::find_if(catalog.protections.begin(), catalog.protections.end(),
                                    [&](const ProtectionEntry& each) { return each.description.id == config.protection.id; });
    if (entry == catalog.protections.end())
        return complaints; // said elsewhere
    const std::string& title = entry->description.title;
    if (entry->needsGeneralData && config.data.general.empty())
        complaints.push_back({Complaint::Severity::Error, "data.general",
                              "The protection \"" + title + "\" needs general data, and the recipe names none",
                              "Name texts or conversations from outside the task (data.general), or choose a protection that needs none."});
    const auto method = std::find_if(catalog.methods.begin(), catalog.methods.end(),
                                     [&](const MethodEntry& each) { return each.description.id == config.method.id; });
    if (entry->inputBases && method != catalog.methods.end())
        checkHeldAdapters(config, title, method->description.params, complaints);
    return complaints;
}

} // namespace attune

#include "core/methods/state_tensors.h"

#include <map>
#include <sstream>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace attune {

namespace {

std::string shapeOf(const at::Tensor& tensor) {
    std::ostringstream text;
    text << tensor.sizes();
    return text.str();
}

} // namespace

Status copyState(const std::vector<StateTensor>& stored, const std::vector<StateTensor>& into) {
    const char* hint = "The checkpoint belongs to another model or to other settings of the method.";
    std::map<std::string_view, const at::Tensor*> byName;
    for (const StateTensor& tensor : stored)
        if (!byName.emplace(tensor.name, &tensor.tensor).second)
            return fail(ErrorCode::InvalidData, "The stored state has \"" + tensor.name + "\" twice.", hint);
    for (const StateTensor& target : into) {
        const auto found = byName.find(target.name);
        if (found == byName.end())
            return fail(ErrorCode::InvalidData, "The stored state lacks \"" + target.name + "\".", hint);
        if (found->second->sizes() != target.tensor.sizes())
            return fail(ErrorCode::InvalidData,
                        "\"" + target.name + "\" has the shape " + shapeOf(*found->second) + " where " +
                            shapeOf(target.tensor) + " belongs.",
                        hint);
    }
    if (byName.size() != into.size())
        for (const StateTensor& tensor : stored) {
            bool known = false;
            for (const StateTensor& target : into)
                known |= target.name == tensor.name;
            if (!known)
                return fail(ErrorCode::InvalidData, "The stored state has an unknown tensor \"" + tensor.name + "\".",
                            hint);
        }
    at::NoGradGuard noGrad;
    for (const StateTensor& target : into)
        target.tensor.copy_(*byName.at(target.name));
    return {};
}

} // namespace attune

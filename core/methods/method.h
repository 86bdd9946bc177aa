// A training method: what of the model is trained and how the result is stored. One file each, one line in
// builtin_methods.cpp.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/param_spec.h"
#include "core/base/result.h"
#include "core/nn/causal_lm.h"

namespace attune {

/// A text as token ids of the model's tokenizer, without special tokens.
using TextEncoder = std::function<Result<std::vector<std::int64_t>>(const std::string& text)>;

struct StateTensor {
    std::string name; // our canonical parameter name
    at::Tensor tensor;
};

class Method {
public:
    virtual ~Method() = default;
    virtual const Described& description() const = 0;
    /// Makes the model trainable this way; seed for random initialisation. Errors: InvalidArgument (a bad value, a
    /// target that matches no layer).
    virtual Status attach(CausalLm& model, const ParamMap& params, std::uint64_t seed) const = 0;
    /// The same for methods whose settings may hold a text. Errors also: those of `encode`.
    virtual Status attachWithText(CausalLm& model, const ParamMap& params, std::uint64_t seed, const TextEncoder&) const {
        return attach(model, params, seed);
    }
    /// What a checkpoint has to hold: masters in their own precision.
    virtual std::vector<StateTensor> state(CausalLm& model) const = 0;
    /// Copies stored tensors back and refreshes the compute weights. Errors: InvalidData (missing, extra or misshapen
    /// tensor, named).
    virtual Status load(CausalLm& model, const std::vector<StateTensor>& state) const = 0;
    /// Adds the adapter to the base weights (in f32, rounded once) and takes it off the model, which then computes the
    /// same without it. Full fine-tuning: nothing to do. Errors: InvalidArgument where that is impossible (a trained prompt).
    virtual Status merge(CausalLm& model) const = 0;
    virtual bool producesAdapter() const = 0;
    /// How the base model's linear weights should be loaded for it.
    virtual LinearFormat linearFormat() const { return LinearFormat::Plain; }
};

const std::vector<std::unique_ptr<Method>>& builtinMethods(); // "lora", "qlora", "prompt_tuning", "progressive", "full"
const Method* findMethod(std::string_view id);

} // namespace attune

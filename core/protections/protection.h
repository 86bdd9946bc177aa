// A protection against forgetting: what a run does so that the model keeps what it could before. Either other rows are mixed into
// every step, or a penalty holds what is trained near its start, or both. One file each, one line in builtin_protections.cpp.
// Engine thread.
#pragma once

#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "core/base/param_spec.h"
#include "core/base/result.h"
#include "core/nn/causal_lm.h"

namespace attune {

enum class MixedRows {
    None,
    General, // of the recipe's general data, but for the part that is measured
    Memory,  // of the rows that earlier runs put into the project's buffer
};

/// What the training loop has to provide.
struct ProtectionNeeds {
    MixedRows rows = MixedRows::None;
    double share = 0;           // of a step's tokens that are mixed-in rows
    bool fisher = false;        // a diagonal Fisher matrix, measured on general data
    std::int64_t fisherRows = 0; // on so many rows
    bool inputBases = false;     // the directions that general data uses of each adapter's input
    std::int64_t inputRows = 0;  // measured on so many rows
    double quietShare = 0;       // of the inputs' energy that may lie outside of them
    std::string memoryFile;     // of the buffer; empty = the project's
    std::int64_t memoryRows = 0; // the buffer's size
};

/// Diagonal Fisher matrix: one tensor per trained parameter, in the order of CausalLm::trainable(), of its shape, f32 (f64 in f64 models). Of
/// an adapter it is that of the weight W + s B A which it changes, in two factors: B's tensor holds the sums of its rows [out], A's those of its
/// columns [in], and F_ij = rows_i columns_j / (sum of all), as Adafactor keeps its second moments (Shazeer and Stern 2018).
using FisherDiagonal = std::vector<at::Tensor>;
/// All zeros, of the right shapes.
FisherDiagonal emptyFisher(CausalLm& model);

/// Of each layer with an adapter: orthonormal columns that span the directions its inputs use, [in, k], master type. Layers that saw
/// nothing are missing.
using InputBases = std::map<const Linear*, at::Tensor>;

/// What must hold after every update.
class Constraint {
public:
    virtual ~Constraint() = default;
    /// Moves the trained values to the nearest ones that are allowed. To be called after each update, before the compute weights are
    /// refreshed.
    virtual void apply() = 0;
    /// What it keeps besides the model.
    virtual std::vector<at::Tensor> tensors() const = 0;
};

/// A term of the loss that depends on the weights alone.
class Penalty {
public:
    virtual ~Penalty() = default;
    /// Adds its gradient to Parameter::grad of what is trained; returns its value.
    virtual double addGradient() = 0;
    /// What it keeps besides the model.
    virtual std::vector<at::Tensor> tensors() const = 0;
};

class Protection {
public:
    virtual ~Protection() = default;
    virtual const Described& description() const = 0;
    /// The same protection with these settings. Errors: InvalidArgument (a bad value).
    virtual Result<std::unique_ptr<Protection>> configured(const ParamMap& params) const = 0;
    virtual ProtectionNeeds needs() const { return {}; }
    /// Its penalty on `model` as it is now, before the first step; null where it has none. `fisher`: as asked for by needs(), else null.
    /// Errors: InvalidArgument (what is trained cannot be held this way), OutOfMemory.
    virtual Result<std::unique_ptr<Penalty>> penalty(CausalLm&, const FisherDiagonal* /*fisher*/) const { return std::unique_ptr<Penalty>(); }
    /// Its constraint on `model`, whose adapters are new, with `bases` as asked for by needs(); brings their start under it. Null where it
    /// has none. Errors: InvalidArgument (what is trained cannot be held this way), OutOfMemory.
    virtual Result<std::unique_ptr<Constraint>> constraint(CausalLm&, const InputBases& /*bases*/) const { return std::unique_ptr<Constraint>(); }
    /// Tensors that the penalty keeps for each trained one, all of its size: of weights of the model, and of adapters' matrices.
    struct Copies {
        int ofWeights = 0, ofAdapters = 0;
        bool inputBases = false; // and the InputBases
    };
    virtual Copies copies() const { return {}; }
};

const std::vector<std::unique_ptr<Protection>>& builtinProtections(); // "none", "replay", "memory", "l2_sp", "ewc", "null_space"
const Protection* findProtection(std::string_view id);

} // namespace attune

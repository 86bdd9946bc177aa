// What a run's protection against forgetting needs, prepared before the first step: rows to mix in, the penalty with its copies, and the
// buffer of earlier runs. Lives as long as the run. Engine thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/base/progress.h"
#include "core/data/replay_memory.h"
#include "core/engine/token_dataset.h"
#include "core/protections/protection.h"
#include "core/run/train_request.h"

namespace attune {

class ProtectedRun {
public:
    /// `general`: the part of the general data that may be trained on, null without general data. Errors: InvalidArgument (an unknown
    /// protection or value; general data is missing), InvalidData (nothing left of the general data but what is measured; a damaged
    /// memory), those of tokenising.
    static Result<ProtectedRun> prepare(const TrainRequest& request, const TokenDataset* general, const PromptFormat& format,
                                        const TokenizeOptions& tokenize, const Progress& progress);
    /// The penalty on the model as it is now; measures the Fisher matrix where it is needed, or takes it from `file` when that was
    /// written for the same identity. Errors: as measureFisher and Protection::penalty.
    /// Likewise the constraint, with what it has to know of the general data.
    Status holdStart(CausalLm& model, const fs::path& file, const std::string& identity, const Progress& progress);
    /// After a finished run: its rows join the buffer. Nothing for other protections.
    Status remember(const TrainRequest& request, const std::string& identity) const;

    const TokenDataset* mixed() const { return m_mixed ? &*m_mixed : nullptr; }
    double share() const { return m_needs.share; }
    Penalty* penalty() const { return m_penalty.get(); }
    /// It measures what the adapters' inputs are on general data, and holds new adapters by it.
    bool measuresInputs() const { return m_needs.inputBases; }
    Constraint* constraint() const { return m_constraint.get(); }
    /// Everything of it that the weights depend on, besides the recipe. Empty without protection.
    const std::string& identity() const { return m_identity; }
    /// What the user should know; may be empty.
    const std::string& note() const { return m_note; }

private:
    Status takeMemory(const TrainRequest& request, const PromptFormat& format, const TokenizeOptions& tokenize, const Progress& progress);
    std::unique_ptr<Protection> m_protection;
    ProtectionNeeds m_needs;
    std::optional<TokenDataset> m_mixed, m_measured; // measured: for the Fisher matrix or the input bases
    std::unique_ptr<Penalty> m_penalty;
    std::unique_ptr<Constraint> m_constraint;
    std::string m_identity, m_note, m_memoryFile;
};

} // namespace attune

#include "core/engine/protected_run.h"

#include "core/data/sample_hash.h"
#include "core/engine/fisher.h"
#include "core/engine/input_bases.h"
#include "core/engine/mixed_rows.h"

namespace attune {

namespace {

constexpr std::int64_t kLongestPiece = 256; // tokens of a mixed-in piece of text

// The buffer as it was when the run began: a continued run mixes in the same rows, whatever other runs did meanwhile.
fs::path snapshotOf(const TrainRequest& request) { return fs::path(request.folder) / "replay_memory.jsonl"; }

fs::path memoryFile(const TrainRequest& request, const std::string& named) {
    if (named.empty())
        return request.replayMemory;
    return fs::path(request.replayMemory).parent_path() / named; // an absolute path stays
}

} // namespace

Result<ProtectedRun> ProtectedRun::prepare(const TrainRequest& request, const TokenDataset* general, const PromptFormat& format,
                                           const TokenizeOptions& tokenize, const Progress& progress) {
    const Choice& choice = request.config.protection;
    const Protection* kind = findProtection(choice.id);
    if (!kind)
        return fail(ErrorCode::InvalidArgument, "There is no protection \"" + choice.id + "\"", "Correct the recipe.");
    ProtectedRun run;
    ATTUNE_ASSIGN(run.m_protection, kind->configured(choice.params));
    run.m_needs = run.m_protection->needs();
    if (run.m_needs.rows == MixedRows::General || run.m_needs.fisher || run.m_needs.inputBases) {
        if (!general)
            return fail(ErrorCode::InvalidArgument, "The protection " + choice.id + " needs general data, and the recipe names none",
                        "Name texts or conversations from outside the task (data.general).");
        if (general->rows.empty())
            return fail(ErrorCode::InvalidData, "The general data has only rows to measure on, and none to learn from", "Add more general data.");
        run.m_identity = request.general->hash();
        (run.m_needs.rows == MixedRows::General ? run.m_mixed : run.m_measured) = inPieces(*general, kLongestPiece);
    }
    if (run.m_needs.rows == MixedRows::Memory)
        ATTUNE_CHECK(run.takeMemory(request, format, tokenize, progress));
    return run;
}

Status ProtectedRun::takeMemory(const TrainRequest& request, const PromptFormat& format, const TokenizeOptions& tokenize, const Progress& progress) {
    m_memoryFile = memoryFile(request, m_needs.memoryFile).string();
    if (m_memoryFile.empty())
        return fail(ErrorCode::InvalidArgument, "The memory of earlier runs has no file", "Set protection.file.");
    const fs::path snapshot = snapshotOf(request);
    std::error_code code;
    const bool again = request.resume && fs::exists(snapshot, code);
    ATTUNE_ASSIGN(const ReplayMemory memory, readReplayMemory(again ? snapshot : fs::path(m_memoryFile)));
    if (!again)
        ATTUNE_CHECK(writeReplayMemory(snapshot, memory));
    if (memory.rows.empty()) {
        m_note = "The memory of earlier runs is empty: this run mixes nothing in, and leaves its rows for the next";
        return {};
    }
    std::string hashes;
    for (const Sample& row : memory.rows)
        hashes += toHex(contentHash(row));
    m_identity = hashBytes(hashes);
    TokenizeOptions options = tokenize;
    options.kinds = {SampleKind::Chat, SampleKind::Text};
    options.wholeSamplesOnly = false;
    ATTUNE_ASSIGN(TokenDataset rows, tokenizeSamples(VectorSampleSource(memory.rows, m_identity), format, options, progress));
    m_note = "Mixing in " + std::to_string(rows.rows.size()) + " rows of " + std::to_string(memory.runs.size()) + " earlier runs";
    m_mixed = inPieces(std::move(rows), kLongestPiece);
    return {};
}

Status ProtectedRun::holdStart(CausalLm& model, const fs::path& file, const std::string& identity, const Progress& progress) {
    FisherDiagonal fisher;
    if (m_needs.fisher) {
        ATTUNE_ASSIGN(fisher, measureFisher(model, *m_measured, m_needs.fisherRows, file, identity, progress));
    }
    ATTUNE_ASSIGN(m_penalty, m_protection->penalty(model, m_needs.fisher ? &fisher : nullptr));
    if (m_needs.inputBases) {
        ATTUNE_ASSIGN(const InputBases bases, measureInputBases(model, *m_measured, m_needs.inputRows, m_needs.quietShare, progress));
        ATTUNE_ASSIGN(m_constraint, m_protection->constraint(model, bases));
        model.refreshComputeWeights();
    }
    return {};
}

Status ProtectedRun::remember(const TrainRequest& request, const std::string& identity) const {
    if (m_needs.rows != MixedRows::Memory)
        return {};
    ATTUNE_ASSIGN(ReplayMemory memory, readReplayMemory(m_memoryFile));
    const auto seed = static_cast<std::uint64_t>(paramInt(request.config.training, trainingParams().params, "seed"));
    ATTUNE_CHECK(memory.addRun(*request.train, static_cast<std::size_t>(m_needs.memoryRows), seed, identity));
    return writeReplayMemory(m_memoryFile, memory);
}

} // namespace attune

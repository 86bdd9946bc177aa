// Samples turned into token rows once, and the plan which rows go through the model together. Plain data, torch-free.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/data/sample_source.h"
#include "core/text/prompt_format.h"

namespace attune {

/// All usable rows of a source. Rows that cannot be used are listed, never silently lost.
struct TokenDataset {
    struct Row {
        std::vector<TokenId> ids;
        std::vector<bool> trained;
        std::int64_t targets = 0; // trained positions that have a predecessor
        std::size_t source = 0;   // index into the SampleSource
        bool truncated = false;
        bool desirable = true; // of the sample: a good answer, or a bad one
        double margin = 0;     // of the sample: by how much the better answer is better
        bool operator==(const Row&) const = default;
    };
    struct Dropped {
        std::size_t source = 0;
        std::string sampleId;
        std::string reason;
        bool operator==(const Dropped&) const = default;
    };
    std::vector<Row> rows; // of pairs the better answer, then the worse one, each after its prompt
    std::size_t rowsPerSample = 1; // rows of a sample lie together
    std::vector<double> reference; // of each row's answer, see reference_pass.h; empty where none is needed
    std::vector<Dropped> dropped;
    std::int64_t samples() const { return static_cast<std::int64_t>(rows.size() / rowsPerSample); }
    std::int64_t tokens = 0, targets = 0;
    std::int64_t longest = 0; // sample, all its rows together
    std::int64_t truncatedRows = 0;
    std::int64_t endNotTrained = 0; // rows whose end of turn is not among the trained tokens
    bool operator==(const TokenDataset&) const = default;
};

struct TokenizeOptions {
    TrainOn trainOn = TrainOn::Completion;
    std::size_t maxLength = 0; // 0 = no limit
    int threads = 1;
    std::vector<SampleKind> kinds = {SampleKind::Chat, SampleKind::Text}; // samples of other kinds are left out
    bool wholeSamplesOnly = false; // leave out pairs that would have to be cut
};

/// Tokenises every sample of `source`; the order of rows is the order of samples whatever the number of threads.
/// Errors: Cancelled, InvalidData (no row can be used; the message tells the most frequent reason), Unsupported (all samples
/// are of a kind that is not wanted; the message names it).
Result<TokenDataset> tokenizeSamples(const SampleSource& source, const PromptFormat& format, const TokenizeOptions& options,
                                     const Progress& progress);

/// "conversations", "preference pairs" ...
const char* kindInWords(SampleKind kind);

/// Distributes rows over micro-batches of at most `budget` tokens (a longer row gets one of its own): best fit, longest first.
/// Deterministic. Returns indices into `lengths`.
std::vector<std::vector<std::uint32_t>> planMicroBatches(std::span<const std::int64_t> lengths, std::int64_t budget);

} // namespace attune

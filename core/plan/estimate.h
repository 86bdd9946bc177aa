// What a run will need: memory split by cause, and time. Torch-free; calibrated against measurements in
// tests/bench/RESULTS.md.
#pragma once

#include <cstdint>
#include <string>

#include "core/model_files/model_config.h"
#include "core/plan/engine_memory.h"
#include "core/plan/run_config.h"

namespace attune {

struct Computer {
    int cores = 1;
    std::int64_t memoryBytes = 0, freeMemoryBytes = 0, freeDiskBytes = 0;
    std::int64_t residentBytes = 0; // of this process when it first asked, before it loaded a model; 0 = unknown
    bool bf16 = false;                    // avx512_bf16 or amx_bf16: no processor has the second alone
    double gflopsF32 = 0, gflopsBf16 = 0; // measured GEMM rates; 0 = not measured (an estimate from cores is used)
    std::string cpuName, gpuName, blas;
};
/// Cores, memory, CPU flags and free disk at `folder` read from the system; GEMM rates stay 0.
Computer inspectComputer(const std::string& folder = ".");

struct MemoryEstimate {
    std::int64_t weights = 0, gradients = 0, optimizer = 0, activations = 0, overhead = 0;
    std::int64_t protection = 0; // against forgetting: copies of the start, importances
    std::int64_t total() const { return weights + gradients + optimizer + activations + overhead + protection; }
};
/// Tokens that go through the model: written one by one, read forward, and learned from (forward and backward); each counts in one of them.
struct TokenWork {
    double written = 0, read = 0, learned = 0;
};
struct TimeEstimate {
    double secondsPerStep = 0, seconds = 0; // seconds: with what is read before the first step
    TokenWork perStep, beforeStart;
    std::int64_t steps = 0;
    double tokensPerSecond = 0;
};
/// Rows that are trained on; averageTokens / averageTargets: tokens of a row and how many of them are trained.
struct DataShape {
    std::int64_t rows = 0;
    double averageTokens = 0, averageTargets = 0;
    std::int64_t longestTokens = 0;
};
MemoryEstimate estimateMemory(const ModelConfig& model, const RunConfig& config, const Catalog& catalog,
                              const DataShape& data, const Computer& computer);
/// The same for a micro-batch of known shape; residentBefore: of the process before the model is loaded, 0 = unknown.
/// Compared with measurements in tests/bench/RESULTS.md.
MemoryEstimate engineMemory(const ModelConfig& model, const RunConfig& config, const Catalog& catalog,
                            const PassShape& shape, std::int64_t residentBefore);
TimeEstimate estimateTime(const ModelConfig& model, const RunConfig& config, const Catalog& catalog,
                          const DataShape& data, const Computer& computer);
/// Tokens that go through the model at once while training: large enough that the products are efficient, small enough
/// that the activations stay small. A longer row goes alone.
std::int64_t microBatchTokens(const ModelConfig& model);
/// The recipe's micro_batch_tokens, or the above when it names none.
std::int64_t effectiveMicroBatchTokens(const ModelConfig& model, const RunConfig& config);
/// Trainable parameters of the configured method on this model.
std::int64_t trainableParameters(const ModelConfig& model, const RunConfig& config, const Catalog& catalog);
/// "keep" or "recompute": what activations "auto" becomes for these rows on this computer.
std::string effectiveActivations(const ModelConfig& model, const RunConfig& config, const Catalog& catalog,
                                 const DataShape& data, const Computer& computer);
/// "bf16" or "f32": what precision "auto" becomes on this computer.
std::string effectivePrecision(const RunConfig& config, const Computer& computer);

/// The largest usual model whose LoRA training (512-token rows) fits into this computer's free memory, for "what this
/// computer can do".
struct LargestModel {
    std::string name; // "1.5 B"; empty: not even the smallest
    std::int64_t parameters = 0;
    MemoryEstimate memory;
    double tokensPerSecond = 0;
};
LargestModel largestTunableModel(const Computer& computer);

} // namespace attune

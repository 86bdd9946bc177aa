// The seam between the program and the training engine, free of libtorch. Implementations: TorchEngine (core/engine) and
// FakeEngine (tests of the window only). All calls block and are made on a worker thread; events come on that thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/data/sample_source.h"
#include "core/model_files/model_config.h"
#include "core/plan/catalog.h"
#include "core/plan/run_config.h"
#include "core/run/training_event.h"

namespace attune {

using Emit = std::function<void(TrainingEvent)>;

/// Asked between optimizer steps. pause() and resume() from any thread.
class PauseToken {
public:
    void pause() { set(true); }
    void resume() { set(false); }
    bool paused() const {
        const std::lock_guard lock(m_mutex);
        return m_paused;
    }
    /// Blocks while paused; returns at once when `stop` is requested.
    void waitWhilePaused(std::stop_token stop) {
        std::unique_lock lock(m_mutex);
        m_changed.wait(lock, stop, [this] { return !m_paused; });
    }

private:
    void set(bool paused) {
        {
            const std::lock_guard lock(m_mutex);
            m_paused = paused;
        }
        m_changed.notify_all();
    }
    mutable std::mutex m_mutex;
    std::condition_variable_any m_changed;
    bool m_paused = false;
};

struct TrainRequest {
    RunConfig config;
    std::string folder; // the run's own folder (created); recipe.yaml, metrics.jsonl, checkpoints/, adapter/ are written there
    std::shared_ptr<const SampleSource> train;
    std::shared_ptr<const SampleSource> validation; // may be null or empty
    std::shared_ptr<const SampleSource> general; // texts and conversations from outside the task; may be null
    std::string replayMemory; // file of the project's rows of earlier runs (core/data/replay_memory.h)
    bool resume = false; // continue from the last valid checkpoint in `folder`
    std::int64_t stopAfterStep = 0; // stop there as a stop request would, its measuring included; 0 = no. Not part of the recipe
    std::string tokenCache; // folder in which token rows are kept between runs; empty = they are not kept
};

struct Sampling {
    double temperature = 0; // 0 = greedy
    std::int64_t topK = 0;  // 0 = off
    double topP = 1.0;
    double repetitionPenalty = 1.0;
    std::uint64_t seed = 0;
    std::int64_t maxTokens = 256;
    std::vector<std::string> stop;
};

struct Prompt { // exactly one of the three
    std::vector<Message> messages = {};
    std::string text = {};
    std::vector<std::int64_t> ids = {};
};

struct GeneratedText {
    std::string text;
    std::vector<std::int64_t> tokens;
    std::string finish; // "stop", "length", "cancelled"
};

struct GenerateRequest {
    std::string model;
    std::string adapter; // run folder or PEFT folder; empty = base
    std::vector<Prompt> prompts;
    Sampling sampling;
    int pane = 0;
    std::string precision = "auto";
    bool eightBit = false; // read the weights from a copy in 8 bits: faster, answers may differ in places
    bool speculate = true; // check several guessed tokens in one pass where guesses come true; never changes an answer
};

struct ScoreRequest {
    std::string model, adapter;
    std::vector<std::vector<std::int64_t>> rows;
    std::string precision = "f32";
};

/// Proof that an adapter does something: largest |logit difference| of base and tuned on given rows, and the weights' identities.
struct AdapterProof {
    std::string modelHash, adapterHash, templateHash;
    double maxLogitDifference = 0;
    double meanLogitDifference = 0;
};

struct ExportRequest {
    std::string runFolder, format, outputFolder; // format: "adapter", "merged", "gguf"
    ParamMap options = {};                       // by the keys of the exporter's params in the catalog
};
struct ExportReport {
    std::vector<std::string> files;
    double maxLogitDifference = 0; // reloaded export against the checkpoint
    double tokenAgreement = 0;     // share of greedy tokens that agree
    std::int64_t comparedTokens = 0;
};

/// What two real optimizer steps over the longest rows took; see Engine::measureSteps.
struct StepMeasurement {
    std::int64_t steps = 0, rows = 0, longestTokens = 0; // rows: of each step; the longest sample after cutting
    std::int64_t peakBytes = 0, predictedPeakBytes = 0;  // resident in this process while it ran; the estimate for the run
    double secondsPerStep = 0;   // of the last step: the first one also asks the system for its memory
    double tokensPerSecond = 0;  // of the last step
    std::int64_t runSteps = 0;   // of the whole run
    double runSeconds = 0;       // of the whole run at that speed, with its average rows; validation and answers left out
    std::string precision, activations; // what the recipe's "auto" became
};

class Engine {
public:
    virtual ~Engine() = default;
    virtual const Catalog& catalog() const = 0;
    /// Cheap: files, tokenizer, shapes, parameters. No weights are loaded.
    virtual Status check(const RunConfig& config) const = 0;
    /// Ends in exactly one of Finished, Stopped, Failed (also emitted as events). A stop keeps the last checkpoint.
    virtual Status train(const TrainRequest& request, std::stop_token stop, PauseToken& pause, const Emit& emit) = 0;
    /// Two steps of that run over its longest rows with everything a step needs, without keeping anything: no file is left
    /// and request.folder is not touched. Emits StateChanged and StepFinished. Errors: as train, Cancelled.
    virtual Result<StepMeasurement> measureSteps(const TrainRequest& request, std::stop_token stop, const Emit& emit) = 0;
    /// All prompts batched; pieces are emitted as TextGenerated while they come.
    virtual Result<std::vector<GeneratedText>> generate(const GenerateRequest& request, std::stop_token stop, const Emit& emit) = 0;
    /// Per row: logprobs[i] of ids[i + 1] given ids[0..i].
    virtual Result<std::vector<std::vector<float>>> score(const ScoreRequest& request, std::stop_token stop) = 0;
    virtual Result<AdapterProof> proveAdapter(const std::string& model, const std::string& adapter, std::stop_token stop) = 0;
    virtual Result<ExportReport> exportRun(const ExportRequest& request, std::stop_token stop, const Emit& emit) = 0;
    /// Random weights for a folder with config and tokenizer only, the start of pre-training. Engines that cannot say so.
    virtual Status initializeModel(const std::string& folder, std::uint64_t) {
        return fail(ErrorCode::Unsupported, "This engine cannot make new weights for " + folder);
    }
    /// Everything `bench` knows how to measure; options as JSON, result one JSON object.
    virtual Result<Json> bench(const std::string& what, const Json& options, std::stop_token stop) = 0;
};

} // namespace attune

// The seam between the program and the training engine, free of libtorch. Implementations: TorchEngine (core/engine) and
// FakeEngine (tests of the window only). All calls block and are made on a worker thread; events come on that thread.
// What it is asked and what it answers are values with headers of their own: whoever only handles those includes those.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/plan/catalog.h"
#include "core/run/adapter_proof.h"
#include "core/run/export_request.h"
#include "core/run/generate_request.h"
#include "core/run/pause_token.h"
#include "core/run/step_measurement.h"
#include "core/run/train_request.h"

namespace attune {

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

// An Engine without a model for tests of the window and of the controller: plausible, deterministic events, at once or
// in real time. Never used by the program itself.
#pragma once

#include <chrono>

#include "core/run/engine.h"

namespace attune {

struct FakeEngineOptions {
    std::int64_t steps = 60;
    std::chrono::milliseconds stepTime{0}; // 0 = as fast as possible
    std::int64_t evalEvery = 10;
    std::int64_t failAtStep = 0;  // 0 = never: ends with a Numerical error there
    std::int64_t throwAtStep = 0; // 0 = never: throws there
    bool overfits = false;        // validation rises in the second half
    bool sayFinalState = true;    // false: forgets its last word
    double failAboveRate = 0;     // a learning rate above this fails; 0 = never
    double otherLoad = 0.03;      // what a check says of other programs, see StepMeasurement
};

class FakeEngine final : public Engine {
public:
    explicit FakeEngine(FakeEngineOptions options = {});
    const Catalog& catalog() const override { return m_catalog; }
    Status check(const RunConfig& config) const override;
    Status train(const TrainRequest& request, std::stop_token stop, PauseToken& pause, const Emit& emit) override;
    Result<StepMeasurement> measureSteps(const TrainRequest& request, std::stop_token stop, const Emit& emit) override;
    Result<std::vector<GeneratedText>> generate(const GenerateRequest& request, std::stop_token stop,
                                                const Emit& emit) override;
    Result<std::vector<std::vector<float>>> score(const ScoreRequest& request, std::stop_token stop) override;
    Result<AdapterProof> proveAdapter(const std::string& model, const std::string& adapter,
                                      std::stop_token stop) override;
    Result<ExportReport> exportRun(const ExportRequest& request, std::stop_token stop, const Emit& emit) override;
    Result<Json> bench(const std::string& what, const Json& options, std::stop_token stop) override;

private:
    FakeEngineOptions m_options;
    Catalog m_catalog;
};

/// As wide as the real one (the same methods, objectives, optimizers and schedules in the same words), with a few knobs
/// each. tests/engine compares the two.
Catalog fakeCatalog();

} // namespace attune

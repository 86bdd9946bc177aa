#include "app/cli/fit_check.h"

#include <cmath>
#include <cstdio>

#include "app/cli/progress_line.h"
#include "app/run_setup.h"
#include "core/families/model_family.h"
#include "core/plan/fit_recipe.h"

namespace attune::cli {

namespace {

constexpr double kBusy = 0.15; // share of the processors; less makes no difference worth a word

double inGigabytes(std::int64_t bytes) {
    return static_cast<double>(bytes) / 1e9;
}

Status fitTo(RunConfig& config, const TrainRequest& request, Cli& cli) {
    ATTUNE_ASSIGN(const ModelSource source, ModelSource::open(config.model));
    ATTUNE_ASSIGN(const ModelConfig model, readModelConfig(source));
    ATTUNE_ASSIGN(const DataShape shape, shapeOfRows(*request.train, config.model));
    const FittedRecipe fitted = fitRecipe(model, config, cli.engine().catalog(), shape, inspectComputer(config.model));
    if (cli.json) {
        Json changes = Json::array();
        for (const FitChange& change : fitted.changes)
            changes.push_back({{"field", change.field}, {"before", change.before}, {"after", change.after}, {"why", change.why}});
        printJson({{"type", "fit"}, {"fits", fitted.fits}, {"changes", changes}, {"estimated_bytes", fitted.after.total()},
                   {"estimated_before_bytes", fitted.before.total()}, {"limit_bytes", fitted.limit}});
    } else {
        for (const FitChange& change : fitted.changes)
            std::printf("fit: %s %s -> %s. %s\n", change.field.c_str(), change.before.c_str(), change.after.c_str(), change.why.c_str());
        std::printf("fit: about %.2f GB%s of the %.2f GB that may be used\n", inGigabytes(fitted.after.total()),
                    fitted.changes.empty() ? ", unchanged," : "", inGigabytes(fitted.limit));
        std::fflush(stdout);
    }
    if (!fitted.fits)
        return fail(ErrorCode::OutOfMemory, "Nothing makes this run fit into the free memory",
                    "Choose a smaller model, or close other programs.");
    config = fitted.config;
    return {};
}

Status checkRecipe(const TrainRequest& request, Cli& cli) {
    ProgressLine line;
    const auto say = [&](const TrainingEvent& event) {
        if (const auto* state = std::get_if<StateChanged>(&event); state && !cli.json)
            line.show(state->what);
    };
    auto result = cli.engine().measureSteps(request, cli.stop, say);
    line.end();
    if (!result)
        return fail(std::move(result).error());
    const StepMeasurement& measured = *result;
    if (cli.json) {
        printJson({{"type", "check"}, {"steps", measured.steps}, {"rows", measured.rows}, {"longest_tokens", measured.longestTokens},
                   {"peak_bytes", measured.peakBytes}, {"predicted_peak_bytes", measured.predictedPeakBytes},
                   {"seconds_per_step", measured.secondsPerStep}, {"tokens_per_second", measured.tokensPerSecond},
                   {"run_steps", measured.runSteps}, {"run_seconds", measured.runSeconds}, {"precision", measured.precision},
                   {"activations", measured.activations}, {"before_bytes", measured.beforeBytes}, {"other_load", measured.otherLoad}});
        return {};
    }
    std::printf("Checked: %lld steps of %lld rows, the longest sample has %lld tokens (%s, activations: %s)\n",
                static_cast<long long>(measured.steps), static_cast<long long>(measured.rows),
                static_cast<long long>(measured.longestTokens), measured.precision.c_str(), measured.activations.c_str());
    std::printf("Memory   %.2f GB at most (estimated %.2f GB), of which the program %.2f GB\n", inGigabytes(measured.peakBytes),
                inGigabytes(measured.predictedPeakBytes), inGigabytes(measured.beforeBytes));
    const bool minutes = measured.runSeconds >= 120;
    std::printf("Time     %.2f s a step, %.0f tokens/s; the run of %lld steps about %.0f %s without validation\n", measured.secondsPerStep,
                measured.tokensPerSecond, static_cast<long long>(measured.runSteps), minutes ? measured.runSeconds / 60 : measured.runSeconds,
                minutes ? "minutes" : std::lround(measured.runSeconds) == 1 ? "second" : "seconds");
    if (measured.otherLoad < 0)
        std::printf("Whether other programs were busy meanwhile could not be told\n");
    else if (measured.otherLoad >= kBusy)
        std::printf("Other programs took %.0f %% of the processors meanwhile: these times are too long\n", 100 * measured.otherLoad);
    return {};
}

} // namespace

Result<bool> fitAndCheck(RunConfig& config, const FitCheckOptions& options, Cli& cli) {
    ATTUNE_CHECK(cli.engine().check(config));
    ATTUNE_ASSIGN(RunSetup setup, setUpRunFromFiles(config, {}));
    if (!setup.request.train || setup.request.train->size() == 0)
        return fail(ErrorCode::InvalidData, "The training data has no rows", "Name a file with rows in data.train.");
    if (options.fit)
        ATTUNE_CHECK(fitTo(config, setup.request, cli));
    if (!options.check)
        return true;
    setup.request.config = config;
    if (options.noCache)
        setup.request.tokenCache.clear();
    ATTUNE_CHECK(checkRecipe(setup.request, cli));
    return false;
}

} // namespace attune::cli

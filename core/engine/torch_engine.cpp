#include "core/engine/torch_engine.h"

#include <cstdlib>
#include <optional>
#include <unistd.h>

#include <ATen/ATen.h>

#include "core/engine/adapter_proof.h"
#include "core/engine/bench.h"
#include "core/engine/engine_catalog.h"
#include "core/engine/export_run.h"
#include "core/engine/generate.h"
#include "core/engine/initialize_model.h"
#include "core/engine/measure_steps.h"
#include "core/engine/model_loader.h"
#include "core/engine/process_memory.h"
#include "core/engine/score.h"
#include "core/engine/train_run.h"

namespace attune {

namespace {

// Nothing of libtorch may throw through the seam.
template <class Function>
auto guardedCall(Function&& function) -> decltype(function()) {
    try {
        return function();
    } catch (const std::bad_alloc&) {
        return fail(ErrorCode::OutOfMemory, "There is not enough memory",
                    "Close other programs, lower training.max_length, or choose a smaller model.");
    } catch (const std::exception& error) {
        const std::string text = error.what();
        if (text.find("not enough memory") != std::string::npos || text.find("can't allocate") != std::string::npos)
            return fail(ErrorCode::OutOfMemory, "There is not enough memory",
                        "Close other programs, lower training.max_length, or choose a smaller model.");
        return fail(ErrorCode::Internal, "The engine failed: " + text.substr(0, text.find('\n')), "Please report this with the run's folder.");
    }
}

class TorchEngine final : public Engine {
public:
    TorchEngine() { applyThreads(0); }

    const Catalog& catalog() const override { return engineCatalog(); }

    Status check(const RunConfig& config) const override {
        return guardedCall([&] { return checkRun(config, engineCatalog()); });
    }

    Status train(const TrainRequest& request, std::stop_token stop, PauseToken& pause, const Emit& emit) override {
        m_cached.reset(); // a kept model must not take the memory the estimate promised to the run
        returnFreedMemory();
        resetPeakResidentBytes(); // what was compared or exported before is no part of this run's peak
        return guardedCall([&] { return trainRun(request, stop, pause, emit); });
    }

    Result<StepMeasurement> measureSteps(const TrainRequest& request, std::stop_token stop, const Emit& emit) override {
        m_cached.reset();
        return guardedCall([&] { return attune::measureSteps(request, stop, emit); });
    }

    Result<std::vector<GeneratedText>> generate(const GenerateRequest& request, std::stop_token stop, const Emit& emit) override {
        return guardedCall([&]() -> Result<std::vector<GeneratedText>> {
            ATTUNE_ASSIGN(const LoadedModel* loaded, load(request.model, request.adapter, request.precision, stop));
            return generateTexts(*loaded, request, stop, emit);
        });
    }

    Result<std::vector<std::vector<float>>> score(const ScoreRequest& request, std::stop_token stop) override {
        return guardedCall([&]() -> Result<std::vector<std::vector<float>>> {
            ATTUNE_ASSIGN(const LoadedModel* loaded, load(request.model, request.adapter, request.precision, stop));
            if (loaded->model->scoreHead) // a reward model: its one number for each row
                return rewardRows(*loaded->model, request.rows, stop);
            return scoreRows(*loaded->model, request.rows, stop);
        });
    }

    Result<AdapterProof> proveAdapter(const std::string& model, const std::string& adapter, std::stop_token stop) override {
        return guardedCall([&] {
            m_cached.reset();
            return proveAdapterIsActive(model, adapter, stop);
        });
    }

    Result<ExportReport> exportRun(const ExportRequest& request, std::stop_token stop, const Emit& emit) override {
        return guardedCall([&] {
            m_cached.reset();
            return exportRunFolder(request, stop, emit);
        });
    }

    Status initializeModel(const std::string& folder, std::uint64_t seed) override {
        return guardedCall([&] { return attune::initializeModel(folder, seed); });
    }

    Result<Json> bench(const std::string& what, const Json& options, std::stop_token stop) override {
        return guardedCall([&] {
            m_cached.reset();
            return runBench(what, options, stop);
        });
    }

private:
    // Comparing asks the same models again and again: the last one stays loaded.
    struct Cached {
        std::string model, adapter, precision, stamp;
        LoadedModel loaded;
    };

    static std::string stampOf(const std::string& model, const std::string& adapter) {
        std::string stamp;
        std::error_code code;
        for (const std::string& folder : {model, adapter, adapter + "/adapter"}) {
            for (fs::directory_iterator it(folder, code), end; !folder.empty() && !code && it != end; it.increment(code)) {
                std::error_code ignored;
                stamp += it->path().filename().string() +
                         std::to_string(fs::last_write_time(it->path(), ignored).time_since_epoch().count()) + ";";
            }
        }
        return stamp;
    }

    Result<const LoadedModel*> load(const std::string& model, const std::string& adapter, const std::string& precision,
                                    std::stop_token stop) {
        const TunedModel tuned = resolveTuned(model, adapter);
        std::string stamp = stampOf(tuned.model, tuned.adapter); // files may have changed since
        if (!m_cached || m_cached->model != tuned.model || m_cached->adapter != tuned.adapter || m_cached->precision != precision ||
            m_cached->stamp != stamp) {
            m_cached.reset(); // before the next one is read: never two in memory
            ATTUNE_ASSIGN(LoadedModel loaded,
                          loadModel({.model = tuned.model, .adapter = tuned.adapter, .precision = precision, .stop = stop}));
            m_cached.emplace(Cached{tuned.model, tuned.adapter, precision, std::move(stamp), std::move(loaded)});
        }
        return &m_cached->loaded;
    }

    std::optional<Cached> m_cached;
};

} // namespace

std::unique_ptr<Engine> makeTorchEngine() { return std::make_unique<TorchEngine>(); }

void prepareProcessForEngine(char** arguments) {
    // ATen 1.13 stays with AVX2 unless told; it does not check that the processor can do what it is told.
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        ::setenv("ATEN_CPU_CAPABILITY", "avx512", 0);
    // libgomp and the C library read these when they are loaded, so the program starts itself once more with them.
    if (std::getenv("OMP_WAIT_POLICY"))
        return;
    // A step has hundreds of short parallel loops: threads that sleep at once cost a fifth of it, threads that spin for
    // long collapse when a neighbour is busy and take the window's time. About 20 microseconds of spinning is both.
    ::setenv("OMP_WAIT_POLICY", "PASSIVE", 1);
    ::setenv("GOMP_SPINCOUNT", "1000", 0);
    // Weights and buffers in huge pages: fewer page faults and address translations.
    ::setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1", 0);
    ::execv("/proc/self/exe", arguments); // returns only when it failed: then the defaults stay
}

} // namespace attune

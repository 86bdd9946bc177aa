#include "core/engine/train_run.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <thread>

#include <ATen/Parallel.h>

#include "core/engine/engine_catalog.h"
#include "core/engine/measure_steps.h"
#include "core/engine/model_loader.h"
#include "core/engine/process_memory.h"
#include "core/engine/protected_run.h"
#include "core/engine/reward_gain.h"
#include "core/engine/rollout_trainer.h"
#include "core/engine/run_rows.h"
#include "core/engine/run_start.h"
#include "core/engine/train_loop.h"
#include "core/engine/watched_answers.h"
#include "core/export/exporter.h"
#include "core/export/peft_adapter.h"
#include "core/plan/estimate.h"
#include "core/plan/presets.h"
#include "core/run/run_folder.h"

namespace attune {

namespace {

template <class Kind>
const Kind* findKind(const std::vector<Kind>& kinds, const std::string& id) {
    const auto found = std::find_if(kinds.begin(), kinds.end(), [&](const Kind& kind) { return kind.description.id == id; });
    return found == kinds.end() ? nullptr : &*found;
}

Status unknown(const char* what, const std::string& id) {
    return fail(ErrorCode::InvalidArgument, std::string("There is no ") + what + " \"" + id + "\"", "Correct the recipe.");
}

TrainSettings settingsOf(const RunConfig& config, const ModelConfig& model) {
    const auto& specs = trainingParams().params;
    const ParamMap& values = config.training;
    TrainSettings settings;
    settings.epochs = paramDouble(values, specs, "epochs");
    settings.maxSteps = paramInt(values, specs, "max_steps");
    settings.batchSize = paramInt(values, specs, "batch_size") * paramInt(values, specs, "gradient_accumulation");
    settings.learningRate = effectiveLearningRate(config);
    settings.warmupRatio = paramDouble(values, specs, "warmup_ratio");
    settings.maxGradientNorm = paramDouble(values, specs, "max_grad_norm");
    settings.seed = static_cast<std::uint64_t>(paramInt(values, specs, "seed"));
    settings.evaluateEvery = paramInt(values, specs, "eval_every");
    settings.saveEvery = paramInt(values, specs, "save_every");
    settings.keepCheckpoints = static_cast<int>(paramInt(values, specs, "keep_checkpoints"));
    settings.earlyStoppingPatience = paramInt(values, specs, "early_stopping_patience");
    settings.scheduleId = config.schedule.id;
    settings.scheduleParams = config.schedule.params;
    settings.microBatchTokens = effectiveMicroBatchTokens(model, config);
    return settings;
}

// Everything the weights after step n are a function of, besides the code and the number of threads.
std::string identityOf(const RunConfig& config, const LoadedModel& loaded, const TrainRequest& request, const std::string& protection,
                       const std::string& rewardModelHash, const RunStart& start) {
    RunConfig recipe = config;
    recipe.name.clear();
    recipe.model.clear(); // the model counts by content, so that a moved folder can be continued
    recipe.start.clear(); // by content as well
    recipe.data = {};
    recipe.objective.params.erase("reward_model"); // by content as well
    for (const char* key : {"sample_prompts", "sample_max_tokens", "keep_checkpoints", "threads", "activations", "forgetting_limit", "score_gain"})
        recipe.training.erase(key);
    std::string text = toYaml(recipe) + loaded.modelHash + loaded.tokenizer->hash() + loaded.format.hash() + request.train->hash() + protection;
    if (request.validation)
        text += request.validation->hash();
    text += rewardModelHash + start.identity;
    text += c10::toString(loaded.model->settings().dtype);
    return hashBytes(text);
}

std::string forgettingInWords(const TrainProgress& progress) {
    if (progress.generalBefore < 0 || progress.generalAfter < 0)
        return "what the model forgot was not measured (data.general)";
    char text[128];
    std::snprintf(text, sizeof text, "general data: loss %.3f before, %.3f after (perplexity %.2f and %.2f)", progress.generalBefore,
                  progress.generalAfter, std::exp(progress.generalBefore), std::exp(progress.generalAfter));
    return text;
}

// Whether something says which answers are good.
Status checkRewards(const Objective& objective) {
    if (!objective.policy() || !objective.policy()->plan().rewards.empty())
        return {};
    if (!objective.policy()->plan().rewardModel.empty())
        return {};
    std::string weights;
    for (const auto& reward : builtinRewards())
        weights += (weights.empty() ? "" : ", ") + reward->description().id + "_weight";
    return fail(ErrorCode::InvalidArgument, "Nothing says which answers are good: no reward has a weight, and there is no reward model",
                "Set objective.reward_model to the folder of a reward model's run, or at least one of objective." + weights + ".");
}

// The reward model that an objective names, refused where it is not known to be good enough.
Result<std::optional<RewardRecord>> rewardRecordOf(const Objective& objective) {
    if (!objective.policy() || objective.policy()->plan().rewardModel.empty())
        return std::nullopt;
    const RolloutPlan& plan = objective.policy()->plan();
    ATTUNE_ASSIGN(RewardRecord record, readRewardRecord(plan.rewardModel));
    ATTUNE_CHECK(checkRewardAccuracy(record, plan.rewardModelMinAccuracy, plan.rewardModel));
    return record;
}

Status writeResult(const LoadedModel& loaded, const Method& method, const RunFolder& folder, const std::string& baseName) {
    if (!method.producesAdapter()) {
        const ExportInput input{loaded.source, *loaded.family, *loaded.model, baseName};
        ATTUNE_CHECK(findExporter("merged")->write(input, folder.root / "model", {}));
    } else {
        ATTUNE_CHECK(writePeftAdapter(folder.adapter(), *loaded.family, *loaded.model, baseName));
    }
    if (!loaded.model->valueHead)
        return {};
    // In the file that other tools of the field keep it in.
    const ValueHead& head = *loaded.model->valueHead;
    const fs::path target = method.producesAdapter() ? folder.adapter() : folder.root / "model";
    return writeTensors(target / "value_head.safetensors", {{head.weight.name, head.weight.value}, {head.bias.name, head.bias.value}});
}

} // namespace

int applyThreads(std::int64_t threads) {
    const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    const int wanted = threads > 0 ? static_cast<int>(std::min<std::int64_t>(threads, cores)) : cores;
    if (at::get_num_threads() != wanted)
        at::set_num_threads(wanted);
    return wanted;
}

TunedModel resolveTuned(const std::string& model, const std::string& adapter) {
    std::error_code code;
    if (!adapter.empty() && fs::exists(fs::path(adapter) / "model" / "config.json", code))
        return {(fs::path(adapter) / "model").string(), {}};
    return {model, adapter};
}

Status checkRun(const RunConfig& config, const Catalog& catalog) {
    for (const Complaint& complaint : checkRunConfig(config, catalog)) {
        if (complaint.severity == Complaint::Severity::Error)
            return fail(ErrorCode::InvalidArgument, complaint.message, complaint.hint);
    }
    if (const Objective* kind = findObjective(config.objective.id)) {
        ATTUNE_ASSIGN(const std::unique_ptr<Objective> objective, kind->configured(config.objective.params));
        ATTUNE_CHECK(checkRewards(*objective));
        ATTUNE_CHECK(rewardRecordOf(*objective));
    }
    return readModelParts(config.model).map([](const auto&) {});
}

Status trainRun(const TrainRequest& request, std::stop_token stop, PauseToken& pause, const Emit& emit, StepMeasurement* measured) {
    const RunConfig& config = request.config;
    const RunFolder folder{request.folder};
    const auto& specs = trainingParams().params;
    const Method* method = findMethod(config.method.id);
    const Objective* objectiveKind = findObjective(config.objective.id);
    const OptimizerKind* optimizerKind = findKind(builtinOptimizers(), config.optimizer.id);
    if (!method)
        return unknown("method", config.method.id);
    if (!objectiveKind)
        return unknown("objective", config.objective.id);
    ATTUNE_ASSIGN(const std::unique_ptr<Objective> objective, objectiveKind->configured(config.objective.params));
    ATTUNE_CHECK(checkRewards(*objective));
    ATTUNE_ASSIGN(const std::optional<RewardRecord> rewardModel, rewardRecordOf(*objective));
    const ObjectiveNeeds needs = objective->needs();
    const PolicyObjective* policy = objective->policy();
    if (!optimizerKind)
        return unknown("optimizer", config.optimizer.id);
    if (!findKind(builtinSchedules(), config.schedule.id))
        return unknown("schedule", config.schedule.id);
    if (!request.train || request.train->size() == 0)
        return fail(ErrorCode::InvalidData, "The training data has no rows", "Import rows in Data, or choose another file or split.");

    ATTUNE_ASSIGN(const RunStart start, readRunStart(request));
    Computer computer = inspectComputer(); // before the model takes its memory
    const std::int64_t memoryBefore = residentBytes();
    computer.residentBytes = memoryBefore; // the estimate stands beside a peak that begins here, not at the program's start
    const int threads = applyThreads(paramInt(config.training, specs, "threads"));
    const auto preparing = [&emit](const std::string& what) {
        return [&emit, what](double fraction) { emit(StateChanged{RunState::Preparing, what, fraction}); };
    };
    preparing("Loading the model")(0);
    ATTUNE_ASSIGN(LoadedModel loaded, loadModel({.model = config.model,
                                                 .adapter = {},
                                                 .precision = paramString(config.training, specs, "precision"),
                                                 .linears = method->linearFormat(),
                                                 .stop = stop,
                                                 .progress = preparing("Loading the model")}));
    const auto seed = static_cast<std::uint64_t>(paramInt(config.training, specs, "seed"));
    const auto encode = [&](const std::string& text) -> Result<std::vector<std::int64_t>> {
        ATTUNE_ASSIGN(const Encoding encoding, loaded.tokenizer->encode(text, {.addSpecialTokens = false}));
        return std::vector<std::int64_t>(encoding.ids.begin(), encoding.ids.end());
    };
    ATTUNE_CHECK(method->attachWithText(*loaded.model, config.method.params, seed, encode));
    if (needs.scoreHead)
        loaded.model->addScoreHead(seed);
    if (policy && policy->plan().valueHead)
        loaded.model->addValueHead();

    ATTUNE_ASSIGN(const TokenizeOptions tokenize,
                  tokenizeOptionsOf(config, *objective, loaded.config(), loaded.model->promptTokens(), threads));
    const Progress progress{stop, [&](double fraction, const std::string& what) { preparing(what)(fraction); }};
    const auto tokenRows = [&](const SampleSource& source, const char* which, PromptRows& prompts) -> Result<TokenDataset> {
        if (!policy)
            return tokenRowsOf(source, which, request, *objective, loaded.format, tokenize, progress, emit);
        ATTUNE_ASSIGN(prompts, promptRowsOf(source, which, *objective, loaded.format, tokenize.maxLength, progress, emit));
        return TokenDataset{};
    };
    PromptRows prompts, validationPrompts; // of objectives that learn from rewards; the others have token rows
    ATTUNE_ASSIGN(TokenDataset trainRows, tokenRows(*request.train, "training", prompts));
    TokenDataset& train = policy ? prompts.data : trainRows;
    const DataShape shape = shapeOf(train);
    if (measured && !policy) // rows of rewards belong to their prompts
        train = longestSamples(train, settingsOf(config, loaded.config()).batchSize);
    std::optional<TokenDataset> validation;
    if (request.validation && request.validation->size() > 0) {
        ATTUNE_ASSIGN(validation, tokenRows(*request.validation, "validation", validationPrompts));
    }
    if (validation && needs.mismatched && validation->samples() < 2) {
        emit(WarningRaised{0, "data.small_validation", "One validation row cannot be compared with others; the run goes without validation",
                           "Set more rows aside for validation."});
        validation.reset();
    }
    std::optional<GeneralRows> general;
    if (request.general) {
        ATTUNE_ASSIGN(general, generalRows(request, loaded.format, tokenize, progress, emit));
    } else {
        emit(StateChanged{RunState::Preparing, "The recipe names no general data (data.general): what the model forgets is not measured", 1});
    }
    TrainSettings settings = settingsOf(config, loaded.config());
    settings.stopAfterStep = request.stopAfterStep;
    if (loaded.model->trainsRouter()) {
        const double wanted = paramDouble(config.training, specs, "router_aux_loss_coef");
        settings.routerLoss = wanted < 0 ? loaded.config().routerLoss : wanted;
    }
    settings.memoryBefore = memoryBefore;
    ATTUNE_ASSIGN(ProtectedRun guarded, ProtectedRun::prepare(request, general ? &general->rest : nullptr, loaded.format, tokenize, progress));
    if (!guarded.note().empty())
        emit(StateChanged{RunState::Preparing, guarded.note(), 1});
    std::unique_ptr<CausalLm> frozen; // the base network as it was, where training changes it
    if (policy && (!method->producesAdapter() || loaded.model->changesBase()) && (policy->plan().reference || rewardModel)) {
        ATTUNE_ASSIGN(LoadedModel again, loadModel({.model = config.model, .adapter = {}, .precision = paramString(config.training, specs, "precision"),
                                                    .linears = method->linearFormat(), .stop = stop, .progress = preparing("Loading the reference model")}));
        frozen = std::move(again.model);
    }
    std::unique_ptr<RewardJudge> judge;
    if (rewardModel) {
        if (rewardModel->accuracy)
            preparing("The reward model is right about " + accuracyInWords(*rewardModel))(1);
        ATTUNE_ASSIGN(judge, RewardJudge::load(*rewardModel, loaded, frozen ? *frozen : *loaded.model, settings.microBatchTokens));
    }
    const std::string identity = identityOf(config, loaded, request, guarded.identity(), judge ? judge->hash() : std::string(), start);
    adviseOnLabels(train, *objective, emit);
    ATTUNE_CHECK(prepareComparisons(train, validation ? &*validation : nullptr, needs, settings, tokenize.maxLength, *loaded.model, folder.root,
                                    identity, progress));

    if (guarded.measuresInputs() && start.checkpoint)
        return fail(ErrorCode::InvalidArgument, "The protection " + config.protection.id + " begins with a new adapter, and start names an earlier one",
                    "Merge the earlier adapter into the model and begin from that, or choose another protection.");
    ATTUNE_CHECK(guarded.holdStart(*loaded.model, folder.root / "fisher.safetensors", identity, progress));
    ATTUNE_ASSIGN(const std::unique_ptr<Optimizer> optimizer, optimizerKind->make(loaded.model->trainable(), config.optimizer.params));
    ATTUNE_ASSIGN(const auto watched, watchedPrompts(request, paramList(config.training, specs, "sample_prompts"), loaded.format, tokenize.maxLength));
    const std::int64_t watchedTokens = paramInt(config.training, specs, "sample_max_tokens");

    TrainParts parts{*loaded.model, *method, *objective, *optimizer, train, validation ? &*validation : nullptr, folder.root, identity, {}};
    if (!watched.empty() && watchedTokens > 0 && !needs.scoreHead) // a reward model does not write
        parts.generateSamples = [&](std::int64_t step, std::stop_token stopWriting) {
            return writeWatchedAnswers(loaded, watched, watchedTokens, step, std::move(stopWriting), emit);
        };
    parts.general = general ? &general->probe : nullptr;
    parts.mixed = guarded.mixed(), parts.mixedShare = guarded.share(), parts.penalty = guarded.penalty(), parts.constraint = guarded.constraint();
    if (effectiveActivations(loaded.config(), config, engineCatalog(), shape, computer) == "recompute")
        settings.activations = ActivationPolicy::Recompute;
    settings.predictedPeakBytes = estimateMemory(loaded.config(), config, engineCatalog(), shape, computer).total();
    if (needs.rowsPerSample > 1 && settings.predictedPeakBytes > computer.freeMemoryBytes)
        settings.wholeSampleTokens = settings.microBatchTokens;
    std::optional<RolloutTrainer> rollouts;
    if (policy) {
        rollouts.emplace(RolloutParts{loaded, *policy, *optimizer, prompts, validation ? &validationPrompts : nullptr, frozen.get(), judge.get(), guarded.constraint()},
                         RolloutSettings{settings.seed, settings.microBatchTokens, settings.activations, settings.maxGradientNorm,
                                         settings.routerLoss});
        parts.rollouts = &*rollouts;
    }
    if (measured)
        return measureLoop(std::move(parts), settings, {config, shape, loaded.config(), computer}, stop, emit, *measured);
    TrainLoop loop(std::move(parts), settings, emit);
    bool found = false;
    if (request.resume) {
        ATTUNE_ASSIGN(found, loop.resume());
        if (found && !request.takeBest)
            preparing("Continuing after step " + std::to_string(loop.progress().step))(1);
    }
    if (!found && start.checkpoint) {
        ATTUNE_CHECK(loop.beginWith(*start.checkpoint));
        preparing("Beginning with the weights of " + request.start)(1);
    }
    if (request.takeBest && !found)
        return fail(ErrorCode::NotFound, "This run has no checkpoint that could be used", "Continue it until its first checkpoint.");
    ATTUNE_CHECK(writeFileAtomic(folder.recipe(), toYaml(config)));
    if (request.takeBest) {
        emit(StateChanged{RunState::Running, "Taking the best checkpoint as the result"});
        ATTUNE_CHECK(loop.endHere());
    } else {
        emit(StateChanged{RunState::Running,
                          "Training " + std::to_string(loaded.model->trainableCount()) + " parameters" +
                              (settings.activations == ActivationPolicy::Recompute
                                   ? ", computing intermediate results twice to save memory"
                                   : "")});
        ATTUNE_ASSIGN(const bool finished, loop.run(stop, pause));
        if (!finished) {
            emit(StateChanged{RunState::Stopped, "Stopped after step " + std::to_string(loop.progress().step) + "; it can be continued"});
            return {};
        }
    }
    ATTUNE_ASSIGN(const std::int64_t used, loop.restoreBest());
    ATTUNE_CHECK(writeResult(loaded, *method, folder, config.model));
    if (auto remembered = guarded.remember(request, identity); !remembered) // the result is safe; the memory can be made up for
        emit(WarningRaised{used, "memory.failed", remembered.error().message, remembered.error().hint});
    std::string learned = rewardInWords(loop.progress());
    if (!learned.empty())
        learned += "; ";
    emit(StateChanged{RunState::Finished, "Finished; the weights of step " + std::to_string(used) + " are used; " + learned + forgettingInWords(loop.progress())});
    return {};
}

} // namespace attune

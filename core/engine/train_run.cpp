#include "core/engine/train_run.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <thread>

#include <ATen/Parallel.h>

#include "core/base/rng.h"
#include "core/engine/engine_catalog.h"
#include "core/engine/generate.h"
#include "core/engine/measure_steps.h"
#include "core/engine/model_loader.h"
#include "core/engine/protected_run.h"
#include "core/engine/reference_pass.h"
#include "core/engine/rollout_trainer.h"
#include "core/engine/token_cache.h"
#include "core/engine/train_loop.h"
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

TrainOn trainOnOf(const std::string& id) {
    if (id == "everything")
        return TrainOn::Everything;
    return id == "all_assistant" ? TrainOn::AllAssistant : TrainOn::Completion;
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

DataShape shapeOf(const TokenDataset& data) {
    const std::int64_t rows = data.samples();
    const auto average = [&](std::int64_t sum) { return static_cast<double>(sum) / static_cast<double>(std::max<std::int64_t>(1, rows)); };
    return {rows, average(data.tokens), average(data.targets), data.longest};
}

std::string describeTokens(const CachedTokens& tokens, const char* which) {
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, "%.2f s", tokens.seconds);
    const std::string rows = std::to_string(tokens.data.rows.size()) + " " + which + " rows";
    if (tokens.fromCache)
        return "Read the tokens of " + rows + " from the cache in " + seconds;
    return "Tokenised " + rows + " in " + seconds + (tokens.kept ? "" : "; not kept for the next run: " + tokens.kept.error().message);
}

void reportDataNotes(const TokenDataset& data, const char* which, const Emit& emit) {
    if (!data.dropped.empty()) {
        const auto& first = data.dropped.front();
        emit(WarningRaised{0, "data.dropped_rows",
                           std::to_string(data.dropped.size()) + " of " + std::to_string(data.dropped.size() + static_cast<std::size_t>(data.samples())) + " " +
                               which + " rows are left out; the first is row " + std::to_string(first.source + 1) + ": " + first.reason,
                           "Raise training.max_length or shorten these rows."});
    }
    if (data.truncatedRows > 0)
        emit(WarningRaised{0, "data.truncated_rows",
                           std::to_string(data.truncatedRows) + " " + which + " rows are longer than the maximum length: the ends of their answers are cut",
                           "Raise training.max_length, or shorten these rows."});
    if (data.endNotTrained > 0)
        emit(WarningRaised{0, "data.end_not_trained",
                           "In " + std::to_string(data.endNotTrained) + " " + which + " rows the end of the answer is not learned: the model may not stop by itself",
                           "Look at such a row in the loss view; the chat template may not mark the end of turn."});
}

// Everything the weights after step n are a function of, besides the code and the number of threads.
std::string identityOf(const RunConfig& config, const LoadedModel& loaded, const TrainRequest& request, const std::string& protection,
                       const std::string& rewardModelHash) {
    RunConfig recipe = config;
    recipe.name.clear();
    recipe.model.clear(); // the model counts by content, so that a moved folder can be continued
    recipe.data = {};
    recipe.objective.params.erase("reward_model"); // by content as well
    for (const char* key : {"sample_prompts", "sample_max_tokens", "keep_checkpoints", "threads", "activations"})
        recipe.training.erase(key);
    std::string text = toYaml(recipe) + loaded.modelHash + loaded.tokenizer->hash() + loaded.format.hash() + request.train->hash() + protection;
    if (request.validation)
        text += request.validation->hash();
    text += rewardModelHash;
    text += c10::toString(loaded.model->settings().dtype);
    return hashBytes(text);
}

struct SamplePrompt {
    Prompt prompt;
    std::string shown, expected;
};

// Rows that are watched when the recipe names no prompts of its own.
constexpr std::size_t kWatchedRows = 4;

Result<std::vector<SamplePrompt>> samplePrompts(const TrainRequest& request, const std::vector<std::string>& named) {
    if (!named.empty()) {
        std::vector<SamplePrompt> prompts;
        for (const std::string& text : named)
            prompts.push_back({Prompt{.messages = {{"user", text}}}, text, {}});
        return prompts;
    }
    const SampleSource& source = request.validation && request.validation->size() > 0 ? *request.validation : *request.train;
    std::vector<SamplePrompt> prompts;
    for (std::size_t i = 0; i < source.size() && prompts.size() < kWatchedRows; ++i) {
        ATTUNE_ASSIGN(Sample sample, source.at(i));
        if (sample.kind == SampleKind::Text || sample.messages.size() < (sample.kind == SampleKind::Chat ? 2u : 1u))
            continue;
        SamplePrompt prompt;
        if (sample.kind == SampleKind::Chat) {
            prompt.expected = sample.messages.back().content;
            sample.messages.pop_back();
        } else if (sample.kind == SampleKind::Preference || sample.label) {
            prompt.expected = sample.chosen;
        }
        prompt.shown = sample.messages.back().content;
        prompt.prompt.messages = std::move(sample.messages);
        prompts.push_back(std::move(prompt));
    }
    return prompts;
}

// The samples an objective takes, or the refusal that says which objectives take what the data holds.
std::vector<SampleKind> kindsFor(const Objective& objective) {
    std::vector<SampleKind> kinds;
    for (const SampleKind kind : {SampleKind::Chat, SampleKind::Text, SampleKind::Preference, SampleKind::Unpaired, SampleKind::PromptOnly})
        if (objective.accepts(sampleKindId(kind)))
            kinds.push_back(kind);
    return kinds;
}

// Why tokenising failed, in the words of this objective.
Error withObjective(Error error, const SampleSource& source, const Objective& objective) {
    if (error.code != ErrorCode::Unsupported)
        return error;
    std::string wanted, others;
    for (const SampleKind kind : kindsFor(objective))
        wanted += std::string(wanted.empty() ? "" : " or ") + kindInWords(kind);
    error.message += ", but the objective \"" + objective.description().title + "\" (" + objective.description().id + ") learns from " + wanted;
    if (const auto sample = source.at(0))
        for (const auto& other : builtinObjectives())
            if (other->accepts(sampleKindId(sample->kind)))
                others += (others.empty() ? "" : ", ") + other->description().id;
    error.hint = (others.empty() ? std::string("No objective learns from this data yet; ")
                                 : "Set objective.id to one of " + others + ", or ") +
                 "choose data with " + wanted + ".";
    return error;
}

void adviseOnLabels(const TokenDataset& data, const Objective& objective, const Emit& emit) {
    double desirable = 0, undesirable = 0;
    for (std::size_t i = 0; i < data.rows.size(); i += data.rowsPerSample)
        (data.rows[i].desirable ? desirable : undesirable) += 1;
    if (std::string advice = objective.balanceAdvice(desirable, undesirable); !advice.empty())
        emit(WarningRaised{0, "data.unbalanced_labels",
                           "Good and bad answers do not count alike: there are " + std::to_string(std::llround(desirable)) + " good and " +
                               std::to_string(std::llround(undesirable)) + " bad ones",
                           std::move(advice)});
}

// Mismatched rows and the reference model's log-probabilities, where the objective needs them.
Status prepareComparisons(TokenDataset& train, TokenDataset* validation, const ObjectiveNeeds& needs, const TrainSettings& settings,
                          std::size_t maxLength, CausalLm& model, const fs::path& folder, const std::string& identity,
                          const Progress& progress) {
    if (needs.mismatched) {
        const auto count = static_cast<std::uint32_t>(train.samples());
        ATTUNE_CHECK(addMismatchedRows(train, permutation(count, settings.seed, 0), settings.batchSize, maxLength));
        if (validation) {
            const auto held = static_cast<std::uint32_t>(validation->samples());
            ATTUNE_CHECK(addMismatchedRows(*validation, permutation(held, settings.seed, 0), held, maxLength));
        }
    }
    if (!needs.reference)
        return {};
    ATTUNE_CHECK(addReference(train, model, settings.microBatchTokens, folder / "reference-train.safetensors", identity, progress));
    if (validation)
        ATTUNE_CHECK(addReference(*validation, model, settings.microBatchTokens, folder / "reference-validation.safetensors", identity, progress));
    return {};
}

// Tokens of the general data: of conversations the answers count, of texts everything.
Result<GeneralRows> generalRows(const TrainRequest& request, const PromptFormat& format, TokenizeOptions options, const Progress& progress,
                                const Emit& emit) {
    options.trainOn = TrainOn::AllAssistant;
    options.kinds = {SampleKind::Chat, SampleKind::Text};
    options.wholeSamplesOnly = false;
    auto tokens = tokenizeCached(request.tokenCache, *request.general, format, options, progress);
    if (!tokens) {
        Error error = std::move(tokens).error();
        error.message = "General data: " + error.message;
        error.hint = "data.general takes texts and conversations. " + error.hint;
        return fail(std::move(error));
    }
    emit(StateChanged{RunState::Preparing, describeTokens(*tokens, "general"), 1});
    return splitGeneral(std::move(tokens->data));
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

// Prompts of a data set that leave room for the longest answer.
Result<PromptRows> promptRowsOf(const SampleSource& source, const Objective& objective, const PromptFormat& format,
                                std::size_t maxLength, const Progress& progress) {
    const RolloutPlan& plan = objective.policy()->plan();
    const auto answer = static_cast<std::size_t>(plan.maxTokens);
    if (answer >= maxLength)
        return fail(ErrorCode::InvalidArgument,
                    "The longest answer of " + std::to_string(answer) + " tokens leaves no room for a prompt within the " +
                        std::to_string(maxLength) + " tokens of a row",
                    "Lower objective.max_completion_length, or raise training.max_length where the model allows it.");
    auto rows = readPromptRows(source, format, maxLength - answer, plan.rewards, progress);
    if (!rows)
        return fail(withObjective(std::move(rows).error(), source, objective));
    return rows;
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

    const Computer computer = inspectComputer(); // before the model takes its memory
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

    TokenizeOptions tokenize;
    tokenize.trainOn = needs.trainOnSetting ? trainOnOf(paramString(config.training, specs, "train_on")) : TrainOn::Completion;
    tokenize.threads = threads;
    tokenize.kinds = kindsFor(*objective);
    tokenize.wholeSamplesOnly = needs.wholeSamplesOnly;
    const std::int64_t wanted = paramInt(config.training, specs, "max_length"), context = loaded.config().contextLength - loaded.model->promptTokens();
    if (context < 2)
        return fail(ErrorCode::InvalidArgument, "The trained prompt fills the model's context", "Choose fewer virtual tokens.");
    tokenize.maxLength = static_cast<std::size_t>(wanted > 0 ? std::min(wanted, context) : context);
    const Progress progress{stop, [&](double fraction, const std::string& what) { preparing(what)(fraction); }};
    const auto tokenRows = [&](const SampleSource& source, const char* which, PromptRows& prompts) -> Result<TokenDataset> {
        if (policy) {
            ATTUNE_ASSIGN(prompts, promptRowsOf(source, *objective, loaded.format, tokenize.maxLength, progress));
            reportDataNotes(prompts.data, which, emit);
            return TokenDataset{};
        }
        auto tokens = tokenizeCached(request.tokenCache, source, loaded.format, tokenize, progress);
        if (!tokens)
            return fail(withObjective(std::move(tokens).error(), source, *objective));
        emit(StateChanged{RunState::Preparing, describeTokens(*tokens, which), 1});
        reportDataNotes(tokens->data, which, emit);
        return std::move(tokens->data);
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
    ATTUNE_ASSIGN(ProtectedRun guarded, ProtectedRun::prepare(request, general ? &general->rest : nullptr, loaded.format, tokenize, progress));
    if (!guarded.note().empty())
        emit(StateChanged{RunState::Preparing, guarded.note(), 1});
    std::unique_ptr<CausalLm> frozen; // the base network as it was, where training changes it
    if (policy && !method->producesAdapter() && (policy->plan().reference || rewardModel)) {
        ATTUNE_ASSIGN(LoadedModel again, loadModel({.model = config.model, .adapter = {}, .precision = paramString(config.training, specs, "precision"),
                                                    .linears = LinearFormat::Plain, .stop = stop, .progress = preparing("Loading the reference model")}));
        frozen = std::move(again.model);
    }
    std::unique_ptr<RewardJudge> judge;
    if (rewardModel) {
        if (rewardModel->accuracy)
            preparing("The reward model is right about " + std::to_string(std::llround(100 * *rewardModel->accuracy)) + " % of the pairs it has not seen")(1);
        ATTUNE_ASSIGN(judge, RewardJudge::load(*rewardModel, loaded, frozen ? *frozen : *loaded.model, settings.microBatchTokens));
    }
    const std::string identity = identityOf(config, loaded, request, guarded.identity(), judge ? judge->hash() : std::string());
    adviseOnLabels(train, *objective, emit);
    ATTUNE_CHECK(prepareComparisons(train, validation ? &*validation : nullptr, needs, settings, tokenize.maxLength, *loaded.model, folder.root,
                                    identity, progress));

    ATTUNE_CHECK(guarded.holdStart(*loaded.model, folder.root / "fisher.safetensors", identity, progress));
    ATTUNE_ASSIGN(const std::unique_ptr<Optimizer> optimizer, optimizerKind->make(loaded.model->trainable(), config.optimizer.params));
    ATTUNE_ASSIGN(const auto watched, samplePrompts(request, paramList(config.training, specs, "sample_prompts")));
    GenerateOptions generate;
    generate.sampling.maxTokens = paramInt(config.training, specs, "sample_max_tokens");
    const auto generateSamples = [&](std::int64_t step, std::stop_token stopSamples) -> Status {
        std::vector<std::vector<std::int64_t>> ids;
        for (const SamplePrompt& prompt : watched) {
            ATTUNE_ASSIGN(auto encoded, promptIds(loaded, prompt.prompt));
            ids.push_back(std::move(encoded));
        }
        ATTUNE_ASSIGN(const auto texts, generateTexts(loaded, ids, generate, stopSamples, [](const TrainingEvent&) {}));
        if (stopSamples.stop_requested())
            return {}; // cut off answers
        for (std::size_t i = 0; i < texts.size(); ++i)
            emit(SampleGenerated{step, static_cast<int>(i), watched[i].shown, watched[i].expected, texts[i].text});
        return {};
    };

    TrainParts parts{*loaded.model, *method, *objective, *optimizer, train, validation ? &*validation : nullptr, folder.root, identity, {}};
    if (!watched.empty() && generate.sampling.maxTokens > 0 && !needs.scoreHead) // a reward model does not write
        parts.generateSamples = generateSamples;
    parts.general = general ? &general->probe : nullptr;
    parts.mixed = guarded.mixed(), parts.mixedShare = guarded.share(), parts.penalty = guarded.penalty();
    if (effectiveActivations(loaded.config(), config, engineCatalog(), shape, computer) == "recompute")
        settings.activations = ActivationPolicy::Recompute;
    settings.predictedPeakBytes = estimateMemory(loaded.config(), config, engineCatalog(), shape, computer).total();
    if (needs.rowsPerSample > 1 && settings.predictedPeakBytes > computer.freeMemoryBytes)
        settings.wholeSampleTokens = settings.microBatchTokens;
    std::optional<RolloutTrainer> rollouts;
    if (policy) {
        rollouts.emplace(RolloutParts{loaded, *policy, *optimizer, prompts, validation ? &validationPrompts : nullptr, frozen.get(), judge.get()},
                         RolloutSettings{settings.seed, settings.microBatchTokens, settings.activations, settings.maxGradientNorm,
                                         settings.routerLoss});
        parts.rollouts = &*rollouts;
    }
    if (measured)
        return measureLoop(std::move(parts), settings, {config, shape, loaded.config(), computer}, stop, emit, *measured);
    TrainLoop loop(std::move(parts), settings, emit);
    if (request.resume) {
        ATTUNE_ASSIGN(const bool found, loop.resume());
        if (found)
            preparing("Continuing after step " + std::to_string(loop.progress().step))(1);
    }
    ATTUNE_CHECK(writeFileAtomic(folder.recipe(), toYaml(config)));
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
    ATTUNE_ASSIGN(const std::int64_t used, loop.restoreBest());
    ATTUNE_CHECK(writeResult(loaded, *method, folder, config.model));
    if (auto remembered = guarded.remember(request, identity); !remembered) // the result is safe; the memory can be made up for
        emit(WarningRaised{used, "memory.failed", remembered.error().message, remembered.error().hint});
    emit(StateChanged{RunState::Finished, "Finished; the weights of step " + std::to_string(used) + " are used; " + forgettingInWords(loop.progress())});
    return {};
}

} // namespace attune

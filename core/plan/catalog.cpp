#include "core/plan/catalog.h"

#include <algorithm>
#include <stdexcept>

#include "core/plan/acceptance.h"
#include "core/plan/param_check.h"

namespace attune {

namespace {

ParamSpec number(std::string key, std::string label, std::string unit, ParamValue value, double min, double max,
                 std::string help, std::string ifTooHigh, std::string ifTooLow) {
    ParamSpec spec;
    spec.key = std::move(key), spec.label = std::move(label), spec.unit = std::move(unit);
    spec.defaultValue = std::move(value), spec.min = min, spec.max = max;
    spec.help = std::move(help), spec.ifTooHigh = std::move(ifTooHigh), spec.ifTooLow = std::move(ifTooLow);
    return spec;
}

ParamSpec choice(std::string key, std::string label, std::string value, std::vector<std::string> choices,
                 std::string help) {
    ParamSpec spec;
    spec.key = std::move(key), spec.label = std::move(label), spec.help = std::move(help);
    spec.defaultValue = std::move(value), spec.choices = std::move(choices);
    return spec;
}

// A number of which 0 stands for something else.
ParamSpec zeroIs(const char* meaning, ParamSpec spec) {
    spec.atZero = meaning;
    return spec;
}

ParamSpec guided(ParamSpec spec) {
    spec.guided = true;
    return spec;
}

ParamSpec advanced(ParamSpec spec) {
    spec.advanced = true;
    return spec;
}

constexpr std::int64_t operator""_i(unsigned long long value) {
    return static_cast<std::int64_t>(value);
}

Described makeTrainingParams() {
    Described described;
    described.id = "training";
    described.title = "Training";
    described.summary = "The settings every run has, whatever the method.";
    auto& p = described.params;
    p.push_back(
        guided(number("epochs", "Epochs", "passes", 3.0, 0.01, 1000, "How often the training goes through all rows.",
                      "The model learns the rows by heart: training loss keeps falling while validation loss rises.",
                      "The model has not seen the rows often enough to pick up the pattern.")));
    p.push_back(zeroIs("the epochs decide",
                       number("max_steps", "Maximum steps", "steps", 0_i, 0, 1e9,
                              "Ends the run after this many optimizer steps, whatever the epochs say; 0 means the epochs decide.",
                              "The rows are gone through more often than the epochs say.",
                              "The run ends before the data was seen once.")));
    p.push_back(guided(
        number("batch_size", "Batch size", "rows", 8_i, 1, 65536, "How many rows one optimizer step learns from.",
               "Fewer steps for the same data: slower progress per epoch and a learning rate that is too small.",
               "Noisy steps: the loss curve jumps and a high learning rate may diverge.")));
    p.push_back(advanced(number("gradient_accumulation", "Gradient accumulation", "times", 1_i, 1, 4096,
                                "Multiplies the batch size: so many batches are added up before one step.",
                                "As a batch size that is too high.",
                                "Nothing: memory does not grow with the batch here, so 1 is fine.")));
    p.push_back(zeroIs("the model's context", guided(number("max_length", "Maximum length", "tokens", 0_i, 0, 1048576,
                              "Longer rows are cut to this many tokens; 0 means the model's context.",
                              "More memory and time for the longest rows.",
                              "Answers are cut off before their end and the model learns to stop too early."))));
    p.push_back(guided(
        number("learning_rate", "Learning rate", "", 2e-4, 1e-9, 1.0, "How far each step moves the weights; a recipe without it takes what suits its method and objective.",
               "Loss jumps or rises, and the model forgets what it knew.", "Loss hardly falls within the run.")));
    p.push_back(number("warmup_ratio", "Warm-up", "share of steps", 0.03, 0, 0.9,
                       "Share of the run in which the learning rate grows from zero to its value.",
                       "Most of the run trains with too small a rate.",
                       "The first steps may be too large and spoil the start."));
    p.push_back(number("max_grad_norm", "Gradient clipping", "", 1.0, 0, 1e6,
                       "Longer gradients are shortened to this length; 0 switches it off.",
                       "A single odd row can throw the model off.", "Every step is shortened, so learning is slow."));
    p.push_back(number("seed", "Seed", "", 42_i, 0, 9007199254740992.0,
                       "Start of all random numbers: the same seed gives the same run.",
                       "Nothing: no seed is better than another.", "Nothing: no seed is better than another."));
    p.push_back(
        choice("precision", "Precision", "auto", {"auto", "bf16", "f32"},
               "Number format of the computation: auto takes bf16 where the processor is fast at it, else f32."));
    p.push_back(zeroIs("by the model's width",
                       advanced(number("micro_batch_tokens", "Tokens at once", "tokens", 0_i, 0, 1048576,
                                       "How many tokens go through the model together; the rows of a step are distributed over such "
                                       "pieces, and a longer row goes alone. 0 chooses by the model's width.",
                                       "More memory for hardly more speed.",
                                       "Slower: small products do not fill the processor."))));
    p.push_back(advanced(
        choice("activations", "Intermediate results", "auto", {"auto", "keep", "recompute"},
               "What is kept between the two halves of a step: recompute needs a fifth of the memory for a quarter "
               "more work; auto recomputes only where memory is short. The result is the same.")));
    p.push_back(advanced(number("router_aux_loss_coef", "Balance of experts", "", -1.0, -1, 10,
                                "For mixtures of experts whose router is trained (full fine-tuning): weight of the loss that keeps the "
                                "experts equally busy. -1 takes what the model's config.json says, 0 switches it off.",
                                "Experts become alike and the answers worse.",
                                "A few experts may get all the tokens and the others unlearn.")));
    p.push_back(guided(choice(
        "train_on", "Learn from", "completion", {"completion", "all_assistant", "everything"},
        "Which text the model learns to write: the last answer, every answer of a conversation, or all of it.")));
    p.push_back(zeroIs("ten times a run", number("eval_every", "Validate every", "steps", 0_i, 0, 1e9,
                       "Steps between two measurements of the validation loss; 0 means ten times a run.",
                       "The best moment may be missed.", "Much of the time goes into measuring.")));
    p.push_back(zeroIs("ten times a run", number("save_every", "Save every", "steps", 0_i, 0, 1e9,
                       "Steps between two checkpoints; 0 means ten times a run.",
                       "More work is repeated after a crash.", "Much of the time goes into writing files.")));
    p.push_back(number("keep_checkpoints", "Checkpoints kept", "", 2_i, 1, 1000,
                       "How many of the newest checkpoints stay; the best one always stays too.", "The disk fills up.",
                       "Only the newest and the best state can be gone back to."));
    p.push_back(zeroIs("never", number("early_stopping_patience", "Early stopping", "measurements", 0_i, 0, 1000,
                       "Stops when the validation loss has not improved for so many measurements; 0 means never.",
                       "Time is spent after the best moment; the best checkpoint is kept anyway.",
                       "A short plateau ends the run too early.")));
    p.push_back(number("forgetting_limit", "Forgetting allowed", "%", 100 * AcceptanceLimits{}.generalRise, 0, 1000,
                       "How much the loss on general data may rise, as a share of what it was. More counts as forgotten: in the warnings "
                       "while it trains, and in the evidence before it is shipped. Changes nothing of the training.",
                       "A model that forgot passes.", "Small, harmless changes count as forgetting."));
    p.push_back(number("score_gain", "Gain asked for", "points", 100 * AcceptanceLimits{}.scoreGain, 0, 100,
                       "A score of the test rows has to rise beyond chance, and by at least so much, before the run counts as good enough "
                       "to ship. Changes nothing of the training.",
                       "A useful run is refused.", "An improvement that nobody notices is enough."));
    ParamSpec prompts;
    prompts.key = "sample_prompts", prompts.label = "Prompts to watch";
    prompts.help =
        "Prompts the model answers at every checkpoint, to see it change; empty takes the first validation rows.";
    prompts.defaultValue = std::vector<std::string>{};
    p.push_back(prompts);
    p.push_back(zeroIs("none", advanced(number("sample_max_tokens", "Length of watched answers", "tokens", 96_i, 0, 8192,
                                "Longest answer to a watched prompt; 0 writes none.",
                                "Each checkpoint takes noticeably longer.", "Answers are cut off."))));
    p.push_back(zeroIs("all cores", advanced(number("threads", "Threads", "", 0_i, 0, 1024, "Processor threads; 0 means all cores.",
                                "Threads wait for each other and the run becomes slower.",
                                "Part of the processor stays unused."))));
    return described;
}

} // namespace

const Described& trainingParams() {
    static const Described described = makeTrainingParams();
    return described;
}

bool ObjectiveEntry::takes(std::string_view kind) const {
    return kinds.empty() ? kind == sampleKind : std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

ParamValue paramOr(const ParamMap& values, const std::vector<ParamSpec>& specs, std::string_view key) {
    if (const auto found = values.find(std::string(key)); found != values.end())
        return found->second;
    if (const ParamSpec* spec = findParam(specs, key))
        return spec->defaultValue;
    throw std::logic_error("no parameter is called " + std::string(key)); // a typo in our own code
}

namespace {

template <class T>
T typed(const ParamMap& values, const std::vector<ParamSpec>& specs, std::string_view key) {
    const ParamValue value = paramOr(values, specs, key);
    if (const T* exact = std::get_if<T>(&value))
        return *exact;
    if constexpr (std::is_same_v<T, double>)
        if (const auto* integer = std::get_if<std::int64_t>(&value))
            return static_cast<double>(*integer);
    throw std::logic_error("the parameter " + std::string(key) + " has another type"); // checkParam ran before
}

} // namespace

bool paramBool(const ParamMap& values, const std::vector<ParamSpec>& specs, std::string_view key) {
    return typed<bool>(values, specs, key);
}
std::int64_t paramInt(const ParamMap& values, const std::vector<ParamSpec>& specs, std::string_view key) {
    return typed<std::int64_t>(values, specs, key);
}
double paramDouble(const ParamMap& values, const std::vector<ParamSpec>& specs, std::string_view key) {
    return typed<double>(values, specs, key);
}
std::string paramString(const ParamMap& values, const std::vector<ParamSpec>& specs, std::string_view key) {
    return typed<std::string>(values, specs, key);
}
std::vector<std::string> paramList(const ParamMap& values, const std::vector<ParamSpec>& specs, std::string_view key) {
    return typed<std::vector<std::string>>(values, specs, key);
}

} // namespace attune

#include "core/run/fake_engine.h"

namespace attune {

namespace {

ParamSpec knob(std::string key, std::string label, ParamValue value, double min, double max, std::string help) {
    ParamSpec spec;
    spec.key = std::move(key), spec.label = std::move(label), spec.help = std::move(help);
    spec.defaultValue = std::move(value), spec.min = min, spec.max = max;
    return spec;
}

ParamSpec choices(std::string key, std::string label, std::string value, std::vector<std::string> all, std::string help) {
    ParamSpec spec;
    spec.key = std::move(key), spec.label = std::move(label), spec.help = std::move(help);
    spec.defaultValue = std::move(value), spec.choices = std::move(all);
    return spec;
}

Described catalogEntry(std::string id, std::string title, std::string summary, std::string cost, std::string quality,
                std::vector<ParamSpec> params = {}) {
    Described described;
    described.id = std::move(id), described.title = std::move(title), described.summary = std::move(summary);
    described.cost = std::move(cost), described.quality = std::move(quality), described.params = std::move(params);
    return described;
}

std::vector<ParamSpec> adapterKnobs() {
    ParamSpec targets;
    targets.key = "target_modules", targets.label = "Adapted layers";
    targets.help = "Which linear layers get an adapter; all-linear means every one.";
    targets.defaultValue = std::vector<std::string>{"all-linear"};
    targets.choices = {"all-linear", "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
    targets.advanced = true;
    return {knob("r", "Rank (r)", std::int64_t{16}, 1, 1024, "How much the adapter can learn: the width of its two small matrices."),
            knob("alpha", "Scaling (alpha)", 32.0, 0.001, 4096, "How strongly the adapter acts: its output is multiplied by alpha / r."),
            knob("dropout", "Dropout", 0.0, 0, 0.9, "The share of the adapter's inputs that is left out at random while training."), targets};
}

ParamSpec beta() {
    return knob("beta", "Beta", 0.1, 0.001, 10, "How closely the model must stay to where it began, the reference.");
}

MetricSpec figure(std::string key, std::string label, std::string unit, std::string help, bool leading = true) {
    return {std::move(key), std::move(label), std::move(unit), std::move(help), leading};
}

void describeMetrics(ObjectiveEntry& objective) {
    if (objective.sampleKind == "preference" || objective.sampleKind == "unpaired")
        objective.metrics = {figure("rewards/margins", "Reward margin", "", "How much more the better answer is preferred; up is good."),
                             figure("rewards/accuracies", "Pairs told apart", "share", "Half is chance."),
                             figure("rewards/chosen", "Reward of better answers", "", "Falling far below 0 is a warning."),
                             figure("rewards/rejected", "Reward of worse answers", "", "It should fall.", false)};
    if (objective.description.id == "grpo" || objective.description.id == "ppo")
        objective.metrics = {figure("reward", "Reward", "", "The mean score of the model's own answers; up is good."),
                             figure("completions/mean_length", "Answer length", "tokens", "A drift without a reason is a warning."),
                             figure("kl", "Distance from the start", "nats", "How far each choice has moved from the start."),
                             figure("entropy", "Entropy", "nats", "Near 0 the model always says the same."),
                             figure("frac_reward_zero_std", "Prompts that teach nothing", "share", "Down is good.")};
}

} // namespace

Catalog fakeCatalog() {
    Catalog catalog;
    catalog.methods = {
        {catalogEntry("lora", "LoRA", "Trains a small adapter beside the frozen model: fast, light, and easy to undo.",
               "A few per cent of the weights; a small file", "Close to full fine-tuning, forgets less", adapterKnobs()),
         true},
        {catalogEntry("qlora", "QLoRA", "LoRA on a model held in 4 bits: a quarter of the memory, for models that would not fit otherwise.",
               "Least memory for the weights; slower steps", "A little below LoRA: the base is rounded", adapterKnobs()),
         true},
        {catalogEntry("prompt_tuning", "Prompt tuning",
               "Trains only a short invisible prompt of a few thousand numbers: for large models and simple tasks.",
               "A tiny file; each step still goes through the model", "Below LoRA, mostly on small models",
               {knob("num_virtual_tokens", "Virtual tokens", std::int64_t{20}, 1, 1024,
                     "How many trained vectors stand in front of every text.")}),
         true},
        {catalogEntry("full", "Full fine-tuning", "Every weight is trained: for small models and much data; needs the most memory.",
               "Most memory and disk; a whole model is saved", "Can change the most, and forgets the most"),
         false}};

    const std::vector<std::string> answerOnly{"train_on"};
    const auto pairs = [&](Described description) { return ObjectiveEntry{std::move(description), "preference", {}, answerOnly}; };
    const char* const twoAnswers = "Two answers a row, no start model";
    catalog.objectives = {
        {catalogEntry("sft", "Learn from examples", "Supervised fine-tuning: the model learns to write the answers of your examples.",
               "Each row once per epoch", "Writes like your examples, and as well as they are"),
         "chat",
         {"chat", "text"}},
        pairs(catalogEntry("dpo", "Prefer better answers (DPO)",
                    "Direct preference optimization: from pairs of a better and a worse answer, held near the start.",
                    "Two answers a row, and the start model once", "Steady; best after learning from examples",
                    {choices("loss_type", "Loss", "sigmoid", {"sigmoid", "hinge", "ipo", "robust"}, "Which member of the DPO family."), beta()})),
        {catalogEntry("kto", "Learn from thumbs (KTO)", "From single answers marked good or bad; for feedback where pairs are missing.",
               "One answer and one mismatched answer a row, and the start model once", "Uses feedback that has no pairs; needs more of it",
               {beta()}),
         "unpaired",
         {},
         answerOnly},
        pairs(catalogEntry("orpo", "Learn and prefer in one (ORPO)",
                    "Learns the better answers and away from the worse ones at once; no reference model, one run.", twoAnswers,
                    "One run instead of two; needs many pairs", {beta()})),
        pairs(catalogEntry("simpo", "Prefer better answers, by their average (SimPO)",
                    "Preference by the average likelihood per token with a margin; no reference model, least memory.", twoAnswers,
                    "Strong on answers of different length; sensitive to its settings", {beta()})),
        pairs(catalogEntry("cpo", "Prefer and learn, summed (CPO)",
                    "Contrastive preference optimization: preference by likelihood plus plain learning; no reference model.", twoAnswers,
                    "Keeps the better answers likely; made for translation", {beta()})),
        {catalogEntry("reward", "Learn to judge (reward model)",
               "From pairs the model learns to score an answer instead of writing one; useful for ranking.",
               "Two answers a row; writes nothing", "As far as its accuracy on held-out pairs says"),
         "preference",
         {},
         {"train_on", "sample_prompts", "sample_max_tokens"}},
        {catalogEntry("pretrain", "Read texts", "Continued pre-training: the model reads your documents and learns their language and facts.",
               "Every token of a document counts", "Knows the language and facts; does not learn to answer"),
         "text",
         {},
         answerOnly}};

    ParamSpec judge;
    judge.key = "reward_model", judge.label = "Reward model", judge.defaultValue = std::string();
    judge.help = "The folder of a finished run with the objective reward, on the same base model: it scores the answers.";
    const std::vector<std::string> prompts{"chat", "preference", "prompt_only"};
    catalog.objectives.push_back(
        {catalogEntry("grpo", "Practise with checked answers (GRPO)",
                      "The model answers each prompt several times, rules score the answers, and the better ones become likelier.",
                      "Writes several answers to each prompt: slow", "Strong where a rule can tell a right answer", {beta()}),
         "chat", prompts, answerOnly});
    catalog.objectives.push_back(
        {catalogEntry("ppo", "Practise for a reward (PPO)",
                      "The model answers prompts, a reward model or rules score the answers, and it learns to be scored higher.",
                      "Writes answers and learns from them several times: the slowest", "As good as its judge; needs an eye on the answers",
                      {judge, knob("reward_model_min_accuracy", "Reward model: least accuracy", 0.6, 0, 1,
                                   "The share of held-out pairs in which the reward model must know the better answer.")}),
         "chat", prompts, answerOnly});

    for (ObjectiveEntry& objective : catalog.objectives)
        describeMetrics(objective);

    const auto decay = [] { return knob("weight_decay", "Weight decay", 0.0, 0, 1, "Pulls weights towards zero."); };
    catalog.optimizers = {{catalogEntry("adamw", "AdamW", "Adam with decoupled weight decay.", "", "", {decay()})},
                          {catalogEntry("adamw_8bit", "AdamW in 8 bits", "AdamW whose memory is kept in 8 bits.", "", "", {decay()})},
                          {catalogEntry("lion", "Lion", "One moment, steps by sign.", "", "", {decay()})},
                          {catalogEntry("adafactor", "Adafactor", "Rows and columns instead of a moment per weight.", "", "")}};
    catalog.schedules = {catalogEntry("cosine", "Cosine", "Falls along a cosine to zero.", "", ""),
                         catalogEntry("linear", "Linear", "Falls in a straight line to zero.", "", ""),
                         catalogEntry("constant", "Constant", "Stays.", "", "")};
    catalog.exporters = {catalogEntry("adapter", "PEFT adapter", "The small trained part alone, for tools that load it beside the base model.", "", ""),
                         catalogEntry("merged", "Merged model", "A whole model folder with the training folded into the weights.", "", ""),
                         catalogEntry("gguf", "GGUF", "One file for llama.cpp and Ollama.", "", "",
                                      {choices("quant", "Quantisation", "q8_0", {"f16", "q8_0", "q4_k_m", "q4_0"},
                                               "How the weights are stored: fewer bits are smaller and less exact.")})};
    catalog.protections = {{catalogEntry("none", "None", "The model learns the task alone.", "", "")},
                           {catalogEntry("replay", "Replay of general data", "Part of every step is general text.", "", "",
                                         {knob("share", "Share of general data", 0.15, 0.01, 0.9, "Share of each step's tokens.")}),
                            true, 0, 0, true}};
    return catalog;
}

} // namespace attune

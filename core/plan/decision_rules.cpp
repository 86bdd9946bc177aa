#include "core/plan/decision_rules.h"

#include <algorithm>

namespace attune {

namespace {

std::vector<ApproachInfo> approaches() {
    return {
        {Approach::Prompting, "prompting", "Prompting", "Describe the task in the prompt, with a few examples if they fit.",
         "Minutes to an hour", "Only what running the model takes", "No preparation; every request pays for a longer prompt",
         {"Write one prompt and try it on ten real cases.", "Measure it on held-out rows before you rely on it."},
         {"evaluate", "evaluate"}},
        {Approach::PromptingRag, "prompting_rag", "Prompting + RAG",
         "Look up passages in your documents for each question and answer from them.", "Days: collect and clean the documents",
         "The model and an index of the documents", "Every request pays for the passages in its prompt; documents need a keeper",
         {"Add the documents the answers stand in.", "Measure how often the right passage is found, then the answers."},
         {"data", "evaluate"}},
        {Approach::FineTune, "fine_tune", "Fine-tune", "Train the model on examples of the task, so that it does it by itself.",
         "Hours of computing, days to weeks for good examples", "More while training, see the Train station's estimate",
         "Training once and again when the task changes; short prompts afterwards",
         {"Collect and check the examples.", "Train a small adapter and look at the validation loss.",
          "Compare base and tuned on held-out rows."},
         {"data", "train", "evaluate"}},
        {Approach::FineTuneRag, "fine_tune_rag", "Fine-tune + RAG",
         "Train the model on examples and give it passages from your documents as well.",
         "The sum of both: weeks", "Training and an index of the documents", "The most work, and two things to keep current",
         {"Begin with RAG alone and measure it.", "Train on examples that contain the passages.",
          "Compare all four on the same held-out rows."},
         {"evaluate", "train", "evaluate"}},
    };
}

std::vector<Criterion> criteria() {
    return {
        {"fit", "Fit to the task", "How well the way of working suits what has to be done."},
        {"knowledge", "Fresh, traceable knowledge", "Whether answers can follow changing knowledge and name their source."},
        {"format", "Format and style", "Whether every answer keeps the wanted form."},
        {"data", "Examples at hand", "Whether there are enough good examples to learn from."},
        {"running", "Speed and running cost", "What every single request costs in time and computing."},
        {"effort", "Effort and upkeep", "Work until it is live, and afterwards."},
        {"control", "Privacy and control", "Whether the data may leave the computer."},
    };
}

std::vector<Question> questions() {
    return {
        {"task", "What should the model mostly do?", "Think of the typical request, not of the rarest.",
         {{"answer_documents", "Answer questions from documents or a knowledge base"},
          {"style", "Write in a certain style or voice"},
          {"structured", "Turn text into fixed fields, labels or code of a certain form"},
          {"judgement", "Judge difficult cases as an expert would"},
          {"general", "Help with many different things"}}},
        {"knowledge_change", "How often does the knowledge behind the answers change?",
         "Prices, policies and cases change; grammar and a file format hardly do.",
         {{"rarely", "Less than once a year"}, {"monthly", "Every few weeks or months"}, {"daily", "Every day or week"}}},
        {"sources", "Must an answer say where it comes from?", "For example the paragraph, the document or the record.",
         {{"no", "No"}, {"helpful", "It would help"}, {"required", "Yes, always"}}},
        {"knowledge_amount", "How much must one know to answer?", "Knowledge that is special to you, not general knowledge.",
         {{"page", "It fits on a page or two"}, {"folder", "A folder of documents"}, {"library", "Hundreds of documents or more"}}},
        {"examples", "How many good examples of question and answer do you have?", "Each shows a request and the answer you would want.",
         {{"none", "None"}, {"few", "Fewer than 100"}, {"hundreds", "Hundreds"}, {"thousands", "A thousand or more"}}},
        {"example_quality", "How good are these examples?", "A model learns mistakes as readily as the rest.",
         {{"checked", "Checked by someone who knows"}, {"mixed", "Mixed, taken from daily work"}, {"unknown", "Nobody has looked"}}},
        {"format", "How strict is the form of an answer?", "For example a JSON record another program reads.",
         {{"free", "Free text is fine"}, {"preferred", "A style is wanted, slips are tolerable"}, {"strict", "Every answer must have exactly that form"}}},
        {"volume", "How many requests, and how fast must they be answered?", "Long prompts cost time and computing at every request.",
         {{"rare", "A few a day, seconds do not matter"}, {"daily", "Hundreds a day"}, {"heavy", "Thousands a day, or an answer at once"}}},
        {"upkeep", "Who keeps it up to date afterwards?", "Documents and models both grow old.",
         {{"nobody", "Nobody in particular"}, {"editors", "Someone who can keep documents current"}, {"team", "Someone who can collect examples and train again"}}},
        {"deadline", "When must it be live?", "",
         {{"days", "Within days"}, {"weeks", "Within weeks"}, {"months", "There are months"}}},
        {"privacy", "May the data leave your computers?", "Everything in this program runs locally; this asks about the final use.",
         {{"open", "Yes, a service elsewhere may be used"}, {"local", "No, it stays here"}}},
        {"hardware", "What computer will train and run it?", "The Home station shows what this one can do.",
         {{"weak", "An old laptop"}, {"usual", "An ordinary office computer"}, {"strong", "A workstation or a graphics card"}}},
    };
}

// {prompting, prompting + RAG, fine-tune, fine-tune + RAG}
std::vector<DecisionRule> rules() {
    return {
        {"task", "answer_documents", "fit", {-1, 3, -2, 2},
         "Answers that stand in documents are best looked up when the question comes in."},
        {"task", "style", "fit", {0, -1, 3, 1}, "A way of writing is learnt from examples better than it is described in a prompt."},
        {"task", "structured", "fit", {0, -1, 3, 1}, "Turning text into a fixed form is a skill that examples teach reliably."},
        {"task", "judgement", "fit", {-1, 1, 1, 3}, "Expert judgement needs both: the habits of experts and the facts of the case."},
        {"task", "general", "fit", {2, 0, -1, -1}, "Helping with many things is what the base model already does; training narrows it."},

        {"knowledge_change", "rarely", "knowledge", {0, 0, 1, 0}, "Knowledge that hardly changes can be learnt once."},
        {"knowledge_change", "monthly", "knowledge", {0, 2, -1, 2}, "Documents can be replaced in a minute; a trained model would have to be trained again."},
        {"knowledge_change", "daily", "knowledge", {0, 3, -2, 2}, "What changes every week is stale in a trained model almost at once."},

        {"sources", "no", "knowledge", {1, -1, 1, -1}, "Without sources to show, nothing has to be looked up."},
        {"sources", "helpful", "knowledge", {-1, 1, -1, 1}, "Only what was looked up can be pointed to."},
        {"sources", "required", "knowledge", {-2, 3, -2, 3}, "An answer that must name its source has to be looked up; a model's memory has no page numbers."},

        {"knowledge_amount", "page", "knowledge", {1, -1, 1, -1}, "A page of knowledge fits into the prompt or is quickly learnt; searching it is needless."},
        {"knowledge_amount", "folder", "knowledge", {-1, 2, -1, 2}, "A folder of documents does not fit into a prompt and is not learnt word for word."},
        {"knowledge_amount", "library", "knowledge", {-2, 3, -2, 3}, "Hundreds of documents can only be searched."},

        {"examples", "none", "data", {2, 2, -3, -3}, "Without examples there is nothing to train on."},
        {"examples", "few", "data", {1, 1, -1, -1}, "Fewer than a hundred examples teach little more than they would inside the prompt."},
        {"examples", "hundreds", "data", {0, 0, 2, 2}, "Hundreds of examples are enough to teach one task."},
        {"examples", "thousands", "data", {-1, -1, 3, 3}, "Thousands of examples hold more than any prompt can say."},

        {"example_quality", "checked", "data", {0, 0, 1, 1}, "Checked examples teach what you want."},
        {"example_quality", "mixed", "data", {0, 0, -1, -1}, "Mistakes in the examples would be learnt too."},
        {"example_quality", "unknown", "data", {0, 0, -2, -2}, "Examples nobody has looked at may teach the wrong thing."},

        {"format", "free", "format", {1, 1, 0, 0}, "Free text needs no training."},
        {"format", "preferred", "format", {0, 0, 1, 1}, "A wanted style comes more evenly from a trained model."},
        {"format", "strict", "format", {-2, -2, 3, 2}, "A form that must never slip is where training gains most over instructions."},

        {"volume", "rare", "running", {1, 1, 0, 0}, "For a few requests a day a long prompt costs nothing worth saving."},
        {"volume", "daily", "running", {0, 0, 1, 0}, "A trained model needs a shorter prompt for each request."},
        {"volume", "heavy", "running", {-1, -2, 3, 0}, "With many requests the long prompts, and passages most of all, cost the most."},

        {"upkeep", "nobody", "effort", {2, -1, 0, -2}, "What nobody looks after should have no part that ages."},
        {"upkeep", "editors", "effort", {0, 2, -1, 0}, "Someone who keeps documents current keeps the answers current."},
        {"upkeep", "team", "effort", {0, 0, 1, 2}, "Someone who can train again can keep a tuned model good."},

        {"deadline", "days", "effort", {2, 1, -2, -3}, "A prompt can be live in days; collecting examples and training cannot."},
        {"deadline", "weeks", "effort", {0, 1, 1, 0}, "Weeks are enough for one of the two, documents or training."},
        {"deadline", "months", "effort", {0, 0, 1, 1}, "With months there is time to collect good examples."},

        {"privacy", "open", "control", {1, 1, 0, 0}, "A large model elsewhere follows instructions well without training."},
        {"privacy", "local", "control", {-1, -1, 1, 1}, "A model small enough to run here gains most from being tuned to its task."},

        {"hardware", "weak", "effort", {1, 0, -2, -2}, "An old laptop trains only very small models."},
        {"hardware", "usual", "effort", {0, 0, 1, 0}, "An ordinary computer tunes a small model over night."},
        {"hardware", "strong", "effort", {0, 0, 1, 1}, "A strong computer trains in hours and has room for passages too."},
    };
}

std::vector<Scenario> scenarios() {
    return {
        {"customer_support", "Customer support with a knowledge base", "Answers stand in articles that change; customers want a link.",
         {{"task", "answer_documents"}, {"knowledge_change", "monthly"}, {"sources", "helpful"}, {"knowledge_amount", "folder"},
          {"examples", "few"}, {"example_quality", "mixed"}, {"format", "preferred"}, {"volume", "daily"}, {"upkeep", "editors"},
          {"deadline", "weeks"}, {"privacy", "local"}, {"hardware", "usual"}},
         Approach::PromptingRag},
        {"code_style", "Code in the house style", "The repository holds thousands of examples of how code is written here.",
         {{"task", "style"}, {"knowledge_change", "rarely"}, {"sources", "no"}, {"knowledge_amount", "page"},
          {"examples", "thousands"}, {"example_quality", "checked"}, {"format", "strict"}, {"volume", "heavy"}, {"upkeep", "team"},
          {"deadline", "weeks"}, {"privacy", "local"}, {"hardware", "strong"}},
         Approach::FineTune},
        {"legal_documents", "Questions about legal documents", "Every answer must point to its clause, and documents come and go.",
         {{"task", "answer_documents"}, {"knowledge_change", "monthly"}, {"sources", "required"}, {"knowledge_amount", "library"},
          {"examples", "few"}, {"example_quality", "checked"}, {"format", "free"}, {"volume", "rare"}, {"upkeep", "editors"},
          {"deadline", "weeks"}, {"privacy", "local"}, {"hardware", "usual"}},
         Approach::PromptingRag},
        {"json_records", "Text into a specific JSON record", "Another program reads every answer; the fields never change.",
         {{"task", "structured"}, {"knowledge_change", "rarely"}, {"sources", "no"}, {"knowledge_amount", "page"},
          {"examples", "hundreds"}, {"example_quality", "checked"}, {"format", "strict"}, {"volume", "heavy"}, {"upkeep", "team"},
          {"deadline", "weeks"}, {"privacy", "local"}, {"hardware", "usual"}},
         Approach::FineTune},
        {"medical_diagnosis", "Support for medical diagnosis", "Thousands of judged cases, and guidelines that must be cited.",
         {{"task", "judgement"}, {"knowledge_change", "monthly"}, {"sources", "required"}, {"knowledge_amount", "library"},
          {"examples", "thousands"}, {"example_quality", "checked"}, {"format", "preferred"}, {"volume", "daily"}, {"upkeep", "team"},
          {"deadline", "months"}, {"privacy", "local"}, {"hardware", "strong"}},
         Approach::FineTuneRag},
        {"brand_voice", "Texts in the brand's voice", "The voice is in hundreds of approved texts; nothing has to be looked up.",
         {{"task", "style"}, {"knowledge_change", "rarely"}, {"sources", "no"}, {"knowledge_amount", "page"},
          {"examples", "hundreds"}, {"example_quality", "checked"}, {"format", "preferred"}, {"volume", "daily"}, {"upkeep", "team"},
          {"deadline", "weeks"}, {"privacy", "open"}, {"hardware", "usual"}},
         Approach::FineTune},
    };
}

} // namespace

const Question* DecisionRules::question(std::string_view id) const {
    const auto found = std::find_if(questions.begin(), questions.end(), [&](const Question& q) { return q.id == id; });
    return found == questions.end() ? nullptr : &*found;
}

const Criterion* DecisionRules::criterion(std::string_view id) const {
    const auto found = std::find_if(criteria.begin(), criteria.end(), [&](const Criterion& c) { return c.id == id; });
    return found == criteria.end() ? nullptr : &*found;
}

const DecisionRules& decisionRules() {
    static const DecisionRules all{approaches(), criteria(), questions(), rules(), scenarios()};
    return all;
}

} // namespace attune

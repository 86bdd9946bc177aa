#include "app/cli/recipe_help.h"

#include "core/plan/param_check.h"
#include "core/plan/run_config.h"

namespace attune::cli {

namespace {

constexpr const char* kExample = R"(A recipe is a YAML file. Only model and data.train have no default:
  model: path/to/model
  data:
    train: rows.jsonl
  method:
    id: lora
    r: 16
  training:
    epochs: 3
    learning_rate: 0.0002
)";

void add(std::string& text, const std::vector<ParamSpec>& specs) {
    for (const ParamSpec& spec : specs) {
        std::string key = spec.key + " = " + paramText(spec.defaultValue);
        key.resize(std::max<std::size_t>(key.size() + 2, 28), ' ');
        text += "    " + key + spec.help + "\n";
    }
}

template <class Entries>
void add(std::string& text, const char* section, const Entries& entries) {
    for (const auto& entry : entries) {
        const Described* described = nullptr;
        if constexpr (std::is_same_v<typename Entries::value_type, Described>)
            described = &entry;
        else
            described = &entry.description;
        text += std::string("  ") + section + " (id: " + described->id + ")\n";
        add(text, described->params);
    }
}

} // namespace

std::string recipeHelp(const Catalog& catalog) {
    std::string text = kExample;
    text += "\nKeys and their defaults:\n  name, model\n  data\n    ";
    for (const std::string& key : dataKeys())
        text += key + (key == dataKeys().back() ? "\n" : ", ");
    add(text, "method", catalog.methods);
    add(text, "objective", catalog.objectives);
    add(text, "optimizer", catalog.optimizers);
    add(text, "schedule", catalog.schedules);
    add(text, "protection", catalog.protections);
    text += "  training\n";
    add(text, trainingParams().params);
    return text;
}

} // namespace attune::cli

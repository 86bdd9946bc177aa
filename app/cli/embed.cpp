// attune-cli embed: texts to vectors with a sentence-embedding model, one JSON object per line.
#include "app/cli/commands.h"
#include "core/engine/text_embedder.h"

namespace attune::cli {

namespace {

constexpr std::size_t kTextsAtOnce = 256; // results come while a long file is read

struct EmbedOptions {
    std::string model, file, pooling;
};

std::optional<Pooling> poolingOf(const std::string& name) {
    if (name.empty())
        return std::nullopt;
    return name == "first" ? Pooling::First : name == "max" ? Pooling::Max : Pooling::Mean;
}

Status embed(const EmbedOptions& options, const Cli& cli) {
    ATTUNE_ASSIGN(const auto embedder, TextEmbedder::load(options.model, poolingOf(options.pooling)));
    std::vector<std::string> texts;
    const auto flush = [&]() -> Status {
        ATTUNE_ASSIGN(const auto vectors, embedder->embed(texts, cli.stop));
        for (const auto& vector : vectors)
            printJson({{"embedding", vector}});
        texts.clear();
        return {};
    };
    ATTUNE_CHECK(forEachObject(options.file, "{\"text\": ...}", [&](const Json& object, std::size_t number) -> Status {
        const auto text = object.find("text");
        if (text == object.end() || !text->is_string())
            return lineError(number, "\"text\" must be a text");
        texts.push_back(text->get<std::string>());
        return texts.size() >= kTextsAtOnce ? flush() : Status{};
    }));
    return flush();
}

} // namespace

void addEmbedCommand(CLI::App& app, Cli& cli) {
    auto* command = app.add_subcommand("embed", "Texts to vectors of length 1 (sentence-embedding models: BERT, RoBERTa, DistilBERT)");
    auto options = std::make_shared<EmbedOptions>();
    command->add_option("--model", options->model, "Model folder")->required();
    command->add_option("--pooling", options->pooling, "mean, first ([CLS]) or max, instead of what the model's folder says")
        ->check(CLI::IsMember({"mean", "first", "max"}));
    command->add_option("file", options->file, "One JSON object per line; - for standard input")->required();
    command->callback([options, &cli] {
        if (const auto status = embed(*options, cli); !status)
            cli.exitStatus = report(status.error());
    });
}

} // namespace attune::cli

// attune-cli tokenize: texts to ids and back, one JSON object per line.
#include "app/cli/cli.h"
#include "core/text/tokenizer.h"

namespace attune::cli {

namespace {

constexpr const char* kLineTokenize = "{\"text\": ...} or with --decode {\"ids\": [...]}";

struct TokenizeOptions {
    std::string model, file;
    bool special = false, decode = false;
};

Status encodeLine(const Tokenizer& tokenizer, const Json& object, bool special, std::size_t number) {
    const auto text = object.find("text");
    if (text == object.end() || !text->is_string())
        return lineError(number, "\"text\" must be a text");
    EncodeOptions options;
    options.addSpecialTokens = special;
    auto encoding = tokenizer.encode(text->get_ref<const std::string&>(), options);
    if (!encoding)
        return lineError(number, encoding.error().message);
    printJson({{"ids", encoding->ids}});
    return {};
}

Status decodeLine(const Tokenizer& tokenizer, const Json& object, bool special, std::size_t number) {
    const auto list = object.find("ids");
    if (list == object.end() || !list->is_array())
        return lineError(number, "\"ids\" must be a list of token ids");
    std::vector<TokenId> ids;
    for (const auto& id : *list) {
        if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= tokenizer.vocabularySize())
            return lineError(number, id.dump(-1, ' ', true, Json::error_handler_t::replace).substr(0, 40) +
                                       " is not a token id below " + std::to_string(tokenizer.vocabularySize()));
        ids.push_back(id.get<TokenId>());
    }
    printJson({{"text", tokenizer.decode(ids, !special)}});
    return {};
}

Status tokenize(const TokenizeOptions& options) {
    ATTUNE_ASSIGN(const auto tokenizer, Tokenizer::load(options.model));
    return forEachObject(options.file, kLineTokenize, [&](const Json& object, std::size_t number) -> Status {
        return options.decode ? decodeLine(*tokenizer, object, options.special, number)
                              : encodeLine(*tokenizer, object, options.special, number);
    });
}

} // namespace

void addTokenizeCommand(CLI::App& app, Cli& cli) {
    auto* command = app.add_subcommand("tokenize", "Texts to token ids, or back with --decode");
    auto options = std::make_shared<TokenizeOptions>();
    command->add_option("--model", options->model, "Model folder or GGUF file")->required();
    command->add_flag("--special", options->special,
                      "Add the tokens the model puts around a text (with --decode: show them)");
    command->add_flag("--decode", options->decode, "Ids to text");
    command->add_option("file", options->file, "One JSON object per line; - for standard input")->required();
    command->callback([options, &cli] {
        if (const auto status = tokenize(*options); !status)
            cli.exitStatus = report(status.error());
    });
}

} // namespace attune::cli

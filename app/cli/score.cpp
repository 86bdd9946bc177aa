// attune-cli score: the model's log-probabilities of given texts, or a reward model's scores of conversations, one JSON object
// per line.
#include "app/cli/cli.h"
#include "app/cli/conversation_row.h"
#include "core/text/prompt_format.h"
#include "core/text/tokenizer.h"

namespace attune::cli {

namespace {

constexpr const char* kLineScore = "{\"text\": ...} or {\"ids\": [...]}";

constexpr const char* kLineReward = "{\"messages\": [...]}";

struct ScoreOptions {
    ScoreRequest request;
    std::string file;
    bool reward = false;
};

// A conversation that ends with an answer, as reward models read them in training.
Result<std::vector<std::int64_t>> conversationOf(const PromptFormat& format, const Json& object, std::size_t number) {
    const auto list = object.find("messages");
    if (list == object.end() || !list->is_array() || list->empty())
        return lineError(number, "it needs \"messages\", the last one the assistant's");
    ATTUNE_ASSIGN(const std::vector<Message> messages, conversationIn(object, number));
    auto row = format.trainingRow(messages, TrainOn::Completion, 0);
    if (!row)
        return lineError(number, row.error().message);
    return std::vector<std::int64_t>(row->ids.begin(), row->ids.end());
}

Result<std::vector<std::int64_t>> rowOf(const Tokenizer& tokenizer, const Json& object, std::size_t number) {
    std::vector<std::int64_t> ids;
    const auto text = object.find("text"), list = object.find("ids");
    if (text != object.end() && text->is_string()) {
        auto encoded = tokenizer.encode(text->get_ref<const std::string&>(), {.addSpecialTokens = true});
        if (!encoded)
            return lineError(number, encoded.error().message);
        ids.assign(encoded->ids.begin(), encoded->ids.end());
    } else if (list != object.end() && list->is_array()) {
        for (const Json& id : *list) {
            if (!id.is_number_unsigned() || id.get<std::uint64_t>() > 0x7fffffff)
                return lineError(number, "\"ids\" must hold token ids");
            ids.push_back(id.get<std::int64_t>());
        }
    } else {
        return lineError(number, "it needs \"text\" or \"ids\"");
    }
    if (ids.empty())
        return lineError(number, "the text has no tokens");
    return ids;
}

Status score(ScoreOptions options, Cli& cli) {
    constexpr std::size_t kRowsAtOnce = 256; // results come while a long file is read
    std::shared_ptr<const Tokenizer> tokenizer;
    { ATTUNE_ASSIGN(tokenizer, Tokenizer::load(options.request.model)); }
    ATTUNE_ASSIGN(const PromptFormat format, PromptFormat::forTokenizer(tokenizer));
    std::size_t before = 0; // rows already scored, so that a message can name the input's row
    const auto flush = [&]() -> Status {
        if (options.request.rows.empty())
            return {};
        auto scored = cli.engine().score(options.request, cli.stop);
        if (!scored) {
            Error error = std::move(scored).error();
            if (before > 0 && error.message.starts_with("Row "))
                error.message += " (counted after the first " + std::to_string(before) + " rows)";
            return fail(std::move(error));
        }
        for (std::size_t i = 0; options.reward && i < scored->size(); ++i) {
            if ((*scored)[i].size() != 1 || options.request.adapter.empty())
                return fail(ErrorCode::InvalidArgument, "The model has no score head: it gives log-probabilities, no rewards",
                            "Name a reward model's run folder with --adapter, or leave out --reward.");
            printJson({{"score", (*scored)[i].front()}});
        }
        for (std::size_t i = 0; !options.reward && i < scored->size(); ++i) {
            if ((*scored)[i].size() + 1 != options.request.rows[i].size())
                return fail(ErrorCode::InvalidArgument, "The adapter is a reward model: it scores conversations",
                            "Add --reward, and give one conversation per line: " + std::string(kLineReward) + ".");
            printJson({{"ids", options.request.rows[i]}, {"logprobs", (*scored)[i]}});
        }
        before += options.request.rows.size();
        options.request.rows.clear();
        return {};
    };
    ATTUNE_CHECK(forEachObject(options.file, options.reward ? kLineReward : kLineScore, [&](const Json& object, std::size_t number) -> Status {
        ATTUNE_ASSIGN(std::vector<std::int64_t> row,
                      options.reward ? conversationOf(format, object, number) : rowOf(*tokenizer, object, number));
        options.request.rows.push_back(std::move(row));
        return options.request.rows.size() >= kRowsAtOnce ? flush() : Status{};
    }));
    return flush();
}

} // namespace

void addScoreCommand(CLI::App& app, Cli& cli) {
    auto* command = app.add_subcommand("score", "Log-probabilities of given texts, or rewards of answers");
    auto options = std::make_shared<ScoreOptions>();
    command->add_option("--model", options->request.model, "Model folder or GGUF file")->required();
    command->add_option("--adapter", options->request.adapter, "Adapter folder (PEFT) or run folder");
    command->add_flag("--reward", options->reward, "The adapter is a reward model: print its score of each conversation");
    command->add_option("--precision", options->request.precision, "f32 (default), bf16, auto, or nf4: weights in 4 bits")
        ->check(CLI::IsMember({"f32", "bf16", "auto", "nf4"}));
    command->add_option("file", options->file, "One JSON object per line; - for standard input")->required();
    command->callback([options, &cli] {
        if (const auto status = score(*options, cli); !status)
            cli.exitStatus = report(status.error());
    });
}

} // namespace attune::cli

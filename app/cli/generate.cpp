// attune-cli generate: answers to prompts, one JSON object per line, or one answer streamed as plain text.
#include <iostream>

#include "app/cli/cli.h"
#include "app/cli/conversation_row.h"
#include "app/cli/usage.h"

namespace attune::cli {

namespace {

constexpr const char* kLineGenerate = "{\"prompt\": ...}, {\"messages\": [...]} or {\"ids\": [...]}";

struct GenerateCommand {
    GenerateRequest request;
    std::string prompt, file, speculate = "auto";
};

Result<Prompt> promptOf(const Json& object, std::size_t number) {
    Prompt prompt;
    const auto text = object.find("prompt"), messages = object.find("messages"), ids = object.find("ids");
    if (text != object.end() && text->is_string()) {
        prompt.text = text->get<std::string>();
    } else if (messages != object.end() && messages->is_array() && !messages->empty()) {
        ATTUNE_ASSIGN(prompt.messages, conversationIn(object, number));
    } else if (ids != object.end() && ids->is_array() && !ids->empty()) {
        for (const Json& id : *ids) {
            if (!id.is_number_unsigned() || id.get<std::uint64_t>() > 0x7fffffff)
                return lineError(number, "\"ids\" must hold token ids");
            prompt.ids.push_back(id.get<std::int64_t>());
        }
    } else {
        return lineError(number, "it needs \"prompt\", \"messages\" or \"ids\"");
    }
    return prompt;
}

Json toJson(const GeneratedText& text) {
    return {{"completion", text.text}, {"tokens", text.tokens}, {"finish", text.finish}};
}

// One prompt on the command line: the text appears while it is written.
Status streamOne(const GenerateCommand& command, Cli& cli) {
    const auto show = [](const TrainingEvent& event) {
        if (const auto* piece = std::get_if<TextGenerated>(&event))
            std::cout << piece->text << (piece->finished ? "\n" : "") << std::flush;
    };
    ATTUNE_ASSIGN(const auto texts, cli.engine().generate(command.request, cli.stop,
                                                          cli.json ? Emit([](const TrainingEvent&) {}) : Emit(show)));
    if (cli.json)
        for (const GeneratedText& text : texts)
            printJson(toJson(text));
    return {};
}

Status generate(GenerateCommand command, Cli& cli) {
    if (command.file.empty()) {
        command.request.prompts.push_back({{}, command.prompt, {}});
        return streamOne(command, cli);
    }
    std::int64_t answered = 0; // rows that already end with an answer
    ATTUNE_CHECK(forEachObject(command.file, kLineGenerate, [&](const Json& object, std::size_t number) -> Status {
        ATTUNE_ASSIGN(Prompt prompt, promptOf(object, number));
        if (!prompt.messages.empty() && prompt.messages.back().role == "assistant" && answered++ == 0)
            std::cerr << "note: row " << number << " ends with an answer; the model writes another one after it. To have questions answered, leave out the last message.\n";
        command.request.prompts.push_back(std::move(prompt));
        return {};
    }));
    ATTUNE_ASSIGN(const auto texts, cli.engine().generate(command.request, cli.stop, [](const TrainingEvent&) {}));
    for (const GeneratedText& text : texts)
        printJson(toJson(text));
    return {};
}

} // namespace

void addGenerateCommand(CLI::App& app, Cli& cli) {
    auto* command = app.add_subcommand("generate", "Let a model continue texts or answer messages");
    auto options = std::make_shared<GenerateCommand>();
    GenerateRequest& request = options->request;
    Sampling& sampling = request.sampling;
    command->add_option("--model", request.model, "Model folder or GGUF file")->required();
    command->add_option("--adapter", request.adapter, "Adapter folder (PEFT) or run folder");
    command->add_flag("--eight-bit", request.eightBit,
                      "Read the weights in 8 bits: about twice as fast, answers may differ in places");
    command
        ->add_option("--speculate", options->speculate,
                     "auto (default): check guessed tokens several at a time, the answers stay the same; off")
        ->check(CLI::IsMember({"auto", "off"}));
    command->add_option("--precision", request.precision, "auto (default), bf16, f32, or nf4: weights in 4 bits")
        ->check(CLI::IsMember({"auto", "bf16", "f32", "nf4"}));
    command->add_option("--temperature", sampling.temperature, "0 = always the most likely token")
        ->check(CLI::Range(0.0, 100.0));
    command->add_option("--top-k", sampling.topK, "Choose among the k most likely tokens; 0 = off")
        ->check(atLeast(0));
    command->add_option("--top-p", sampling.topP, "Choose among the tokens that make up this share")
        ->check(CLI::Range(0.0, 1.0));
    command
        ->add_option("--repetition-penalty", sampling.repetitionPenalty,
                     "Above 1: tokens that occurred get less likely")
        ->check(CLI::Range(0.01, 100.0));
    command->add_option("--seed", sampling.seed, "The same seed gives the same texts")->check(atLeast(0));
    command->add_option("--max-tokens", sampling.maxTokens, "At most so many new tokens")
        ->check(atLeast(1));
    command->add_option("--stop", sampling.stop, "Stop before this text (may be given several times)");
    auto* prompt = command->add_option("--prompt", options->prompt, "A text to continue");
    command->add_option("file", options->file, "One JSON object per line; - for standard input")->excludes(prompt);
    command->callback([options, prompt, &cli] {
        if (options->file.empty() && prompt->count() == 0)
            throw CLI::RequiredError("--prompt or FILE");
        options->request.speculate = options->speculate != "off";
        if (const auto status = generate(*options, cli); !status)
            cli.exitStatus = report(status.error());
    });
}

} // namespace attune::cli

// attune-cli render: conversations to the text a model reads, through its chat template; one JSON object per line.
#include <optional>

#include "app/cli/commands.h"
#include "core/text/chat_template.h"
#include "core/text/tokenizer.h"

namespace attune::cli {

namespace {

constexpr std::uint64_t kMaxTemplateBytes = std::uint64_t{16} << 20;

struct RenderArguments {
    std::string model, templateFile, now, file;
};

struct LoadedTemplate {
    ChatTemplate chatTemplate;
    std::optional<ChatTemplate> forTools; // of a model with a template named "tool_use"
    OrderedJson tokens;                   // bos_token, eos_token, ...; empty without a model
};

Result<LoadedTemplate> loadTemplate(const RenderArguments& arguments) {
    if (!arguments.templateFile.empty()) {
        ATTUNE_ASSIGN(const std::string source, readFile(arguments.templateFile, kMaxTemplateBytes));
        ATTUNE_ASSIGN(ChatTemplate parsed, ChatTemplate::parse(source));
        return LoadedTemplate{std::move(parsed), {}, OrderedJson::object()};
    }
    ATTUNE_ASSIGN(const auto tokenizer, Tokenizer::load(arguments.model));
    if (tokenizer->chatTemplate().empty())
        return fail(ErrorCode::NotFound,
                    arguments.model + (tokenizer->namedChatTemplates().empty() ? " has no chat template" : " has no chat template named \"default\""),
                    "Give one with --template FILE, or use a model that was tuned for conversations.");
    ATTUNE_ASSIGN(ChatTemplate parsed, ChatTemplate::parse(tokenizer->chatTemplate()));
    LoadedTemplate loaded{std::move(parsed), {}, tokenizer->specialTokens()};
    for (const auto& [name, source] : tokenizer->namedChatTemplates())
        if (name == "tool_use") {
            ATTUNE_ASSIGN(loaded.forTools, ChatTemplate::parse(source));
        }
    return loaded;
}

Result<std::string> renderLine(const LoadedTemplate& loaded, std::string_view line, std::size_t number,
                               const RenderOptions& options) {
    ATTUNE_ASSIGN(OrderedJson variables, parseOrderedJson(line, "line " + std::to_string(number)));
    if (!variables.is_object())
        return lineError(number, "not a JSON object");
    const auto messages = variables.find("messages");
    if (messages == variables.end() || !messages->is_array()) // most templates would answer with an empty text
        return lineError(number, "it needs \"messages\", a list of {\"role\": ..., \"content\": ...}");
    for (const auto& [name, token] : loaded.tokens.items())
        if (!variables.contains(name))
            variables[name] = token;
    const bool tools = loaded.forTools && variables.contains("tools") && !variables["tools"].is_null();
    ATTUNE_ASSIGN(RenderedChat chat, (tools ? *loaded.forTools : loaded.chatTemplate).render(variables, options));
    return std::move(chat.text);
}

// What is wrong with one line is that line's answer; the others go on.
Status renderFile(const RenderArguments& arguments) {
    ATTUNE_ASSIGN(const LoadedTemplate loaded, loadTemplate(arguments));
    RenderOptions options;
    if (!arguments.now.empty())
        options.now = arguments.now;
    return forEachLine(arguments.file, [&](std::string_view line, std::size_t number) -> Status {
        auto text = renderLine(loaded, line, number, options);
        printJson(text ? Json{{"text", std::move(*text)}} : Json{{"error", text.error().message}});
        return {};
    });
}

} // namespace

void addRenderCommand(CLI::App& app, Cli& cli) {
    auto* command = app.add_subcommand("render", "Conversations to the text the model reads (chat template)");
    auto arguments = std::make_shared<RenderArguments>();
    auto* source = command->add_option_group("template", "Where the chat template comes from");
    source->add_option("--model", arguments->model, "Model folder or GGUF file");
    source->add_option("--template", arguments->templateFile, "A Jinja file");
    source->require_option(1);
    command->add_option("--now", arguments->now, "The date a template that asks for one is given, such as 2025-07-10");
    command->add_option("file", arguments->file, "One JSON object per line; - for standard input")->required();
    command->callback([arguments, &cli] {
        if (const auto status = renderFile(*arguments); !status)
            cli.exitStatus = report(status.error());
    });
}

} // namespace attune::cli

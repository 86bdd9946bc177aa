#include "core/text/chat_template.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "core/text/jinja_interpreter.h"
#include "core/text/jinja_parser.h"

namespace attune {

namespace {

using jinja::Value;

constexpr int kMaxJsonDepth = 150;

// Tokens that the tokenizer's configuration names are the model makers' own text.
bool isTokenVariable(std::string_view name) {
    return name.ends_with("_token") || name == "additional_special_tokens";
}

// A role is not free text: templates build control tokens from it ("<|" + role + "|>"). Only these words have that
// power, and whoever may choose the role of a message may choose among them anyway.
bool isKnownRole(std::string_view role) {
    static constexpr std::array<std::string_view, 12> roles = {
        "system",  "user",  "assistant",   "tool",        "developer",     "function",
        "ipython", "model", "observation", "environment", "tool_response", "tool_result"};
    return std::find(roles.begin(), roles.end(), role) != roles.end();
}

Value toValue(const OrderedJson& json, jinja::Marks marks, int depth) {
    if (depth > kMaxJsonDepth)
        jinja::raise("a variable is nested deeper than " + std::to_string(kMaxJsonDepth) + " levels");
    const auto text = [&](const std::string& bytes) {
        if (utf8::firstInvalid(bytes) != bytes.size())
            jinja::raise("a variable holds a text that is not valid UTF-8");
        return Value::string(jinja::Text(bytes, marks));
    };
    switch (json.type()) {
    case OrderedJson::value_t::boolean:
        return Value::boolean(json.get<bool>());
    case OrderedJson::value_t::number_integer:
        return Value::integer(json.get<std::int64_t>());
    case OrderedJson::value_t::number_unsigned: {
        const auto number = json.get<std::uint64_t>();
        return number > INT64_MAX ? Value::real(static_cast<double>(number))
                                  : Value::integer(static_cast<std::int64_t>(number));
    }
    case OrderedJson::value_t::number_float:
        return Value::real(json.get<double>());
    case OrderedJson::value_t::string:
        return text(json.get_ref<const std::string&>());
    case OrderedJson::value_t::array: {
        std::vector<Value> items;
        items.reserve(json.size());
        for (const OrderedJson& item : json)
            items.push_back(toValue(item, marks, depth + 1));
        return Value::list(std::move(items));
    }
    case OrderedJson::value_t::object: {
        Value dict = Value::dict();
        for (const auto& [key, item] : json.items()) {
            const bool role = key == "role" && item.is_string() && isKnownRole(item.get_ref<const std::string&>());
            dict.members().set(text(key), toValue(item, role ? jinja::kTemplate : marks, depth + 1));
        }
        return dict;
    }
    default:
        return Value::none();
    }
}

Error toError(const jinja::Failure& failure, int line, std::string_view hint) {
    std::string message = failure.message;
    if (const int at = failure.line > 0 ? failure.line : line; at > 0)
        message += " (line " + std::to_string(at) + " of the chat template)";
    return {failure.code, std::move(message), std::string(hint)};
}

RenderedChat toRendered(const jinja::Text& text) {
    RenderedChat chat;
    chat.text = text.bytes();
    std::size_t begin = 0;
    for (const jinja::Text::Run& run : text.runs()) {
        RenderedPiece piece;
        piece.begin = std::exchange(begin, run.end);
        piece.end = run.end;
        piece.origin = run.marks & jinja::kContent ? TextOrigin::Content : TextOrigin::Template;
        piece.generation = (run.marks & jinja::kGeneration) != 0;
        chat.pieces.push_back(piece);
    }
    return chat;
}

} // namespace

struct ChatTemplate::Impl {
    jinja::Program program;
    std::string source;
};

ChatTemplate::ChatTemplate(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) {}
ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

Result<ChatTemplate> ChatTemplate::parse(std::string_view source) {
    if (utf8::firstInvalid(source) != source.size())
        return fail(ErrorCode::InvalidData, "The chat template is not valid UTF-8 text",
                    "Take the template from the model's original files.");
    try {
        auto impl = std::make_unique<Impl>();
        impl->program = jinja::parseProgram(source);
        impl->source = source;
        return ChatTemplate(std::move(impl));
    } catch (const jinja::Failure& failure) {
        return fail(toError(failure, 0, "Check the template's syntax, or take it from the model's original files."));
    }
}

bool ChatTemplate::reads(std::string_view name) const {
    const std::string_view source = m_impl->source;
    const auto inName = [&](std::size_t at) {
        return at < source.size() && (std::isalnum(static_cast<unsigned char>(source[at])) || source[at] == '_');
    };
    for (std::size_t at = source.find(name); at != std::string_view::npos; at = source.find(name, at + 1))
        if (!inName(at + name.size()) && (at == 0 || !inName(at - 1)))
            return true;
    return false;
}

Result<RenderedChat> ChatTemplate::render(const OrderedJson& variables, const RenderOptions& options) const {
    jinja::Interpreter interpreter(m_impl->program, options);
    try {
        interpreter.setVariable("add_generation_prompt", Value::boolean(options.addGenerationPrompt));
        if (variables.is_object())
            for (const auto& [name, value] : variables.items())
                interpreter.setVariable(name,
                                        toValue(value, isTokenVariable(name) ? jinja::kTemplate : jinja::kContent, 0));
        return toRendered(interpreter.run());
    } catch (const jinja::Failure& failure) {
        return fail(toError(failure, interpreter.line(),
                            "Check the conversation (roles, their order, tools) against what this template expects."));
    }
}

} // namespace attune

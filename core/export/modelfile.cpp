#include "core/export/modelfile.h"

#include <algorithm>
#include <array>
#include <map>

namespace attune {

namespace {

constexpr std::array<const char*, 3> kRoles{"system", "user", "assistant"};

struct RoleFrame {
    std::string before, after;
};

struct TemplateShape {
    std::string start; // before the first message
    std::map<std::string, RoleFrame> roles;
    std::string answer; // the beginning of the answer that is asked for
};

// Between actions a Go template is plain text; braces of its own and the quotes of the Modelfile are the only traps.
bool isPlainForGo(const std::string& text) {
    return text.find("{{") == std::string::npos && text.find("\"\"\"") == std::string::npos;
}

// What the shape says a conversation looks like.
std::string renderShape(const TemplateShape& shape, const std::vector<Message>& messages) {
    std::string text = shape.start;
    for (const Message& message : messages) {
        const RoleFrame& frame = shape.roles.at(message.role);
        text += frame.before + message.content + frame.after;
    }
    return text + shape.answer;
}

// Contents that no template writes itself; blanks at the ends show whether it trims them.
std::vector<std::vector<Message>> trialConversations() {
    const Message system{"system", " Rules 7Q \n"}, first{"user", "\n Ask 7A  "}, reply{"assistant", "  Say 7B\n"}, second{"user", "Ask 7C"},
        last{"user", " "};
    return {{first}, {system, first}, {first, reply, second}, {system, first, reply, second}, {second}, {system, second, reply, first, reply, last}, {first, reply, second, reply, first}};
}

std::optional<TemplateShape> findShape(const PromptFormat& format) {
    const std::string s = "Rules7Q", u = "Ask7A", a = "Say7B", v = "Ask7C";
    const auto whole = format.promptText({{"system", s}, {"user", u}, {"assistant", a}, {"user", v}});
    const auto noSystem = format.promptText({{"user", u}, {"assistant", a}, {"user", v}});
    const auto short1 = format.promptText({{"user", u}});
    if (!whole || !noSystem || !short1)
        return std::nullopt;
    // The pieces between the contents of the long conversation.
    std::array<std::string, 5> between;
    std::size_t at = 0;
    const std::array<const std::string*, 4> contents{&s, &u, &a, &v};
    for (std::size_t i = 0; i < 4; ++i) {
        const auto found = whole->find(*contents[i], at);
        if (found == std::string::npos)
            return std::nullopt;
        between[i] = whole->substr(at, found - at);
        at = found + contents[i]->size();
    }
    between[4] = whole->substr(at);
    // between[2] = end of user + beginning of assistant, between[3] = end of assistant + beginning of user, between[4] = end of user +
    // the answer's beginning. The beginning of user follows the start in the conversation without system message.
    const auto first = noSystem->find(u);
    if (first == std::string::npos)
        return std::nullopt;
    const std::string startAndUser = noSystem->substr(0, first);
    // Several cuts may fit all trials; best is one that ends what a user says as it ends what the system says.
    std::optional<TemplateShape> best;
    for (std::size_t userCut = 0; userCut <= between[3].size(); ++userCut) {
        const std::string assistantAfter = between[3].substr(0, userCut), userBefore = between[3].substr(userCut);
        if (!startAndUser.ends_with(userBefore) || !between[1].ends_with(userBefore))
            continue;
        const std::string start = startAndUser.substr(0, startAndUser.size() - userBefore.size());
        if (!between[0].starts_with(start))
            continue;
        // The answer's beginning is the assistant's, or shares its beginning.
        const auto common = std::mismatch(between[2].begin(), between[2].end(), between[4].begin(), between[4].end()).first - between[2].begin();
        for (std::ptrdiff_t end = 0; end <= common; ++end) {
            TemplateShape shape;
            const auto cut = static_cast<std::size_t>(end);
            shape.start = start;
            shape.roles["system"] = {between[0].substr(start.size()), between[1].substr(0, between[1].size() - userBefore.size())};
            shape.roles["user"] = {userBefore, between[2].substr(0, cut)};
            shape.roles["assistant"] = {between[2].substr(cut), assistantAfter};
            shape.answer = between[4].substr(cut);
            const auto trials = trialConversations();
            if (std::all_of(trials.begin(), trials.end(), [&](const std::vector<Message>& messages) {
                    const auto rendered = format.promptText(messages);
                    return rendered && *rendered == renderShape(shape, messages);
                })) {
                if (shape.roles["user"].after == shape.roles["system"].after)
                    return shape;
                if (!best)
                    best = std::move(shape);
            }
        }
    }
    return best;
}

} // namespace

std::optional<std::string> goTemplate(const PromptFormat& format) {
    if (!format.hasChatTemplate())
        return std::nullopt;
    auto shape = findShape(format);
    if (!shape)
        return std::nullopt;
    const std::string bos = format.tokenizer().bosToken();
    if (format.tokenizer().addsBos() && !bos.empty() && shape->start.starts_with(bos))
        shape->start.erase(0, bos.size());
    for (const auto& [role, frame] : shape->roles)
        if (!isPlainForGo(frame.before) || !isPlainForGo(frame.after))
            return std::nullopt;
    if (!isPlainForGo(shape->start) || !isPlainForGo(shape->answer))
        return std::nullopt;
    std::string text = shape->start + "{{ range .Messages }}";
    const char* word = "{{ if";
    for (const char* role : kRoles) {
        const RoleFrame& frame = shape->roles.at(role);
        text += std::string(word) + " eq .Role \"" + role + "\" }}" + frame.before + "{{ .Content }}" + frame.after;
        word = "{{ else if";
    }
    return text + "{{ end }}{{ end }}" + shape->answer;
}

Result<std::string> makeModelfile(const std::string& ggufName, const std::filesystem::path& tokenizerSource, const ModelConfig& config,
                                  const std::string& system) {
    ATTUNE_ASSIGN(const std::shared_ptr<const Tokenizer> tokenizer, Tokenizer::load(tokenizerSource));
    std::string text = "# ollama create my-model -f Modelfile\nFROM ./" + ggufName + "\n";
    text += "PARAMETER num_ctx " + std::to_string(config.contextLength) + "\n";
    auto format = PromptFormat::forTokenizer(tokenizer);
    if (!format)
        return text + "# The chat template is not known here: Ollama uses the one in the GGUF file.\n";
    std::vector<TokenId> stops;
    for (const std::int64_t id : config.eosIds)
        stops.push_back(static_cast<TokenId>(id));
    format->addStopIds(stops);
    for (const TokenId id : format->stopIds())
        if (const auto token = tokenizer->idToToken(id); token && token->find_first_of("\"\n") == std::string::npos)
            text += "PARAMETER stop \"" + *token + "\"\n";
    if (const auto chat = goTemplate(*format))
        text += "TEMPLATE \"\"\"" + *chat + "\"\"\"\n";
    else if (format->hasChatTemplate())
        text += "# The chat template cannot be written as an Ollama TEMPLATE exactly: Ollama uses the one in the GGUF file.\n";
    else
        text += "# The model has no chat template: prompts go to it as they are.\nTEMPLATE \"\"\"{{ .Prompt }}\"\"\"\n";
    if (!system.empty() && system.find("\"\"\"") == std::string::npos)
        text += "SYSTEM \"\"\"" + system + "\"\"\"\n";
    return text;
}

} // namespace attune

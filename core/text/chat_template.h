// Chat templates: our own engine for the part of Jinja that Hugging Face templates use. No input or output of any kind by
// construction; steps, nesting and output are limited. Every piece of output knows where it came from (origin tracking), so
// that control tokens written inside a message are tokenised as plain text.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"

namespace attune {

enum class TextOrigin : std::uint8_t {
    Template, // written by the model's makers: control tokens count
    Content,  // came out of a message, tool or other input: never a control token
};

struct RenderedPiece {
    std::size_t begin = 0, end = 0; // bytes of RenderedChat::text
    TextOrigin origin = TextOrigin::Template;
    bool generation = false; // inside {% generation %}
};

struct RenderedChat {
    std::string text;
    std::vector<RenderedPiece> pieces; // tile the text in order
};

struct RenderLimits {
    std::uint64_t maxSteps = 20'000'000;
    std::size_t maxOutputBytes = std::size_t{16} << 20;
    std::size_t maxNesting = 100;
};

struct RenderOptions {
    bool addGenerationPrompt = false;
    std::string now = "2025-01-01"; // what strftime_now formats; pinned so that training data does not change with the clock
    RenderLimits limits;
};

class ChatTemplate {
public:
    /// Errors: InvalidData (syntax, with line), Unsupported (a tag, filter or test we do not know, named with its line).
    static Result<ChatTemplate> parse(std::string_view source);
    ~ChatTemplate();
    ChatTemplate(ChatTemplate&&) noexcept;
    ChatTemplate& operator=(ChatTemplate&&) noexcept;

    /// `variables`: messages, tools, bos_token, eos_token and whatever else the template reads (add_generation_prompt is taken
    /// from the options unless present). Errors: InvalidData (raise_exception's own words, type errors), Unsupported, or a limit.
    Result<RenderedChat> render(const OrderedJson& variables, const RenderOptions& options = {}) const;
    /// Whether the template names this variable or key anywhere.
    bool reads(std::string_view name) const;

private:
    struct Impl;
    explicit ChatTemplate(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> m_impl;
};

} // namespace attune

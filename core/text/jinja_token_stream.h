// What both halves of the parser stand on: the tokens with a place in them, and the count of nesting. Fails with the
// line.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/text/jinja_lexer.h"
#include "core/text/jinja_value.h"

namespace attune::jinja {

class TokenStream {
protected:
    static constexpr int kMaxParseDepth = 120; // brackets and blocks inside one another

    explicit TokenStream(std::vector<Token> tokens) : m_tokens(std::move(tokens)) {}

    const Token& current() const { return m_tokens[m_at]; }
    const Token& ahead() const { return m_tokens[std::min(m_at + 1, m_tokens.size() - 1)]; }
    void advance() {
        if (m_at + 1 < m_tokens.size())
            ++m_at;
    }
    static std::string describe(const Token& token) {
        switch (token.type) {
        case Token::Type::End:
            return "end of template";
        case Token::Type::BlockEnd:
            return "end of statement block";
        case Token::Type::VariableEnd:
            return "end of print statement";
        case Token::Type::Data:
            return "template data / text";
        default:
            return "'" + token.text + "'";
        }
    }
    [[noreturn]] void fail(std::string message, ErrorCode code = ErrorCode::InvalidData) const {
        throw Failure{code, std::move(message), current().line};
    }
    bool skipOperator(std::string_view what) {
        if (!current().isOperator(what))
            return false;
        advance();
        return true;
    }
    bool skipName(std::string_view what) {
        if (!current().isName(what))
            return false;
        advance();
        return true;
    }
    void expectOperator(std::string_view what) {
        if (!skipOperator(what))
            fail("expected '" + std::string(what) + "', got " + describe(current()));
    }
    void expectName(std::string_view what) {
        if (!skipName(what))
            fail("expected '" + std::string(what) + "', got " + describe(current()));
    }
    std::string expectAnyName() {
        if (current().type != Token::Type::Name)
            fail("expected a name, got " + describe(current()));
        std::string name = current().text;
        advance();
        return name;
    }
    void expectBlockEnd() {
        if (current().type != Token::Type::BlockEnd)
            fail("expected end of statement block, got " + describe(current()));
        advance();
    }

    // Counts one level of nesting while it lives.
    class Level {
    public:
        explicit Level(TokenStream& parser) : m_parser(parser) {
            if (++parser.m_depth > kMaxParseDepth)
                parser.fail("the template is nested deeper than " + std::to_string(kMaxParseDepth) + " levels");
        }
        ~Level() { --m_parser.m_depth; }
        Level(const Level&) = delete;
        Level& operator=(const Level&) = delete;

    private:
        TokenStream& m_parser;
    };

private:
    std::vector<Token> m_tokens;
    std::size_t m_at = 0;
    int m_depth = 0;
};

} // namespace attune::jinja

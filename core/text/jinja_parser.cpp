#include "core/text/jinja_parser.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string>

#include "core/text/jinja_expression_parser.h"
#include "core/text/jinja_lexer.h"

namespace attune::jinja {

namespace {

class Parser : private ExpressionParser {
public:
    Parser(std::vector<Token> tokens, Program& program) : ExpressionParser(std::move(tokens), program) {}

    void run() {
        m_program.body = parseBlock({});
        if (current().type != Token::Type::End)
            fail("unexpected " + describe(current()));
    }

private:
    ExpressionPtr parseTarget(bool allowTuple, std::string_view endName = {}) {
        const Level level(*this);
        const int line = current().line;
        const auto single = [&]() -> ExpressionPtr {
            if (skipOperator("(")) {
                ExpressionPtr inner = parseTarget(true);
                expectOperator(")");
                return inner;
            }
            if (current().type == Token::Type::Name && ahead().isOperator(".")) {
                ExpressionPtr node = make(Form::Attribute, line, nameNode(expectAnyName(), line));
                advance();
                node->name = expectAnyName();
                return node;
            }
            const std::string name = expectAnyName();
            static constexpr std::array<std::string_view, 6> reserved = {"true", "false", "none",
                                                                         "True", "False", "None"};
            if (std::find(reserved.begin(), reserved.end(), name) != reserved.end())
                fail("can't assign to '" + name + "'");
            return nameNode(name, line);
        };
        if (!allowTuple)
            return single();
        ExpressionPtr first = single();
        if (!current().isOperator(","))
            return first;
        ExpressionPtr tuple = make(Form::Tuple, line, std::move(first));
        while (skipOperator(",")) {
            if (atTupleEnd(endName) || current().isOperator("="))
                break;
            adopt(*tuple, single());
        }
        return tuple;
    }

    // Reads until one of `ends` starts a tag; that name is current then.
    Block parseBlock(std::initializer_list<std::string_view> ends) {
        const Level level(*this);
        Block block;
        while (true) {
            const Token& token = current();
            switch (token.type) {
            case Token::Type::Data: {
                auto node = statement(Statement::Form::Data);
                node->data = Text(token.text, kTemplate);
                block.push_back(std::move(node));
                advance();
                break;
            }
            case Token::Type::VariableBegin: {
                auto node = statement(Statement::Form::Output);
                advance();
                node->value = parseTuple();
                if (current().type != Token::Type::VariableEnd)
                    fail("expected end of print statement, got " + describe(current()));
                advance();
                block.push_back(std::move(node));
                break;
            }
            case Token::Type::BlockBegin:
                advance();
                if (current().type == Token::Type::Name &&
                    std::find(ends.begin(), ends.end(), current().text) != ends.end())
                    return block;
                block.push_back(parseStatement());
                break;
            case Token::Type::End:
                if (ends.size() != 0)
                    fail("the template ends before '" + std::string(*(ends.end() - 1)) + "'");
                return block;
            default:
                fail("unexpected " + describe(token));
            }
        }
    }
    std::unique_ptr<Statement> statement(Statement::Form form) const {
        auto node = std::make_unique<Statement>();
        node->form = form;
        node->line = current().line;
        return node;
    }
    // The end of a tag that opens a body; people used to Python write a colon.
    void expectBodyBegin() {
        skipOperator(":");
        expectBlockEnd();
    }
    Block parseBody(std::string_view end) {
        expectBodyBegin();
        Block body = parseBlock({end});
        advance();
        return body;
    }

    std::unique_ptr<Statement> parseStatement() {
        if (current().type != Token::Type::Name)
            fail("tag name expected, got " + describe(current()));
        const std::string tag = current().text;
        std::unique_ptr<Statement> node;
        if (tag == "if")
            node = parseIf();
        else if (tag == "for")
            node = parseFor();
        else if (tag == "set")
            node = parseSet();
        else if (tag == "macro")
            node = parseMacro();
        else if (tag == "call")
            node = parseCallBlock();
        else if (tag == "filter")
            node = parseFilterBlock();
        else if (tag == "with")
            node = parseWith();
        else
            node = parseSmall(tag);
        expectBlockEnd();
        return node;
    }
    std::unique_ptr<Statement> parseSmall(const std::string& tag) {
        auto node = statement(Statement::Form::Scope);
        if (tag == "break" || tag == "continue") {
            if (m_loops == 0)
                fail("'" + tag + "' outside a loop");
            node->form = tag == "break" ? Statement::Form::Break : Statement::Form::Continue;
            advance();
        } else if (tag == "generation") {
            node->form = Statement::Form::Generation;
            advance();
            const int loops = std::exchange(m_loops, 0); // no way out of it
            node->body = parseBody("endgeneration");
            m_loops = loops;
        } else if (tag == "autoescape") {
            advance();
            const ExpressionPtr on = parseExpression();
            if (on->form != Form::Constant || on->constant.asInteger() != 0)
                fail("{% autoescape true %} is not supported", ErrorCode::Unsupported);
            node->body = parseBody("endautoescape");
        } else if (tag == "block") {
            advance();
            node->name = expectAnyName();
            skipName("scoped");
            node->body = parseBody("endblock");
            skipName(node->name);
        } else if (tag == "include" || tag == "import" || tag == "from" || tag == "extends") {
            fail("the tag '" + tag + "' reads other files, which chat templates cannot", ErrorCode::Unsupported);
        } else {
            fail("Encountered unknown tag '" + tag + "'.", ErrorCode::Unsupported);
        }
        return node;
    }
    std::unique_ptr<Statement> parseIf() {
        auto node = statement(Statement::Form::If);
        advance();
        ++m_branches;
        bool more = true;
        while (more) {
            Branch branch;
            branch.condition = parseTuple(false);
            expectBodyBegin();
            branch.body = parseBlock({"elif", "else", "endif"});
            node->branches.push_back(std::move(branch));
            more = current().isName("elif");
            const bool otherwise = current().isName("else");
            advance();
            if (otherwise) {
                Branch last;
                last.body = parseBody("endif");
                node->branches.push_back(std::move(last));
            }
        }
        --m_branches;
        return node;
    }
    std::unique_ptr<Statement> parseFor() {
        auto node = statement(Statement::Form::For);
        advance();
        node->target = parseTarget(true, "in");
        expectName("in");
        node->value = parseTuple(false, "recursive");
        if (skipName("if"))
            node->condition = parseExpression();
        node->recursive = skipName("recursive");
        expectBodyBegin();
        ++m_loops;
        node->body = parseBlock({"else", "endfor"});
        --m_loops;
        const bool otherwise = current().isName("else");
        advance();
        if (otherwise)
            node->otherwise = parseBody("endfor");
        return node;
    }
    std::unique_ptr<Statement> parseSet() {
        auto node = statement(Statement::Form::Set);
        advance();
        node->target = parseTarget(true);
        if (skipOperator("=")) {
            node->value = parseTuple();
            return node;
        }
        node->form = Statement::Form::SetBlock;
        node->value = parseFilters(make(Form::BlockInput, node->line));
        node->body = parseBody("endset");
        return node;
    }
    void parseParameters(Statement& node) {
        expectOperator("(");
        while (!current().isOperator(")")) {
            if (!node.parameters.empty())
                expectOperator(",");
            Parameter parameter;
            parameter.name = expectAnyName();
            parameter.symbol = m_program.symbols.intern(parameter.name);
            if (skipOperator("="))
                parameter.fallback = parseExpression();
            else if (!node.parameters.empty() && node.parameters.back().fallback)
                fail("non-default argument follows default argument");
            node.parameters.push_back(std::move(parameter));
        }
        advance();
    }
    // The body of a macro or call block: its own loops, and a note of which special names it reads.
    void parseMacroBody(Statement& node, std::string_view end) {
        const int loops = std::exchange(m_loops, 0);
        const std::size_t before = m_mentioned.size();
        node.body = parseBody(end);
        const auto mentions = [&](std::string_view name) {
            return std::find(m_mentioned.begin() + static_cast<std::ptrdiff_t>(before), m_mentioned.end(), name) !=
                   m_mentioned.end();
        };
        node.readsVarargs = mentions("varargs");
        node.readsKwargs = mentions("kwargs");
        node.readsCaller = mentions("caller");
        m_loops = loops;
    }
    std::unique_ptr<Statement> parseMacro() {
        auto node = statement(Statement::Form::Macro);
        advance();
        node->name = expectAnyName();
        node->symbol = m_program.symbols.intern(node->name);
        parseParameters(*node);
        parseMacroBody(*node, "endmacro");
        return node;
    }
    std::unique_ptr<Statement> parseCallBlock() {
        auto node = statement(Statement::Form::CallBlock);
        advance();
        if (current().isOperator("("))
            parseParameters(*node);
        node->value = parseExpression();
        if (node->value->form != Form::Call)
            fail("expected call");
        parseMacroBody(*node, "endcall");
        return node;
    }
    std::unique_ptr<Statement> parseFilterBlock() {
        auto node = statement(Statement::Form::FilterBlock);
        advance();
        node->value = parseFilters(parseFilter(make(Form::BlockInput, node->line)));
        node->body = parseBody("endfilter");
        return node;
    }
    std::unique_ptr<Statement> parseWith() {
        auto node = statement(Statement::Form::With);
        advance();
        while (current().type != Token::Type::BlockEnd) {
            if (!node->bindings.empty())
                expectOperator(",");
            ExpressionPtr target = parseTarget(true);
            expectOperator("=");
            node->bindings.emplace_back(std::move(target), parseExpression());
        }
        node->body = parseBody("endwith");
        return node;
    }

    int m_loops = 0; // how many loops this is inside
};

} // namespace

Program parseProgram(std::string_view source) {
    Program program;
    Parser(tokenize(source), program).run();
    return program;
}

} // namespace attune::jinja

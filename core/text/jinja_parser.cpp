#include "core/text/jinja_parser.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string>

#include "core/text/jinja_filters.h"
#include "core/text/jinja_lexer.h"
#include "core/text/jinja_tests.h"

namespace attune::jinja {

namespace {

constexpr int kMaxParseDepth = 120;      // brackets and blocks inside one another
constexpr int kMaxExpressionHeight = 250; // operators and postfixes on one another

using Form = Expression::Form;

class Parser {
public:
    Parser(std::vector<Token> tokens, Program& program) : m_tokens(std::move(tokens)), m_program(program) {}

    void run() {
        m_program.body = parseBlock({});
        if (current().type != Token::Type::End)
            fail("unexpected " + describe(current()));
    }

private:
    // ---- tokens

    const Token& current() const { return m_tokens[m_at]; }
    const Token& ahead() const { return m_tokens[std::min(m_at + 1, m_tokens.size() - 1)]; }
    void advance() {
        if (m_at + 1 < m_tokens.size())
            ++m_at;
    }
    static std::string describe(const Token& token) {
        switch (token.type) {
        case Token::Type::End: return "end of template";
        case Token::Type::BlockEnd: return "end of statement block";
        case Token::Type::VariableEnd: return "end of print statement";
        case Token::Type::Data: return "template data / text";
        default: return "'" + token.text + "'";
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
        explicit Level(Parser& parser) : m_parser(parser) {
            if (++parser.m_depth > kMaxParseDepth)
                parser.fail("the template is nested deeper than " + std::to_string(kMaxParseDepth) + " levels");
        }
        ~Level() { --m_parser.m_depth; }
        Level(const Level&) = delete;
        Level& operator=(const Level&) = delete;

    private:
        Parser& m_parser;
    };

    // ---- expressions

    ExpressionPtr make(Form form, int line) const {
        auto node = std::make_unique<Expression>();
        node->form = form;
        node->line = line;
        return node;
    }
    void adopt(Expression& parent, ExpressionPtr child) const {
        if (child) {
            parent.depth = std::max(parent.depth, child->depth + 1);
            if (parent.depth > kMaxExpressionHeight)
                fail("an expression has more than " + std::to_string(kMaxExpressionHeight) + " operations on one another");
        }
        parent.operands.push_back(std::move(child));
    }
    template <class... Children>
    ExpressionPtr make(Form form, int line, Children... children) const {
        auto node = make(form, line);
        (adopt(*node, std::move(children)), ...);
        return node;
    }
    ExpressionPtr constant(Value value, int line) const {
        auto node = make(Form::Constant, line);
        node->constant = std::move(value);
        return node;
    }
    ExpressionPtr nameNode(const std::string& name, int line) {
        auto node = make(Form::Name, line);
        node->name = name;
        node->symbol = m_program.symbols.intern(name);
        m_mentioned.push_back(name);
        return node;
    }

    ExpressionPtr parseExpression(bool conditional = true) {
        const Level level(*this);
        return conditional ? parseConditional() : parseOr();
    }
    ExpressionPtr parseConditional() {
        const int line = current().line;
        ExpressionPtr value = parseOr();
        while (skipName("if")) {
            ExpressionPtr condition = parseOr();
            ExpressionPtr otherwise;
            if (skipName("else")) {
                const Level level(*this);
                otherwise = parseConditional();
            }
            value = make(Form::Conditional, line, std::move(condition), std::move(value), std::move(otherwise));
        }
        return value;
    }
    ExpressionPtr parseOr() {
        const int line = current().line;
        ExpressionPtr left = parseAnd();
        while (skipName("or"))
            left = make(Form::Or, line, std::move(left), parseAnd());
        return left;
    }
    ExpressionPtr parseAnd() {
        const int line = current().line;
        ExpressionPtr left = parseNot();
        while (skipName("and"))
            left = make(Form::And, line, std::move(left), parseNot());
        return left;
    }
    ExpressionPtr parseNot() {
        const int line = current().line;
        if (!skipName("not"))
            return parseCompare();
        const Level level(*this);
        return make(Form::Not, line, parseNot());
    }
    bool skipComparison(Comparison& which) {
        static constexpr std::array<std::pair<std::string_view, Comparison>, 6> signs = {{
            {"==", Comparison::Equal}, {"!=", Comparison::NotEqual}, {"<", Comparison::Less},
            {"<=", Comparison::LessEqual}, {">", Comparison::Greater}, {">=", Comparison::GreaterEqual},
        }};
        for (const auto& [sign, comparison] : signs) {
            if (skipOperator(sign)) {
                which = comparison;
                return true;
            }
        }
        if (skipName("in")) {
            which = Comparison::In;
            return true;
        }
        if (current().isName("not") && ahead().isName("in")) {
            advance(), advance();
            which = Comparison::NotIn;
            return true;
        }
        return false;
    }
    ExpressionPtr parseCompare() {
        const int line = current().line;
        ExpressionPtr first = parseSum();
        Comparison which{};
        if (!skipComparison(which))
            return first;
        ExpressionPtr node = make(Form::Compare, line, std::move(first));
        do {
            node->comparisons.push_back(which);
            adopt(*node, parseSum());
        } while (skipComparison(which));
        return node;
    }
    ExpressionPtr binary(BinaryOperator which, int line, ExpressionPtr left, ExpressionPtr right) const {
        ExpressionPtr node = make(Form::Binary, line, std::move(left), std::move(right));
        node->binary = which;
        return node;
    }
    ExpressionPtr parseSum() {
        ExpressionPtr left = parseConcat();
        while (true) {
            const int line = current().line;
            if (skipOperator("+"))
                left = binary(BinaryOperator::Add, line, std::move(left), parseConcat());
            else if (skipOperator("-"))
                left = binary(BinaryOperator::Subtract, line, std::move(left), parseConcat());
            else
                return left;
        }
    }
    ExpressionPtr parseConcat() {
        const int line = current().line;
        ExpressionPtr first = parseProduct();
        if (!current().isOperator("~"))
            return first;
        ExpressionPtr node = make(Form::Concat, line, std::move(first));
        while (skipOperator("~"))
            adopt(*node, parseProduct());
        return node;
    }
    ExpressionPtr parseProduct() {
        ExpressionPtr left = parsePower();
        while (true) {
            const int line = current().line;
            if (skipOperator("*"))
                left = binary(BinaryOperator::Multiply, line, std::move(left), parsePower());
            else if (skipOperator("/"))
                left = binary(BinaryOperator::Divide, line, std::move(left), parsePower());
            else if (skipOperator("//"))
                left = binary(BinaryOperator::FloorDivide, line, std::move(left), parsePower());
            else if (skipOperator("%"))
                left = binary(BinaryOperator::Modulo, line, std::move(left), parsePower());
            else
                return left;
        }
    }
    ExpressionPtr parsePower() {
        const int line = current().line;
        ExpressionPtr left = parseUnary(true);
        while (skipOperator("**"))
            left = binary(BinaryOperator::Power, line, std::move(left), parseUnary(true));
        return left;
    }
    ExpressionPtr parseUnary(bool withFilters) {
        const int line = current().line;
        ExpressionPtr node;
        if (skipOperator("-")) {
            const Level level(*this);
            node = make(Form::Negate, line, parseUnary(false));
        } else if (skipOperator("+")) {
            const Level level(*this);
            node = make(Form::Plus, line, parseUnary(false));
        } else {
            node = parsePrimary();
        }
        node = parsePostfix(std::move(node));
        return withFilters ? parseFilters(std::move(node)) : std::move(node);
    }
    ExpressionPtr parsePrimary() {
        const Token& token = current();
        const int line = token.line;
        switch (token.type) {
        case Token::Type::Name: {
            const std::string name = token.text;
            advance();
            if (name == "true" || name == "True")
                return constant(Value::boolean(true), line);
            if (name == "false" || name == "False")
                return constant(Value::boolean(false), line);
            if (name == "none" || name == "None")
                return constant(Value::none(), line);
            return nameNode(name, line);
        }
        case Token::Type::String: {
            std::string text;
            for (; current().type == Token::Type::String; advance())
                text += current().text;
            return constant(Value::literal(std::move(text)), line);
        }
        case Token::Type::Integer: {
            const Value value = Value::integer(token.integer);
            advance();
            return constant(value, line);
        }
        case Token::Type::Float: {
            const Value value = Value::real(token.real);
            advance();
            return constant(value, line);
        }
        default:
            break;
        }
        if (skipOperator("(")) {
            ExpressionPtr node = parseTuple(true, {}, true);
            expectOperator(")");
            return node;
        }
        if (skipOperator("["))
            return parseList(line);
        if (skipOperator("{"))
            return parseDict(line);
        fail("unexpected " + describe(token));
    }
    ExpressionPtr parseList(int line) {
        ExpressionPtr node = make(Form::List, line);
        while (!current().isOperator("]")) {
            if (!node->operands.empty())
                expectOperator(",");
            if (current().isOperator("]"))
                break;
            adopt(*node, parseExpression());
        }
        advance();
        return node;
    }
    ExpressionPtr parseDict(int line) {
        ExpressionPtr node = make(Form::Dict, line);
        while (!current().isOperator("}")) {
            if (!node->operands.empty())
                expectOperator(",");
            if (current().isOperator("}"))
                break;
            adopt(*node, parseExpression());
            expectOperator(":");
            adopt(*node, parseExpression());
        }
        advance();
        return node;
    }
    bool atTupleEnd(std::string_view endName) const {
        const Token& token = current();
        return token.type == Token::Type::VariableEnd || token.type == Token::Type::BlockEnd || token.isOperator(")") ||
               (!endName.empty() && token.isName(endName));
    }
    ExpressionPtr parseTuple(bool conditional = true, std::string_view endName = {}, bool inBrackets = false) {
        const int line = current().line;
        std::vector<ExpressionPtr> parts;
        bool isTuple = false;
        while (true) {
            if (!parts.empty())
                expectOperator(",");
            if (atTupleEnd(endName))
                break;
            parts.push_back(parseExpression(conditional));
            if (!current().isOperator(","))
                break;
            isTuple = true;
        }
        if (!isTuple && !parts.empty())
            return std::move(parts.front());
        if (!isTuple && !inBrackets)
            fail("expected an expression, got " + describe(current()));
        ExpressionPtr node = make(Form::Tuple, line);
        for (ExpressionPtr& part : parts)
            adopt(*node, std::move(part));
        return node;
    }
    ExpressionPtr parsePostfix(ExpressionPtr node) {
        while (true) {
            const int line = current().line;
            if (skipOperator(".")) {
                if (current().type == Token::Type::Name) {
                    node = make(Form::Attribute, line, std::move(node));
                    node->name = current().text;
                } else if (current().type == Token::Type::Integer) {
                    node = make(Form::Item, line, std::move(node), constant(Value::integer(current().integer), line));
                } else {
                    fail("expected name or number");
                }
                advance();
            } else if (skipOperator("[")) {
                ExpressionPtr index = parseSubscript();
                if (current().isOperator(",")) {
                    ExpressionPtr tuple = make(Form::Tuple, line, std::move(index));
                    while (skipOperator(","))
                        adopt(*tuple, parseSubscript());
                    index = std::move(tuple);
                }
                expectOperator("]");
                node = make(Form::Item, line, std::move(node), std::move(index));
            } else if (current().isOperator("(")) {
                node = parseCall(std::move(node));
            } else {
                return node;
            }
        }
    }
    ExpressionPtr parseSubscript() {
        const int line = current().line;
        const auto atEnd = [&] { return current().isOperator("]") || current().isOperator(","); };
        ExpressionPtr parts[3];
        if (!current().isOperator(":")) {
            parts[0] = parseExpression();
            if (!current().isOperator(":"))
                return std::move(parts[0]);
        }
        advance();
        if (!current().isOperator(":") && !atEnd())
            parts[1] = parseExpression();
        if (skipOperator(":") && !atEnd())
            parts[2] = parseExpression();
        return make(Form::Slice, line, std::move(parts[0]), std::move(parts[1]), std::move(parts[2]));
    }
    void addArgument(Expression& node, Argument argument) const {
        node.depth = std::max(node.depth, argument.value->depth + 1);
        if (node.depth > kMaxExpressionHeight)
            fail("an expression has more than " + std::to_string(kMaxExpressionHeight) + " operations on one another");
        node.arguments.push_back(std::move(argument));
    }
    void parseArguments(Expression& node) {
        expectOperator("(");
        bool named = false, star = false, doubleStar = false;
        while (!current().isOperator(")")) {
            if (!node.arguments.empty()) {
                expectOperator(",");
                if (current().isOperator(")"))
                    break;
            }
            Argument argument;
            bool valid = true;
            if (skipOperator("*")) {
                valid = !star && !doubleStar;
                star = true;
                argument.form = Argument::Form::Star;
            } else if (skipOperator("**")) {
                valid = !doubleStar;
                doubleStar = true;
                argument.form = Argument::Form::DoubleStar;
            } else if (current().type == Token::Type::Name && ahead().isOperator("=")) {
                valid = !doubleStar;
                named = true;
                argument.form = Argument::Form::Named;
                argument.name = current().text;
                advance(), advance();
            } else {
                valid = !named && !star && !doubleStar;
            }
            if (!valid)
                fail("invalid syntax for function call expression");
            argument.value = parseExpression();
            addArgument(node, std::move(argument));
        }
        expectOperator(")");
    }
    ExpressionPtr parseCall(ExpressionPtr callee) {
        ExpressionPtr node = make(Form::Call, current().line, std::move(callee));
        parseArguments(*node);
        return node;
    }
    std::string dottedName() {
        std::string name = expectAnyName();
        while (skipOperator("."))
            name += "." + expectAnyName();
        return name;
    }
    ExpressionPtr parseFilters(ExpressionPtr node) {
        while (true) {
            if (skipOperator("|"))
                node = parseFilter(std::move(node));
            else if (skipName("is"))
                node = parseTest(std::move(node));
            else if (current().isOperator("("))
                node = parseCall(std::move(node));
            else
                return node;
        }
    }
    ExpressionPtr parseFilter(ExpressionPtr input) {
        ExpressionPtr node = make(Form::Filter, current().line, std::move(input));
        node->name = dottedName();
        // Inside a branch Jinja complains only when the filter is reached: templates probe for features that way.
        if (!isFilter(node->name) && m_branches == 0)
            fail("No filter named '" + node->name + "'.", ErrorCode::Unsupported);
        if (current().isOperator("("))
            parseArguments(*node);
        return node;
    }
    ExpressionPtr parseTest(ExpressionPtr input) {
        const int line = current().line;
        const bool negated = skipName("not");
        ExpressionPtr node = make(Form::Test, line, std::move(input));
        node->negated = negated;
        node->name = dottedName();
        if (!isTest(node->name) && m_branches == 0)
            fail("No test named '" + node->name + "'.", ErrorCode::Unsupported);
        const Token& next = current();
        if (next.isOperator("(")) {
            parseArguments(*node);
        } else if (next.type == Token::Type::String || next.type == Token::Type::Integer ||
                   next.type == Token::Type::Float || next.isOperator("[") || next.isOperator("{") ||
                   (next.type == Token::Type::Name && next.text != "else" && next.text != "or" && next.text != "and")) {
            if (next.text == "is" && next.type == Token::Type::Name)
                fail("You cannot chain multiple tests with is");
            Argument argument;
            argument.value = parsePostfix(parsePrimary());
            addArgument(*node, std::move(argument));
        }
        return node;
    }

    // ---- statements

    ExpressionPtr parseTarget(bool allowTuple, std::string_view endName = {}) {
        const Level level(*this);
        const int line = current().line;
        const auto single = [&]() -> ExpressionPtr {
            if (skipOperator("(")) {
                ExpressionPtr inner = parseTarget(true);
                expectOperator(")");
                return inner;
            }
            const std::string name = expectAnyName();
            static constexpr std::array<std::string_view, 6> reserved = {"true", "false", "none", "True", "False", "None"};
            if (std::find(reserved.begin(), reserved.end(), name) != reserved.end())
                fail("can't assign to '" + name + "'");
            return nameNode(name, line);
        };
        if (!allowTuple)
            return single();
        if (current().type == Token::Type::Name && ahead().isOperator(".")) {
            ExpressionPtr node = make(Form::Attribute, line, nameNode(expectAnyName(), line));
            advance();
            node->name = expectAnyName();
            return node;
        }
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
    Block parseBody(std::string_view end) {
        expectBlockEnd();
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
            node->body = parseBody("endgeneration");
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
            expectBlockEnd();
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
        expectBlockEnd();
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

    std::vector<Token> m_tokens;
    Program& m_program;
    std::size_t m_at = 0;
    int m_depth = 0, m_loops = 0, m_branches = 0;
    std::vector<std::string> m_mentioned; // every variable name read so far, in order
};

} // namespace

Program parseProgram(std::string_view source) {
    Program program;
    Parser(tokenize(source), program).run();
    return program;
}

} // namespace attune::jinja

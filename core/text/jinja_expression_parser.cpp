#include "core/text/jinja_expression_parser.h"

#include <algorithm>
#include <array>

#include "core/text/jinja_filters.h"
#include "core/text/jinja_tests.h"

namespace attune::jinja {

namespace {

constexpr int kMaxExpressionHeight = 250; // operators and postfixes on one another

} // namespace

ExpressionPtr ExpressionParser::make(Form form, int line) const {
    auto node = std::make_unique<Expression>();
    node->form = form;
    node->line = line;
    return node;
}

void ExpressionParser::adopt(Expression& parent, ExpressionPtr child) const {
    if (child) {
        parent.depth = std::max(parent.depth, child->depth + 1);
        if (parent.depth > kMaxExpressionHeight)
            fail("an expression has more than " + std::to_string(kMaxExpressionHeight) + " operations on one another");
    }
    parent.operands.push_back(std::move(child));
}

ExpressionPtr ExpressionParser::constant(Value value, int line) const {
    auto node = make(Form::Constant, line);
    node->constant = std::move(value);
    return node;
}

ExpressionPtr ExpressionParser::nameNode(const std::string& name, int line) {
    auto node = make(Form::Name, line);
    node->name = name;
    node->symbol = m_program.symbols.intern(name);
    m_mentioned.push_back(name);
    return node;
}

ExpressionPtr ExpressionParser::parseExpression(bool conditional) {
    const Level level(*this);
    return conditional ? parseConditional() : parseOr();
}

ExpressionPtr ExpressionParser::parseConditional() {
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

ExpressionPtr ExpressionParser::parseOr() {
    const int line = current().line;
    ExpressionPtr left = parseAnd();
    while (skipName("or"))
        left = make(Form::Or, line, std::move(left), parseAnd());
    return left;
}

ExpressionPtr ExpressionParser::parseAnd() {
    const int line = current().line;
    ExpressionPtr left = parseNot();
    while (skipName("and"))
        left = make(Form::And, line, std::move(left), parseNot());
    return left;
}

ExpressionPtr ExpressionParser::parseNot() {
    const int line = current().line;
    if (!skipName("not"))
        return parseCompare();
    const Level level(*this);
    return make(Form::Not, line, parseNot());
}

bool ExpressionParser::skipComparison(Comparison& which) {
    static constexpr std::array<std::pair<std::string_view, Comparison>, 6> signs = {{
        {"==", Comparison::Equal},
        {"!=", Comparison::NotEqual},
        {"<", Comparison::Less},
        {"<=", Comparison::LessEqual},
        {">", Comparison::Greater},
        {">=", Comparison::GreaterEqual},
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

ExpressionPtr ExpressionParser::parseCompare() {
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

ExpressionPtr ExpressionParser::binary(BinaryOperator which, int line, ExpressionPtr left, ExpressionPtr right) const {
    ExpressionPtr node = make(Form::Binary, line, std::move(left), std::move(right));
    node->binary = which;
    return node;
}

ExpressionPtr ExpressionParser::parseSum() {
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

ExpressionPtr ExpressionParser::parseConcat() {
    const int line = current().line;
    ExpressionPtr first = parseProduct();
    if (!current().isOperator("~"))
        return first;
    ExpressionPtr node = make(Form::Concat, line, std::move(first));
    while (skipOperator("~"))
        adopt(*node, parseProduct());
    return node;
}

ExpressionPtr ExpressionParser::parseProduct() {
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

ExpressionPtr ExpressionParser::parsePower() {
    const int line = current().line;
    ExpressionPtr left = parseUnary(true);
    while (skipOperator("**"))
        left = binary(BinaryOperator::Power, line, std::move(left), parseUnary(true));
    return left;
}

ExpressionPtr ExpressionParser::parseUnary(bool withFilters) {
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

ExpressionPtr ExpressionParser::parsePrimary() {
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

ExpressionPtr ExpressionParser::parseList(int line) {
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

ExpressionPtr ExpressionParser::parseDict(int line) {
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

bool ExpressionParser::atTupleEnd(std::string_view endName) const {
    const Token& token = current();
    return token.type == Token::Type::VariableEnd || token.type == Token::Type::BlockEnd || token.isOperator(")") ||
           (!endName.empty() && token.isName(endName));
}

ExpressionPtr ExpressionParser::parseTuple(bool conditional, std::string_view endName, bool inBrackets) {
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

ExpressionPtr ExpressionParser::parsePostfix(ExpressionPtr node) {
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

ExpressionPtr ExpressionParser::parseSubscript() {
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

void ExpressionParser::addArgument(Expression& node, Argument argument) const {
    node.depth = std::max(node.depth, argument.value->depth + 1);
    if (node.depth > kMaxExpressionHeight)
        fail("an expression has more than " + std::to_string(kMaxExpressionHeight) + " operations on one another");
    node.arguments.push_back(std::move(argument));
}

void ExpressionParser::parseArguments(Expression& node) {
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

ExpressionPtr ExpressionParser::parseCall(ExpressionPtr callee) {
    ExpressionPtr node = make(Form::Call, current().line, std::move(callee));
    parseArguments(*node);
    return node;
}

std::string ExpressionParser::dottedName() {
    std::string name = expectAnyName();
    while (skipOperator("."))
        name += "." + expectAnyName();
    return name;
}

ExpressionPtr ExpressionParser::parseFilters(ExpressionPtr node) {
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

ExpressionPtr ExpressionParser::parseFilter(ExpressionPtr input) {
    ExpressionPtr node = make(Form::Filter, current().line, std::move(input));
    node->name = dottedName();
    // Inside a branch Jinja complains only when the filter is reached: templates probe for features that way.
    if (!isFilter(node->name) && m_branches == 0)
        fail("No filter named '" + node->name + "'.", ErrorCode::Unsupported);
    if (current().isOperator("("))
        parseArguments(*node);
    return node;
}

ExpressionPtr ExpressionParser::parseTest(ExpressionPtr input) {
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

} // namespace attune::jinja

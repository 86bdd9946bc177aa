// The half of the parser that reads expressions. One use, one thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/text/jinja_ast.h"
#include "core/text/jinja_token_stream.h"

namespace attune::jinja {

class ExpressionParser : protected TokenStream {
protected:
    using Form = Expression::Form;

    ExpressionParser(std::vector<Token> tokens, Program& program)
        : TokenStream(std::move(tokens)), m_program(program) {}

    ExpressionPtr make(Form form, int line) const;
    void adopt(Expression& parent, ExpressionPtr child) const;
    template <class... Children>
    ExpressionPtr make(Form form, int line, Children... children) const {
        auto node = make(form, line);
        (adopt(*node, std::move(children)), ...);
        return node;
    }
    ExpressionPtr constant(Value value, int line) const;
    ExpressionPtr nameNode(const std::string& name, int line);
    ExpressionPtr parseExpression(bool conditional = true);
    ExpressionPtr parseConditional();
    ExpressionPtr parseOr();
    ExpressionPtr parseAnd();
    ExpressionPtr parseNot();
    bool skipComparison(Comparison& which);
    ExpressionPtr parseCompare();
    ExpressionPtr binary(BinaryOperator which, int line, ExpressionPtr left, ExpressionPtr right) const;
    ExpressionPtr parseSum();
    ExpressionPtr parseConcat();
    ExpressionPtr parseProduct();
    ExpressionPtr parsePower();
    ExpressionPtr parseUnary(bool withFilters);
    ExpressionPtr parsePrimary();
    ExpressionPtr parseList(int line);
    ExpressionPtr parseDict(int line);
    bool atTupleEnd(std::string_view endName) const;
    ExpressionPtr parseTuple(bool conditional = true, std::string_view endName = {}, bool inBrackets = false);
    ExpressionPtr parsePostfix(ExpressionPtr node);
    ExpressionPtr parseSubscript();
    void addArgument(Expression& node, Argument argument) const;
    void parseArguments(Expression& node);
    ExpressionPtr parseCall(ExpressionPtr callee);
    std::string dottedName();
    ExpressionPtr parseFilters(ExpressionPtr node);
    ExpressionPtr parseFilter(ExpressionPtr input);
    ExpressionPtr parseTest(ExpressionPtr input);

    Program& m_program;
    int m_branches = 0;                   // how many {% if %} this is inside
    std::vector<std::string> m_mentioned; // every variable name read so far, in order
};

} // namespace attune::jinja

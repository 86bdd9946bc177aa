// The syntax tree of a template. Plain data made by the parser, read-only afterwards, shared by all renders of any
// thread.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/text/jinja_value.h"

namespace attune::jinja {

/// Names of variables as small numbers.
class Symbols {
public:
    int intern(const std::string& name) { return m_ids.emplace(name, static_cast<int>(m_ids.size())).first->second; }
    int find(const std::string& name) const {
        const auto found = m_ids.find(name);
        return found == m_ids.end() ? -1 : found->second;
    }

private:
    std::unordered_map<std::string, int> m_ids;
};

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

struct Argument {
    enum class Form { Positional, Named, Star, DoubleStar };
    Form form = Form::Positional;
    std::string name;
    ExpressionPtr value;
};

enum class BinaryOperator { Add, Subtract, Multiply, Divide, FloorDivide, Modulo, Power };
enum class Comparison { Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual, In, NotIn };

struct Expression {
    enum class Form {
        Constant,
        Name,
        List,
        Tuple,
        Dict,
        Not,
        Negate,
        Plus,
        And,
        Or,
        Compare,
        Binary,
        Concat,
        Conditional,
        Attribute,
        Item,
        Slice,
        Call,
        Filter,
        Test,
        BlockInput,
    };
    Form form = Form::Constant;
    int line = 0;
    int depth = 1;    // height of this tree; bounded, because evaluating recurses
    int symbol = -1;  // Name
    std::string name; // Name, Attribute, Filter, Test
    Value constant;   // Constant
    // Operands in order. Dict: key, value, key ...; Conditional: condition, then, else (may be null); Slice: begin,
    // end, step (each may be null); Filter, Test, Call, Attribute, Item: the operand first.
    std::vector<ExpressionPtr> operands;
    std::vector<Comparison> comparisons; // Compare: one fewer than operands
    BinaryOperator binary = BinaryOperator::Add;
    bool negated = false; // Test: "is not"
    std::vector<Argument> arguments;
};

struct Statement;
using Block = std::vector<std::unique_ptr<Statement>>;

struct Branch {
    ExpressionPtr condition; // null: else
    Block body;
};

struct Parameter {
    std::string name;
    int symbol = -1;
    ExpressionPtr fallback; // may be null
};

struct Statement {
    enum class Form {
        Data,
        Output,
        If,
        For,
        Set,
        SetBlock,
        Macro,
        CallBlock,
        FilterBlock,
        With,
        Scope,
        Generation,
        Break,
        Continue,
    };
    Form form = Form::Data;
    int line = 0;
    Text data;            // Data
    ExpressionPtr target; // For, Set, SetBlock: Name, Tuple of targets, or Attribute of a namespace
    ExpressionPtr value;  // Output, Set; For: what is looped over; CallBlock: the call; FilterBlock, SetBlock: filters
    ExpressionPtr condition;           // For: "if"
    bool recursive = false;            // For
    std::vector<Branch> branches;      // If
    Block body, otherwise;             // otherwise: For's else
    std::string name;                  // Macro
    int symbol = -1;                   // Macro
    std::vector<Parameter> parameters; // Macro, CallBlock
    bool readsVarargs = false, readsKwargs = false,
         readsCaller = false;                                      // Macro, CallBlock: the names its body mentions
    std::vector<std::pair<ExpressionPtr, ExpressionPtr>> bindings; // With
};

struct Program {
    Symbols symbols;
    Block body;
};

} // namespace attune::jinja

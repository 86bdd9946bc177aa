// The interpreter's half for expressions.
#include "core/text/jinja_filters.h"
#include "core/text/jinja_format.h"
#include "core/text/jinja_globals.h"
#include "core/text/jinja_interpreter.h"
#include "core/text/jinja_operators.h"
#include "core/text/jinja_tests.h"

namespace attune::jinja {

Value Interpreter::evaluate(const Expression& expression) {
    using Form = Expression::Form;
    charge(1);
    const Deeper deeper(*this);
    const auto operand = [&](std::size_t i) { return evaluate(*expression.operands[i]); };
    switch (expression.form) {
    case Form::Constant:
        return expression.constant;
    case Form::Name:
        return evaluateName(expression);
    case Form::List:
    case Form::Tuple:
    case Form::Dict:
        return evaluateContainer(expression);
    case Form::Not:
        return Value::boolean(!truthy(operand(0)));
    case Form::Negate:
        return negative(operand(0));
    case Form::Plus:
        return positive(operand(0));
    case Form::And: {
        Value left = operand(0);
        return truthy(left) ? operand(1) : left;
    }
    case Form::Or: {
        Value left = operand(0);
        return truthy(left) ? left : operand(1);
    }
    case Form::Compare:
        return evaluateCompare(expression);
    case Form::Binary: {
        const Value left = operand(0), right = operand(1);
        m_line = expression.line;
        return binaryOperation(*this, expression.binary, left, right);
    }
    case Form::Concat:
        return evaluateConcat(expression);
    case Form::Conditional:
        return evaluateConditional(expression);
    case Form::Attribute: {
        const Value owner = operand(0);
        m_line = expression.line;
        return getAttribute(*this, owner, expression.name);
    }
    case Form::Item:
        return evaluateItem(expression);
    case Form::Call:
        return evaluateCall(expression, nullptr);
    case Form::Filter:
        return evaluateFilter(expression);
    case Form::Test:
        return evaluateTest(expression);
    case Form::BlockInput:
        return m_blockInput;
    case Form::Slice:
        break; // only ever the index of an Item
    }
    raise("a slice needs something to slice");
}

Value Interpreter::evaluateName(const Expression& expression) {
    if (const Value* found = m_scope->find(expression.symbol))
        return *found;
    Value global = globalFunction(expression.name);
    if (global.isUndefined())
        return Value::undefined("'" + expression.name + "' is undefined");
    return global;
}

Value Interpreter::evaluateContainer(const Expression& expression) {
    chargeItems(expression.operands.size());
    if (expression.form == Expression::Form::Dict) {
        Value dict = Value::dict();
        for (std::size_t i = 0; i + 1 < expression.operands.size(); i += 2) {
            const Value key = evaluate(*expression.operands[i]);
            if (key.isString())
                chargeScan(key.bytes().size());
            dict.members().set(key, evaluate(*expression.operands[i + 1]));
        }
        return dict;
    }
    std::vector<Value> items;
    items.reserve(expression.operands.size());
    for (const ExpressionPtr& item : expression.operands)
        items.push_back(evaluate(*item));
    return Value::sequence(expression.form == Expression::Form::List ? Kind::List : Kind::Tuple, std::move(items));
}

bool Interpreter::compare(Comparison which, const Value& left, const Value& right) {
    switch (which) {
    case Comparison::Equal:
        return equal(*this, left, right);
    case Comparison::NotEqual:
        return !equal(*this, left, right);
    case Comparison::Less:
        return lessThan(*this, left, right, "<");
    case Comparison::LessEqual:
        return lessThan(*this, left, right, "<=") || equal(*this, left, right);
    case Comparison::Greater:
        return lessThan(*this, right, left, ">");
    case Comparison::GreaterEqual:
        return lessThan(*this, right, left, ">=") || equal(*this, left, right);
    case Comparison::In:
        return contains(*this, right, left);
    case Comparison::NotIn:
        return !contains(*this, right, left);
    }
    return false;
}

Value Interpreter::evaluateCompare(const Expression& expression) {
    Value left = evaluate(*expression.operands.front());
    for (std::size_t i = 0; i < expression.comparisons.size(); ++i) {
        Value right = evaluate(*expression.operands[i + 1]);
        m_line = expression.line;
        if (!compare(expression.comparisons[i], left, right))
            return Value::boolean(false);
        left = std::move(right);
    }
    return Value::boolean(true);
}

Value Interpreter::evaluateConcat(const Expression& expression) {
    Text text;
    for (const ExpressionPtr& part : expression.operands) {
        text.append(toText(*this, evaluate(*part)));
        checkBytes(text.size());
    }
    chargeBytes(text.size());
    return Value::string(std::move(text));
}

Value Interpreter::evaluateConditional(const Expression& expression) {
    if (truthy(evaluate(*expression.operands[0])))
        return evaluate(*expression.operands[1]);
    if (expression.operands[2])
        return evaluate(*expression.operands[2]);
    return Value::undefined("the inline if-expression on line " + std::to_string(expression.line) +
                            " evaluated to false and no else section was defined.");
}

Value Interpreter::evaluateItem(const Expression& expression) {
    const Value owner = evaluate(*expression.operands[0]);
    const Expression& index = *expression.operands[1];
    if (index.form != Expression::Form::Slice) {
        const Value key = evaluate(index);
        m_line = expression.line;
        return getItem(*this, owner, key);
    }
    Value bounds[3];
    for (std::size_t i = 0; i < 3; ++i)
        bounds[i] = index.operands[i] ? evaluate(*index.operands[i]) : Value::none();
    m_line = expression.line;
    return getSlice(*this, owner, bounds[0], bounds[1], bounds[2]);
}

CallArguments Interpreter::evaluateArguments(const Expression& expression) {
    CallArguments arguments;
    for (const Argument& argument : expression.arguments) {
        Value value = evaluate(*argument.value);
        switch (argument.form) {
        case Argument::Form::Positional:
            arguments.positional.push_back(std::move(value));
            break;
        case Argument::Form::Named:
            arguments.named.emplace_back(argument.name, std::move(value));
            break;
        case Argument::Form::Star:
            for (Value& item : iterate(*this, value))
                arguments.positional.push_back(std::move(item));
            break;
        case Argument::Form::DoubleStar:
            if (!value.isDict())
                raise("argument after ** must be a mapping, not " + std::string(typeName(value)));
            chargeItems(value.members().entries().size());
            for (const auto& [key, item] : value.members().entries()) {
                if (!key.isString())
                    raise("keywords must be strings");
                arguments.named.emplace_back(key.bytes(), item);
            }
            break;
        }
    }
    return arguments;
}

Value Interpreter::evaluateCall(const Expression& expression, const Value* caller) {
    charge(2);
    const Value callee = evaluate(*expression.operands.front());
    m_line = expression.line;
    requireDefined(callee);
    if (!callee.is(Kind::Callable))
        raise("'" + std::string(typeName(callee)) + "' object is not callable");
    CallArguments arguments = evaluateArguments(expression);
    if (caller)
        arguments.named.emplace_back("caller", *caller);
    m_line = expression.line;
    return callee.function().call(*this, arguments);
}

Value Interpreter::evaluateFilter(const Expression& expression) {
    const Value input = evaluate(*expression.operands.front());
    CallArguments arguments = evaluateArguments(expression);
    m_line = expression.line;
    return applyFilter(*this, expression.name, input, arguments);
}

Value Interpreter::evaluateTest(const Expression& expression) {
    const Value input = evaluate(*expression.operands.front());
    const CallArguments arguments = evaluateArguments(expression);
    m_line = expression.line;
    return Value::boolean(applyTest(*this, expression.name, input, arguments) != expression.negated);
}

} // namespace attune::jinja

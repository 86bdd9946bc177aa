#include "core/text/jinja_interpreter.h"

#include <algorithm>

#include "core/text/jinja_filters.h"
#include "core/text/jinja_format.h"
#include "core/text/jinja_globals.h"
#include "core/text/jinja_loop.h"
#include "core/text/jinja_operators.h"
#include "core/text/jinja_tests.h"

namespace attune::jinja {

namespace {

// One level of RenderLimits::maxNesting may hold this many nested evaluations before the stack is in danger.
constexpr std::size_t kEvaluationsPerLevel = 30;
// What the heavier statements cost, in steps.
constexpr std::uint64_t kIterationSteps = 4, kCallSteps = 20, kMacroSteps = 50;

} // namespace

// Counts the recursion of evaluate and execute.
class Interpreter::Deeper {
public:
    explicit Deeper(Interpreter& interpreter) : m_interpreter(interpreter) {
        if (++interpreter.m_depth > interpreter.options().limits.maxNesting * kEvaluationsPerLevel)
            raise("the template recurses too deeply");
    }
    ~Deeper() { --m_interpreter.m_depth; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;

private:
    Interpreter& m_interpreter;
};

// Redirects the output into a text while it lives.
class Interpreter::OutputTo {
public:
    OutputTo(Interpreter& interpreter, Text& text) : m_interpreter(interpreter), m_outer(interpreter.m_output) {
        interpreter.m_output = &text;
    }
    ~OutputTo() { m_interpreter.m_output = m_outer; }
    OutputTo(const OutputTo&) = delete;
    OutputTo& operator=(const OutputTo&) = delete;

private:
    Interpreter& m_interpreter;
    Text* m_outer;
};

// Makes a scope current while it lives.
class Interpreter::Inside {
public:
    Inside(Interpreter& interpreter, ScopePtr scope) : m_interpreter(interpreter), m_outer(std::move(interpreter.m_scope)) {
        interpreter.m_scope = std::move(scope);
    }
    ~Inside() { m_interpreter.m_scope = std::move(m_outer); }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    const ScopePtr& outer() const { return m_outer; }

private:
    Interpreter& m_interpreter;
    ScopePtr m_outer;
};

Value MacroObject::call(Machine&, CallArguments& arguments) {
    return Value::string(m_interpreter.callMacro(*this, arguments));
}

Value MacroObject::attribute(Machine&, std::string_view name) {
    if (name == "name")
        return Value::literal(m_statement.name);
    if (name == "arguments") {
        std::vector<Value> names;
        for (const Parameter& parameter : m_statement.parameters)
            names.push_back(Value::literal(parameter.name));
        return Value::tuple(std::move(names));
    }
    if (name == "catch_kwargs")
        return Value::boolean(m_statement.readsKwargs);
    if (name == "catch_varargs")
        return Value::boolean(m_statement.readsVarargs);
    if (name == "caller")
        return Value::boolean(m_statement.readsCaller);
    return Value();
}

Interpreter::Interpreter(const Program& program, const RenderOptions& options)
    : Machine(options), m_program(program), m_scope(std::make_shared<Scope>(nullptr)),
      m_loopSymbol(program.symbols.find("loop")), m_callerSymbol(program.symbols.find("caller")),
      m_varargsSymbol(program.symbols.find("varargs")), m_kwargsSymbol(program.symbols.find("kwargs")) {}

Interpreter::~Interpreter() {
    for (const auto& members : m_namespaces)
        members->clear();
    for (const ScopePtr& scope : m_captured)
        scope->clear();
}

void Interpreter::setVariable(const std::string& name, const Value& value) {
    if (const int symbol = m_program.symbols.find(name); symbol >= 0)
        m_scope->set(symbol, value);
}

Text Interpreter::run() {
    Text output;
    const OutputTo redirect(*this, output);
    const Inside inside(*this, std::make_shared<Scope>(m_scope));
    execute(m_program.body);
    return output;
}

Value Interpreter::callFilter(std::string_view name, const Value& input, CallArguments& arguments) {
    charge(kCallSteps / 4);
    return applyFilter(*this, name, input, arguments);
}

bool Interpreter::callTest(std::string_view name, const Value& input, CallArguments& arguments) {
    charge(kCallSteps / 4);
    return applyTest(*this, name, input, arguments);
}

Value Interpreter::makeNamespace(std::shared_ptr<DictObject> members) {
    charge(kCallSteps);
    m_namespaces.push_back(members);
    return Value::nameSpace(std::move(members));
}

// ---- statements

void Interpreter::write(const Text& text) {
    m_output->append(text, m_generation > 0 ? kGeneration : kTemplate);
    checkBytes(m_output->size());
    charge(text.size() / 32);
}

Text Interpreter::capture(const Block& block) {
    Text text;
    const OutputTo redirect(*this, text);
    const Inside inside(*this, std::make_shared<Scope>(m_scope));
    execute(block);
    return text;
}

Interpreter::Flow Interpreter::execute(const Block& block) {
    const Deeper deeper(*this);
    for (const auto& statement : block) {
        const Flow flow = execute(*statement);
        if (flow != Flow::Next)
            return flow;
    }
    return Flow::Next;
}

Interpreter::Flow Interpreter::execute(const Statement& statement) {
    using Form = Statement::Form;
    charge(1);
    m_line = statement.line;
    switch (statement.form) {
    case Form::Data:
        write(statement.data);
        break;
    case Form::Output: {
        const Value value = evaluate(*statement.value);
        m_line = statement.line;
        write(toText(*this, value));
        break;
    }
    case Form::If:
        return executeIf(statement);
    case Form::For:
        executeFor(statement, evaluate(*statement.value), 0);
        break;
    case Form::Set:
        assign(*statement.target, evaluate(*statement.value));
        break;
    case Form::SetBlock:
        executeSetBlock(statement);
        break;
    case Form::Macro:
        executeMacro(statement);
        break;
    case Form::CallBlock:
        executeCallBlock(statement);
        break;
    case Form::FilterBlock:
        executeFilterBlock(statement);
        break;
    case Form::With:
        executeWith(statement);
        break;
    case Form::Scope: {
        const Inside inside(*this, std::make_shared<Scope>(m_scope));
        return execute(statement.body);
    }
    case Form::Generation: {
        ++m_generation;
        const Flow flow = execute(statement.body);
        --m_generation; // a failure ends the render, so the count need not be restored then
        return flow;
    }
    case Form::Break:
        return Flow::Break;
    case Form::Continue:
        return Flow::Continue;
    }
    return Flow::Next;
}

Interpreter::Flow Interpreter::executeIf(const Statement& statement) {
    for (const Branch& branch : statement.branches)
        if (!branch.condition || truthy(evaluate(*branch.condition)))
            return execute(branch.body);
    return Flow::Next;
}

void Interpreter::executeFor(const Statement& statement, const Value& iterable, int depth) {
    m_line = statement.line;
    std::vector<Value> items = iterate(*this, iterable);
    const ScopePtr outer = m_scope;
    if (statement.condition) {
        const Inside inside(*this, std::make_shared<Scope>(outer));
        std::vector<Value> kept;
        for (Value& item : items) {
            charge(kIterationSteps);
            assign(*statement.target, item);
            if (truthy(evaluate(*statement.condition)))
                kept.push_back(std::move(item));
        }
        items = std::move(kept);
    }
    if (items.empty()) {
        const Inside inside(*this, std::make_shared<Scope>(outer));
        execute(statement.otherwise);
        return;
    }
    const auto loop = std::make_shared<LoopObject>(*this, statement, outer, std::move(items), depth);
    loop->setSelf(loop);
    ScopePtr scope;
    for (std::size_t i = 0; i < loop->items().size(); ++i) {
        charge(kIterationSteps);
        if (!scope || scope.use_count() > 1)
            scope = std::make_shared<Scope>(outer);
        else
            scope->clear(); // nobody kept the last round's variables
        loop->moveTo(i);
        const Inside inside(*this, scope);
        if (m_loopSymbol >= 0)
            m_scope->set(m_loopSymbol, Value::callable(loop));
        assign(*statement.target, loop->items()[i]);
        if (execute(statement.body) == Flow::Break)
            break;
    }
    loop->finish();
}

Text Interpreter::recurse(const Statement& loop, const ScopePtr& scope, const Value& iterable, int depth) {
    charge(kCallSteps);
    if (static_cast<std::size_t>(depth) > options().limits.maxNesting)
        raise("a loop recurses deeper than " + std::to_string(options().limits.maxNesting) + " levels");
    Text text;
    const OutputTo redirect(*this, text);
    const Inside inside(*this, scope);
    const Deeper deeper(*this);
    executeFor(loop, iterable, depth);
    return text;
}

void Interpreter::assign(const Expression& target, const Value& value) {
    m_line = target.line;
    if (target.form == Expression::Form::Name) {
        m_scope->set(target.symbol, value);
        return;
    }
    if (target.form == Expression::Form::Attribute) {
        const Value owner = evaluate(*target.operands.front());
        if (!owner.is(Kind::Namespace))
            raise("cannot assign attribute on non-namespace object");
        owner.members().set(Value::literal(target.name), value);
        return;
    }
    const std::vector<Value> parts = iterate(*this, value);
    if (parts.size() < target.operands.size())
        raise("not enough values to unpack (expected " + std::to_string(target.operands.size()) + ", got " +
              std::to_string(parts.size()) + ")");
    if (parts.size() > target.operands.size())
        raise("too many values to unpack (expected " + std::to_string(target.operands.size()) + ")");
    for (std::size_t i = 0; i < parts.size(); ++i)
        assign(*target.operands[i], parts[i]);
}

void Interpreter::executeSetBlock(const Statement& statement) {
    Value text = Value::string(capture(statement.body));
    std::swap(m_blockInput, text);
    const Value result = evaluate(*statement.value);
    m_blockInput = std::move(text);
    assign(*statement.target, result);
}

void Interpreter::executeFilterBlock(const Statement& statement) {
    Value text = Value::string(capture(statement.body));
    std::swap(m_blockInput, text);
    const Value result = evaluate(*statement.value);
    m_blockInput = std::move(text);
    write(toText(*this, result));
}

void Interpreter::executeMacro(const Statement& statement) {
    charge(kMacroSteps);
    if (m_captured.empty() || m_captured.back() != m_scope)
        m_captured.push_back(m_scope); // the scope will hold a macro that holds the scope
    m_scope->set(statement.symbol, Value::callable(std::make_shared<MacroObject>(*this, statement, m_scope)));
}

void Interpreter::executeCallBlock(const Statement& statement) {
    charge(kCallSteps);
    auto object = std::make_shared<MacroObject>(*this, statement, m_scope);
    Value result;
    {
        const Value caller = Value::callable(object);
        result = evaluateCall(*statement.value, &caller);
    }
    if (object.use_count() > 1)
        m_captured.push_back(m_scope); // someone kept the caller
    write(toText(*this, result));
}

void Interpreter::executeWith(const Statement& statement) {
    const auto scope = std::make_shared<Scope>(m_scope);
    std::vector<Value> values; // all are evaluated outside before any name is bound
    for (const auto& binding : statement.bindings)
        values.push_back(evaluate(*binding.second));
    const Inside inside(*this, scope);
    for (std::size_t i = 0; i < values.size(); ++i)
        assign(*statement.bindings[i].first, values[i]);
    execute(statement.body);
}

Text Interpreter::callMacro(const MacroObject& macro, CallArguments& arguments) {
    const Statement& statement = macro.statement();
    charge(kCallSteps);
    if (m_calls >= options().limits.maxNesting)
        raise("macros call one another deeper than " + std::to_string(options().limits.maxNesting) + " levels");
    const auto scope = std::make_shared<Scope>(macro.scope());
    const std::string name = statement.form == Statement::Form::Macro ? statement.name : "caller";
    const std::size_t given = arguments.positional.size(), known = statement.parameters.size();
    if (given > known && !statement.readsVarargs)
        raise("macro '" + name + "' takes not more than " + std::to_string(known) + " argument(s)");
    if (statement.readsCaller) {
        const auto caller = arguments.take("caller");
        scope->set(m_callerSymbol, caller ? *caller : Value::undefined("No caller defined"));
    }
    const Inside inside(*this, scope);
    for (std::size_t i = 0; i < known; ++i) {
        const Parameter& parameter = statement.parameters[i];
        auto named = arguments.take(parameter.name);
        if (i < given && named)
            raise("macro '" + name + "' got multiple values for argument '" + parameter.name + "'");
        if (i < given)
            scope->set(parameter.symbol, arguments.positional[i]);
        else if (named)
            scope->set(parameter.symbol, std::move(*named));
        else if (parameter.fallback)
            scope->set(parameter.symbol, evaluate(*parameter.fallback));
        else
            scope->set(parameter.symbol, Value::undefined("parameter '" + parameter.name + "' was not provided"));
    }
    if (statement.readsVarargs)
        scope->set(m_varargsSymbol,
                   Value::tuple({arguments.positional.begin() + static_cast<std::ptrdiff_t>(std::min(given, known)),
                                 arguments.positional.end()}));
    if (statement.readsKwargs) {
        Value rest = Value::dict();
        for (auto& [key, value] : arguments.named)
            rest.members().set(Value::literal(key), std::move(value));
        scope->set(m_kwargsSymbol, rest);
    } else if (!arguments.named.empty()) {
        raise("macro '" + name + "' takes no keyword argument '" + arguments.named.front().first + "'");
    }
    Text text;
    const OutputTo redirect(*this, text);
    ++m_calls;
    execute(statement.body);
    --m_calls;
    return text;
}

// ---- expressions

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
    case Comparison::Equal: return equal(*this, left, right);
    case Comparison::NotEqual: return !equal(*this, left, right);
    case Comparison::Less: return lessThan(*this, left, right, "<");
    case Comparison::LessEqual: return lessThan(*this, left, right, "<=") || equal(*this, left, right);
    case Comparison::Greater: return lessThan(*this, right, left, ">");
    case Comparison::GreaterEqual: return lessThan(*this, right, left, ">=") || equal(*this, left, right);
    case Comparison::In: return contains(*this, right, left);
    case Comparison::NotIn: return !contains(*this, right, left);
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

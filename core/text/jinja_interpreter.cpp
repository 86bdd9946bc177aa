#include "core/text/jinja_interpreter.h"

#include <algorithm>

#include "core/text/jinja_filters.h"
#include "core/text/jinja_format.h"
#include "core/text/jinja_loop.h"
#include "core/text/jinja_operators.h"
#include "core/text/jinja_tests.h"

namespace attune::jinja {

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
    Inside(Interpreter& interpreter, ScopePtr scope)
        : m_interpreter(interpreter), m_outer(std::move(interpreter.m_scope)) {
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
        // A call block in the reference, hence with a scope of its own.
        const Inside inside(*this, std::make_shared<Scope>(m_scope));
        ++m_generation;
        execute(statement.body);
        --m_generation; // a failure ends the render, so the count need not be restored then
        break;
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
    bool otherwise = true; // until one round came to its end, even if some began: so Jinja counts
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
        const Flow flow = execute(statement.body);
        if (flow == Flow::Break)
            break;
        otherwise = otherwise && flow != Flow::Next;
    }
    loop->finish();
    if (!otherwise || statement.otherwise.empty())
        return;
    const Inside inside(*this, std::make_shared<Scope>(outer));
    execute(statement.otherwise);
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

} // namespace attune::jinja

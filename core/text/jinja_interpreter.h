// Runs a template's syntax tree: one object per render, on one thread. Statements write into the current output,
// expressions give values. Everything that could run away (steps, recursion, text length) is counted by the machine
// beneath.
#pragma once

#include <string>
#include <vector>

#include "core/text/jinja_ast.h"
#include "core/text/jinja_machine.h"
#include "core/text/jinja_scope.h"

namespace attune::jinja {

class LoopObject;
class MacroObject;

class Interpreter : public Machine {
public:
    Interpreter(const Program& program, const RenderOptions& options);
    ~Interpreter() override;

    void setVariable(const std::string& name, const Value& value);
    /// The output. Fails (Failure) on everything Jinja raises on.
    Text run();
    int line() const { return m_line; } // where it is, or where it failed

    Value callFilter(std::string_view name, const Value& input, CallArguments& arguments) override;
    bool callTest(std::string_view name, const Value& input, CallArguments& arguments) override;
    Value makeNamespace(std::shared_ptr<DictObject> members) override;

    Text callMacro(const MacroObject& macro, CallArguments& arguments);
    /// loop(...) of a recursive loop.
    Text recurse(const Statement& loop, const ScopePtr& scope, const Value& iterable, int depth);

private:
    enum class Flow { Next, Break, Continue };
    // One level of RenderLimits::maxNesting may hold this many nested evaluations before the stack is in danger.
    static constexpr std::size_t kEvaluationsPerLevel = 30;
    // What the heavier statements cost, in steps.
    static constexpr std::uint64_t kIterationSteps = 4, kCallSteps = 20, kMacroSteps = 50;
    // Counts the recursion of evaluate and execute.
    class Deeper {
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
    class OutputTo;
    class Inside;

    Flow execute(const Block& block);
    Flow execute(const Statement& statement);
    Flow executeIf(const Statement& statement);
    void executeFor(const Statement& statement, const Value& iterable, int depth);
    void executeSetBlock(const Statement& statement);
    void executeMacro(const Statement& statement);
    void executeCallBlock(const Statement& statement);
    void executeFilterBlock(const Statement& statement);
    void executeWith(const Statement& statement);
    void write(const Text& text);
    Text capture(const Block& block);
    void assign(const Expression& target, const Value& value);

    Value evaluate(const Expression& expression);
    Value evaluateName(const Expression& expression);
    Value evaluateContainer(const Expression& expression);
    Value evaluateCompare(const Expression& expression);
    bool compare(Comparison which, const Value& left, const Value& right);
    Value evaluateConcat(const Expression& expression);
    Value evaluateConditional(const Expression& expression);
    Value evaluateItem(const Expression& expression);
    Value evaluateCall(const Expression& expression, const Value* caller);
    Value evaluateFilter(const Expression& expression);
    Value evaluateTest(const Expression& expression);
    CallArguments evaluateArguments(const Expression& expression);

    const Program& m_program;
    ScopePtr m_scope;
    Text* m_output = nullptr;
    Value m_blockInput; // what the filters of a filter or set block start from
    int m_line = 0;
    int m_loopSymbol, m_callerSymbol, m_varargsSymbol, m_kwargsSymbol;
    std::size_t m_depth = 0, m_calls = 0;
    int m_generation = 0;
    // Scopes and namespaces that something may hold in a circle; emptied at the end.
    std::vector<ScopePtr> m_captured;
    std::vector<std::shared_ptr<DictObject>> m_namespaces;
};

/// A macro or the body of a call block, with the scope it was written in.
class MacroObject : public Callable {
public:
    MacroObject(Interpreter& interpreter, const Statement& statement, ScopePtr scope)
        : m_interpreter(interpreter), m_statement(statement), m_scope(std::move(scope)) {}
    Value call(Machine& machine, CallArguments& arguments) override;
    Value attribute(Machine& machine, std::string_view name) override;
    std::string describe() const override { return "<Macro '" + m_statement.name + "'>"; }
    const Statement& statement() const { return m_statement; }
    const ScopePtr& scope() const { return m_scope; }

private:
    Interpreter& m_interpreter;
    const Statement& m_statement;
    ScopePtr m_scope;
};

} // namespace attune::jinja

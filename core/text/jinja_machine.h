// What filters, tests and methods may ask of the running interpreter: its budgets, and calling filters and tests by
// name. One machine per render, on one thread.
#pragma once

#include <string>
#include <string_view>

#include "core/text/chat_template.h"
#include "core/text/jinja_value.h"

namespace attune::jinja {

class Machine {
public:
    explicit Machine(const RenderOptions& options) : m_options(options) {}
    virtual ~Machine() = default;
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    const RenderOptions& options() const { return m_options; }

    /// Every operation pays for its work, in units of roughly one evaluated node.
    void charge(std::uint64_t steps) {
        m_steps += steps;
        if (m_steps > m_options.limits.maxSteps)
            failSteps();
    }
    /// Pays for making a string of so many bytes; no string may be longer than the output may be.
    void chargeBytes(std::uint64_t bytes) {
        checkBytes(bytes);
        charge(bytes / kBytesPerStep);
    }
    /// Fails when a text that grows piece by piece has become too long.
    void checkBytes(std::uint64_t bytes) const {
        if (bytes > m_options.limits.maxOutputBytes)
            failBytes();
    }
    /// Pays for looking at every character of a text.
    void chargeScan(std::uint64_t bytes) { charge(bytes / kBytesScannedPerStep); }
    /// Pays for a row of so many values.
    void chargeItems(std::uint64_t items) { charge(items * kStepsPerItem); }
    /// Pays for a row of so many new strings, which take far more memory than numbers.
    void chargeStrings(std::uint64_t strings) { charge(strings * kStepsPerString); }

    virtual Value callFilter(std::string_view name, const Value& input, CallArguments& arguments) = 0;
    virtual bool callTest(std::string_view name, const Value& input, CallArguments& arguments) = 0;
    /// Namespaces can hold themselves; the machine empties them when the render ends.
    virtual Value makeNamespace(std::shared_ptr<DictObject> members) = 0;

private:
    static constexpr std::uint64_t kBytesPerStep = 16, kBytesScannedPerStep = 4, kStepsPerItem = 2,
                                   kStepsPerString = 16;
    [[noreturn]] void failSteps() const {
        raise("the template needs more than " + std::to_string(m_options.limits.maxSteps) + " steps");
    }
    [[noreturn]] void failBytes() const {
        raise("the template makes a text of more than " + std::to_string(m_options.limits.maxOutputBytes) + " bytes");
    }
    const RenderOptions& m_options;
    std::uint64_t m_steps = 0;
};

} // namespace attune::jinja

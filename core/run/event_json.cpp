#include "core/run/event_json.h"

#include <array>
#include <cmath>
#include <limits>

#include "core/run/run_folder.h"

namespace attune {

namespace {

template <class... Ts>
struct Overloaded : Ts... {
    using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

Json number(double value) {
    if (std::isfinite(value))
        return value;
    return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

Json withMetrics(Json json, const std::map<std::string, double>& metrics) {
    if (!metrics.empty())
        for (const auto& [name, value] : metrics)
            json["metrics"][name] = number(value);
    return json;
}

// Reads fields of one object; the first fault is kept.
class Reader {
public:
    explicit Reader(const Json& json) : m_json(json) {}

    void read(const char* key, double& value) {
        const Json* field = find(key);
        if (!field)
            return;
        if (field->is_number())
            value = field->get<double>();
        else if (*field == "nan")
            value = std::numeric_limits<double>::quiet_NaN();
        else if (*field == "inf" || *field == "-inf")
            value =
                *field == "inf" ? std::numeric_limits<double>::infinity() : -std::numeric_limits<double>::infinity();
        else
            wrong(key, "a number");
    }
    void read(const char* key, std::int64_t& value) {
        if (const Json* field = find(key)) {
            if (field->is_number_integer())
                value = field->get<std::int64_t>();
            else
                wrong(key, "a whole number");
        }
    }
    void read(const char* key, int& value) {
        std::int64_t wide = value;
        read(key, wide);
        value = static_cast<int>(wide);
    }
    void read(const char* key, std::string& value) {
        if (const Json* field = find(key)) {
            if (field->is_string())
                value = field->get<std::string>();
            else
                wrong(key, "a text");
        }
    }
    void read(const char* key, bool& value) {
        if (const Json* field = find(key)) {
            if (field->is_boolean())
                value = field->get<bool>();
            else
                wrong(key, "true or false");
        }
    }
    void read(const char* key, std::map<std::string, double>& values) {
        const Json* field = find(key);
        if (!field)
            return;
        if (!field->is_object())
            return wrong(key, "a list of named numbers");
        Reader inner(*field);
        for (const auto& [name, value] : field->items())
            inner.read(name.c_str(), values[name]);
        if (!inner.m_problem.empty())
            wrong(key, "a list of named numbers");
    }
    void read(const char* key, RunState& value) {
        std::string id = runStateId(value);
        read(key, id);
        if (const auto state = runStateFromId(id))
            value = *state;
        else
            wrong(key, "a run's state");
    }
    template <class T>
    Result<TrainingEvent> event(T value) {
        if (!m_problem.empty())
            return fail(ErrorCode::InvalidData, m_problem,
                        "The record is damaged at this line; the others can be used.");
        return TrainingEvent(std::move(value));
    }

private:
    const Json* find(const char* key) const {
        const auto found = m_json.find(key);
        return found == m_json.end() || found->is_null() ? nullptr : &*found;
    }
    void wrong(const char* key, const char* wanted) {
        if (m_problem.empty())
            m_problem = std::string("The event's field \"") + key + "\" must be " + wanted;
    }
    const Json& m_json;
    std::string m_problem;
};

constexpr std::array<std::pair<ErrorCode, const char*>, 11> kErrorCodes{
    {{ErrorCode::InvalidArgument, "invalid_argument"},
     {ErrorCode::NotFound, "not_found"},
     {ErrorCode::InvalidData, "invalid_data"},
     {ErrorCode::Unsupported, "unsupported"},
     {ErrorCode::OutOfSpace, "out_of_space"},
     {ErrorCode::OutOfMemory, "out_of_memory"},
     {ErrorCode::Io, "io"},
     {ErrorCode::Busy, "busy"},
     {ErrorCode::Cancelled, "cancelled"},
     {ErrorCode::Numerical, "numerical"},
     {ErrorCode::Internal, "internal"}}};

} // namespace

const char* errorCodeId(ErrorCode code) {
    for (const auto& [value, id] : kErrorCodes)
        if (value == code)
            return id;
    return "internal";
}

Json eventToJson(const TrainingEvent& event) {
    return std::visit(
        Overloaded{
            [](const StateChanged& e) {
                return Json{
                    {"type", "state"}, {"state", runStateId(e.state)}, {"what", e.what}, {"fraction", e.fraction}};
            },
            [](const StepFinished& e) {
                return withMetrics({{"type", "step"},
                            {"step", e.step},
                            {"total_steps", e.totalSteps},
                            {"epoch", number(e.epoch)},
                            {"loss", number(e.loss)},
                            {"learning_rate", number(e.learningRate)},
                            {"gradient_norm", number(e.gradientNorm)},
                            {"tokens", e.tokens},
                            {"target_tokens", e.targetTokens},
                            {"seconds", number(e.seconds)},
                            {"tokens_per_second", number(e.tokensPerSecond)},
                            {"seconds_left", number(e.secondsLeft)}},
                                   e.metrics);
            },
            [](const EvalFinished& e) {
                return withMetrics({{"type", "eval"},         {"step", e.step},       {"name", e.name},
                                    {"loss", number(e.loss)}, {"targets", e.targets}, {"best", e.best}},
                                   e.metrics);
            },
            [](const SampleGenerated& e) {
                return Json{{"type", "sample"},   {"step", e.step},         {"index", e.index},
                            {"prompt", e.prompt}, {"expected", e.expected}, {"completion", e.completion}};
            },
            [](const MemoryReported& e) {
                return Json{{"type", "memory"},
                            {"resident_bytes", e.residentBytes},
                            {"peak_bytes", e.peakBytes},
                            {"predicted_peak_bytes", e.predictedPeakBytes},
                            {"before_bytes", e.beforeBytes}};
            },
            [](const CheckpointSaved& e) {
                return Json{{"type", "checkpoint"}, {"step", e.step}, {"folder", e.folder}, {"best", e.best}};
            },
            [](const WarningRaised& e) {
                return Json{
                    {"type", "warning"}, {"step", e.step}, {"id", e.id}, {"message", e.message}, {"hint", e.hint}};
            },
            [](const RunFailed& e) {
                return Json{{"type", "failed"},
                            {"code", errorCodeId(e.error.code)},
                            {"message", e.error.message},
                            {"hint", e.error.hint}};
            },
            [](const TextGenerated& e) {
                return Json{{"type", "text"},         {"pane", e.pane},
                            {"index", e.index},       {"text", e.text},
                            {"finished", e.finished}, {"finish_reason", e.finishReason},
                            {"tokens", e.tokens},     {"tokens_per_second", number(e.tokensPerSecond)}};
            },
        },
        event);
}

Result<TrainingEvent> eventFromJson(const Json& json) {
    if (!json.is_object())
        return fail(ErrorCode::InvalidData, "An event must be a JSON object", "The record is damaged at this line.");
    Reader r(json);
    std::string type;
    r.read("type", type);
    if (type == "state") {
        StateChanged e;
        r.read("state", e.state), r.read("what", e.what), r.read("fraction", e.fraction);
        return r.event(e);
    }
    if (type == "step") {
        StepFinished e;
        r.read("step", e.step), r.read("total_steps", e.totalSteps), r.read("epoch", e.epoch), r.read("loss", e.loss);
        r.read("learning_rate", e.learningRate), r.read("gradient_norm", e.gradientNorm), r.read("tokens", e.tokens);
        r.read("target_tokens", e.targetTokens), r.read("seconds", e.seconds);
        r.read("tokens_per_second", e.tokensPerSecond), r.read("seconds_left", e.secondsLeft);
        r.read("metrics", e.metrics);
        return r.event(e);
    }
    if (type == "eval") {
        EvalFinished e;
        r.read("step", e.step), r.read("name", e.name), r.read("loss", e.loss), r.read("targets", e.targets);
        r.read("best", e.best), r.read("metrics", e.metrics);
        return r.event(e);
    }
    if (type == "sample") {
        SampleGenerated e;
        r.read("step", e.step), r.read("index", e.index), r.read("prompt", e.prompt), r.read("expected", e.expected);
        r.read("completion", e.completion);
        return r.event(e);
    }
    if (type == "memory") {
        MemoryReported e;
        r.read("resident_bytes", e.residentBytes), r.read("peak_bytes", e.peakBytes);
        r.read("predicted_peak_bytes", e.predictedPeakBytes);
        if (json.contains("before_bytes")) // records of earlier versions lack it
            r.read("before_bytes", e.beforeBytes);
        return r.event(e);
    }
    if (type == "checkpoint") {
        CheckpointSaved e;
        r.read("step", e.step), r.read("folder", e.folder), r.read("best", e.best);
        return r.event(e);
    }
    if (type == "warning") {
        WarningRaised e;
        r.read("step", e.step), r.read("id", e.id), r.read("message", e.message), r.read("hint", e.hint);
        return r.event(e);
    }
    if (type == "failed") {
        RunFailed e;
        std::string code;
        r.read("code", code), r.read("message", e.error.message), r.read("hint", e.error.hint);
        for (const auto& [value, id] : kErrorCodes)
            if (code == id)
                e.error.code = value;
        return r.event(e);
    }
    if (type == "text") {
        TextGenerated e;
        r.read("pane", e.pane), r.read("index", e.index), r.read("text", e.text), r.read("finished", e.finished);
        r.read("finish_reason", e.finishReason), r.read("tokens", e.tokens),
            r.read("tokens_per_second", e.tokensPerSecond);
        return r.event(e);
    }
    return fail(ErrorCode::InvalidData, "There is no event of the type \"" + type.substr(0, 40) + "\"",
                "The record was written by another version.");
}

} // namespace attune

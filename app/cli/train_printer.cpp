#include "app/cli/train_printer.h"

#include <cmath>
#include <cstdio>

namespace attune::cli {

namespace {

std::string timeLeft(double seconds) {
    if (seconds < 0)
        return "";
    char text[32];
    const auto whole = static_cast<long>(std::lround(seconds));
    std::snprintf(text, sizeof text, ", %ld:%02ld left", whole / 60, whole % 60);
    return text;
}

std::string firstLine(const std::string& text, std::size_t length = 110) {
    std::string line = text.substr(0, text.find('\n'));
    if (line.size() > length || line.size() < text.size()) {
        line = line.substr(0, length);
        while (!line.empty() && (static_cast<unsigned char>(line.back()) & 0xC0) == 0x80)
            line.pop_back(); // never cut inside a character
        line += " ...";
    }
    return line;
}

template <class... Ts>
struct Overloaded : Ts... {
    using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

} // namespace

void TrainPrinter::print(const TrainingEvent& event) {
    char text[256];
    std::visit(Overloaded{
                   [&](const StateChanged& e) {
                       if (e.state == RunState::Preparing)
                           m_line.show(e.fraction > 0 ? e.what + " (" + std::to_string(std::lround(100 * e.fraction)) + " %)" : e.what);
                       else
                           m_line.end();
                       if (e.state == RunState::Finished)
                           std::fprintf(stderr, "%s\n", e.what.c_str());
                   },
                   [&](const StepFinished& e) {
                       const auto reward = e.metrics.find("reward"); // where there is one, the loss says little
                       const double shown = reward != e.metrics.end() ? reward->second : e.loss;
                       m_smoothed = m_any ? 0.9 * m_smoothed + 0.1 * shown : shown;
                       m_any = true;
                       std::snprintf(text, sizeof text, "step %lld of %lld  %s %.4f (running mean)  %.0f tokens/s%s", static_cast<long long>(e.step),
                                     static_cast<long long>(e.totalSteps), reward != e.metrics.end() ? "reward" : "loss", m_smoothed, e.tokensPerSecond, timeLeft(e.secondsLeft).c_str());
                       m_line.show(text);
                   },
                   [&](const EvalFinished& e) {
                       m_line.end();
                       if (const auto reward = e.metrics.find("reward"); reward != e.metrics.end()) {
                           std::fprintf(stderr, "step %lld: %s reward %.4f over %lld tokens of answers%s\n", static_cast<long long>(e.step), e.name.c_str(),
                                        reward->second, static_cast<long long>(e.targets), e.best && e.step > 0 ? " (best so far)" : "");
                           return;
                       }
                       std::string more = e.best && e.step > 0 ? " (best so far)" : "";
                       if (const auto accuracy = e.metrics.find("token_accuracy"); accuracy != e.metrics.end()) {
                           std::snprintf(text, sizeof text, ", perplexity %.2f, %.1f %% of the tokens foreseen", std::exp(e.loss), 100 * accuracy->second);
                           more += text;
                       }
                       std::fprintf(stderr, "step %lld: %s loss %.4f over %lld tokens%s\n", static_cast<long long>(e.step), e.name.c_str(),
                                    e.loss, static_cast<long long>(e.targets), more.c_str());
                   },
                   [&](const SampleGenerated& e) {
                       if (e.index > 0)
                           return; // one example is enough in a terminal; all are in metrics.jsonl
                       m_line.end();
                       std::fprintf(stderr, "step %lld: answers \"%s\"\n", static_cast<long long>(e.step), firstLine(e.completion).c_str());
                   },
                   [&](const MemoryReported& e) { m_memory = e; },
                   [&](const CheckpointSaved&) {},
                   [&](const WarningRaised& e) {
                       m_line.end();
                       std::fprintf(stderr, "note: %s\n", e.message.c_str());
                       if (!e.hint.empty())
                           std::fprintf(stderr, "  next: %s\n", e.hint.c_str());
                   },
                   [&](const RunFailed&) { m_line.end(); },
                   [&](const TextGenerated&) {},
               },
               event);
}

void TrainPrinter::print(const Finding& finding) {
    m_line.end();
    std::fprintf(stderr, "doctor: %s\n", finding.message.c_str());
    if (!finding.fix.empty())
        std::fprintf(stderr, "  next: %s%s%s\n", finding.fix.c_str(), finding.assignment.empty() ? "" : " For a new run: --set ", finding.assignment.c_str());
}

Json findingJson(const Finding& finding) {
    const char* const kSeverity[] = {"note", "warning", "serious"};
    Json json{{"type", "finding"}, {"id", finding.id}, {"severity", kSeverity[static_cast<int>(finding.severity)]}, {"step", finding.step},
              {"message", finding.message}, {"fix", finding.fix}};
    if (!finding.assignment.empty())
        json["set"] = finding.assignment;
    if (finding.useCheckpoint >= 0)
        json["checkpoint"] = finding.useCheckpoint;
    return json;
}

std::string TrainPrinter::memoryText() const {
    if (m_memory.peakBytes <= 0)
        return {};
    char text[96];
    std::snprintf(text, sizeof text, "Peak memory %.2f GB", static_cast<double>(m_memory.peakBytes) / 1e9);
    std::string line = text;
    if (m_memory.predictedPeakBytes > 0) {
        std::snprintf(text, sizeof text, " (estimated %.2f GB)", static_cast<double>(m_memory.predictedPeakBytes) / 1e9);
        line += text;
    }
    if (m_memory.beforeBytes > 0) {
        std::snprintf(text, sizeof text, ", of which the program %.2f GB", static_cast<double>(m_memory.beforeBytes) / 1e9);
        line += text;
    }
    return line;
}

} // namespace attune::cli

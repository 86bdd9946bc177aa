#include "core/data/quality.h"

#include <algorithm>
#include <unordered_set>

#include "core/base/space.h"
#include "core/data/import_problem.h"
#include "core/data/sample_text.h"

namespace attune {

namespace {

void note(std::vector<std::int64_t>& rows, std::int64_t row) {
    if (rows.size() < QualityReport::kListed)
        rows.push_back(row);
}

TokenSummary summarise(std::vector<std::int64_t> counts, std::int64_t limit) {
    TokenSummary summary;
    if (counts.empty())
        return summary;
    std::sort(counts.begin(), counts.end());
    const auto quantile = [&](double share) {
        return counts[static_cast<std::size_t>(share * static_cast<double>(counts.size() - 1))];
    };
    summary.rows = std::ssize(counts);
    for (const std::int64_t count : counts)
        summary.total += count;
    summary.min = counts.front();
    summary.median = quantile(0.5);
    summary.p95 = quantile(0.95);
    summary.max = counts.back();
    if (limit > 0)
        summary.longerThanLimit = counts.end() - std::upper_bound(counts.begin(), counts.end(), limit);
    return summary;
}

} // namespace

void QualityCheck::add(const Sample& sample) {
    ++m_report.rows;
    const bool noPrompt = sample.kind != SampleKind::Text && isBlank(promptText(sample));
    const bool noCompletion = sample.kind != SampleKind::PromptOnly && isBlank(completionText(sample));
    m_report.emptyPrompt += noPrompt;
    m_report.emptyCompletion += noCompletion;
    if (noPrompt || noCompletion)
        note(m_report.emptyRows, sample.sourceRow);
    const std::int64_t bytes = textBytes(sample);
    m_report.bytes += bytes;
    m_report.longestBytes = std::max(m_report.longestBytes, bytes);
    if (!m_exact.insert(low64(contentHash(sample))).second) {
        ++m_report.exactDuplicates;
        note(m_report.duplicateRows, sample.sourceRow);
    }
    if (const auto token = m_controlTokens.firstIn(sample); !token.empty()) {
        if (m_report.withControlTokens++ == 0)
            m_report.firstControlToken = token;
        note(m_report.controlTokenRows, sample.sourceRow);
    }
    if (const auto fault = toolFault(sample)) {
        if (m_report.toolFaults++ == 0)
            m_report.firstToolFault = describe(ImportProblem{sample.sourceRow, 0, fault->field, fault->reason});
        note(m_report.toolFaultRows, sample.sourceRow);
    }
    for (const Message& message : sample.messages)
        m_report.contextAnswers += !message.learn;
    if (sample.kind == SampleKind::Chat && !sample.messages.empty() && !sample.messages.back().learn) {
        ++m_report.contextLastAnswers;
        note(m_report.contextLastRows, sample.sourceRow);
    }
    m_rows.push_back({low64(normalisedHash(sample)), low64(promptHash(sample)), sample.sourceRow, sample.split});
    if (m_countTokens)
        m_tokens.push_back(m_countTokens(sample));
}

QualityReport QualityCheck::report() const {
    QualityReport report = m_report;
    std::unordered_set<std::uint64_t> contents, trainContents, trainPrompts;
    std::unordered_set<std::uint64_t> prompts;
    for (const Row& row : m_rows) {
        const bool newContent = contents.insert(row.content).second;
        const bool newPrompt = prompts.insert(row.prompt).second;
        report.conflicting += newContent && !newPrompt;
        if (row.split == Split::Train)
            trainContents.insert(row.content), trainPrompts.insert(row.prompt);
    }
    report.nearDuplicates = std::max<std::int64_t>(0, report.rows - std::ssize(contents) - report.exactDuplicates);
    for (const Row& row : m_rows) {
        if (row.split != Split::Validation && row.split != Split::Test)
            continue;
        if (trainContents.contains(row.content)) {
            ++report.leaked;
            note(report.leakedRows, row.sourceRow);
        } else if (trainPrompts.contains(row.prompt)) {
            ++report.leakedPrompts;
        }
    }
    if (m_countTokens)
        report.tokens = summarise(m_tokens, m_tokenLimit);
    return report;
}

} // namespace attune

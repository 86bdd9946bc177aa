// What a review says while it goes on. A figure that moved with every verdict would tell the reviewer which side the
// tuned model was on; so it is brought up to date only every few verdicts, and at the end. A value; no widgets.
#pragma once

#include <optional>

#include "core/review/preference_stats.h"

namespace attune {

class InterimResult {
public:
    static constexpr std::size_t kFirst = 20, kEvery = 10; // verdicts

    void update(const ReviewQueue& queue) {
        const std::size_t judged = queue.reviewed();
        const std::size_t due = m_stats ? m_judged + kEvery : kFirst;
        if (judged < due && judged < queue.size())
            return;
        m_stats = preferenceStats(queue);
        m_judged = judged;
    }
    const std::optional<PreferenceStats>& stats() const { return m_stats; } // nothing: too early
    std::size_t judged() const { return m_judged; }                         // how many verdicts it knows

private:
    std::optional<PreferenceStats> m_stats;
    std::size_t m_judged = 0;
};

} // namespace attune

#include "core/engine/sampler.h"

#include <algorithm>
#include <cmath>

namespace attune {

Sampler::Sampler(const Sampling& sampling, std::uint64_t stream, const std::vector<std::int64_t>& prompt)
    : m_temperature(sampling.temperature), m_topP(sampling.topP), m_penalty(sampling.repetitionPenalty),
      m_topK(sampling.topK), m_rng(sampling.seed, stream) {
    if (m_penalty != 1.0)
        m_seen.insert(prompt.begin(), prompt.end());
}

Result<std::int64_t> Sampler::next(std::span<const float> logits) {
    m_scores.assign(logits.begin(), logits.end());
    const auto size = static_cast<std::int64_t>(m_scores.size());
    // Keskar et al. 2019, once per distinct token of the text so far.
    for (const std::int64_t id : m_seen)
        if (id < size) {
            float& score = m_scores[static_cast<std::size_t>(id)];
            score = static_cast<float>(score > 0 ? score / m_penalty : score * m_penalty);
        }
    std::int64_t best = 0;
    for (std::int64_t id = 0; id < size; ++id) {
        const float score = m_scores[static_cast<std::size_t>(id)];
        if (std::isnan(score))
            return fail(ErrorCode::Numerical, "The model computed NaN instead of a next word",
                        "Use another checkpoint, or compute in f32.");
        if (score > m_scores[static_cast<std::size_t>(best)])
            best = id;
    }
    const std::int64_t chosen = m_temperature <= 0 ? best : draw();
    if (m_penalty != 1.0)
        m_seen.insert(chosen);
    return chosen;
}

std::int64_t Sampler::draw() {
    const auto size = static_cast<std::int64_t>(m_scores.size());
    const auto better = [](const Candidate& a, const Candidate& b) {
        return a.score != b.score ? a.score > b.score : a.id < b.id;
    };
    m_candidates.clear();
    for (std::int64_t id = 0; id < size; ++id)
        m_candidates.push_back({m_scores[static_cast<std::size_t>(id)], id});
    if (m_topK > 0 && m_topK < size) {
        // Everything below the k-th score goes; ties with it stay.
        const auto last = m_candidates.begin() + (m_topK - 1);
        std::nth_element(m_candidates.begin(), last, m_candidates.end(), better);
        const float limit = last->score;
        std::erase_if(m_candidates, [&](const Candidate& c) { return c.score < limit; });
    }
    const float largest =
        std::max_element(m_candidates.begin(), m_candidates.end(), [](const Candidate& a, const Candidate& b) {
            return a.score < b.score;
        })->score;
    const auto weight = [&](const Candidate& c) {
        return std::exp((static_cast<double>(c.score) - largest) / m_temperature);
    };
    double total = 0;
    for (const Candidate& candidate : m_candidates)
        total += weight(candidate);
    if (m_topP < 1.0) {
        // The smallest set of best tokens whose share reaches top-p, at least one. Sorting stops where the share is
        // reached.
        const double wanted = m_topP * total;
        double reached = 0;
        std::size_t sorted = 0, count = 0;
        while (count < m_candidates.size() && (count == 0 || reached < wanted)) {
            if (count == sorted) {
                sorted = std::min(m_candidates.size(), std::max<std::size_t>(128, sorted * 4));
                std::partial_sort(m_candidates.begin() + static_cast<std::ptrdiff_t>(count),
                                  m_candidates.begin() + static_cast<std::ptrdiff_t>(sorted), m_candidates.end(),
                                  better);
            }
            reached += weight(m_candidates[count++]);
        }
        m_candidates.resize(count);
        total = reached;
    }
    double left = m_rng.uniform() * total;
    for (const Candidate& candidate : m_candidates) {
        left -= weight(candidate);
        if (left < 0)
            return candidate.id;
    }
    return m_candidates.back().id; // rounding left a crumb of the total
}

} // namespace attune

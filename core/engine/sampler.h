// Picks the next token from logits, with temperature, top-k, top-p and repetition penalty as Hugging Face's generate
// defines and orders them. One sampler per text; its random numbers depend on seed and prompt only. No torch.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_set>
#include <vector>

#include "core/base/rng.h"
#include "core/run/generate_request.h"

namespace attune {

class Sampler {
public:
    /// `stream` keeps texts of one seed apart. The prompt's ids count for the repetition penalty.
    Sampler(const Sampling& sampling, std::uint64_t stream, const std::vector<std::int64_t>& prompt);

    /// The next id, remembered for the penalty. Greedy (temperature 0): the highest logit, lowest id on ties. Errors:
    /// Numerical (NaN).
    Result<std::int64_t> next(std::span<const float> logits);

private:
    std::int64_t draw();
    double m_temperature, m_topP, m_penalty;
    std::int64_t m_topK;
    Rng m_rng;
    std::unordered_set<std::int64_t> m_seen; // kept only when a penalty needs it
    std::vector<float> m_scores;
    struct Candidate {
        float score;
        std::int64_t id;
    };
    std::vector<Candidate> m_candidates;
};

} // namespace attune

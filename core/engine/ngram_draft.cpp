#include "core/engine/ngram_draft.h"

#include <algorithm>

namespace attune {

namespace {

// What checking one more token costs, as a share of a pass; measured on one shape, see tests/bench/RESULTS.md.
constexpr double kCostOfToken = 0.1;
// A guess that would not pay is tried once in so many chances, in case the text has become easier.
constexpr std::int64_t kTryAgain = 32;
constexpr double kMemory = 0.85; // weight of the past in the record

} // namespace

NgramDraft::NgramDraft(std::span<const std::int64_t> prompt) {
    constexpr std::array<double, kLengths.size()> kFirstShares{0.7, 0.5, 0.3};
    for (std::size_t i = 0; i < m_records.size(); ++i)
        m_records[i].rightShare = kFirstShares[i];
    m_text.reserve(prompt.size() + 256);
    for (const std::int64_t token : prompt)
        append(token);
}

std::uint64_t NgramDraft::hashBefore(std::size_t end, std::size_t length) const {
    std::uint64_t hash = 0xcbf29ce484222325u; // FNV-1a over tokens, finally mixed
    for (std::size_t i = end - length; i < end; ++i)
        hash = (hash ^ static_cast<std::uint64_t>(m_text[i])) * 0x100000001b3u;
    return hash ^ (hash >> 29);
}

void NgramDraft::append(std::int64_t token) {
    // What ended before this token is entered only now: a lookup must not find its own end.
    for (std::size_t i = 0; i < kLengths.size(); ++i)
        if (m_text.size() >= kLengths[i])
            m_records[i].follower[hashBefore(m_text.size(), kLengths[i])] = m_text.size();
    m_text.push_back(token);
}

std::vector<std::int64_t> NgramDraft::propose(std::int64_t most) {
    for (std::size_t i = 0; i < kLengths.size() && most > 0; ++i) {
        if (m_text.size() < kLengths[i])
            continue;
        Record& record = m_records[i];
        const auto found = record.follower.find(hashBefore(m_text.size(), kLengths[i]));
        if (found == record.follower.end())
            continue;
        const std::size_t from = found->second;
        // Hashes may collide; a wrong guess is only slow, but cheap to rule out.
        if (!std::equal(m_text.end() - static_cast<std::ptrdiff_t>(kLengths[i]), m_text.end(),
                        m_text.begin() + static_cast<std::ptrdiff_t>(from - kLengths[i])))
            continue;
        const auto available = std::min<std::int64_t>(most, static_cast<std::int64_t>(m_text.size() - from));
        // Tokens for the cost of a pass: sum over j <= k of share^j against 1 + k cost.
        std::int64_t best = 0;
        double bestRate = 1, expected = 1, power = 1;
        for (std::int64_t k = 1; k <= available; ++k) {
            power *= record.rightShare;
            expected += power;
            const double rate = expected / (1 + kCostOfToken * static_cast<double>(k));
            if (rate > bestRate)
                bestRate = rate, best = k;
        }
        if (best == 0 && ++record.silentSteps >= kTryAgain)
            best = 1;
        if (best == 0)
            continue; // a shorter match has a lower share as a rule, but its own record
        record.silentSteps = 0;
        m_used = i;
        const auto start = m_text.begin() + static_cast<std::ptrdiff_t>(from);
        return {start, start + best};
    }
    return {};
}

void NgramDraft::judge(std::int64_t proposed, std::int64_t right) {
    double& share = m_records[m_used].rightShare;
    for (std::int64_t i = 0; i < std::min(proposed, right + 1); ++i)
        share = kMemory * share + (1 - kMemory) * (i < right ? 1.0 : 0.0);
}

} // namespace attune

// When a model counts as having forgotten, and how that is said: the one place for the doctor and for the evidence of a run.
#pragma once

#include <string>

namespace attune {

/// Losses on the general data, nats a token: of the base model and now. `limit`: AcceptanceLimits::generalRise.
struct Forgetting {
    double before = 0, now = 0, limit = 0.05;
    bool beyondLimit() const { return now > before * (1 + limit); }
};

/// "The loss on general data rose from 2 to 2.2 (+10 %): more than the 5 % that are allowed, so the model forgot."
std::string forgettingWords(const Forgetting& forgetting);
/// "5 %", "2.5 %": of a share, as people write it.
std::string shareWords(double share);

} // namespace attune

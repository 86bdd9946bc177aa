// What each run of a project gained of its task, and what it lost of the general data: a point a run, measured, never estimated.
// Values; for tasks.
#pragma once

#include <vector>

#include <QString>

#include "core/base/result.h"
#include "core/plan/catalog.h"

namespace attune {

class Project;

struct TradeOff {
    qint64 run = 0;
    QString name, protection; // protection: its title, "None"
    double gained = 0;        // nats a token: how far the validation loss fell below the base model's
    double lost = 0;          // nats a token: how far the loss on general data rose above the base model's
};
struct TradeOffs {
    QString about;              // what the runs have in common: "Learn from examples"
    std::vector<TradeOff> runs; // oldest first
    int unmeasured = 0;         // runs of the same kind in which one of the two was not measured
    int others = 0;             // measured runs on another model, data, general data or objective: their figures do not compare
};

/// The finished and stopped runs that compare with `reference`, itself among them; 0 = the newest one that has both figures.
Result<TradeOffs> readTradeOffs(Project& project, qint64 reference, const Catalog& catalog);

} // namespace attune

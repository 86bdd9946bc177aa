// What a computer can do, in words a person without the field's vocabulary understands. Pure functions; any thread.
#pragma once

#include <vector>

#include <QString>

#include "core/plan/estimate.h"

namespace attune {

struct ComputerFact {
    QString icon;  // of resources/icons
    QString title; // "2 cores"
    QString words; // "Trains in bf16, about twice as fast as f32"
    bool careful = false;
};

/// The largest size, in parameters, of a model that fits a LoRA run in this computer's memory.
double largestLoraModel(const Computer& computer);
/// "Can LoRA-tune models up to about 1.5 B parameters here."
QString computerVerdict(const Computer& computer);
std::vector<ComputerFact> computerFacts(const Computer& computer);

} // namespace attune

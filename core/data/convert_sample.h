// A row of one kind as rows of another, where what it says allows that: pairs as conversations or as single marked answers,
// conversations as texts or prompts. What nobody has said, such as a worse answer, is never made up. Pure functions.
#pragma once

#include <vector>

#include "core/data/sample.h"

namespace attune {

/// Whether rows of `from` can become rows of `to`.
bool canConvert(SampleKind from, SampleKind to);
/// The new rows, with tags and split of the old one and new ids left to the store; none where this row has nothing to give
/// (a bad answer as a conversation), or where canConvert says no.
std::vector<Sample> convertSample(const Sample& sample, SampleKind to);

} // namespace attune

// The pull of a low-rank adapter back to its start, as a change of the weight it stands beside. Engine thread.
#pragma once

#include "core/nn/causal_lm.h"

namespace attune {

/// sum_ij r_i c_j (s (B A - B_0 A_0))_ij^2, B_0 A_0 = 0 but for adapters that begin with a share of the weight; adds `strength` / 2 times its
/// gradient to A's and B's and returns its value. rows r [out], columns c [in]: undefined = 1. Only matrices [r, r] stand in between:
/// sum_ij r_i c_j (B A)_ij^2 = tr((B^T R B) (A C A^T)).
double pullAdapter(const LoraAdapter& adapter, double strength, const at::Tensor& rows = {}, const at::Tensor& columns = {});

} // namespace attune

// What the losses over whole answers work on: log-probabilities of sequences as plain numbers. Arithmetic in double,
// torch-free. logp(y) is the SUM over the answer's tokens of log pi(y_t | x, y_<t).
#pragma once

#include <cmath>

namespace attune {

struct SequenceTerms {
    double logProb = 0;   // of the answer under the model in training
    double reference = 0; // the same under the reference model; 0 where the loss has none
    double tokens = 1;    // length of the answer, at least 1
    double partner = 0;   // what it is compared with in losses that sort a step's answers
    double logRatio() const { return logProb - reference; }
    double averageLogProb() const { return logProb / tokens; }
    double averageLogRatio() const { return logRatio() / tokens; }
};

/// Loss of one pair and its derivatives with respect to the two summed log-probabilities.
struct PairLoss {
    double loss = 0, dChosen = 0, dRejected = 0;
};

inline double sigmoid(double x) {
    return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
}
/// log sigma(x) without overflow on either side.
inline double logSigmoid(double x) {
    return x >= 0 ? -std::log1p(std::exp(-x)) : x - std::log1p(std::exp(x));
}
/// log(1 - e^x) for x < 0 (Maechler 2012: two branches at -ln 2 keep all digits).
inline double log1mExp(double x) {
    return x < -0.6931471805599453 ? std::log1p(-std::exp(x)) : std::log(-std::expm1(x));
}

} // namespace attune

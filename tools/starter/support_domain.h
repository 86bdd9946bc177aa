// The world of the sample task: products, problems and how urgent they are, as facts from which messages are written
// and labels follow. Used by the sample generator and, in prose only, by the corpus.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "tools/starter/pen.h"

namespace attune::starter {

struct Product {
    std::string name;                  // canonical
    std::vector<std::string> mentions; // how customers write it
    bool electric;
};

struct Problem {
    std::string category;
    std::string list;    // of wordings in grammar/support.cpp
    std::string summary; // one sentence; {x} canonical product, {y}, {n}, {c}, {d} as bound
    bool electricOnly = false;
};

const std::vector<Product>& products();
const std::vector<Problem>& problems();
const std::vector<std::string>& categories();
inline const std::array<std::string, 3> kUrgencies{"low", "medium", "high"};

/// What a customer writes about: everything a message needs and every label that follows from it.
struct Case {
    const Problem* problem = nullptr;
    const Product* product = nullptr;
    const Product* other = nullptr; // a second product that may be mentioned
    std::string urgency;
    std::string summary;
};

/// Draws the details of a case and binds x (a mention), y, n, c, d and order for the wordings.
Case drawCase(Pen& pen, const Problem& problem, const Product& product, const std::string& urgency);

} // namespace attune::starter

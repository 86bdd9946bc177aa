// Progress of a long operation and its cancellation, handed down by whoever runs it (a background task or the CLI).
#pragma once

#include <functional>
#include <stop_token>
#include <string>

namespace attune {

struct Progress {
    std::stop_token stop;
    /// fraction in [0, 1], or negative when unknown; called often, must be cheap and thread-safe.
    std::function<void(double fraction, const std::string& what)> report = [](double, const std::string&) {};

    bool cancelled() const { return stop.stop_requested(); }
};

} // namespace attune

// Reads single keys of an untrusted config.json with named errors, and guards against keys that would change the
// mathematics without our knowing. Used by the families only.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/model_files/model_config.h"

namespace attune {

/// Larger hidden sizes than any model has: a config that asks for more is broken or hostile.
inline constexpr std::int64_t kMaxSize = std::int64_t{1} << 20;

class ConfigReader {
public:
    explicit ConfigReader(const Json& config) : m_config(config) {}

    bool has(const std::string& key) const; // present and not null
    const Json& at(const std::string& key) const { return m_config.at(key); }

    /// A whole number in [1, max]. Errors: InvalidData, naming the key.
    Result<std::int64_t> size(const std::string& key, std::int64_t max) const;
    Result<std::int64_t> sizeOr(const std::string& key, std::int64_t fallback, std::int64_t max) const;
    /// A finite number > 0.
    Result<double> positive(const std::string& key) const;
    Result<double> positiveOr(const std::string& key, double fallback) const;
    Result<bool> flagOr(const std::string& key, bool fallback) const;
    Result<std::string> textOr(const std::string& key, const std::string& fallback) const;
    Result<Activation> activation(const std::string& key, const std::string& fallback) const;

    /// Ids: a number or a list of numbers; absent or null gives none.
    Result<std::vector<std::int64_t>> ids(const std::string& key) const;

    /// Every key that is neither in `known` nor plain bookkeeping and whose name speaks of the network's mathematics is
    /// refused (Unsupported, named), unless its value says "off" (null, false, 0 for counts, an empty list).
    Status refuseUnknownMathematics(const std::set<std::string_view>& known) const;

private:
    const Json& m_config;
};

/// vocabulary, bos, pad, eos, dtype and the common limits; call after the family filled the sizes. Errors: InvalidData.
Status readCommonConfig(const Json& config, ModelConfig& result);

} // namespace attune

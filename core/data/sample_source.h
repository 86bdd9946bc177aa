// How samples reach the engine, which knows neither files nor the database. Thread-safe for reading.
#pragma once

#include <memory>
#include <vector>

#include "core/base/result.h"
#include "core/data/sample.h"

namespace attune {

class SampleSource {
public:
    virtual ~SampleSource() = default;
    virtual std::size_t size() const = 0;
    virtual Result<Sample> at(std::size_t index) const = 0;
    /// Identity of the content (hash); part of a run's record and of cache keys.
    virtual std::string hash() const = 0;
};

class VectorSampleSource final : public SampleSource {
public:
    VectorSampleSource(std::vector<Sample> samples, std::string hash)
        : m_samples(std::move(samples)), m_hash(std::move(hash)) {}
    std::size_t size() const override { return m_samples.size(); }
    Result<Sample> at(std::size_t index) const override { return m_samples.at(index); }
    std::string hash() const override { return m_hash; }

private:
    std::vector<Sample> m_samples;
    std::string m_hash;
};

} // namespace attune

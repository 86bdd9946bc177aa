// Memory of a training pass that lives from one micro-batch to the next: each buffer is allocated when first needed,
// grows when a longer batch comes and is handed out as a view. Fresh pages are slower than the arithmetic on them.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include <ATen/ATen.h>

namespace attune {

class Buffer {
public:
    /// A [rows, columns] view; the contents of an earlier view of the same shape survive.
    at::Tensor get(std::int64_t rows, std::int64_t columns, at::ScalarType type, at::Device device) {
        const std::int64_t needed = rows * columns;
        if (!m_storage.defined() || m_storage.numel() < needed || m_storage.scalar_type() != type) {
            m_storage = at::Tensor(); // the old memory goes before the new comes
            m_storage = at::empty({needed}, at::TensorOptions().dtype(type).device(device));
        }
        return m_storage.narrow(0, 0, needed).view({rows, columns});
    }
    std::int64_t bytes() const {
        return m_storage.defined() ? m_storage.numel() * static_cast<std::int64_t>(m_storage.element_size()) : 0;
    }
    void release() { m_storage = at::Tensor(); }

private:
    at::Tensor m_storage;
};

/// Seconds by part of a step; costs nothing while `times` is null.
class PartTimer {
public:
    PartTimer(std::map<std::string, double>* times, const char* part) : m_times(times), m_part(part) {
        if (m_times)
            m_begin = std::chrono::steady_clock::now();
    }
    ~PartTimer() {
        if (m_times)
            (*m_times)[m_part] += std::chrono::duration<double>(std::chrono::steady_clock::now() - m_begin).count();
    }
    PartTimer(const PartTimer&) = delete;
    PartTimer& operator=(const PartTimer&) = delete;

private:
    std::map<std::string, double>* m_times;
    const char* m_part;
    std::chrono::steady_clock::time_point m_begin;
};

} // namespace attune

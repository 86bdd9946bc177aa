#include "core/base/metric_spec.h"

namespace attune {

const MetricSpec* findMetric(const std::vector<MetricSpec>& specs, std::string_view name, MetricSpec& filled) {
    for (const MetricSpec& spec : specs) {
        if (spec.key == name) {
            filled = spec;
            return &filled;
        }
        const std::size_t star = spec.key.find('*');
        if (star == std::string::npos)
            continue;
        const std::string_view key = spec.key, head = key.substr(0, star), tail = key.substr(star + 1);
        if (name.size() <= head.size() + tail.size() || !name.starts_with(head) || !name.ends_with(tail))
            continue;
        std::string part(name.substr(head.size(), name.size() - head.size() - tail.size()));
        filled = spec;
        filled.key = name;
        for (char& letter : part)
            if (letter == '_')
                letter = ' ';
        if (const std::size_t place = filled.label.find('*'); place != std::string::npos)
            filled.label.replace(place, 1, part);
        return &filled;
    }
    return nullptr;
}

} // namespace attune

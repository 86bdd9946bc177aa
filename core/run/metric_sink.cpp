#include "core/run/metric_sink.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/run/event_json.h"

namespace attune {

namespace {

constexpr std::uint64_t kMaxRecordBytes = std::uint64_t{4} << 30;

// Position after the last complete line; a crash can leave a torn one behind it.
off_t endOfLastLine(int fd, off_t size) {
    char buffer[4096];
    for (off_t end = size; end > 0;) {
        const off_t begin = std::max<off_t>(0, end - static_cast<off_t>(sizeof buffer));
        const ssize_t n = ::pread(fd, buffer, static_cast<std::size_t>(end - begin), begin);
        if (n <= 0)
            return size; // unreadable: leave the file as it is
        for (ssize_t i = n; i > 0; --i)
            if (buffer[i - 1] == '\n')
                return begin + i;
        end = begin;
    }
    return 0;
}

} // namespace

Result<MetricSink> MetricSink::open(const fs::path& file) {
    MetricSink sink;
    sink.m_file = file;
    sink.m_fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (sink.m_fd < 0)
        return fail(errnoError(errno, "Cannot write", file));
    struct stat info {};
    if (::fstat(sink.m_fd, &info) != 0)
        return fail(errnoError(errno, "Cannot write", file));
    if (const off_t end = endOfLastLine(sink.m_fd, info.st_size);
        end < info.st_size && ::ftruncate(sink.m_fd, end) != 0)
        return fail(errnoError(errno, "Cannot repair", file));
    return sink;
}

MetricSink::MetricSink(MetricSink&& other) noexcept
    : m_file(std::move(other.m_file)), m_fd(std::exchange(other.m_fd, -1)), m_news(std::move(other.m_news)) {}

MetricSink& MetricSink::operator=(MetricSink&& other) noexcept {
    std::swap(m_file, other.m_file);
    std::swap(m_fd, other.m_fd);
    std::swap(m_news, other.m_news);
    return *this;
}

MetricSink::~MetricSink() {
    if (m_fd >= 0)
        ::close(m_fd);
}

Status MetricSink::write(const TrainingEvent& event) {
    if (std::holds_alternative<TextGenerated>(event))
        return {};
    if (const auto* state = std::get_if<StateChanged>(&event); state && !m_news.isNew(*state))
        return {};
    const std::string line = eventToJson(event).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    const off_t before = ::lseek(m_fd, 0, SEEK_END);
    std::size_t done = 0;
    while (done < line.size()) {
        const ssize_t n = ::write(m_fd, line.data() + done, line.size() - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            const int number = errno;
            if (done > 0 && before >= 0 && ::ftruncate(m_fd, before) != 0)
                return fail(errnoError(errno, "Cannot repair", m_file));
            return fail(errnoError(number, "Cannot write", m_file));
        }
        done += static_cast<std::size_t>(n);
    }
    return {};
}

Result<MetricsRead> readMetrics(const fs::path& file) {
    ATTUNE_ASSIGN(const std::string text, readFile(file, kMaxRecordBytes));
    MetricsRead read;
    const std::string_view view = text;
    std::size_t number = 0;
    for (std::size_t begin = 0; begin < view.size();) {
        const std::size_t newline = view.find('\n', begin);
        const std::string_view line = view.substr(begin, newline == std::string_view::npos ? newline : newline - begin);
        begin = newline == std::string_view::npos ? view.size() : newline + 1;
        ++number;
        if (line.empty())
            continue;
        const auto json = parseJson(line, "line", {.maxBytes = std::size_t{16} << 20, .maxDepth = 8});
        if (auto event = json ? eventFromJson(*json) : fail(json.error()))
            read.events.push_back(std::move(*event));
        else
            read.badLines.push_back(number);
    }
    return read;
}

std::map<std::string, MetricSeries> metricCurves(const std::vector<TrainingEvent>& events) {
    std::map<std::string, std::map<std::int64_t, double>> values; // by step: a repeated step replaces the earlier value
    for (const TrainingEvent& event : events) {
        if (const auto* step = std::get_if<StepFinished>(&event)) {
            values["loss"][step->step] = step->loss;
            values["learning_rate"][step->step] = step->learningRate;
            values["gradient_norm"][step->step] = step->gradientNorm;
            values["tokens_per_second"][step->step] = step->tokensPerSecond;
            for (const auto& [name, value] : step->metrics)
                values[name][step->step] = value;
        } else if (const auto* eval = std::get_if<EvalFinished>(&event)) {
            values["eval." + eval->name][eval->step] = eval->loss;
            for (const auto& [name, value] : eval->metrics)
                values["eval." + eval->name + "." + name][eval->step] = value;
        }
    }
    std::map<std::string, MetricSeries> curves;
    for (const auto& [name, points] : values)
        for (const auto& [step, value] : points) {
            curves[name].steps.push_back(static_cast<double>(step));
            curves[name].values.push_back(value);
        }
    return curves;
}

} // namespace attune

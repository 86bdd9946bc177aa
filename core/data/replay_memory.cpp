#include "core/data/replay_memory.h"

#include <algorithm>
#include <optional>

#include "core/base/json.h"
#include "core/base/rng.h"
#include "core/data/conversation.h"
#include "core/data/jsonl_export.h"

namespace attune {

namespace {

constexpr std::uint64_t kMaxMemoryBytes = std::uint64_t{1} << 30;
constexpr std::size_t kMaxRowBytes = std::size_t{16} << 20; // longer ones are not remembered
constexpr std::uint64_t kReservoirStream = 0x4D454D4F5259u; // "MEMORY"

// What is worth remembering of a training row: a whole conversation or a text.
std::optional<Sample> remembered(Sample sample) {
    Sample kept;
    switch (sample.kind) {
    case SampleKind::Text:
        kept.kind = SampleKind::Text;
        kept.text = std::move(sample.text);
        return kept;
    case SampleKind::Chat:
        kept.messages = std::move(sample.messages);
        return kept;
    case SampleKind::Unpaired:
        if (!sample.label)
            return std::nullopt;
        [[fallthrough]];
    case SampleKind::Preference:
        kept.messages = std::move(sample.messages);
        kept.messages.push_back(chosenMessage(sample));
        return kept;
    case SampleKind::PromptOnly:
        break;
    }
    return std::nullopt;
}

Result<Sample> readRemembered(const Json& json, const std::string& where) {
    Sample sample;
    if (const auto text = json.find("text"); text != json.end() && text->is_string()) {
        sample.kind = SampleKind::Text;
        sample.text = text->get<std::string>();
        return sample;
    }
    if (const auto messages = json.find("messages"); messages != json.end()) {
        auto turns = readTurns(*messages, "messages");
        if (turns && !turns->empty()) {
            sample.messages = std::move(*turns);
            if (const auto tools = json.find("tools"); tools != json.end())
                addTools(sample.messages, *tools);
            return sample;
        }
    }
    return fail(ErrorCode::InvalidData, where + " is neither a text nor a conversation", "Delete the line, or the file to begin a new memory.");
}

} // namespace

Status ReplayMemory::addRun(const SampleSource& source, std::size_t capacity, std::uint64_t seed, const std::string& run) {
    if (std::find(runs.begin(), runs.end(), run) != runs.end())
        return {};
    ReplayMemory next = *this;
    Rng rng(seed, kReservoirStream + static_cast<std::uint64_t>(seen));
    for (std::size_t i = 0; i < source.size(); ++i) {
        ATTUNE_ASSIGN(Sample sample, source.at(i));
        std::optional<Sample> row = remembered(std::move(sample));
        if (!row || toJsonLine(*row).size() > kMaxRowBytes)
            continue;
        ++next.seen;
        if (next.rows.size() < capacity) {
            next.rows.push_back(std::move(*row));
            continue;
        }
        if (const std::uint64_t slot = rng.below(static_cast<std::uint64_t>(next.seen)); slot < capacity)
            next.rows[slot] = std::move(*row);
    }
    if (next.rows.size() > capacity) // the memory was made smaller: an equal chance for each row again
        for (const std::uint32_t gone : permutation(static_cast<std::uint32_t>(next.rows.size()), seed, 0)) {
            if (next.rows.size() <= capacity)
                break;
            std::swap(next.rows[gone % next.rows.size()], next.rows.back());
            next.rows.pop_back();
        }
    next.runs.push_back(run);
    *this = std::move(next);
    return {};
}

Result<ReplayMemory> readReplayMemory(const fs::path& file) {
    std::error_code code;
    ReplayMemory memory;
    if (!fs::exists(file, code))
        return memory;
    ATTUNE_ASSIGN(const std::string text, readFile(file, kMaxMemoryBytes));
    std::size_t line = 0;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        const std::string where = file.string() + ", line " + std::to_string(++line);
        ATTUNE_ASSIGN(const Json json, parseJson(std::string_view(text).substr(begin, end - begin), where, {.maxBytes = std::size_t{64} << 20}));
        begin = end + 1;
        if (line > 1) {
            ATTUNE_ASSIGN(Sample row, readRemembered(json, where));
            memory.rows.push_back(std::move(row));
            continue;
        }
        const auto seen = json.find("seen"), runs = json.find("runs");
        if (!json.is_object() || seen == json.end() || !seen->is_number_unsigned() || runs == json.end() || !runs->is_array())
            return fail(ErrorCode::InvalidData, where + " does not begin a memory of earlier runs", "Choose another file (protection.file).");
        memory.seen = seen->get<std::int64_t>();
        for (const Json& run : *runs)
            if (run.is_string())
                memory.runs.push_back(run.get<std::string>());
    }
    memory.seen = std::max(memory.seen, static_cast<std::int64_t>(memory.rows.size()));
    return memory;
}

Status writeReplayMemory(const fs::path& file, const ReplayMemory& memory) {
    std::string text = Json{{"format", 1}, {"seen", memory.seen}, {"runs", memory.runs}}.dump() + "\n";
    for (const Sample& row : memory.rows)
        text += toJsonLine(row) + "\n";
    if (text.size() > kMaxMemoryBytes)
        return fail(ErrorCode::InvalidArgument, "The memory of earlier runs would be larger than 1 GiB", "Lower protection.rows.");
    return writeFileAtomic(file, text);
}

} // namespace attune

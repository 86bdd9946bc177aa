#include "core/engine/token_cache.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>

#include <xxhash.h>

namespace attune {

namespace {

// Part of every key: to be raised when the rows made of the same data change (template, tokenizer, masks) or the layout below does.
constexpr std::uint64_t kTokenFormat = 2;
constexpr std::uint64_t kTokenMagic = 0x314B4F544E545441ull; // "ATTNTOK1"; another byte order reads another number
constexpr std::size_t kProbes = 8;
constexpr auto kAbandoned = std::chrono::hours(24); // a temporary file of that age belongs to a process that died

// Fields in the machine's byte order. Texts and lists have their length in front.
class TokenFileWriter {
public:
    explicit TokenFileWriter(AtomicFile& file) : m_file(file) { XXH3_128bits_reset(m_hash.get()); }

    void number(std::uint64_t value) { bytes(&value, sizeof value); }
    void number(std::int64_t value) { bytes(&value, sizeof value); }
    void number(double value) { bytes(&value, sizeof value); }
    void flag(bool value) { bytes(&value, 1); }
    void text(const std::string& value) {
        number(std::uint64_t{value.size()});
        bytes(value.data(), value.size());
    }
    void ids(const std::vector<TokenId>& values) {
        number(std::uint64_t{values.size()});
        bytes(values.data(), values.size() * sizeof(TokenId));
    }
    void marks(const std::vector<bool>& values) {
        number(std::uint64_t{values.size()});
        m_bits.assign((values.size() + 7) / 8, '\0');
        for (std::size_t i = 0; i < values.size(); ++i)
            m_bits[i / 8] = static_cast<char>(m_bits[i / 8] | (values[i] ? 1 << i % 8 : 0));
        bytes(m_bits.data(), m_bits.size());
    }
    template <class T, class Code>
    void list(const std::vector<T>& values, const Code& code) {
        number(std::uint64_t{values.size()});
        for (const T& value : values)
            code(*this, value);
    }
    Status finish() {
        flush();
        XXH128_canonical_t sum;
        XXH128_canonicalFromHash(&sum, XXH3_128bits_digest(m_hash.get()));
        if (m_status)
            m_status = m_file.write(std::as_bytes(std::span(sum.digest)));
        return m_status;
    }
    std::uint64_t size() const { return m_size; }

private:
    void bytes(const void* data, std::size_t size) {
        m_buffer.append(static_cast<const char*>(data), size);
        m_size += size;
        if (m_buffer.size() > (std::size_t{1} << 20))
            flush();
    }
    void flush() {
        XXH3_128bits_update(m_hash.get(), m_buffer.data(), m_buffer.size());
        if (m_status)
            m_status = m_file.write(m_buffer);
        m_buffer.clear();
    }
    AtomicFile& m_file;
    std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> m_hash{XXH3_createState(), &XXH3_freeState};
    std::string m_buffer, m_bits;
    std::uint64_t m_size = 0;
    Status m_status;
};

// The same fields back. After the first one that does not fit, all are empty and good() says so.
class TokenFileReader {
public:
    explicit TokenFileReader(std::string_view content) : m_left(content) {}

    void number(std::uint64_t& value) { bytes(&value, sizeof value); }
    void number(std::int64_t& value) { bytes(&value, sizeof value); }
    void number(double& value) { bytes(&value, sizeof value); }
    void flag(bool& value) {
        char byte = 0;
        bytes(&byte, 1);
        value = byte != 0;
    }
    void text(std::string& value) {
        value.resize(count(1));
        bytes(value.data(), value.size());
    }
    void ids(std::vector<TokenId>& values) {
        values.resize(count(sizeof(TokenId)));
        bytes(values.data(), values.size() * sizeof(TokenId));
    }
    void marks(std::vector<bool>& values) {
        std::uint64_t size = 0;
        number(size);
        const std::uint64_t packed = size / 8 + (size % 8 != 0);
        if (packed > m_left.size())
            return spoil();
        values.resize(size);
        for (std::size_t i = 0; i < size; ++i)
            values[i] = (m_left[i / 8] >> i % 8 & 1) != 0;
        m_left.remove_prefix(packed);
    }
    template <class T, class Code>
    void list(std::vector<T>& values, const Code& code) {
        values.resize(count(1)); // no element is smaller than a byte
        for (T& value : values)
            code(*this, value);
    }
    bool good() const { return m_good && m_left.empty(); }

private:
    void spoil() {
        m_good = false;
        m_left = {};
    }
    std::size_t count(std::size_t elementBytes) {
        std::uint64_t size = 0;
        number(size);
        if (size <= m_left.size() / elementBytes)
            return size;
        spoil();
        return 0;
    }
    void bytes(void* data, std::size_t size) {
        if (size > m_left.size())
            return spoil();
        if (size > 0)
            std::memcpy(data, m_left.data(), size);
        m_left.remove_prefix(size);
    }
    std::string_view m_left;
    bool m_good = true;
};

// One list of fields for both directions, so that they cannot differ. The bindings name every field: with a new one this does not
// compile until it is written too (then raise kTokenFormat).
template <class Coder, class Data>
void codeTokens(Coder& coder, Data& data) {
    auto& [rows, rowsPerSample, reference, dropped, tokens, targets, longest, truncatedRows, endNotTrained] = data;
    (void)reference; // belongs to a model: computed for the run
    coder.number(rowsPerSample);
    coder.list(rows, [](Coder& c, auto& row) {
        auto& [ids, trained, rowTargets, source, truncated, desirable, margin] = row;
        c.ids(ids);
        c.marks(trained);
        c.number(rowTargets);
        c.number(source);
        c.flag(truncated);
        c.flag(desirable);
        c.number(margin);
    });
    coder.list(dropped, [](Coder& c, auto& row) {
        auto& [source, sampleId, reason] = row;
        c.number(source);
        c.text(sampleId);
        c.text(reason);
    });
    for (auto* total : {&tokens, &targets, &longest, &truncatedRows, &endNotTrained})
        coder.number(*total);
}

bool intact(std::string_view file) {
    XXH128_canonical_t sum;
    std::uint64_t magic = 0;
    if (file.size() < sizeof magic + sizeof sum.digest)
        return false;
    std::memcpy(&magic, file.data(), sizeof magic);
    const std::size_t end = file.size() - sizeof sum.digest;
    XXH128_canonicalFromHash(&sum, XXH3_128bits(file.data(), end));
    return magic == kTokenMagic && std::memcmp(sum.digest, file.data() + end, sizeof sum.digest) == 0;
}

// A few rows of a source.
class ProbeSource final : public SampleSource {
public:
    explicit ProbeSource(const SampleSource& source) : m_source(source) {
        const std::size_t count = std::min(kProbes, source.size());
        for (std::size_t i = 0; i < count; ++i)
            m_rows.push_back(count == 1 ? 0 : i * (source.size() - 1) / (count - 1));
    }
    std::size_t size() const override { return m_rows.size(); }
    Result<Sample> at(std::size_t index) const override { return m_source.at(m_rows[index]); }
    std::string hash() const override { return m_source.hash(); }
    std::size_t row(std::size_t index) const { return m_rows[index]; }

private:
    const SampleSource& m_source;
    std::vector<std::size_t> m_rows;
};

// What became of one sample: its rows, or none.
std::vector<TokenDataset::Row> rowsOfSample(const TokenDataset& data, std::size_t sample) {
    const auto before = [](const TokenDataset::Row& row, std::size_t wanted) { return row.source < wanted; };
    const auto first = std::lower_bound(data.rows.begin(), data.rows.end(), sample, before);
    return {first, std::lower_bound(first, data.rows.end(), sample + 1, before)};
}

// The key cannot know of a change in this program's own code; a few rows made anew can.
bool agrees(const TokenDataset& kept, const SampleSource& source, const PromptFormat& format, const TokenizeOptions& options) {
    std::size_t samples = kept.dropped.size();
    for (std::size_t i = 0; i < kept.rows.size(); ++i)
        samples += i == 0 || kept.rows[i].source != kept.rows[i - 1].source;
    if (samples != source.size())
        return false;
    const ProbeSource probes(source);
    const auto fresh = tokenizeSamples(probes, format, options, {});
    // None of these rows can be used, or all are of a kind that is not wanted.
    if (!fresh && fresh.error().code != ErrorCode::InvalidData && fresh.error().code != ErrorCode::Unsupported)
        return false;
    for (std::size_t i = 0; i < probes.size(); ++i) {
        auto expected = fresh ? rowsOfSample(*fresh, i) : std::vector<TokenDataset::Row>();
        for (TokenDataset::Row& row : expected)
            row.source = probes.row(i);
        if (expected != rowsOfSample(kept, probes.row(i)))
            return false;
    }
    return true;
}

} // namespace

std::string tokenCacheKey(const SampleSource& source, const PromptFormat& format, const TokenizeOptions& options) {
    const auto& [trainOn, maxLength, threads, kinds, wholeSamplesOnly] = options; // all fields are named: a new one has to be looked at here
    (void)threads;                                       // changes nothing about the rows
    std::string text;
    const auto add = [&](const std::string& part) { (text += std::to_string(part.size()) + ":") += part; };
    add("tokens " + std::to_string(kTokenFormat));
    add(source.hash());
    add(std::to_string(source.size()));
    add(format.tokenizer().hash());
    add(format.hash());
    for (const TokenId id : format.stopIds())
        add(std::to_string(id));
    add("trained " + std::to_string(static_cast<int>(trainOn)));
    add("longest " + std::to_string(maxLength));
    for (const SampleKind kind : kinds)
        add(sampleKindId(kind));
    add(wholeSamplesOnly ? "whole samples" : "cut samples");
    return hashBytes(text);
}

std::optional<TokenDataset> TokenCache::read(const std::string& key) const {
    const fs::path path = file(key);
    std::error_code ignored;
    const auto content = readFile(path, m_maxBytes);
    if (!content) {
        if (content.error().code == ErrorCode::InvalidData)
            fs::remove(path, ignored);
        return std::nullopt;
    }
    TokenDataset data;
    if (intact(*content)) {
        TokenFileReader reader(std::string_view(*content).substr(
            sizeof kTokenMagic, content->size() - sizeof kTokenMagic - sizeof(XXH128_canonical_t)));
        std::string written;
        reader.text(written);
        codeTokens(reader, data);
        if (reader.good() && written == key && data.rowsPerSample > 0 && data.rows.size() % data.rowsPerSample == 0) {
            fs::last_write_time(path, fs::file_time_type::clock::now(), ignored); // it was used
            return data;
        }
    }
    fs::remove(path, ignored);
    return std::nullopt;
}

Status TokenCache::write(const std::string& key, const TokenDataset& data) const {
    if (static_cast<std::uint64_t>(data.tokens) * sizeof(TokenId) > m_maxBytes / 2)
        return {};
    std::error_code code;
    if (!fs::is_directory(m_folder, code)) {
        fs::create_directories(m_folder, code);
        if (code)
            return fail(errnoError(code.value(), "Cannot make the folder", m_folder));
        fs::permissions(m_folder, fs::perms::owner_all, code);
    }
    ATTUNE_ASSIGN(AtomicFile output, AtomicFile::create(file(key)));
    TokenFileWriter writer(output);
    writer.number(kTokenMagic);
    writer.text(key);
    codeTokens(writer, data);
    ATTUNE_CHECK(writer.finish());
    if (writer.size() > m_maxBytes / 2)
        return {};
    ATTUNE_CHECK(output.commit());
    shrink(file(key));
    return {};
}

// Another process may remove the same files at the same time: whatever is gone is what was wanted.
void TokenCache::shrink(const fs::path& newest) const {
    struct Entry {
        fs::path path;
        fs::file_time_type used;
        std::uint64_t bytes;
    };
    std::vector<Entry> entries;
    std::uint64_t total = 0;
    std::error_code code, ignored;
    for (fs::directory_iterator it(m_folder, code), end; !code && it != end; it.increment(code)) {
        std::error_code gone;
        const fs::path& path = it->path();
        const auto used = fs::last_write_time(path, gone);
        const std::uint64_t bytes = gone ? 0 : fs::file_size(path, gone);
        if (gone)
            continue;
        if (path.extension() == ".tmp" && fs::file_time_type::clock::now() - used > kAbandoned)
            fs::remove(path, ignored);
        if (path.extension() != ".tokens")
            continue;
        total += bytes;
        if (path != newest)
            entries.push_back({path, used, bytes});
    }
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.used < b.used; });
    for (std::size_t i = 0; i < entries.size() && total > m_maxBytes; ++i) {
        fs::remove(entries[i].path, ignored);
        total -= entries[i].bytes;
    }
}

Result<CachedTokens> tokenizeCached(const fs::path& folder, const SampleSource& source, const PromptFormat& format,
                                    const TokenizeOptions& options, const Progress& progress) {
    const auto start = std::chrono::steady_clock::now();
    CachedTokens result;
    const auto done = [&] {
        result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        return std::move(result);
    };
    if (folder.empty()) {
        ATTUNE_ASSIGN(result.data, tokenizeSamples(source, format, options, progress));
        return done();
    }
    const TokenCache cache(folder);
    const std::string key = tokenCacheKey(source, format, options);
    if (auto kept = cache.read(key); kept && agrees(*kept, source, format, options)) {
        result.data = std::move(*kept);
        result.fromCache = true;
        return done();
    }
    ATTUNE_ASSIGN(result.data, tokenizeSamples(source, format, options, progress));
    result.kept = cache.write(key, result.data);
    return done();
}

} // namespace attune

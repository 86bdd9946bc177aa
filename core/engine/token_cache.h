// Token rows kept on the disk between runs, so that the same data is tokenised once. A cache: everything in it can be deleted at any
// time, whatever is damaged or foreign counts as absent, and several processes may share one folder. Any thread.
//
// The files hold training data as token ids. They are readable by their owner only and lie where the caller says: in the project's
// folder, or in the user's cache for runs without a project.
#pragma once

#include <optional>
#include <string>

#include "core/base/files.h"
#include "core/engine/token_dataset.h"

namespace attune {

/// Names the rows that `format` and `options` make of `source`: a hash of the content of the data, the tokenizer's files, the template,
/// the ids that end an answer, what is trained, the maximum length and the version of the file format.
std::string tokenCacheKey(const SampleSource& source, const PromptFormat& format, const TokenizeOptions& options);

/// File of an entry: "<key>.tokens" = magic number, payload, XXH3-128 of both. Written whole or not at all.
class TokenCache {
public:
    static constexpr std::uint64_t kMaxBytes = std::uint64_t{2} << 30;
    /// Nothing is touched before the first read or write. An entry larger than half of `maxBytes` is not kept.
    explicit TokenCache(fs::path folder, std::uint64_t maxBytes = kMaxBytes) : m_folder(std::move(folder)), m_maxBytes(maxBytes) {}

    /// The rows kept under `key`; nothing when there are none or the file is damaged (which is then removed).
    std::optional<TokenDataset> read(const std::string& key) const;
    /// Keeps the rows and removes the entries that were used longest ago until all fit. Errors: OutOfSpace, Io.
    Status write(const std::string& key, const TokenDataset& data) const;

private:
    fs::path file(const std::string& key) const { return m_folder / (key + ".tokens"); }
    void shrink(const fs::path& newest) const;
    fs::path m_folder;
    std::uint64_t m_maxBytes;
};

struct CachedTokens {
    TokenDataset data;
    bool fromCache = false;
    double seconds = 0;
    Status kept; // whether fresh rows could be written for the next run; a failure costs nothing but time
};

/// tokenizeSamples() through the cache in `folder` (empty: no cache). Rows from the cache are trusted after a few of them, spread over the
/// data, were tokenised again and came out the same. Errors: as tokenizeSamples.
Result<CachedTokens> tokenizeCached(const fs::path& folder, const SampleSource& source, const PromptFormat& format,
                                    const TokenizeOptions& options, const Progress& progress);

} // namespace attune

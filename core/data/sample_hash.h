// Identity of a sample's content and the stable ids made from it. Not against an attacker. Pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "core/data/sample.h"

namespace attune {

/// XXH3-128, canonical byte order.
using ContentHash = std::array<std::uint8_t, 16>;

/// Over kind, messages, texts, label and margin; not over id, tags, split and source row.
ContentHash contentHash(const Sample& sample);
/// The same after normalisation (Unicode NFKC, case folded, white space runs as one space, trimmed): what a reader
/// takes for the same.
ContentHash normalisedHash(const Sample& sample);
/// Only of what the model is asked (the text for SampleKind::Text), normalised.
ContentHash promptHash(const Sample& sample);
ContentHash hashOf(const std::string& bytes);
std::uint64_t low64(const ContentHash& hash);
std::string toHex(const ContentHash& hash);

/// Normalised text as normalisedHash() sees it.
std::string normalisedText(const std::string& text);

/// Gives ids in the order of the file: the hash of the content, and "-2", "-3" ... for repetitions. 16 to 40 bytes a
/// row.
class SampleIds {
public:
    std::string next(const Sample& sample);

private:
    std::unordered_map<std::uint64_t, std::uint32_t> m_seen;
};

} // namespace attune

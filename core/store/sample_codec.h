// A sample as the columns of the table `contents` and back. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/data/sample.h"
#include "core/data/sample_hash.h"

namespace attune {

struct EncodedSample {
    std::string sampleId, messages, text, chosen, rejected, tags;
    ContentHash hash{};
    std::int64_t sourceRow = 0, length = 0;
    double margin = 0;
    int kind = 0, split = 0, chosenCalls = 0, rejectedCalls = 0;
    bool label = true;
};

/// Errors: InvalidArgument when a text is not valid UTF-8 or holds a NUL character.
Result<EncodedSample> encodeSample(const Sample& sample);

std::string encodeMessages(const std::vector<Message>& messages); // [{"role":"user","content":"..."}]
Result<std::vector<Message>> decodeMessages(std::string_view json);
std::string encodeTags(const std::vector<std::string>& tags); // "" without tags, else a JSON array
Result<std::vector<std::string>> decodeTags(std::string_view json);
/// `text` with quotes, as JSON. The text must be valid UTF-8.
void appendJsonString(std::string& out, std::string_view text);

} // namespace attune

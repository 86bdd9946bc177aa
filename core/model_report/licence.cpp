// Where a model names its licence. See model_report.h.
#include <algorithm>
#include <array>

#include "core/base/space.h"
#include "core/model_report/model_report.h"

namespace attune {

namespace {

constexpr std::uint64_t kMaxCardBytes = 4 << 20;
constexpr std::size_t kMaxName = 120; // shown in one line

std::string unquoted(std::string_view text) {
    text = trimmed(text);
    if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front())
        text = text.substr(1, text.size() - 2);
    return std::string(text.substr(0, kMaxName));
}

std::string_view nextLine(std::string_view& text) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r'))
        line.remove_suffix(1);
    return line;
}

std::string firstWords(std::string_view text) {
    while (!text.empty())
        if (const std::string_view line = trimmed(nextLine(text)); !line.empty()) {
            std::string words(line.substr(0, kMaxName));
            const bool plain = std::all_of(words.begin(), words.end(), [](unsigned char c) { return c >= 0x20 && c < 0x7f; });
            return plain ? words : "";
        }
    return {};
}

} // namespace

std::string licenceOfCard(std::string_view text) {
    if (text.starts_with("\xef\xbb\xbf"))
        text.remove_prefix(3);
    if (trimmed(nextLine(text)) != "---")
        return {};
    std::string licence, name;
    while (!text.empty()) {
        const std::string_view line = nextLine(text);
        if (trimmed(line) == "---")
            break;
        const auto value = [&](std::string_view key) { return line.starts_with(key) ? std::optional(unquoted(line.substr(key.size()))) : std::nullopt; };
        if (const auto own = value("license_name:"))
            name = *own;
        if (const auto own = value("license:")) {
            licence = *own;
            if (licence.empty()) // a list, one below the other
                for (std::string_view rest = text;; text = rest) {
                    const std::string_view entry = trimmed(nextLine(rest));
                    if (!entry.starts_with("- "))
                        break;
                    licence += (licence.empty() ? "" : ", ") + unquoted(entry.substr(2));
                }
        }
    }
    // "other" is a licence of the publisher's own, whose name stands beside it.
    return licence == "other" && !name.empty() ? name : licence;
}

ModelLicence modelLicence(const ModelSource& source) {
    if (const auto& gguf = source.gguf()) {
        for (const char* key : {"general.license.name", "general.license"})
            if (const auto name = gguf->text(key); name && *name && !trimmed(**name).empty())
                return {unquoted(**name), key};
        return {};
    }
    const fs::path& folder = source.folder();
    if (const auto card = readFile(folder / "README.md", kMaxCardBytes))
        if (std::string name = licenceOfCard(*card); !name.empty())
            return {std::move(name), "README.md"};
    for (const char* file : {"LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE"})
        if (const auto text = readFile(folder / file, kMaxCardBytes))
            if (std::string name = firstWords(*text); !name.empty())
                return {std::move(name), file};
    return {};
}

} // namespace attune

#include "ui/views/data/data_words.h"

#include <QCoreApplication>

#include "ui/bridge/qt_convert.h"

namespace attune {
namespace {

QString words(const char* text) { return QCoreApplication::translate("DataWords", text); }

} // namespace

QString kindWords(SampleKind kind) {
    switch (kind) {
    case SampleKind::Chat: return words("conversations");
    case SampleKind::Text: return words("texts");
    case SampleKind::Preference: return words("preference pairs");
    case SampleKind::Unpaired: return words("labelled answers");
    case SampleKind::PromptOnly: return words("prompts only");
    }
    return {};
}

QString roleWords(const std::string& role) {
    if (role == "system")
        return words("System");
    if (role == "user")
        return words("User");
    if (role == "assistant")
        return words("Assistant");
    if (role == "tool")
        return words("Tool");
    return qstr(role);
}

} // namespace attune

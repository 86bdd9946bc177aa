#include "ui/views/data/data_words.h"

#include <QCoreApplication>

#include "ui/bridge/qt_convert.h"

namespace attune {
namespace {

QString words(const char* text) {
    return QCoreApplication::translate("DataWords", text);
}

} // namespace

QString kindWords(SampleKind kind) {
    switch (kind) {
    case SampleKind::Chat:
        return words(QT_TRANSLATE_NOOP("DataWords", "conversations"));
    case SampleKind::Text:
        return words(QT_TRANSLATE_NOOP("DataWords", "texts"));
    case SampleKind::Preference:
        return words(QT_TRANSLATE_NOOP("DataWords", "preference pairs"));
    case SampleKind::Unpaired:
        return words(QT_TRANSLATE_NOOP("DataWords", "labelled answers"));
    case SampleKind::PromptOnly:
        return words(QT_TRANSLATE_NOOP("DataWords", "prompts only"));
    }
    return {};
}

QString rowsText(qint64 rows) {
    return rows == 1 ? words(QT_TRANSLATE_NOOP("DataWords", "1 row"))
                     : words(QT_TRANSLATE_NOOP("DataWords", "%1 rows")).arg(number(rows));
}

QString roleWords(const std::string& role) {
    if (role == "system")
        return words(QT_TRANSLATE_NOOP("DataWords", "System"));
    if (role == "user")
        return words(QT_TRANSLATE_NOOP("DataWords", "User"));
    if (role == "assistant")
        return words(QT_TRANSLATE_NOOP("DataWords", "Assistant"));
    if (role == "tools")
        return words(QT_TRANSLATE_NOOP("DataWords", "Functions it may call"));
    if (role == "tool")
        return words(QT_TRANSLATE_NOOP("DataWords", "Tool"));
    return qstr(role);
}

} // namespace attune

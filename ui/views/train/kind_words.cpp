#include "ui/views/train/kind_words.h"

#include <QCoreApplication>

#include "ui/bridge/qt_convert.h"

namespace attune {
namespace {

struct KindWords {
    const char *kind, *name, *explanation, *source;
};

constexpr KindWords kKindWords[] = {
    {"chat", QT_TRANSLATE_NOOP("KindWords", "conversations"), QT_TRANSLATE_NOOP("KindWords", "a question and the answer you want"),
     QT_TRANSLATE_NOOP("KindWords", "Import questions with their answers in Data.")},
    {"text", QT_TRANSLATE_NOOP("KindWords", "texts"), QT_TRANSLATE_NOOP("KindWords", "plain documents"),
     QT_TRANSLATE_NOOP("KindWords", "Import text files or documents in Data.")},
    {"preference", QT_TRANSLATE_NOOP("KindWords", "preference pairs"),
     QT_TRANSLATE_NOOP("KindWords", "a better and a worse answer to the same question"),
     QT_TRANSLATE_NOOP("KindWords", "Import rows with a chosen and a rejected answer in Data, or compare answers in Review.")},
    {"unpaired", QT_TRANSLATE_NOOP("KindWords", "marked answers"), QT_TRANSLATE_NOOP("KindWords", "single answers with a thumb up or down"),
     QT_TRANSLATE_NOOP("KindWords", "Import answers with a column that says good or bad in Data.")},
    {"prompt_only", QT_TRANSLATE_NOOP("KindWords", "prompts"),
     QT_TRANSLATE_NOOP("KindWords", "questions; the model writes the answers and a score judges them"),
     QT_TRANSLATE_NOOP("KindWords", "Import questions in Data.")}};

const KindWords* entryOfKind(const std::string& kind) {
    for (const KindWords& words : kKindWords)
        if (kind == words.kind)
            return &words;
    return nullptr;
}

QString kindTranslated(const char* text) {
    return QCoreApplication::translate("KindWords", text);
}

} // namespace

QString kindName(const std::string& kind) {
    const KindWords* words = entryOfKind(kind);
    return words ? kindTranslated(words->name) : qstr(kind);
}
QString kindExplanation(const std::string& kind) {
    const KindWords* words = entryOfKind(kind);
    return words ? kindTranslated(words->explanation) : QString();
}
QString kindSource(const std::string& kind) {
    const KindWords* words = entryOfKind(kind);
    return words ? kindTranslated(words->source) : QString();
}

} // namespace attune

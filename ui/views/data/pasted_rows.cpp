#include "ui/views/data/pasted_rows.h"

#include <QCoreApplication>
#include <QDir>
#include <QTemporaryFile>

#include "ui/bridge/qt_convert.h"

namespace attune {
namespace {

/// The importers look at the content too; the ending only settles what is ambiguous.
QString endingFor(const QString& text) {
    if (text.startsWith(QLatin1Char('[')))
        return QStringLiteral("json");
    if (text.startsWith(QLatin1Char('{')))
        return QStringLiteral("jsonl");
    return text.section(QLatin1Char('\n'), 0, 0).contains(QLatin1Char('\t')) ? QStringLiteral("tsv")
                                                                             : QStringLiteral("csv");
}

std::string say(const char* words) {
    return sstr(QCoreApplication::translate("PastedRows", words));
}

} // namespace

Result<std::unique_ptr<QTemporaryFile>> writePastedRows(const QString& text) {
    const QString rows = text.trimmed();
    if (rows.isEmpty())
        return fail(ErrorCode::InvalidArgument, say(QT_TRANSLATE_NOOP("PastedRows", "The clipboard holds no text.")),
                    say(QT_TRANSLATE_NOOP("PastedRows", "Copy rows of JSON Lines or CSV and paste again.")));
    auto file =
        std::make_unique<QTemporaryFile>(QDir::tempPath() + QStringLiteral("/attune-pasted-XXXXXX.") + endingFor(rows));
    if (!file->open() || file->write(rows.toUtf8() + '\n') < 0 || !file->flush())
        return fail(
            ErrorCode::Io,
            say(QT_TRANSLATE_NOOP("PastedRows", "The pasted rows could not be written to a temporary file: ")) +
                sstr(file->errorString()),
            say(QT_TRANSLATE_NOOP("PastedRows", "Make room on the disk, or save the rows as a file and import that.")));
    file->close();
    return file;
}

} // namespace attune

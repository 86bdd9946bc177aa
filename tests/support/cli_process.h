// Runs attune-cli as a user's script would.
#pragma once

#include <QProcess>
#include <QString>
#include <QStringList>

namespace attune::test {

inline const QString kResources = QStringLiteral(ATTUNE_SOURCE_DIR "/resources");

struct CliResult {
    int exitStatus = -1;
    bool crashed = false;
    QByteArray output, errors;
};

inline CliResult runCli(const QStringList& arguments, const QByteArray& input = {}, int timeoutMs = 300000) {
    QProcess process;
    process.start(ATTUNE_CLI, arguments);
    process.write(input);
    process.closeWriteChannel();
    CliResult result;
    if (!process.waitForFinished(timeoutMs)) {
        process.kill();
        process.waitForFinished();
        result.errors = "timed out";
        return result;
    }
    result.crashed = process.exitStatus() != QProcess::NormalExit;
    result.exitStatus = process.exitCode();
    result.output = process.readAllStandardOutput();
    result.errors = process.readAllStandardError();
    return result;
}

} // namespace attune::test

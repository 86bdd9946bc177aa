// Tokenizer folders for tests: real ones (unpacked when their files are compressed) and small ones written on the spot.
#pragma once

#include <QProcess>
#include <QTemporaryDir>

#include "core/base/json.h"
#include "core/text/tokenizer.h"
#include "tests/support/test_data.h"

namespace attune::test {

/// Copies a folder's files into `into`, unpacking *.gz. False when gzip fails.
inline bool unpackFolder(const fs::path& from, const fs::path& into) {
    for (const auto& entry : fs::directory_iterator(from)) {
        const fs::path target = into / entry.path().filename();
        if (entry.path().extension() != ".gz") {
            fs::copy_file(entry.path(), target, fs::copy_options::overwrite_existing);
            continue;
        }
        QProcess gzip;
        gzip.setStandardOutputFile(QString::fromStdString((into / entry.path().stem()).string()));
        gzip.start("gzip", {"-dc", QString::fromStdString(entry.path().string())});
        if (!gzip.waitForFinished() || gzip.exitCode() != 0)
            return false;
    }
    return true;
}

/// Writes `tokenizer` (and `config` unless null) into a fresh folder and loads it.
inline Result<std::shared_ptr<const Tokenizer>> loadFrom(std::string_view tokenizer, std::string_view config = {}) {
    const QTemporaryDir folder;
    const fs::path path = folder.path().toStdString();
    ATTUNE_CHECK(writeFileAtomic(path / "tokenizer.json", tokenizer));
    if (!config.empty())
        ATTUNE_CHECK(writeFileAtomic(path / "tokenizer_config.json", config));
    return Tokenizer::load(path);
}

} // namespace attune::test

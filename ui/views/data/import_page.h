// The mapping page of an import, in place: what the file is, which column plays which part, what comes out and what
// does not; then the import itself with progress. GUI thread; reading and writing are tasks.
#pragma once

#include <memory>

#include <QPointer>
#include <QWidget>

#include "core/data/import_file.h"
#include "core/store/import_dataset.h"
#include "ui/bridge/task.h"

class QComboBox;
class QGridLayout;
class QLabel;
class QVBoxLayout;

namespace attune {

class Card;
class PreviewPanel;
class Project;
class ProgressStrip;

class ImportPage final : public QWidget {
    Q_OBJECT
public:
    explicit ImportPage(QWidget* parent);

    /// Looks at the beginning of the file; ready() or failed() follow. `name` of the dataset, "" = the file's.
    void open(const QString& file, const QString& name = {});
    /// Imports with the mapping that is shown; imported() or failed() follow.
    void start(std::shared_ptr<Project> project);
    void cancel();
    bool isImporting() const { return m_import != nullptr; }
    bool canStart() const { return m_fits && !m_import; }
    const Mapping& mapping() const { return m_inspection.mapping; }
    QString file() const { return m_file; }

Q_SIGNALS:
    void ready();
    void mappingChanged(); ///< canStart() may be another
    void imported(const attune::ImportedDataset& dataset);
    void failed(const attune::Error& error, const QString& file);

private:
    void showFile();
    void chooseFormat(int index);
    void chooseRole(const std::string& column, const std::string& role);
    void fillColumns();
    void refreshPreview();

    QString m_file, m_name;
    FileInspection m_inspection;
    bool m_fits = false;
    QPointer<Task> m_look, m_import;
    ProgressStrip* m_progress;
    Card* m_columnsCard;
    Card* m_problemsCard;
    QComboBox* m_format;
    QLabel* m_summary;
    QLabel* m_verdict;
    QGridLayout* m_columns;
    QVBoxLayout* m_problems;
    PreviewPanel* m_preview;
};

/// As inspectFile(), but a file whose columns fit no format still comes back, with its rows and an empty mapping for
/// the user to make.
Result<FileInspection> inspectForMapping(const fs::path& file);

} // namespace attune

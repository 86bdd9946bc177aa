// The rows of a dataset as a table: it holds the ids of a query and reads the visible pages in the background, so a
// million rows scroll. Cells hold the beginnings of the texts only; whole samples are read where they are shown. GUI
// thread.
#pragma once

#include <memory>
#include <vector>

#include <QAbstractTableModel>
#include <QStringList>

#include "core/base/result.h"
#include "core/store/dataset_store.h"
#include "ui/models/page_cache.h"

namespace attune {

class Project;

class SampleTableModel final : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Column { RowColumn, PromptColumn, AnswerColumn, SplitColumn, TokensColumn, StatusColumn, ColumnCount };

    /// What a row of the table shows.
    struct Cells {
        RowId id = 0;
        qint64 sourceRow = 0, tokens = -1; // tokens < 0: not counted
        Split split = Split::None;
        SampleKind kind = SampleKind::Chat;
        bool edited = false;
        QString prompt, answer; // one line, shortened
        QStringList tags;
    };

    explicit SampleTableModel(QObject* parent = nullptr);

    void setProject(std::shared_ptr<Project> project);
    /// Replaces all rows. Pages of the former rows are forgotten.
    void setRows(std::vector<RowId> rows);
    const std::vector<RowId>& rows() const { return m_rows; }
    /// The contents of rows changed, not which rows there are: reads what is visible again, without flicker.
    void refresh();
    RowId idAt(int row) const;
    int rowOf(RowId id) const; ///< -1 when it is not among the rows
    /// Null while its page is being read; dataChanged() says when it is there.
    const Cells* cellsAt(int row) const;
    /// What all prompts begin with (an instruction), so that a table need not repeat it in every row. Empty when they
    /// differ.
    QString commonPrefix() const { return m_commonPrefix; }
    /// The context of the model in use; rows beyond it are marked. 0 = not known.
    void setContextLength(qint64 tokens);
    qint64 contextLength() const { return m_contextLength; }
    /// The column whose head carries the arrow, -1 = none.
    void setSortMark(int column, bool descending);
    /// Words beside the split: "edited", "too long", tags.
    QStringList statusOf(const Cells& cells) const;
    static QString splitLabel(Split split);

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

Q_SIGNALS:
    void failed(const attune::Error& error);

private:
    void loadSoon(std::size_t page) const;
    void loadNext();
    void takePage(std::size_t page, std::vector<Cells> cells);

    std::shared_ptr<Project> m_project;
    std::vector<RowId> m_rows;
    mutable PageCache<Cells> m_cache;
    mutable std::vector<std::size_t> m_wanted; // the newest is loaded first: that is where the user looks
    int m_loading = 0;
    quint64 m_generation = 0;
    qint64 m_contextLength = 0;
    QString m_commonPrefix;
    int m_sortColumn = -1;
    bool m_sortDescending = false;
};

} // namespace attune

// The manual in a window of its own: a page for each station (resources/help), a list of them, and a search through all.
// One window for the program, made when first asked for. GUI thread.
#pragma once

#include <vector>

#include <QString>
#include <QStringList>
#include <QWidget>

class QLabel;
class QLineEdit;
class QListWidget;
class QTextBrowser;

namespace attune {

struct GuidePage {
    QString id;    // the station's: "train"
    QString title; // the first heading of its text
    QString text;  // Markdown
};
/// Those that are there, in the order of `ids`.
std::vector<GuidePage> readGuidePages(const QStringList& ids);

class GuideWindow final : public QWidget {
    Q_OBJECT
public:
    explicit GuideWindow(std::vector<GuidePage> pages, QWidget* parent = nullptr);

    /// Brings the window to the front with that page; an unknown id keeps the page.
    void open(const QString& id);
    /// Only pages with all these words stay in the list, and their places are marked in the text. Empty: all.
    void search(const QString& words);
    QString page() const; ///< id of the page that is shown
    int listed() const;   ///< pages in the list

protected:
    void keyPressEvent(QKeyEvent* event) override;

private:
    void showPage(int index);
    void mark(bool jump);

    std::vector<GuidePage> m_pages;
    QLineEdit* m_search;
    QListWidget* m_list;
    QTextBrowser* m_text;
    QLabel* m_found;
};

} // namespace attune

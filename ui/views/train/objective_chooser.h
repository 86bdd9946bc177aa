// What the model learns from: the objectives that suit the rows at hand as choices, the others below with the reason and a
// way to the rows they need. Shows what it is given; reads nothing. GUI thread.
#pragma once

#include <map>

#include <QWidget>

#include "core/plan/data_fit.h"

class QButtonGroup;
class QGridLayout;
class QVBoxLayout;

namespace attune {

class Card;
class OptionButton;

class ObjectiveChooser final : public QWidget {
    Q_OBJECT
public:
    ObjectiveChooser(const Catalog& catalog, QWidget* parent);
    void setChosen(const std::string& id);
    /// Empty: the rows are not known, so every objective can be chosen.
    void setRows(const KindCounts& rows);
    bool focusChosen();

Q_SIGNALS:
    void chosen(const std::string& id);
    void dataWanted();                               ///< to import rows of another kind
    void conversionWanted(const std::string& kind);  ///< rows of this kind made from the ones at hand

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    void rebuild();
    QWidget* makeOther(const std::string& kind, const QStringList& titles);
    void arrange();

    const Catalog& m_catalog;
    KindCounts m_rows;
    Card* m_card;
    QWidget* m_content = nullptr;
    QGridLayout* m_grid = nullptr;
    QButtonGroup* m_group = nullptr;
    std::vector<std::string> m_ids; // of the choices, in their order
    std::vector<OptionButton*> m_options;
    std::string m_chosen;
    int m_columns = 0;
};

} // namespace attune

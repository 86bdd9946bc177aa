// The methods of the catalog side by side: memory, time and quality of each on this model, one of them chosen. Shows what
// it is given; computes nothing. GUI thread.
#pragma once

#include <map>

#include <QWidget>

#include "core/plan/catalog.h"
#include "core/plan/method_costs.h"

class QButtonGroup;

namespace attune {

class Card;
class MethodOption;

class MethodChooser final : public QWidget {
    Q_OBJECT
public:
    MethodChooser(const std::vector<MethodEntry>& methods, QWidget* parent);
    void setChosen(const std::string& id);
    /// Empty: not known (yet).
    void setCosts(const std::vector<MethodCost>& costs, std::int64_t computerBytes);
    bool focusChosen();

Q_SIGNALS:
    void chosen(const std::string& id);

private:
    class Head;
    Card* m_card;
    Head* m_head;
    QButtonGroup* m_group;
    std::vector<std::string> m_ids;
    std::map<std::string, MethodOption*> m_options;
};

} // namespace attune

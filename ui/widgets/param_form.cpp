#include "ui/widgets/param_form.h"

#include <algorithm>

#include <QScrollArea>
#include <QVBoxLayout>

#include "core/plan/param_check.h"
#include "ui/bridge/qt_convert.h"
#include "ui/widgets/param_row.h"

namespace attune {

ParamForm::ParamForm(QWidget* parent) : QWidget(parent) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(8);
}

ParamForm::~ParamForm() = default;

void ParamForm::setSpecs(const std::vector<ParamSpec>& specs, const ParamMap& values) {
    qDeleteAll(m_rows);
    m_rows.clear();
    m_byKey.clear();
    m_specs = specs;
    for (const ParamSpec& spec : specs) {
        auto* row = new ParamRow(spec, this);
        layout()->addWidget(row);
        m_rows.push_back(row);
        m_byKey[spec.key] = row;
        connect(row, &ParamRow::changed, this, [this, row] {
            if (std::any_of(m_specs.begin(), m_specs.end(), [](const ParamSpec& each) { return !each.onlyWhen.empty(); }))
                applyDepth(); // others may act now, or no more
            Q_EMIT valueChanged(qstr(row->spec().key));
        });
    }
    setValues(values);
    applyDepth();
}

void ParamForm::setDepth(Depth depth) {
    m_depth = depth;
    applyDepth();
}

// A knob that differs from its default stays in sight at every depth: the same recipe lies below all three.
void ParamForm::applyDepth() {
    for (ParamRow* row : m_rows) {
        row->setVisible(isVisibleAtDepth(row->spec().key));
        row->setHelpShown(m_depth == Depth::Guided);
    }
}

bool ParamForm::isVisibleAtDepth(const std::string& key) const {
    const auto found = m_byKey.find(key);
    if (found == m_byKey.end())
        return false;
    if (!isOfUse(*found->second))
        return false;
    const ParamSpec& spec = found->second->spec();
    return m_depth == Depth::Expert || (m_depth == Depth::Standard && !spec.advanced) ||
           (m_depth == Depth::Guided && spec.guided) || !found->second->isDefault();
}

void ParamForm::setUnused(std::vector<std::string> keys) {
    m_unused = std::move(keys);
    applyDepth();
}

bool ParamForm::isOfUse(const ParamRow& row) const {
    return std::find(m_unused.begin(), m_unused.end(), row.spec().key) == m_unused.end() &&
           takesEffect(row.spec(), values(), m_specs);
}

int ParamForm::foldedRows() const {
    return int(std::count_if(m_rows.begin(), m_rows.end(),
                             [this](const ParamRow* row) { return isOfUse(*row) && !isVisibleAtDepth(row->spec().key); }));
}

int ParamForm::visibleRows() const {
    return int(std::count_if(m_rows.begin(), m_rows.end(), [](const ParamRow* row) { return !row->isHidden(); }));
}

void ParamForm::setValues(const ParamMap& values) {
    for (ParamRow* row : m_rows) {
        const auto given = values.find(row->spec().key);
        row->setValue(given == values.end() ? row->spec().defaultValue : given->second);
    }
    applyDepth();
}

void ParamForm::setValue(const std::string& key, const ParamValue& value) {
    if (const auto found = m_byKey.find(key); found != m_byKey.end())
        found->second->setValue(value);
}

ParamMap ParamForm::values() const {
    ParamMap values;
    for (const ParamRow* row : m_rows)
        if (!row->isDefault())
            values[row->spec().key] = row->value();
    return values;
}

std::vector<std::pair<std::string, QString>> ParamForm::unreadable() const {
    std::vector<std::pair<std::string, QString>> found;
    for (const ParamRow* row : m_rows)
        if (row->isUnreadable())
            found.emplace_back(row->spec().key, row->ownComplaint());
    return found;
}

ParamValue ParamForm::value(const std::string& key) const {
    const auto found = m_byKey.find(key);
    return found == m_byKey.end() ? ParamValue() : found->second->value();
}

bool ParamForm::focusField(const std::string& key) {
    const auto found = m_byKey.find(key);
    if (found == m_byKey.end())
        return false;
    ParamRow* row = found->second;
    row->show();
    row->setExplained(true);
    for (QWidget* outer = parentWidget(); outer; outer = outer->parentWidget())
        if (auto* area = qobject_cast<QScrollArea*>(outer)) {
            area->ensureWidgetVisible(row);
            break;
        }
    row->editor()->setFocus(Qt::OtherFocusReason);
    return true;
}

void ParamForm::setComplaint(const std::string& key, const QString& message, Tone tone) {
    if (const auto found = m_byKey.find(key); found != m_byKey.end())
        found->second->setComplaint(message, tone);
}

void ParamForm::clearComplaints() {
    for (ParamRow* row : m_rows)
        row->setComplaint({}, Tone::Bad);
}

} // namespace attune

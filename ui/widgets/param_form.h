// A form made from ParamSpecs: label, editor, unit, reset dot, and on demand help with "too high / too low". Three
// depths show guided, usual or all knobs of the same list. Knows nothing of what the values mean. GUI thread.
#pragma once

#include <map>
#include <vector>

#include <QWidget>

#include "core/base/param_spec.h"
#include "ui/settings.h"

namespace attune {

class ParamRow;

class ParamForm final : public QWidget {
    Q_OBJECT
public:
    explicit ParamForm(QWidget* parent = nullptr);
    ~ParamForm() override;

    /// Replaces the form. `values` holds what differs from the defaults.
    void setSpecs(const std::vector<ParamSpec>& specs, const ParamMap& values = {});
    void setDepth(Depth depth);
    /// Knobs that do nothing here, whatever the depth; with those that only act beside another value they stay hidden.
    void setUnused(std::vector<std::string> keys);
    /// Rows that only the depth hides.
    int foldedRows() const;
    void setValues(const ParamMap& values);
    void setValue(const std::string& key, const ParamValue& value);
    /// Only what differs from the defaults.
    ParamMap values() const;
    ParamValue value(const std::string& key) const; ///< the default when unknown or unchanged
    /// Shows the field whatever the depth, scrolls to it and gives it the focus; false when there is no such key.
    bool focusField(const std::string& key);
    /// Fields in which something stands that is no value, with what is wrong: key, message.
    std::vector<std::pair<std::string, QString>> unreadable() const;
    /// Marks a field with a complaint ("" removes it).
    void setComplaint(const std::string& key, const QString& message, Tone tone = Tone::Bad);
    void clearComplaints();
    bool isVisibleAtDepth(const std::string& key) const;
    int visibleRows() const;

Q_SIGNALS:
    void valueChanged(const QString& key);

private:
    void applyDepth();
    bool isOfUse(const ParamRow& row) const;
    std::vector<ParamRow*> m_rows;
    std::map<std::string, ParamRow*> m_byKey;
    std::vector<ParamSpec> m_specs;
    std::vector<std::string> m_unused;
    Depth m_depth = Depth::Standard;
};

} // namespace attune

// One knob of a ParamForm: label with unit, the editor that fits its type, reset dot, and the explanation on demand.
// GUI thread.
#pragma once

#include <QString>
#include <QWidget>

#include "core/base/param_spec.h"
#include "ui/theme.h"

class QLabel;
class QToolButton;

namespace attune {

class ParamRow final : public QWidget {
    Q_OBJECT
public:
    ParamRow(const ParamSpec& spec, QWidget* parent);

    const ParamSpec& spec() const { return m_spec; }
    const ParamValue& value() const { return m_value; }
    bool isDefault() const;
    bool isUnreadable() const { return !m_ownComplaint.isEmpty(); } ///< what is written there is no value; value() is the last one
    QString ownComplaint() const { return m_ownComplaint; }
    void setValue(const ParamValue& value); ///< does not emit
    void setComplaint(const QString& message, Tone tone);
    void setExplained(bool explained);
    void setHelpShown(bool shown); ///< the one sentence under the name, in Guided depth
    QWidget* editor() const { return m_editor; }

Q_SIGNALS:
    void changed();

private:
    QWidget* makeEditor();
    void showValue();
    void take(const ParamValue& value);
    void takeText(const QString& text);
    void refresh();
    QString explanation() const;

    ParamSpec m_spec;
    ParamValue m_value;
    QWidget* m_editor = nullptr;
    QToolButton* m_reset;
    QToolButton* m_help;
    QLabel* m_sentence;
    QLabel* m_explanation;
    QLabel* m_complaint;
    QString m_outerComplaint, m_ownComplaint;
    Tone m_outerTone = Tone::Bad;
    bool m_explained = false, m_helpShown = false, m_showing = false;
};

} // namespace attune

#include "ui/widgets/param_row.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <QCheckBox>
#include <QComboBox>
#include <QGridLayout>
#include <QLabel>
#include <QLineEdit>
#include <QLocale>
#include <QSignalBlocker>
#include <QSpinBox>
#include <QToolButton>

#include "core/plan/param_check.h"
#include "ui/bridge/qt_convert.h"
#include "ui/widgets/card.h"
#include "ui/widgets/flow_layout.h"
#include "ui/widgets/wheel_guard.h"

namespace attune {
namespace {

constexpr int kLabelWidth = 168; // labels of a form share one column; longer ones wrap

bool fitsSpinBox(const ParamSpec& spec) {
    if (!std::holds_alternative<std::int64_t>(spec.defaultValue) || !spec.max)
        return false;
    constexpr double limit = std::numeric_limits<int>::max();
    return *spec.max <= limit && spec.min.value_or(0) >= -limit;
}

QString rangeText(const ParamSpec& spec) {
    const auto text = [](double value) {
        // Large whole numbers in groups, as everywhere.
        return std::abs(value) >= 10'000 && value == std::floor(value) ? number(qint64(value)) : QString::number(value, 'g', 10);
    };
    if (spec.min && spec.max)
        return ParamRow::tr("%1 to %2").arg(text(*spec.min), text(*spec.max));
    if (spec.min)
        return ParamRow::tr("at least %1").arg(text(*spec.min));
    if (spec.max)
        return ParamRow::tr("at most %1").arg(text(*spec.max));
    return {};
}

/// 0.0002 rather than 2e-04: forms are for people.
QString valueText(const ParamValue& value) {
    const double* number = std::get_if<double>(&value);
    const bool plain = number && (*number == 0 || (std::abs(*number) >= 1e-7 && std::abs(*number) < 1e9));
    return plain ? QString::number(*number, 'f', QLocale::FloatingPointShortest) : qstr(paramText(value));
}

QString defaultText(const ParamSpec& spec) {
    if (const bool* flag = std::get_if<bool>(&spec.defaultValue))
        return *flag ? ParamRow::tr("on") : ParamRow::tr("off");
    const QString text = valueText(spec.defaultValue);
    return text.isEmpty() ? ParamRow::tr("empty") : text;
}

} // namespace

ParamRow::ParamRow(const ParamSpec& spec, QWidget* parent) : QWidget(parent), m_spec(spec), m_value(spec.defaultValue) {
    auto* grid = new QGridLayout(this);
    grid->setContentsMargins(0, 0, 0, 0);
    grid->setHorizontalSpacing(8);
    grid->setVerticalSpacing(2);
    grid->setColumnMinimumWidth(0, kLabelWidth);
    grid->setColumnStretch(1, 1);

    QString name = qstr(spec.label);
    if (!spec.unit.empty() && !name.contains(qstr(spec.unit), Qt::CaseInsensitive)) // no "Maximum steps (steps)"
        name += QStringLiteral(" (%1)").arg(qstr(spec.unit));
    QLabel* label = makeLabel(name, "body", this);
    label->setFixedWidth(kLabelWidth);
    m_editor = makeEditor();
    m_editor->setAccessibleName(name);
    m_editor->setAccessibleDescription(qstr(spec.help));
    const QString range = rangeText(spec);
    m_editor->setToolTip("<p>" + qstr(spec.help).toHtmlEscaped() + (range.isEmpty() ? QString() : QLatin1Char(' ') + tr("Range: %1.").arg(range)) + "</p>");
    label->setBuddy(m_editor);
    m_reset = new QToolButton(this);
    m_reset->setIcon(Theme::current().icon("reset", Theme::IconColor::Accent));
    m_reset->setAccessibleName(tr("Reset %1 to its default").arg(qstr(spec.label)));
    m_reset->setToolTip(tr("Changed. Reset to the default: %1").arg(defaultText(spec)));
    QSizePolicy keep = m_reset->sizePolicy();
    keep.setRetainSizeWhenHidden(true);
    m_reset->setSizePolicy(keep);
    m_help = new QToolButton(this);
    m_help->setIcon(Theme::current().icon("help", Theme::IconColor::Muted));
    m_help->setCheckable(true);
    m_help->setAccessibleName(tr("Explain %1").arg(qstr(spec.label)));
    m_help->setToolTip(tr("What is it, and what if it is too high or too low?"));
    m_sentence = makeLabel(qstr(spec.help), "note", this);
    m_explanation = makeLabel(explanation(), "note", this);
    m_complaint = makeLabel({}, "note", this);
    m_complaint->setProperty("tone", "bad");

    grid->addWidget(label, 0, 0, Qt::AlignVCenter);
    grid->addWidget(m_editor, 0, 1, Qt::AlignVCenter);
    grid->addWidget(m_reset, 0, 2, Qt::AlignVCenter);
    grid->addWidget(m_help, 0, 3, Qt::AlignVCenter);
    grid->addWidget(m_complaint, 1, 1, 1, 3);
    grid->addWidget(m_sentence, 2, 1, 1, 3);
    grid->addWidget(m_explanation, 3, 1, 1, 3);
    connect(m_reset, &QToolButton::clicked, this, [this] {
        take(m_spec.defaultValue);
        showValue();
    });
    connect(m_help, &QToolButton::toggled, this, &ParamRow::setExplained);
    showValue();
    refresh();
}

QString ParamRow::explanation() const {
    QStringList lines{qstr(m_spec.help)};
    QString facts = tr("Default: %1.").arg(defaultText(m_spec));
    if (const QString range = rangeText(m_spec); !range.isEmpty())
        facts += QLatin1Char(' ') + tr("Range: %1.").arg(range);
    lines << facts;
    if (!m_spec.ifTooHigh.empty())
        lines << tr("Too high: %1").arg(qstr(m_spec.ifTooHigh));
    if (!m_spec.ifTooLow.empty())
        lines << tr("Too low: %1").arg(qstr(m_spec.ifTooLow));
    return lines.join(QLatin1Char('\n'));
}

QWidget* ParamRow::makeEditor() {
    if (std::holds_alternative<bool>(m_spec.defaultValue)) {
        auto* box = new QCheckBox(tr("On"), this);
        connect(box, &QCheckBox::toggled, this, [this](bool on) { take(on); });
        return box;
    }
    if (std::holds_alternative<std::string>(m_spec.defaultValue) && !m_spec.choices.empty()) {
        auto* box = new QComboBox(this);
        for (const std::string& choice : m_spec.choices)
            box->addItem(qstr(choice));
        box->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
        guardWheel(box);
        connect(box, &QComboBox::currentTextChanged, this, [this](const QString& text) { take(sstr(text)); });
        return box;
    }
    if (std::holds_alternative<std::vector<std::string>>(m_spec.defaultValue) && !m_spec.choices.empty()) {
        auto* chips = new QWidget(this);
        auto* flow = new FlowLayout(chips);
        for (const std::string& choice : m_spec.choices) {
            QPushButton* chip = makeButton(qstr(choice), "chip", {}, chips);
            chip->setCheckable(true);
            flow->addWidget(chip);
            connect(chip, &QPushButton::toggled, this, [this, flow] {
                std::vector<std::string> chosen;
                for (int i = 0; i < flow->count(); ++i)
                    if (auto* button = qobject_cast<QPushButton*>(flow->itemAt(i)->widget()); button->isChecked())
                        chosen.push_back(m_spec.choices[std::size_t(i)]);
                take(std::move(chosen));
            });
        }
        if (flow->count() > 0)
            chips->setFocusProxy(flow->itemAt(0)->widget());
        return chips;
    }
    if (fitsSpinBox(m_spec)) {
        auto* box = new QSpinBox(this);
        box->setRange(int(m_spec.min.value_or(0)), int(*m_spec.max));
        if (!m_spec.atZero.empty() && box->minimum() == 0)
            box->setSpecialValueText(tr("0: %1").arg(qstr(m_spec.atZero)));
        guardWheel(box);
        box->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
        connect(box, &QSpinBox::valueChanged, this, [this](int value) { take(std::int64_t(value)); });
        return box;
    }
    auto* line = new QLineEdit(this);
    connect(line, &QLineEdit::textEdited, this, &ParamRow::takeText);
    return line;
}

void ParamRow::takeText(const QString& text) {
    const Result<ParamValue> parsed = parseParam(m_spec, sstr(text.trimmed()), m_spec.label);
    const bool was = isUnreadable();
    // What is allowed stands there as well.
    m_ownComplaint = parsed ? QString() : qstr(parsed.error().message) + (parsed.error().hint.empty() ? QString() : QStringLiteral(". ") + qstr(parsed.error().hint));
    const bool same = parsed && *parsed == m_value;
    if (parsed)
        take(*parsed);
    refresh();
    if (was != isUnreadable() && (!parsed || same))
        Q_EMIT changed(); // the value is the same, but not what is written there
}

void ParamRow::take(const ParamValue& value) {
    if (m_showing || value == m_value)
        return;
    m_value = value;
    refresh();
    Q_EMIT changed();
}

void ParamRow::setValue(const ParamValue& value) {
    m_value = value;
    showValue();
    refresh();
}

void ParamRow::showValue() {
    m_showing = true;
    m_ownComplaint.clear();
    if (auto* check = qobject_cast<QCheckBox*>(m_editor)) {
        const bool* on = std::get_if<bool>(&m_value);
        check->setChecked(on && *on);
    } else if (auto* combo = qobject_cast<QComboBox*>(m_editor)) {
        combo->setCurrentText(qstr(paramText(m_value)));
    } else if (auto* spin = qobject_cast<QSpinBox*>(m_editor)) {
        const std::int64_t* number = std::get_if<std::int64_t>(&m_value);
        spin->setValue(number ? int(std::clamp<std::int64_t>(*number, spin->minimum(), spin->maximum())) : 0);
    } else if (auto* line = qobject_cast<QLineEdit*>(m_editor)) {
        line->setText(valueText(m_value));
        line->setCursorPosition(0);
    } else if (const auto* list = std::get_if<std::vector<std::string>>(&m_value)) {
        for (QPushButton* chip : m_editor->findChildren<QPushButton*>())
            chip->setChecked(std::find(list->begin(), list->end(), sstr(chip->text())) != list->end());
    }
    m_showing = false;
    refresh();
}

bool ParamRow::isDefault() const {
    return m_value == m_spec.defaultValue;
}

void ParamRow::setComplaint(const QString& message, Tone tone) {
    m_outerComplaint = message;
    m_outerTone = tone;
    refresh();
}

void ParamRow::setExplained(bool explained) {
    m_explained = explained;
    const QSignalBlocker blocker(m_help);
    m_help->setChecked(explained);
    refresh();
}

void ParamRow::setHelpShown(bool shown) {
    m_helpShown = shown;
    refresh();
}

void ParamRow::refresh() {
    m_reset->setVisible(!isDefault());
    m_explanation->setVisible(m_explained);
    m_sentence->setVisible(m_helpShown && !m_explained && !m_spec.help.empty()); // the explanation begins with it
    const QString complaint = m_ownComplaint.isEmpty() ? m_outerComplaint : m_ownComplaint;
    const bool bad = !m_ownComplaint.isEmpty() || m_outerTone == Tone::Bad;
    m_complaint->setText(complaint);
    m_complaint->setVisible(!complaint.isEmpty());
    setStyleProperty(m_complaint, "tone", bad ? "bad" : "careful");
    setStyleProperty(m_editor, "complaint", complaint.isEmpty() ? "" : bad ? "bad" : "careful");
}

} // namespace attune

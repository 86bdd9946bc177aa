// The style sheet of the window, with @names for the theme's colours. Sizes are in device independent pixels and only
// minimal ones, so that larger fonts and 200 % scaling grow the controls instead of clipping them.
#include "ui/theme.h"

namespace attune {
namespace {

const char* const kSheet = R"(
QMainWindow, QDialog, QWidget[surface="page"] { background: @background; }
QToolTip { background: @panel; color: @text; border: 1px solid @line; padding: 6px 8px; }

QMenuBar { background: @panel; border-bottom: 1px solid @line; padding: 2px 8px; color: @muted; }
QMenuBar::item { padding: 4px 10px; border-radius: 6px; background: transparent; }
QMenuBar::item:selected { background: @wash; color: @text; }
QMenu { background: @panel; border: 1px solid @line; padding: 4px; }
QMenu::item { padding: 6px 28px 6px 12px; border-radius: 4px; }
QMenu::item:selected { background: @accentwash; color: @text; }
QMenu::item:disabled { color: @muted; }
QMenu::separator { height: 1px; background: @line; margin: 4px 8px; }
QMenu::indicator { width: 14px; height: 14px; margin-left: 6px; }
QMenu::indicator:checked { image: url(:/icons/control/check-@mode.svg); }
QStatusBar { background: @panel; border-top: 1px solid @line; color: @muted; }
QStatusBar::item { border: none; }
QStatusBar QLabel { color: @muted; font-size: 12px; padding: 2px 6px; }

QWidget[surface="rail"] { background: @rail; border-right: 1px solid @line; }

QFrame[inset="true"] { background: @background; border: 1px solid @line; border-radius: 6px; }
QFrame[card="true"] { background: @panel; border: 1px solid @line; border-radius: 8px; }
QFrame[line="true"] { background: @line; border: none; max-height: 1px; min-height: 1px; }
QFrame[message="accent"] { background: @accentwash; border: 1px solid @accentwash; border-radius: 6px; }
QFrame[message="good"] { background: @goodwash; border: 1px solid @goodwash; border-radius: 6px; }
QFrame[message="careful"] { background: @carefulwash; border: 1px solid @carefulwash; border-radius: 6px; }
QFrame[message="bad"] { background: @badwash; border: 1px solid @badwash; border-radius: 6px; }
QFrame[strip="true"] { background: @panel; border: 1px solid @line; border-radius: 6px; }

QLabel { background: transparent; color: @text; }
QLabel:disabled { color: @muted; }
QLabel[role="title"] { font-size: 20px; font-weight: 600; }
QLabel[role="question"] { font-size: 16px; font-weight: 600; }
QLabel[role="section"] { font-weight: 600; }
QLabel[role="muted"] { color: @muted; }
QLabel[role="note"] { color: @muted; font-size: 12px; }
QLabel[role="figure"] { font-size: 18px; font-weight: 600; }
QLabel[role="mono"] { font-family: "@mono"; font-size: 12px; }
QLabel[role="strong"] { font-weight: 600; }
QLabel[tone="accent"] { color: @accenttext; }
QLabel[tone="good"] { color: @goodtext; }
QLabel[tone="careful"] { color: @carefultext; }
QLabel[tone="bad"] { color: @bad; }
QLabel[chip="neutral"] { background: @wash; color: @muted; border-radius: 9px; padding: 2px 8px; font-size: 12px; }
QLabel[chip="accent"] { background: @accentwash; color: @accenttext; border-radius: 9px; padding: 2px 8px; font-size: 12px; }
QLabel[chip="good"] { background: @goodwash; color: @goodtext; border-radius: 9px; padding: 2px 8px; font-size: 12px; }
QLabel[chip="careful"] { background: @carefulwash; color: @carefultext; border-radius: 9px; padding: 2px 8px; font-size: 12px; }
QLabel[chip="bad"] { background: @badwash; color: @bad; border-radius: 9px; padding: 2px 8px; font-size: 12px; }

QPushButton { background: @panel; color: @text; border: 1px solid @line; border-radius: 6px; padding: 6px 14px; min-height: 18px; }
QPushButton:hover { background: @hover; border-color: @control; }
QPushButton:pressed, QPushButton:checked { background: @accentwash; border-color: @accent; }
QPushButton:disabled { color: @muted; background: @background; }
QPushButton:focus { border: 2px solid @accent; padding: 5px 13px; }
QPushButton::menu-indicator { image: url(:/icons/control/down-@mode.svg); subcontrol-position: right center; right: 8px; width: 12px; height: 12px; }
QPushButton[menu="true"] { padding-right: 28px; }
QPushButton[kind="primary"] { background: @accent; color: @onaccent; border: 1px solid @accent; font-weight: 600; }
QPushButton[kind="primary"]:hover { background: @accenthover; border-color: @accenthover; }
QPushButton[kind="primary"]:pressed { background: @accent; }
QPushButton[kind="primary"]:disabled { background: @wash; border-color: @wash; color: @muted; }
QPushButton[kind="primary"]:focus { border: 2px solid @text; }
QPushButton[kind="quiet"] { background: transparent; border-color: transparent; color: @accenttext; padding: 6px 8px; }
QPushButton[kind="quiet"]:hover { background: @hover; }
QPushButton[kind="quiet"]:disabled { color: @muted; }
QPushButton[kind="quiet"]:focus { border: 2px solid @accent; padding: 5px 7px; }
QPushButton[kind="danger"] { color: @bad; }
QPushButton[kind="small"] { font-size: 12px; padding: 2px 10px; border-radius: 6px; min-height: 16px; }
QPushButton[kind="small"]:focus { padding: 1px 9px; }
QPushButton[kind="chip"] { background: @wash; color: @muted; border: 1px solid @wash; border-radius: 10px; padding: 2px 10px; font-size: 12px; min-height: 14px; }
QPushButton[kind="chip"]:hover { border-color: @control; }
QPushButton[kind="chip"]:checked { background: @accentwash; color: @accenttext; border-color: @accent; }
QPushButton[kind="chip"]:focus { border: 2px solid @accent; padding: 1px 9px; }
QPushButton[kind="segment"] { border-radius: 0; border-right-width: 0; padding: 6px 14px; }
QPushButton[kind="segment"][place="first"] { border-top-left-radius: 6px; border-bottom-left-radius: 6px; }
QPushButton[kind="segment"][place="last"] { border-top-right-radius: 6px; border-bottom-right-radius: 6px; border-right-width: 1px; }
QPushButton[kind="segment"]:checked { background: @accentwash; color: @accenttext; font-weight: 600; border-color: @line; }
QPushButton[kind="segment"]:focus { border: 2px solid @accent; padding: 5px 13px; }
QPushButton[kind="option"] { text-align: left; padding: 10px 14px; }
QToolButton { border: 2px solid transparent; border-radius: 6px; padding: 4px; background: transparent; color: @text; }
QToolButton:hover { background: @hover; }
QToolButton::menu-indicator { image: none; }
QToolButton:checked { background: @accentwash; }
QToolButton:focus { border: 2px solid @accent; }

QLineEdit, QComboBox, QSpinBox, QDoubleSpinBox, QPlainTextEdit, QTextEdit, QDateEdit {
    background: @panel; color: @text; border: 1px solid @control; border-radius: 6px; selection-background-color: @accentwash; selection-color: @text; }
QLineEdit, QComboBox, QSpinBox, QDoubleSpinBox, QDateEdit { padding: 5px 8px; min-height: 20px; }
QPlainTextEdit, QTextEdit { padding: 4px; }
QLineEdit:focus, QComboBox:focus, QSpinBox:focus, QDoubleSpinBox:focus, QDateEdit:focus { border: 2px solid @accent; padding: 4px 7px; }
QPlainTextEdit:focus, QTextEdit:focus { border: 2px solid @accent; padding: 3px; }
QLineEdit:disabled, QComboBox:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled { background: @background; color: @muted; border-color: @line; }
QLineEdit[complaint="bad"], QComboBox[complaint="bad"], QSpinBox[complaint="bad"], QDoubleSpinBox[complaint="bad"] { border: 1px solid @bad; }
QLineEdit[complaint="careful"], QComboBox[complaint="careful"], QSpinBox[complaint="careful"], QDoubleSpinBox[complaint="careful"] { border: 1px solid @careful; }
QTextEdit[flat="true"], QPlainTextEdit[flat="true"] { border: 1px solid transparent; background: transparent; padding: 0; }
QTextEdit[flat="true"]:focus, QPlainTextEdit[flat="true"]:focus { border: 1px solid @accent; padding: 0; }
QComboBox { combobox-popup: 0; } /* a list below the box: the menu over it is a row too short for these items */
QComboBox::drop-down { border: none; width: 24px; }
QComboBox::down-arrow { image: url(:/icons/control/down-@mode.svg); width: 12px; height: 12px; }
QComboBox QAbstractItemView { background: @panel; border: 1px solid @line; outline: none; selection-background-color: @accentwash; selection-color: @text; padding: 2px; }
QComboBox QAbstractItemView:focus { border: 1px solid @line; }
QSpinBox::up-button, QDoubleSpinBox::up-button { subcontrol-origin: border; subcontrol-position: top right; width: 20px; border: none; }
QSpinBox::down-button, QDoubleSpinBox::down-button { subcontrol-origin: border; subcontrol-position: bottom right; width: 20px; border: none; }
QSpinBox::up-arrow, QDoubleSpinBox::up-arrow { image: url(:/icons/control/up-@mode.svg); width: 10px; height: 10px; }
QSpinBox::down-arrow, QDoubleSpinBox::down-arrow { image: url(:/icons/control/down-@mode.svg); width: 10px; height: 10px; }

QCheckBox, QRadioButton { spacing: 8px; background: transparent; padding: 3px; border: 2px solid transparent; border-radius: 6px; }
QCheckBox:focus, QRadioButton:focus { border: 2px solid @accent; }
QCheckBox::indicator { width: 15px; height: 15px; border: 1px solid @control; border-radius: 4px; background: @panel; }
QCheckBox::indicator:checked { background: @accent; border-color: @accent; image: url(:/icons/control/checkon-@mode.svg); }
QCheckBox::indicator:indeterminate { background: @accentwash; border-color: @accent; }
QCheckBox::indicator:disabled { border-color: @line; background: @background; }
QRadioButton::indicator { width: 15px; height: 15px; border: 1px solid @control; border-radius: 8px; background: @panel; }
QRadioButton::indicator:checked { border-color: @accent; image: url(:/icons/control/dot-@mode.svg); }
QRadioButton[option="true"] { background: @panel; border: 1px solid @line; border-radius: 6px; padding: 9px 12px; }
QRadioButton[option="true"]:hover { background: @hover; border-color: @control; }
QRadioButton[option="true"]:checked { border: 1px solid @accent; background: @accentwash; }
QRadioButton[option="true"]:focus { border: 2px solid @accent; padding: 8px 11px; }
QCheckBox[option="true"] { background: @panel; border: 1px solid @line; border-radius: 6px; padding: 9px 12px; }

QProgressBar { background: @wash; border: none; border-radius: 3px; min-height: 6px; max-height: 6px; text-align: center; }
QProgressBar::chunk { background: @accent; border-radius: 3px; }
QSlider::groove:horizontal { height: 4px; background: @wash; border-radius: 2px; }
QSlider::sub-page:horizontal { background: @accent; border-radius: 2px; }
QSlider::handle:horizontal { width: 14px; height: 14px; margin: -5px 0; border-radius: 7px; background: @panel; border: 2px solid @accent; }
QSlider::handle:horizontal:focus { background: @accent; }

QTableView, QTreeView, QListView { background: @panel; color: @text; border: none; gridline-color: @line; outline: none;
    selection-background-color: @accentwash; selection-color: @text; alternate-background-color: @panel; }
QTableView { border-top: 1px solid transparent; border-bottom: 1px solid transparent; }
QTableView:focus, QTreeView:focus, QListView:focus { border: 1px solid @accent; }
QTableView::item { padding: 4px 5px; border-bottom: 1px solid @line; }
QTableView::item:selected { background: @accentwash; color: @text; }
QListView::item, QTreeView::item { padding: 5px 8px; border-radius: 4px; }
QListView::item:selected, QTreeView::item:selected { background: @accentwash; color: @text; }
QListView::item:hover:!selected { background: @hover; }
QHeaderView { background: @panel; border: none; }
QHeaderView::section { background: @panel; color: @muted; border: none; border-bottom: 1px solid @line; padding: 6px 8px; font-size: 12px; font-weight: 500; }
QTableCornerButton::section { background: @panel; border: none; border-bottom: 1px solid @line; }

QTabWidget::pane { border: none; }
QTabBar::tab { background: transparent; color: @muted; padding: 7px 12px; border-bottom: 2px solid transparent; }
QTabBar::tab:selected { color: @text; border-bottom: 2px solid @accent; font-weight: 600; }
QTabBar::tab:hover { color: @text; }
QTabBar::tab:focus { color: @accenttext; }
QSplitter::handle { background: transparent; }
QSplitter::handle:hover { background: @line; }
QScrollArea { background: transparent; border: none; }
QWidget[surface="scroll"] { background: transparent; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 0; }
QScrollBar::handle { background: @scroll; border-radius: 4px; margin: 1px; }
QScrollBar::handle:vertical { min-height: 32px; }
QScrollBar::handle:horizontal { min-width: 32px; }
QScrollBar::handle:hover { background: @control; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
)";

/// The colour nearer to the text until it reaches 4.5:1 on `ground`: small words in a tone upon its own wash need it.
QColor readable(const QColor& color, const QColor& ground, const QColor& text) {
    for (int percent = 0; percent <= 100; percent += 4) {
        const double share = percent / 100.0;
        const QColor mixed = QColor::fromRgbF(float(color.redF() * (1 - share) + text.redF() * share),
                                              float(color.greenF() * (1 - share) + text.greenF() * share),
                                              float(color.blueF() * (1 - share) + text.blueF() * share));
        if (Theme::contrast(mixed, ground) >= 4.5)
            return mixed;
    }
    return text;
}

} // namespace

QColor readableTone(const QColor& color, const QColor& ground, const QColor& text) {
    return readable(color, ground, text);
}

QString themeStyleSheet(const ThemeTokens& t, bool dark, const QString& monospace, const QColor& neutralWash) {
    QString sheet = QString::fromLatin1(kSheet);
    const auto set = [&sheet](const char* name, const QString& value) { sheet.replace(QLatin1String(name), value); };
    // Longer names first: "@accentwash" begins with "@accent".
    set("@accentwash", t.accentWash.name());
    set("@accenthover", (dark ? t.accent.lighter(108) : t.accent.darker(108)).name());
    set("@accenttext", readable(t.accent, t.accentWash, t.text).name());
    set("@accent", t.accent.name());
    set("@onaccent", t.onAccent.name());
    set("@goodwash", t.goodWash.name());
    set("@goodtext", readable(t.good, t.goodWash, t.text).name());
    set("@good", t.good.name());
    set("@carefulwash", t.carefulWash.name());
    set("@carefultext", readable(t.careful, t.carefulWash, t.text).name());
    set("@careful", t.careful.name());
    set("@badwash", t.badWash.name());
    set("@bad", readable(t.bad, t.badWash, t.text).name());
    set("@background", t.background.name());
    set("@panel", t.panel.name());
    set("@rail", t.rail.name());
    set("@line", t.line.name());
    set("@control", t.control.name());
    set("@text", t.text.name());
    set("@muted", t.muted.name());
    set("@wash", neutralWash.name());
    set("@hover", (dark ? QColor(0x232b35) : QColor(0xf0f3f7)).name());
    set("@scroll", (dark ? QColor(0x3a4553) : QColor(0xc5ccd6)).name());
    set("@mono", monospace);
    set("@mode", QString::fromLatin1(dark ? "dark" : "light"));
    return sheet;
}

} // namespace attune

// The part of ReviewView that makes its pages: choosing a review, and a pair of answers with the keys that judge it.
#include <QComboBox>
#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QProgressBar>
#include <QPushButton>
#include <QShortcut>
#include <QSpinBox>
#include <QVBoxLayout>

#include "ui/views/review/review_view.h"
#include "ui/widgets/card.h"
#include "ui/widgets/progress_strip.h"

namespace attune {

namespace {

QPlainTextEdit* answerBox(const QString& name, QWidget* parent) {
    auto* box = new QPlainTextEdit(parent);
    box->setReadOnly(true);
    box->setProperty("flat", true);
    beginAtEdge(*box);
    box->setMinimumHeight(110);
    box->setFont(Theme::current().monospaceFont());
    box->setAccessibleName(name);
    box->setTabChangesFocus(true);
    return box;
}

} // namespace

QWidget* ReviewView::buildStart() {
    auto* page = new QWidget(this);
    auto* column = new QVBoxLayout(page);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(16);
    m_progress = new ProgressStrip(page);
    column->addWidget(m_progress);

    auto* fresh = new Card(tr("New review"), tr("both models answer test rows first; that takes a moment"), page);
    auto* form = new QFormLayout;
    form->setHorizontalSpacing(16);
    form->setVerticalSpacing(12);
    m_run = new QComboBox(fresh);
    m_run->setAccessibleName(tr("Run to review"));
    m_count = new QSpinBox(fresh);
    m_count->setRange(1, 1000);
    m_count->setValue(100);
    m_count->setAccessibleName(tr("Pairs to judge"));
    m_count->setToolTip(tr("100 pairs or more give a win rate to about ± 10 points. You may stop at any time."));
    m_count->setMaximumWidth(120);
    form->addRow(makeFieldLabel(tr("Tuned run"), fresh), m_run);
    form->addRow(makeFieldLabel(tr("Pairs to judge"), fresh), m_count);
    fresh->body()->addLayout(form);
    column->addWidget(fresh);

    auto* earlier = new Card(tr("Go on with a review"), tr("it continues where it was left"), page);
    auto* row = new QHBoxLayout;
    m_stored = new QComboBox(earlier);
    m_stored->setAccessibleName(tr("Earlier reviews"));
    auto* open = makeButton(tr("Open"), QStringLiteral("secondary"), {}, earlier);
    connect(open, &QPushButton::clicked, this, [this] {
        if (m_stored->currentIndex() >= 0)
            openReview(m_stored->currentData().toLongLong());
    });
    row->addWidget(m_stored, 1);
    row->addWidget(open);
    earlier->body()->addLayout(row);
    column->addWidget(earlier);
    column->addStretch(1);
    return page;
}

QWidget* ReviewView::buildPair() {
    auto* page = new QWidget(this);
    m_pair = page;
    auto* column = new QVBoxLayout(page);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(12);

    auto* progress = new QHBoxLayout;
    m_bar = new QProgressBar(page);
    m_bar->setTextVisible(false);
    m_bar->setFixedHeight(6);
    m_bar->setAccessibleName(tr("Progress of the review"));
    m_done = makeLabel({}, QStringLiteral("muted"), page);
    m_done->setWordWrap(false);
    progress->addWidget(m_bar, 1);
    progress->addWidget(m_done);
    column->addLayout(progress);

    auto* prompt = new Card(tr("Prompt"), {}, page);
    m_prompt = makeLabel({}, QStringLiteral("body"), prompt);
    m_prompt->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_expected = makeLabel({}, QStringLiteral("muted"), prompt);
    prompt->body()->addWidget(m_prompt);
    prompt->body()->addWidget(m_expected);
    column->addWidget(prompt);

    auto* panes = new QHBoxLayout;
    panes->setSpacing(16);
    auto* left = new Card(tr("Left"), {}, page);
    m_left = answerBox(tr("Left answer"), left);
    left->body()->addWidget(m_left);
    auto* right = new Card(tr("Right"), {}, page);
    m_right = answerBox(tr("Right answer"), right);
    right->body()->addWidget(m_right);
    panes->addWidget(left, 1);
    panes->addWidget(right, 1);
    column->addLayout(panes, 1);

    auto* verdicts = new QHBoxLayout;
    verdicts->setSpacing(8);
    const auto add = [&](const QString& text, const QList<QKeySequence>& keys, SideVerdict verdict) {
        auto* button = makeButton(text, QStringLiteral("secondary"), {}, page);
        button->setFocusPolicy(Qt::TabFocus); // a click leaves no mark that would favour this verdict for the next pair
        connect(button, &QPushButton::clicked, this, [this, verdict] { judge(verdict); });
        for (const QKeySequence& key : keys) {
            auto* shortcut = new QShortcut(key, page);
            shortcut->setContext(Qt::WidgetWithChildrenShortcut);
            connect(shortcut, &QShortcut::activated, button, &QPushButton::click);
        }
        verdicts->addWidget(button, 1);
    };
    add(tr("1  Left is better"), {Qt::Key_1, Qt::Key_Left}, SideVerdict::Left);
    add(tr("2  Right is better"), {Qt::Key_2, Qt::Key_Right}, SideVerdict::Right);
    add(tr("3  Equally good"), {Qt::Key_3}, SideVerdict::Tie);
    add(tr("4  Both bad"), {Qt::Key_4}, SideVerdict::BothBad);
    auto* undoButton = makeButton(tr("U  Undo"), QStringLiteral("quiet"), QStringLiteral("undo"), page);
    connect(undoButton, &QPushButton::clicked, this, &ReviewView::undo);
    auto* undoKey = new QShortcut(Qt::Key_U, page);
    undoKey->setContext(Qt::WidgetWithChildrenShortcut);
    connect(undoKey, &QShortcut::activated, this, &ReviewView::undo);
    verdicts->addWidget(undoButton);
    column->addLayout(verdicts);

    m_note = new QLineEdit(page);
    m_note->setPlaceholderText(tr("N  Note for this pair (kept with the verdict; Enter goes back to judging)"));
    m_note->setAccessibleName(tr("Note for this pair"));
    auto* noteKey = new QShortcut(Qt::Key_N, page);
    noteKey->setContext(Qt::WidgetWithChildrenShortcut);
    connect(noteKey, &QShortcut::activated, m_note, qOverload<>(&QWidget::setFocus));
    connect(m_note, &QLineEdit::returnPressed, m_pair, qOverload<>(&QWidget::setFocus));
    column->addWidget(m_note);
    column->addWidget(buildResults());
    return page;
}

} // namespace attune

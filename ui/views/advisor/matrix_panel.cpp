#include "ui/views/advisor/matrix_panel.h"

#include <cmath>

#include <QDoubleSpinBox>
#include <QGridLayout>
#include <QHeaderView>
#include <QSignalBlocker>
#include <QTableWidget>
#include <QVBoxLayout>

#include "ui/bridge/qt_convert.h"

namespace attune {
namespace {

constexpr int kRowHeight = 32, kWeightRowHeight = 46;

/// +2.0 as "+ +": told apart by shape first, colour second.
QString signsOf(double points) {
    const long count = std::lround(std::abs(points));
    if (count == 0)
        return std::abs(points) < 0.05 ? QStringLiteral("0")
               : points > 0            ? QStringLiteral("(+)")
                                       : QStringLiteral("(−)");
    if (count > 4)
        return (points > 0 ? QStringLiteral("+%1") : QStringLiteral("−%1")).arg(count);
    QStringList signs;
    for (long i = 0; i < count; ++i)
        signs << (points > 0 ? QStringLiteral("+") : QStringLiteral("−"));
    return signs.join(QLatin1Char(' '));
}

} // namespace

MatrixPanel::MatrixPanel(const DecisionRules& rules, QWidget* parent) : QWidget(parent), m_rules(rules) {
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    m_card = new Card(tr("Why"), tr("what each answer adds or takes; weights can be changed"), this);
    outer->addWidget(m_card);
    m_reset = makeButton(tr("Default weights"), "chip", {}, m_card);
    m_reset->setVisible(false);
    m_card->tools()->addWidget(m_reset);
    connect(m_reset, &QPushButton::clicked, this, &MatrixPanel::weightsReset);

    const int criteria = int(m_rules.criteria.size());
    m_table = new QTableWidget(1 + int(kApproachCount), criteria + 1, m_card);
    m_table->setShowGrid(false);
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setSelectionMode(QAbstractItemView::SingleSelection);
    m_table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_table->setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_table->verticalHeader()->hide();
    m_table->setAccessibleName(tr("Decision matrix: options as rows, criteria as columns"));
    QHeaderView* header = m_table->horizontalHeader();
    header->setDefaultAlignment(Qt::AlignHCenter | Qt::AlignBottom | Qt::Alignment(Qt::TextWordWrap));
    header->setSectionResizeMode(QHeaderView::Stretch);
    header->setSectionResizeMode(0, QHeaderView::ResizeToContents);
    header->setMinimumSectionSize(64);
    header->setHighlightSections(false);
    header->setSectionsClickable(false);
    const auto setCell = [this](int row, int column, const QString& text) {
        auto* item = new QTableWidgetItem(text);
        item->setFlags(Qt::ItemIsSelectable | Qt::ItemIsEnabled);
        item->setTextAlignment(column == 0 ? Qt::AlignVCenter | Qt::AlignLeft : Qt::Alignment(Qt::AlignCenter));
        m_table->setItem(row, column, item);
        return item;
    };
    m_table->setHorizontalHeaderItem(0, new QTableWidgetItem(QString()));
    setCell(0, 0, tr("Weight"));
    for (std::size_t i = 0; i < kApproachCount; ++i)
        setCell(int(i) + 1, 0, qstr(m_rules.approaches[i].title));
    for (int c = 0; c < criteria; ++c) {
        const Criterion& criterion = m_rules.criteria[std::size_t(c)];
        auto* title = new QTableWidgetItem(qstr(criterion.title));
        title->setToolTip(qstr(criterion.help).toHtmlEscaped());
        m_table->setHorizontalHeaderItem(c + 1, title);
        setCell(0, c + 1, {});
        auto* weight = new QDoubleSpinBox;
        weight->setRange(0, kMaxWeight);
        weight->setSingleStep(0.5);
        weight->setDecimals(1);
        weight->setButtonSymbols(QAbstractSpinBox::NoButtons);
        weight->setAlignment(Qt::AlignCenter);
        weight->setFocusPolicy(Qt::StrongFocus);
        weight->setAccessibleName(tr("Weight of %1").arg(qstr(criterion.title)));
        weight->setToolTip(
            tr("0 leaves the criterion out, %1 counts most. Default %2.").arg(kMaxWeight).arg(criterion.weight));
        connect(weight, &QDoubleSpinBox::valueChanged, this,
                [this, id = criterion.id](double value) { Q_EMIT weightChanged(qstr(id), value); });
        auto* cell = new QWidget;
        auto* centered = new QHBoxLayout(cell);
        centered->setContentsMargins(6, 2, 6, 2);
        centered->addWidget(weight);
        m_table->setCellWidget(0, c + 1, cell);
        m_weights.push_back(weight);
        for (std::size_t i = 0; i < kApproachCount; ++i)
            setCell(int(i) + 1, c + 1, {});
    }
    m_table->verticalHeader()->setDefaultSectionSize(kRowHeight);
    m_table->setRowHeight(0, kWeightRowHeight);
    m_card->body()->addWidget(m_table);
    connect(m_table, &QTableWidget::currentCellChanged, this, [this](int row) {
        if (row > 0)
            setApproach(static_cast<Approach>(row - 1));
    });

    m_reasonTitle = makeLabel({}, "section", m_card);
    m_card->body()->addSpacing(4);
    m_card->body()->addWidget(m_reasonTitle);
    m_reasons = new QWidget(m_card);
    new QGridLayout(m_reasons);
    m_card->body()->addWidget(m_reasons, 1);
    connect(&Theme::current(), &Theme::changed, this, [this] {
        showCells();
        showReasons();
    });
}

void MatrixPanel::setAdvice(const Advice& advice) {
    m_advice = advice;
    m_hasAdvice = true;
    bool changed = false;
    for (std::size_t c = 0; c < m_weights.size(); ++c) {
        const auto weight = advice.weights.find(m_rules.criteria[c].id);
        const double value = weight == advice.weights.end() ? m_rules.criteria[c].weight : weight->second;
        changed = changed || value != m_rules.criteria[c].weight;
        const QSignalBlocker blocker(m_weights[c]);
        m_weights[c]->setValue(value);
    }
    m_reset->setVisible(changed);
    showCells();
    showReasons();
}

void MatrixPanel::setApproach(Approach approach) {
    m_approach = approach;
    const QSignalBlocker blocker(m_table);
    m_table->setCurrentCell(int(approach) + 1, 0);
    showReasons();
}

void MatrixPanel::showCells() {
    if (!m_hasAdvice)
        return;
    const ThemeTokens& t = Theme::current().tokens();
    for (std::size_t i = 0; i < kApproachCount; ++i) {
        const OptionScore& option = m_advice.options[i];
        QFont font = m_table->font();
        font.setWeight(m_advice.enoughAnswers && m_advice.winner() == option.approach ? QFont::DemiBold
                                                                                      : QFont::Normal);
        m_table->item(int(i) + 1, 0)->setFont(font);
        for (std::size_t c = 0; c < m_rules.criteria.size(); ++c) {
            const auto found = option.byCriterion.find(m_rules.criteria[c].id);
            const double points = found == option.byCriterion.end() ? 0 : found->second;
            QTableWidgetItem* item = m_table->item(int(i) + 1, int(c) + 1);
            item->setText(signsOf(points));
            item->setForeground(points > 0.05 ? t.good : points < -0.05 ? t.bad : t.muted);
            QStringList sentences;
            for (const ScoreReason& reason : option.reasons)
                if (reason.criterion == m_rules.criteria[c].id)
                    sentences << qstr(reason.sentence).toHtmlEscaped();
            item->setToolTip(sentences.isEmpty() ? tr("No answer moved this yet.")
                                                 : "<p>" + sentences.join("</p><p>") + "</p>");
        }
    }
    // The table shows all its rows; what scrolls is the list of reasons below.
    int height = headerHeight();
    m_table->horizontalHeader()->setFixedHeight(height);
    for (int row = 0; row < m_table->rowCount(); ++row)
        height += m_table->rowHeight(row);
    m_table->setFixedHeight(height + 2);
}

// A header measures its titles as one line; these wrap within their column.
int MatrixPanel::headerHeight() const {
    const QHeaderView* header = m_table->horizontalHeader();
    QFont font = header->font();
    font.setPixelSize(12);
    font.setWeight(QFont::DemiBold);
    int height = 0;
    for (int column = 1; column < m_table->columnCount(); ++column)
        height = std::max(height, QFontMetrics(font)
                                      .boundingRect(QRect(0, 0, std::max(48, header->sectionSize(column) - 16), 1000),
                                                    Qt::TextWordWrap | Qt::AlignHCenter,
                                                    m_table->horizontalHeaderItem(column)->text())
                                      .height());
    return height + 14;
}

void MatrixPanel::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    // After the columns have taken their new widths.
    QMetaObject::invokeMethod(
        this, [this] { showCells(); }, Qt::QueuedConnection);
}

void MatrixPanel::showReasons() {
    auto* grid = static_cast<QGridLayout*>(m_reasons->layout());
    while (QLayoutItem* item = grid->takeAt(0)) {
        if (item->widget()) {
            item->widget()->hide();
            item->widget()->deleteLater();
        }
        delete item;
    }
    delete grid;
    grid = new QGridLayout(m_reasons);
    grid->setContentsMargins(0, 0, 8, 0);
    grid->setHorizontalSpacing(12);
    grid->setVerticalSpacing(6);
    grid->setColumnStretch(1, 1);
    if (!m_hasAdvice)
        return;
    m_reasonTitle->setText(tr("What moved %1").arg(qstr(m_rules.info(m_approach).title)));
    const OptionScore& option = m_advice.options[std::size_t(m_approach)];
    int row = 0;
    for (const ScoreReason& reason : option.reasons) {
        if (reason.points == 0)
            continue;
        auto* points = new Chip(
            (reason.points > 0 ? QStringLiteral("+%1") : QStringLiteral("−%1")).arg(number(std::abs(reason.points), 1)),
            reason.points > 0 ? Tone::Good : Tone::Bad, m_reasons);
        grid->addWidget(points, row, 0, Qt::AlignTop | Qt::AlignRight);
        grid->addWidget(makeLabel(qstr(reason.sentence), "body", m_reasons), row, 1);
        const Criterion* criterion = m_rules.criterion(reason.criterion);
        QLabel* name = makeLabel(criterion ? qstr(criterion->title) : QString(), "note", m_reasons);
        name->setWordWrap(false);
        grid->addWidget(name, row, 2, Qt::AlignTop | Qt::AlignRight);
        ++row;
    }
    if (row == 0)
        grid->addWidget(
            makeLabel(tr("Nothing yet: each answer will say here what it adds or takes."), "muted", m_reasons), row++,
            0, 1, 3);
    grid->setRowStretch(row, 1);
}

} // namespace attune

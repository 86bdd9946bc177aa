#include "ui/views/train/method_chooser.h"

#include <QButtonGroup>
#include <QPainter>
#include <QVBoxLayout>

#include "ui/bridge/qt_convert.h"
#include "ui/views/train/method_option.h"
#include "ui/widgets/card.h"

namespace attune {

// The names above the columns; nothing where the parts of a row lie below each other.
class MethodChooser::Head final : public QWidget {
public:
    explicit Head(QWidget* parent) : QWidget(parent) {
        QSizePolicy policy(QSizePolicy::Expanding, QSizePolicy::Minimum);
        policy.setHeightForWidth(true);
        setSizePolicy(policy);
        connect(&Theme::current(), &Theme::changed, this, qOverload<>(&QWidget::update));
    }
    void setMemoryWords(const QString& words) {
        m_memory = words;
        update();
    }
    bool hasHeightForWidth() const override { return true; }
    int heightForWidth(int width) const override {
        return MethodColumns::of(width).table ? QFontMetrics(small()).height() : 1;
    }
    QSize sizeHint() const override { return {480, heightForWidth(480)}; }
    QSize minimumSizeHint() const override { return {200, heightForWidth(std::max(200, width()))}; }

protected:
    void paintEvent(QPaintEvent*) override {
        const MethodColumns columns = MethodColumns::of(width());
        if (!columns.table)
            return;
        QPainter painter(this);
        painter.setFont(small());
        painter.setPen(Theme::current().tokens().muted);
        const auto write = [&](const QRect& column, const QString& words) {
            painter.drawText(QRect(column.x(), 0, column.width(), height()), Qt::AlignLeft | Qt::AlignVCenter,
                             painter.fontMetrics().elidedText(words, Qt::ElideRight, column.width()));
        };
        write(columns.name, MethodChooser::tr("Method and when to use it"));
        write(columns.memory, m_memory);
        write(columns.time, MethodChooser::tr("Time"));
        write(columns.quality, MethodChooser::tr("Quality"));
    }

private:
    QFont small() const {
        QFont font = this->font();
        font.setPixelSize(12);
        return font;
    }
    QString m_memory = MethodChooser::tr("Memory");
};

MethodChooser::MethodChooser(const std::vector<MethodEntry>& methods, QWidget* parent) : QWidget(parent) {
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    m_card = new Card(tr("Method"), tr("what of the model is trained"), this);
    outer->addWidget(m_card);
    m_group = new QButtonGroup(this);
    m_head = new Head(m_card);
    m_card->body()->addWidget(m_head);
    auto* list = new QWidget(m_card); // siblings of one parent: arrow keys go from one to the next
    auto* column = new QVBoxLayout(list);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(8);
    for (const MethodEntry& method : methods) {
        auto* option = new MethodOption(method.description, list);
        m_group->addButton(option, int(m_ids.size()));
        m_ids.push_back(method.description.id);
        m_options[method.description.id] = option;
        column->addWidget(option);
    }
    m_card->body()->addWidget(list);
    connect(m_group, &QButtonGroup::idClicked, this, [this](int index) { Q_EMIT chosen(m_ids[std::size_t(index)]); });
}

void MethodChooser::setChosen(const std::string& id) {
    for (const auto& [each, option] : m_options)
        option->setChosen(each == id);
}

void MethodChooser::setCosts(const std::vector<MethodCost>& costs, std::int64_t computerBytes) {
    for (const auto& [id, option] : m_options) {
        std::optional<MethodCost> known;
        for (const MethodCost& cost : costs)
            if (cost.method == id)
                known = cost;
        option->setCost(known, computerBytes);
    }
    m_head->setMemoryWords(costs.empty() ? tr("Memory") : tr("Memory, of %1").arg(bytesText(computerBytes)));
    m_card->setNote(costs.empty() ? tr("what of the model is trained") : tr("what of the model is trained · estimates for these rows"));
}

bool MethodChooser::focusChosen() {
    if (!m_group->checkedButton())
        return false;
    m_group->checkedButton()->setFocus(Qt::OtherFocusReason);
    return true;
}

} // namespace attune

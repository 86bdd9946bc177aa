#include "ui/views/data/row_delegate.h"

#include <QPainter>
#include <QTextLayout>

#include "ui/models/sample_table_model.h"
#include "ui/theme.h"

namespace attune {
namespace {

constexpr int kMarginX = 8, kMarginY = 8, kShownLines = 2;

/// At most two lines, the last one shortened.
void drawLines(QPainter& painter, const QRect& area, const QString& text, const QFont& font) {
    const QFontMetrics metrics(font);
    painter.setFont(font);
    QTextLayout layout(text, font);
    QTextOption option;
    option.setWrapMode(QTextOption::WrapAtWordBoundaryOrAnywhere);
    layout.setTextOption(option);
    layout.beginLayout();
    int y = area.top() + metrics.ascent();
    for (int line = 0; line < kShownLines; ++line) {
        QTextLine laid = layout.createLine();
        if (!laid.isValid())
            break;
        laid.setLineWidth(area.width());
        const bool last = line == kShownLines - 1;
        const QString shown = last ? metrics.elidedText(text.mid(laid.textStart()), Qt::ElideRight, area.width())
                                   : text.mid(laid.textStart(), laid.textLength());
        painter.drawText(area.left(), y, shown);
        y += metrics.lineSpacing();
    }
    layout.endLayout();
}

int drawChip(QPainter& painter, int x, const QRect& area, const QString& text, Tone tone, bool selected) {
    const Theme& theme = Theme::current();
    QFont font = theme.bodyFont();
    font.setPixelSize(12);
    const QFontMetrics metrics(font);
    const int needs = metrics.horizontalAdvance(text) + 16, width = std::min(needs, area.right() - x + 1);
    if (width < 24)
        return 0;
    const QRect box(x, area.top() - 1, width, metrics.height() + 4);
    const QColor wash = selected ? theme.tokens().panel : theme.wash(tone); // upon the selection a wash would vanish
    painter.setPen(Qt::NoPen);
    painter.setBrush(wash);
    painter.drawRoundedRect(box, box.height() / 2.0, box.height() / 2.0);
    painter.setPen(readableTone(theme.color(tone), wash, theme.tokens().text));
    painter.setFont(font);
    painter.drawText(box, Qt::AlignCenter, width < needs ? metrics.elidedText(text, Qt::ElideRight, width - 14) : text);
    return width + 4;
}

} // namespace

RowDelegate::RowDelegate(QObject* parent) : QStyledItemDelegate(parent) {}

int RowDelegate::rowHeight() {
    const Theme& theme = Theme::current();
    return kShownLines * std::max(QFontMetrics(theme.bodyFont()).lineSpacing(),
                             QFontMetrics(theme.monospaceFont()).lineSpacing()) +
           2 * kMarginY;
}

void RowDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const {
    const auto* model = qobject_cast<const SampleTableModel*>(index.model());
    if (!model)
        return;
    const Theme& theme = Theme::current();
    const ThemeTokens& t = theme.tokens();
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    const bool selected = option.state & QStyle::State_Selected;
    if (selected) { // a wash and, so that it is not the colour alone, a bar
        painter->fillRect(option.rect, t.accentWash);
        if (index.column() == 0)
            painter->fillRect(QRect(option.rect.left(), option.rect.top(), 3, option.rect.height()), t.accent);
    }
    painter->fillRect(QRect(option.rect.left(), option.rect.bottom(), option.rect.width(), 1), t.line);
    const QRect area = option.rect.adjusted(kMarginX, kMarginY, -kMarginX, -kMarginY);
    const SampleTableModel::Cells* cells = model->cellsAt(index.row());
    if (!cells) {
        if (index.column() == SampleTableModel::PromptColumn || index.column() == SampleTableModel::AnswerColumn) {
            painter->setPen(Qt::NoPen); // what is being read has the shape of what comes
            painter->setBrush(theme.wash(Tone::Neutral));
            painter->drawRoundedRect(QRect(area.left(), area.top() + 3, area.width() * 3 / 5, 10), 5, 5);
        }
        painter->restore();
        return;
    }
    painter->setClipRect(option.rect);
    QFont small = theme.bodyFont();
    small.setPixelSize(12);
    switch (index.column()) {
    case SampleTableModel::RowColumn:
        painter->setPen(t.muted);
        painter->setFont(small);
        painter->drawText(area, Qt::AlignLeft | Qt::AlignTop, index.data().toString());
        break;
    case SampleTableModel::PromptColumn: {
        const QString prefix = model->commonPrefix();
        const bool shared =
            !prefix.isEmpty() && cells->prompt.size() > prefix.size() && cells->prompt.startsWith(prefix);
        const QString text = shared ? cells->prompt.mid(prefix.size()) : cells->prompt;
        painter->setPen(text.isEmpty() ? t.muted : t.text);
        drawLines(*painter, area, text.isEmpty() ? QStringLiteral("–") : text, theme.bodyFont());
        break;
    }
    case SampleTableModel::AnswerColumn:
        painter->setPen(cells->answer.isEmpty() ? t.muted : t.text);
        drawLines(*painter, area, cells->answer.isEmpty() ? QStringLiteral("–") : cells->answer, theme.monospaceFont());
        break;
    case SampleTableModel::SplitColumn:
        if (cells->split == Split::None) {
            painter->setPen(t.muted);
            painter->setFont(small);
            painter->drawText(area, Qt::AlignLeft | Qt::AlignTop, QStringLiteral("–"));
        } else {
            drawChip(*painter, area.left(), area, SampleTableModel::splitLabel(cells->split),
                     cells->split == Split::Train ? Tone::Accent : Tone::Neutral, selected);
        }
        break;
    case SampleTableModel::TokensColumn: {
        const bool tooLong = model->contextLength() > 0 && cells->tokens > model->contextLength();
        painter->setPen(tooLong ? readableTone(t.bad, t.panel, t.text) : cells->tokens < 0 ? t.muted : t.text);
        painter->setFont(theme.bodyFont());
        painter->drawText(area, Qt::AlignRight | Qt::AlignTop,
                          cells->tokens < 0 ? QStringLiteral("–") : index.data().toString());
        break;
    }
    case SampleTableModel::StatusColumn: {
        int x = area.left();
        for (const QString& word : model->statusOf(*cells)) {
            const bool careful = word == SampleTableModel::tr("too long") || word == SampleTableModel::tr("empty");
            x += drawChip(*painter, x, area, word,
                          careful                                  ? Tone::Careful
                          : word == SampleTableModel::tr("edited") ? Tone::Accent
                                                                   : Tone::Neutral,
                          selected);
        }
        break;
    }
    default:
        break;
    }
    painter->restore();
}

} // namespace attune

#include "ui/widgets/progress_strip.h"

#include <cmath>

#include <QHBoxLayout>
#include <QLabel>
#include <QProgressBar>
#include <QPushButton>

#include "ui/bridge/qt_convert.h"
#include "ui/bridge/task.h"
#include "ui/widgets/card.h"

namespace attune {
namespace {

constexpr int kAppearMilliseconds = 300;
constexpr int kBarSteps = 1000;

} // namespace

ProgressStrip::ProgressStrip(QWidget* parent) : QFrame(parent) {
    setProperty("strip", true);
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(12, 6, 6, 6);
    layout->setSpacing(12);
    m_what = new ElidedLabel({}, Qt::ElideMiddle, this);
    m_bar = new QProgressBar(this);
    m_bar->setRange(0, kBarSteps);
    m_bar->setTextVisible(false);
    m_bar->setMinimumWidth(120);
    m_bar->setAccessibleName(tr("Progress"));
    m_left = makeLabel({}, "note", this);
    m_left->setWordWrap(false);
    m_cancel = makeButton(tr("Cancel"), "secondary", {}, this);
    layout->addWidget(m_what, 2);
    layout->addWidget(m_bar, 3);
    layout->addWidget(m_left);
    layout->addWidget(m_cancel);
    hide();
    m_appear.setSingleShot(true);
    connect(&m_appear, &QTimer::timeout, this, &QWidget::show);
    connect(m_cancel, &QPushButton::clicked, this, [this] {
        if (m_task)
            m_task->cancel();
        m_cancel->setEnabled(false);
        m_left->setText(tr("Stopping…"));
        Q_EMIT cancelClicked();
    });
}

void ProgressStrip::follow(Task* task, const QString& what) {
    if (!task)
        return;
    if (m_task)
        m_task->disconnect(this);
    m_task = task;
    showProgress(-1, what);
    connect(task, &Task::progressed, this, [this, task, what](double fraction, const QString& phase) {
        showProgress(fraction, phase.isEmpty() ? what : phase, task->secondsLeft());
    });
    connect(task, &QObject::destroyed, this, &ProgressStrip::finish);
}

void ProgressStrip::showProgress(double fraction, const QString& what, double secondsLeft) {
    if (!isVisible() && !m_appear.isActive()) {
        m_cancel->setEnabled(true);
        m_appear.start(kAppearMilliseconds);
    }
    static_cast<ElidedLabel*>(m_what)->setFullText(what);
    if (fraction < 0) {
        m_bar->setRange(0, 0);
    } else {
        m_bar->setRange(0, kBarSteps);
        m_bar->setValue(int(std::lround(std::min(1.0, fraction) * kBarSteps)));
    }
    if (!m_cancel->isEnabled())
        return; // "Stopping…" stays
    QString left = fraction >= 0 ? tr("%1 %").arg(std::lround(std::min(1.0, fraction) * 100)) : QString();
    if (secondsLeft >= 0)
        left += (left.isEmpty() ? QString() : QStringLiteral(" · ")) + tr("%1 left").arg(durationText(secondsLeft));
    m_left->setText(left);
    m_left->setVisible(!left.isEmpty());
}

void ProgressStrip::finish() {
    m_appear.stop();
    m_cancel->setEnabled(true);
    hide();
}

void ProgressStrip::setCancellable(bool cancellable) {
    m_cancel->setVisible(cancellable);
}

} // namespace attune

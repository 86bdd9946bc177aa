#include "ui/widgets/wheel_guard.h"

#include <QEvent>
#include <QWidget>

namespace attune {

namespace {

class WheelGuard final : public QObject {
public:
    using QObject::QObject;

protected:
    bool eventFilter(QObject* object, QEvent* event) override {
        if (event->type() != QEvent::Wheel || static_cast<QWidget*>(object)->hasFocus())
            return QObject::eventFilter(object, event);
        event->ignore();
        return true;
    }
};

} // namespace

void guardWheel(QWidget* editor) {
    editor->setFocusPolicy(Qt::StrongFocus);
    editor->installEventFilter(new WheelGuard(editor));
}

} // namespace attune

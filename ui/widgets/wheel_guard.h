// The wheel scrolls a form; it changes a field only when that field has the focus.
#pragma once

class QWidget;

namespace attune {

/// For spin boxes and combo boxes: they take the focus by click or Tab, and without it leave the wheel to what they stand in.
void guardWheel(QWidget* editor);

} // namespace attune

// Small helpers the pages of Train share. Inline, no state. GUI thread.
#pragma once

#include <QWidget>

namespace attune {

/// `widget` takes the height that is left, at least `least`; its own wish does not make the page scroll.
inline void takeLeftRoom(QWidget& widget, int least) {
    widget.setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Ignored);
    widget.setMinimumHeight(least);
}

} // namespace attune

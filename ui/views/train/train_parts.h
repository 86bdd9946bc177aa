// Small helpers the pages of Train share. Inline, no state. GUI thread.
#pragma once

#include <QScrollArea>

namespace attune {

/// `inner` in an area that scrolls vertically when there is too little room.
inline QScrollArea* makeScrolling(QWidget* inner) {
    auto* area = new QScrollArea(inner->parentWidget());
    area->setWidgetResizable(true);
    area->setFrameShape(QFrame::NoFrame);
    area->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    area->viewport()->setAutoFillBackground(false);
    inner->setProperty("surface", "scroll");
    area->setWidget(inner);
    return area;
}

/// `widget` takes the height that is left, at least `least`; its own wish does not make the page scroll.
inline void takeLeftRoom(QWidget& widget, int least) {
    widget.setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Ignored);
    widget.setMinimumHeight(least);
}

} // namespace attune

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

} // namespace attune

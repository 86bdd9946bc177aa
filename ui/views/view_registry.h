// The list of stations, in the order of the work. Adding a station is one line in view_registry.cpp.
#pragma once

#include <functional>
#include <vector>

#include <QString>

class QWidget;

namespace attune {

class View;
struct Services;

struct ViewEntry {
    QString id;    // never renamed: "home", "advisor", "data", "train", "compare", "review", "ship"
    QString label; // in the rail, translated
    QString icon;  // of resources/icons
    std::function<View*(Services&, QWidget* parent)> create;
};

std::vector<ViewEntry> registeredViews();

} // namespace attune

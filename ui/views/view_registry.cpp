#include "ui/views/view_registry.h"

#include <QCoreApplication>

#include "ui/views/advisor/advisor_view.h"
#include "ui/views/data/data_view.h"
#include "ui/views/compare/compare_view.h"
#include "ui/views/home/home_view.h"
#include "ui/views/review/review_view.h"
#include "ui/views/ship/ship_view.h"
#include "ui/views/train/train_view.h"

namespace attune {
namespace {

template <class T>
ViewEntry entry(const char* id, const char* label, const char* icon) {
    return {QString::fromLatin1(id), QCoreApplication::translate("Stations", label), QString::fromLatin1(icon),
            [](Services& services, QWidget* parent) -> View* { return new T(services, parent); }};
}

} // namespace

std::vector<ViewEntry> registeredViews() {
    return {
        entry<HomeView>("home", QT_TRANSLATE_NOOP("Stations", "Home"), "home"),
        entry<AdvisorView>("advisor", QT_TRANSLATE_NOOP("Stations", "Advisor"), "advisor"),
        entry<DataView>("data", QT_TRANSLATE_NOOP("Stations", "Data"), "data"),
        entry<TrainView>("train", QT_TRANSLATE_NOOP("Stations", "Train"), "train"),
        entry<CompareView>("compare", QT_TRANSLATE_NOOP("Stations", "Evaluate"), "compare"),
        entry<ReviewView>("review", QT_TRANSLATE_NOOP("Stations", "Review"), "review"),
        entry<ShipView>("ship", QT_TRANSLATE_NOOP("Stations", "Ship"), "ship"),
    };
}

} // namespace attune

#include "ui/views/train/field_words.h"

#include <algorithm>

#include <QCoreApplication>

#include "core/plan/param_check.h"
#include "ui/bridge/qt_convert.h"

namespace attune {
namespace {

QString fieldTranslated(const char* text) {
    return QCoreApplication::translate("FieldWords", text);
}

template <class Entries>
QString labelIn(const Entries& entries, const std::string& id, const std::string& key) {
    for (const auto& entry : entries) {
        const Described* described = nullptr;
        if constexpr (requires { entry.description; })
            described = &entry.description;
        else
            described = &entry;
        if (described->id == id)
            if (const ParamSpec* spec = findParam(described->params, key))
                return qstr(spec->label);
    }
    return {};
}

} // namespace

QString fieldLabel(const QString& path, const RunConfig& config, const Catalog& catalog) {
    const QString section = path.section(QLatin1Char('.'), 0, 0);
    const std::string key = sstr(path.section(QLatin1Char('.'), 1));
    struct Whole {
        const char *section, *label;
    };
    static constexpr Whole kWholes[] = {{"method", QT_TRANSLATE_NOOP("FieldWords", "Method")},
                                        {"objective", QT_TRANSLATE_NOOP("FieldWords", "Objective")},
                                        {"optimizer", QT_TRANSLATE_NOOP("FieldWords", "Optimizer")},
                                        {"schedule", QT_TRANSLATE_NOOP("FieldWords", "Schedule")},
                                        {"protection", QT_TRANSLATE_NOOP("FieldWords", "Against forgetting")},
                                        {"model", QT_TRANSLATE_NOOP("FieldWords", "Model")}};
    if (key.empty() || key == "id")
        for (const Whole& whole : kWholes)
            if (section == QLatin1String(whole.section))
                return fieldTranslated(whole.label);
    if (path == QLatin1String("data.general"))
        return fieldTranslated(QT_TRANSLATE_NOOP("FieldWords", "General data"));
    QString label;
    if (section == QLatin1String("training")) {
        if (const ParamSpec* spec = findParam(trainingParams().params, key))
            label = qstr(spec->label);
    } else if (section == QLatin1String("method"))
        label = labelIn(catalog.methods, config.method.id, key);
    else if (section == QLatin1String("objective"))
        label = labelIn(catalog.objectives, config.objective.id, key);
    else if (section == QLatin1String("optimizer"))
        label = labelIn(catalog.optimizers, config.optimizer.id, key);
    else if (section == QLatin1String("schedule"))
        label = labelIn(catalog.schedules, config.schedule.id, key);
    else if (section == QLatin1String("protection"))
        label = labelIn(catalog.protections, config.protection.id, key);
    return label.isEmpty() ? path : label;
}

QString assignmentWords(const QString& assignment, const RunConfig& config, const Catalog& catalog) {
    const qsizetype equals = assignment.indexOf(QLatin1Char('='));
    return equals < 0 ? assignment : fieldLabel(assignment.left(equals), config, catalog) + QStringLiteral(": ") + assignment.mid(equals + 1);
}

QString withoutPath(const Complaint& complaint) {
    return qstr(complaint.message).remove(QStringLiteral(" (%1)").arg(qstr(complaint.field)));
}

} // namespace attune

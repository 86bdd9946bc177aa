#include "ui/models/trade_offs.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "core/plan/data_fit.h"
#include "core/plan/run_config.h"
#include "core/store/project.h"
#include "ui/bridge/qt_convert.h"
#include "ui/models/run_evidence.h"

namespace attune {

namespace {

struct MeasuredRun {
    RunRecord record;
    RunConfig config;
    std::optional<TradeOff> point;
};

QString protectionTitle(const std::string& id, const Catalog& catalog) {
    for (const ProtectionEntry& entry : catalog.protections)
        if (entry.description.id == id)
            return qstr(entry.description.title);
    return qstr(id);
}

Result<std::map<std::int64_t, double>> lossesOf(RunStore& store, std::int64_t run, const char* name) {
    ATTUNE_ASSIGN(const auto points, store.curve(run, name));
    std::map<std::int64_t, double> losses;
    for (const CurvePoint& point : points)
        if (std::isfinite(point.value))
            losses[point.step] = point.value;
    return losses;
}

// A setting of the training that changes what a loss is measured on.
bool sameOf(const RunConfig& a, const RunConfig& b, const char* key) {
    const auto of = [key](const RunConfig& config) {
        const auto found = config.training.find(key);
        return found == config.training.end() ? std::optional<ParamValue>() : std::optional(found->second);
    };
    return of(a) == of(b);
}

bool compares(const RunConfig& a, const RunConfig& b) {
    return a.model == b.model && a.start == b.start && a.data.datasetVersion == b.data.datasetVersion && a.data.general == b.data.general &&
           a.objective == b.objective && sameOf(a, b, "train_on") && sameOf(a, b, "max_length");
}

} // namespace

Result<TradeOffs> readTradeOffs(Project& project, qint64 reference, const Catalog& catalog) {
    ATTUNE_ASSIGN(const auto records, project.runs().list()); // newest first
    std::vector<MeasuredRun> runs;
    for (const RunRecord& record : records) {
        if (record.state != "finished" && record.state != "stopped")
            continue;
        auto config = parseRunConfig(record.recipe, catalog, record.name);
        if (!config)
            continue;
        MeasuredRun run{record, std::move(*config), {}};
        ATTUNE_ASSIGN(const auto validations, lossesOf(project.runs(), record.id, "validation_loss"));
        ATTUNE_ASSIGN(const auto generals, lossesOf(project.runs(), record.id, "general_loss"));
        RunEvidence evidence;
        addLosses(evidence, validations, generals);
        if (evidence.validation && evidence.general)
            run.point = TradeOff{record.id, qstr(record.name), protectionTitle(run.config.protection.id, catalog),
                                 evidence.validation->before - evidence.validation->after, evidence.general->after - evidence.general->before};
        runs.push_back(std::move(run));
    }
    const auto chosen = std::find_if(runs.begin(), runs.end(), [&](const MeasuredRun& run) {
        return reference > 0 ? run.record.id == reference : run.point.has_value();
    });
    TradeOffs found;
    if (chosen == runs.end())
        return found;
    if (const ObjectiveEntry* objective = findObjectiveEntry(catalog, chosen->config.objective.id))
        found.about = qstr(objective->description.title);
    for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
        if (!compares(run->config, chosen->config))
            found.others += run->point ? 1 : 0;
        else if (run->point)
            found.runs.push_back(*run->point);
        else
            ++found.unmeasured;
    }
    return found;
}

} // namespace attune

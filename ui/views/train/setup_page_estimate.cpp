// The part of SetupPage that estimates and complains whenever something changed.
#include <algorithm>

#include "core/plan/method_costs.h"
#include "ui/bridge/computer_facts.h"
#include "ui/bridge/qt_convert.h"
#include "ui/bridge/run_bridge.h"
#include "ui/views/train/estimate_panel.h"
#include "ui/views/train/field_words.h"
#include "ui/views/train/method_chooser.h"
#include "ui/views/train/recipe_form.h"
#include "ui/views/train/setup_checks.h"
#include "ui/views/train/setup_page.h"

namespace attune {

void SetupPage::touch() {
    m_soon.start();
}

void SetupPage::estimate() {
    const RunConfig config = this->config();
    const Catalog& catalog = m_services.runs->catalog();
    const auto& computer = m_services.computer->computer();
    m_form->setMixture(m_model && m_model->config.experts > 0);
    if (!m_model || !m_rows || !computer)
        m_form->methods().setCosts({}, 0);
    if (!m_model)
        m_estimate->showMissing(m_modelFolder.isEmpty()
                                    ? tr("Choose a model, and its memory and time are estimated here.")
                                : m_modelError ? tr("The model cannot be read, so nothing can be estimated.")
                                               : tr("Reading the model…"));
    else if (!m_rows)
        m_estimate->showMissing(version() ? tr("Looking at the rows…")
                                          : tr("Choose a data version, and memory and time are estimated here."));
    else if (!computer)
        m_estimate->showMissing(tr("Looking at this computer…"));
    else {
        m_form->methods().setCosts(methodCosts(m_model->config, config, catalog, m_rows->shape, *computer), computer->memoryBytes);
        m_memory = estimateMemory(m_model->config, config, catalog, m_rows->shape, *computer);
        m_estimate->showEstimate({m_memory, estimateTime(m_model->config, config, catalog, m_rows->shape, *computer),
                                  trainableParameters(m_model->config, config, catalog),
                                  m_model->config.totalParameters(), effectivePrecision(config, *computer),
                                  m_rows->estimated},
                                 *computer);
    }
    std::vector<Complaint> complaints = setupComplaints(
        {m_modelFolder, m_model, m_modelError, version() ? &version()->version : nullptr, m_rows, computer, m_memory},
        config, catalog);
    std::vector<Complaint> ofRecipe = m_form->unreadable();
    for (Complaint& complaint : checkRunConfig(config, catalog, m_model ? m_model->config.hiddenSize : 0)) {
        complaint.message = sstr(withoutPath(complaint));
        ofRecipe.push_back(std::move(complaint));
    }
    for (Complaint& complaint : ofRecipe) {
        const bool sameField = std::any_of(complaints.begin(), complaints.end(), [&](const Complaint& known) {
            return known.field == complaint.field || complaint.field.starts_with(known.field + ".");
        });
        if (!sameField)
            complaints.push_back(std::move(complaint));
    }
    std::stable_sort(complaints.begin(), complaints.end(),
                     [](const Complaint& a, const Complaint& b) { return a.severity < b.severity; });
    m_estimate->showComplaints(complaints);
    m_estimate->showMeasured(measured());
    showRewardPath();
    m_form->setComplaints(complaints);
    m_ready = m_model && version() &&
              std::none_of(complaints.begin(), complaints.end(),
                           [](const Complaint& complaint) { return complaint.severity == Complaint::Severity::Error; });
    const bool busy = m_services.runs->isActive(), known = m_model && m_rows && computer;
    // Check also where only the memory is said to be short: it finds out.
    const bool checkable = m_model && version() && std::none_of(complaints.begin(), complaints.end(), [](const Complaint& complaint) {
                               return complaint.severity == Complaint::Severity::Error && complaint.field != "training.max_length";
                           });
    m_estimate->setCheckable(checkable && !busy && !m_check, known && !m_check,
                             busy ? tr("%1 is training: one thing at a time.").arg(m_services.runs->current().name) : QString());
    if (m_keep)
        keepRecipe();
    Q_EMIT readyChanged();
}

} // namespace attune

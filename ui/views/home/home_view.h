// Home: recent projects, the sample project, new and open, and what this computer can do in words. GUI thread.
#pragma once

#include "ui/views/view.h"

class QVBoxLayout;

namespace attune {

class Card;
class ProgressStrip;

class HomeView final : public View {
    Q_OBJECT
public:
    HomeView(Services& services, QWidget* parent);
    void activated() override;
    void showRequest(const QVariantMap& request) override;

private:
    QWidget* makeSampleCard();
    void showRecent();
    void showComputer();
    void showProject();
    void openProject();
    void newProject();

    ViewPage* m_page;
    QPushButton* m_primary;
    QWidget* m_sampleCard;
    Card* m_recent;
    Card* m_computer;
    QVBoxLayout* m_recentList;
    QVBoxLayout* m_facts;
    ProgressStrip* m_progress;
};

} // namespace attune

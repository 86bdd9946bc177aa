// The frozen versions of a dataset, newest first: number, hash, date and counts. GUI thread.
#pragma once

#include <vector>

#include <QWidget>

#include "core/store/dataset_store.h"

class QVBoxLayout;

namespace attune {

class Card;

class VersionsCard final : public QWidget {
    Q_OBJECT
public:
    explicit VersionsCard(QWidget* parent);
    void showVersions(const std::vector<DatasetVersion>& versions);

Q_SIGNALS:
    void trainWanted(qint64 versionId);

private:
    Card* m_card;
    QVBoxLayout* m_list;
};

} // namespace attune

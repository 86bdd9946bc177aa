// The left rail: project name above, a button for each station with its state at the right, settings below. GUI thread.
#pragma once

#include <vector>

#include <QAbstractButton>
#include <QButtonGroup>
#include <QIcon>
#include <QWidget>

#include "ui/views/view.h"

class QMenu;

namespace attune {

class ElidedLabel;

class RailButton final : public QAbstractButton {
    Q_OBJECT
public:
    RailButton(const QString& label, const QString& icon, QWidget* parent);
    void setState(StationState state, const QString& text);
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override { return {120, sizeHint().height()}; }

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    QString stateWord() const;
    QString m_iconName, m_stateText;
    StationState m_state = StationState::Nothing;
};

class Rail final : public QWidget {
    Q_OBJECT
public:
    explicit Rail(QWidget* parent = nullptr);
    void addStation(const QString& label, const QString& icon, const QString& shortcut);
    void setCurrent(int index);
    void setState(int index, StationState state, const QString& text);
    void setProject(const QString& name, const QString& note);
    void setSettingsMenu(QMenu* menu);

Q_SIGNALS:
    void stationClicked(int index);

private:
    ElidedLabel* m_project;
    ElidedLabel* m_note;
    QLayout* m_stations;
    QButtonGroup m_group;
    RailButton* m_settings;
};

} // namespace attune

// The recipe's general data: a path that can be typed or chosen. Part of RecipeForm. GUI thread.
#pragma once

#include <QWidget>

class QLineEdit;

namespace attune {

class GeneralDataRow final : public QWidget {
    Q_OBJECT
public:
    explicit GeneralDataRow(QWidget* parent);
    QString path() const;
    void setPath(const QString& path); ///< does not emit
    void focusPath();

Q_SIGNALS:
    void changed();

private:
    QLineEdit* m_path;
};

} // namespace attune

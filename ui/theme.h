// Palette, style sheet, fonts and icons of the window in light and dark: the one place that knows a colour.
// Lives on the GUI thread for the whole program; everything that paints by itself asks it and repaints on changed().
#pragma once

#include <QColor>
#include <QFont>
#include <QIcon>
#include <QObject>
#include <QString>

class QApplication;

namespace attune {

enum class ThemeMode { System, Light, Dark };

/// The design's colour tokens. A wash is the pale background that belongs to a colour; onAccent is text upon accent.
struct ThemeTokens {
    QColor background, panel, rail, line, control, text, muted;
    QColor accent, accentWash, onAccent;
    QColor good, goodWash, careful, carefulWash, bad, badWash;
};

/// What a colour says. Always used together with a word or a shape.
enum class Tone { Neutral, Accent, Good, Careful, Bad };

class Theme final : public QObject {
    Q_OBJECT
public:
    /// Sets Fusion, palette, style sheet and fonts on `application` and keeps them current.
    explicit Theme(QApplication& application, ThemeMode mode = ThemeMode::System);
    ~Theme() override;

    void setMode(ThemeMode mode);
    ThemeMode mode() const { return m_mode; }
    bool isDark() const { return m_dark; }
    const ThemeTokens& tokens() const { return tokensFor(m_dark); }
    QColor color(Tone tone) const;
    QColor wash(Tone tone) const;
    QFont bodyFont() const;
    QFont monospaceFont() const; ///< for model text
    QFont figureFont() const;    ///< 18 px, for big numbers

    /// A line icon of resources/icons by name ("home"); its colour follows the theme by itself.
    enum class IconColor { Text, Muted, Accent, OnAccent, Good, Careful, Bad };
    QIcon icon(const QString& name, IconColor color = IconColor::Text) const;
    QColor iconColor(IconColor color) const;

    static const ThemeTokens& tokensFor(bool dark);
    /// WCAG contrast ratio, 1 to 21.
    static double contrast(const QColor& a, const QColor& b);

    /// The program's theme, for widgets that only paint (charts and views get it through Services).
    static Theme& current();

Q_SIGNALS:
    void changed();

protected:
    bool eventFilter(QObject* object, QEvent* event) override;

private:
    bool systemIsDark() const;
    void apply();

    QApplication& m_application;
    ThemeMode m_mode;
    bool m_dark = false, m_applying = false;
    QString m_family, m_monospaceFamily;
};

/// The style sheet for these tokens (theme_style_sheet.cpp).
QString themeStyleSheet(const ThemeTokens& tokens, bool dark, const QString& monospace, const QColor& neutralWash);
/// `color`, moved towards `text` until it is readable (4.5:1) on `ground`.
QColor readableTone(const QColor& color, const QColor& ground, const QColor& text);

} // namespace attune

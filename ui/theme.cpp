#include "ui/theme.h"

#include <cmath>

#include <QApplication>
#include <QEvent>
#include <QFile>
#include <QFontDatabase>
#include <QIconEngine>
#include <QPainter>
#include <QPalette>
#include <QPixmapCache>
#include <QScopedValueRollback>
#include <QStyle>
#include <QStyleFactory>
#include <QSvgRenderer>
#include <QToolTip>
#include <QWidget>
#if QT_VERSION >= QT_VERSION_CHECK(6, 5, 0)
#include <QStyleHints>
#endif

// The icons are compiled into a static library: without this call the linker leaves them out. (The macro must stand outside a namespace.)
static void useResources() { Q_INIT_RESOURCE(attune); }

namespace attune {
namespace {

Theme* s_current = nullptr;

ThemeTokens lightTokens() {
    ThemeTokens t;
    t.background = QColor(0xf6f7f9);
    t.panel = QColor(0xffffff);
    t.rail = QColor(0xeceff3);
    t.line = QColor(0xdde2e9);
    t.control = QColor(0x8592a3); // outline of fields: 3:1 against the panel, where a 1 px line only decorates
    t.text = QColor(0x1b2430);
    t.muted = QColor(0x5c6878);
    t.accent = QColor(0x2f6fdb);
    t.accentWash = QColor(0xe6eefc);
    t.onAccent = QColor(0xffffff);
    t.good = QColor(0x1f8a5b);
    t.goodWash = QColor(0xe2f4ea);
    t.careful = QColor(0xa86400);
    t.carefulWash = QColor(0xfdf0d9);
    t.bad = QColor(0xb3362f);
    t.badWash = QColor(0xfce4e2);
    return t;
}

ThemeTokens darkTokens() {
    ThemeTokens t;
    t.background = QColor(0x15191f);
    t.panel = QColor(0x1c222a);
    t.rail = QColor(0x11151a);
    t.line = QColor(0x2e3742);
    t.control = QColor(0x647283);
    t.text = QColor(0xe6ebf1);
    t.muted = QColor(0x97a3b3);
    t.accent = QColor(0x6ea3ff);
    t.accentWash = QColor(0x1f2d47);
    t.onAccent = QColor(0x10151c);
    t.good = QColor(0x4fc594);
    t.goodWash = QColor(0x173226);
    t.careful = QColor(0xe3ab4f);
    t.carefulWash = QColor(0x35280f);
    t.bad = QColor(0xf0837b);
    t.badWash = QColor(0x3a2020);
    return t;
}

/// Draws a resource SVG whose strokes are `currentColor`, in the theme's colour of the moment and at any size and
/// scale.
class LineIconEngine final : public QIconEngine {
public:
    LineIconEngine(QString name, Theme::IconColor color) : m_name(std::move(name)), m_color(color) {}

    void paint(QPainter* painter, const QRect& rect, QIcon::Mode mode, QIcon::State) override {
        QFile file(":/icons/" + m_name + ".svg");
        if (!file.open(QIODevice::ReadOnly))
            return;
        QColor color = s_current ? s_current->iconColor(m_color) : QColor(Qt::gray);
        QByteArray svg = file.readAll();
        svg.replace("currentColor", color.name().toLatin1());
        QSvgRenderer renderer(svg);
        painter->save();
        painter->setRenderHint(QPainter::Antialiasing);
        if (mode == QIcon::Disabled)
            painter->setOpacity(0.45);
        const int side = std::min(rect.width(), rect.height());
        QRectF target(0, 0, side, side);
        target.moveCenter(QRectF(rect).center());
        renderer.render(painter, target);
        painter->restore();
    }

    QPixmap pixmap(const QSize& size, QIcon::Mode mode, QIcon::State state) override {
        const QString key = QString("attune-%1-%2-%3-%4-%5")
                                .arg(m_name)
                                .arg(int(m_color))
                                .arg(s_current && s_current->isDark())
                                .arg(size.width())
                                .arg(int(mode));
        QPixmap pixmap;
        if (QPixmapCache::find(key, &pixmap))
            return pixmap;
        pixmap = QPixmap(size);
        pixmap.fill(Qt::transparent);
        QPainter painter(&pixmap);
        paint(&painter, QRect(QPoint(0, 0), size), mode, state);
        painter.end();
        QPixmapCache::insert(key, pixmap);
        return pixmap;
    }

    QIconEngine* clone() const override { return new LineIconEngine(*this); }

private:
    QString m_name;
    Theme::IconColor m_color;
};

double luminance(const QColor& color) {
    const auto channel = [](double c) { return c <= 0.03928 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4); };
    return 0.2126 * channel(color.redF()) + 0.7152 * channel(color.greenF()) + 0.0722 * channel(color.blueF());
}

QPalette paletteFor(const ThemeTokens& t) {
    QPalette p;
    p.setColor(QPalette::Window, t.background);
    p.setColor(QPalette::WindowText, t.text);
    p.setColor(QPalette::Base, t.panel);
    p.setColor(QPalette::AlternateBase, t.background);
    p.setColor(QPalette::Text, t.text);
    p.setColor(QPalette::PlaceholderText, t.muted);
    p.setColor(QPalette::Button, t.panel);
    p.setColor(QPalette::ButtonText, t.text);
    p.setColor(QPalette::BrightText, t.onAccent);
    p.setColor(QPalette::Highlight, t.accentWash);
    p.setColor(QPalette::HighlightedText, t.text);
    p.setColor(QPalette::Link, t.accent);
    p.setColor(QPalette::LinkVisited, t.accent);
    p.setColor(QPalette::ToolTipBase, t.panel);
    p.setColor(QPalette::ToolTipText, t.text);
    p.setColor(QPalette::Light, t.panel);
    p.setColor(QPalette::Midlight, t.line);
    p.setColor(QPalette::Mid, t.line);
    p.setColor(QPalette::Dark, t.control);
    p.setColor(QPalette::Shadow, t.line);
    for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText})
        p.setColor(QPalette::Disabled, role, t.muted);
    return p;
}

QString firstInstalled(const QStringList& wanted, const QString& fallback) {
    const QStringList families = QFontDatabase::families();
    for (const QString& family : wanted)
        if (families.contains(family))
            return family;
    return fallback;
}

} // namespace

Theme::Theme(QApplication& application, ThemeMode mode) : m_application(application), m_mode(mode) {
    useResources();
    s_current = this;
    QApplication::setStyle(QStyleFactory::create("Fusion"));
    m_family = firstInstalled({"Inter"}, QFontDatabase::systemFont(QFontDatabase::GeneralFont).family());
    m_monospaceFamily = firstInstalled({"JetBrains Mono", "DejaVu Sans Mono", "Noto Sans Mono", "Liberation Mono"},
                                       QFontDatabase::systemFont(QFontDatabase::FixedFont).family());
    application.installEventFilter(this);
#if QT_VERSION >= QT_VERSION_CHECK(6, 5, 0)
    connect(QGuiApplication::styleHints(), &QStyleHints::colorSchemeChanged, this, [this] {
        if (m_mode == ThemeMode::System)
            apply();
    });
#endif
    apply();
}

Theme::~Theme() {
    if (s_current == this)
        s_current = nullptr;
}

Theme& Theme::current() {
    Q_ASSERT(s_current);
    return *s_current;
}

void Theme::setMode(ThemeMode mode) {
    m_mode = mode;
    apply();
}

bool Theme::systemIsDark() const {
#if QT_VERSION >= QT_VERSION_CHECK(6, 5, 0)
    return QGuiApplication::styleHints()->colorScheme() == Qt::ColorScheme::Dark;
#else
    // Without our own palette in front, Qt reports the platform's.
    QApplication::setPalette(QPalette());
    const QPalette system = QGuiApplication::palette();
    return luminance(system.color(QPalette::Window)) < luminance(system.color(QPalette::WindowText));
#endif
}

bool Theme::eventFilter(QObject* object, QEvent* event) {
    // The platform changed its colours (Qt 6.4 has no signal for it).
    if (event->type() == QEvent::ThemeChange && object->isWidgetType() && !m_applying && m_mode == ThemeMode::System &&
        static_cast<QWidget*>(object)->isWindow())
        QMetaObject::invokeMethod(
            this, [this] { apply(); }, Qt::QueuedConnection);
    return QObject::eventFilter(object, event);
}

QColor Theme::color(Tone tone) const {
    const ThemeTokens& t = tokens();
    switch (tone) {
    case Tone::Accent:
        return t.accent;
    case Tone::Good:
        return t.good;
    case Tone::Careful:
        return t.careful;
    case Tone::Bad:
        return t.bad;
    case Tone::Neutral:
        break;
    }
    return t.muted;
}

QColor Theme::wash(Tone tone) const {
    const ThemeTokens& t = tokens();
    switch (tone) {
    case Tone::Accent:
        return t.accentWash;
    case Tone::Good:
        return t.goodWash;
    case Tone::Careful:
        return t.carefulWash;
    case Tone::Bad:
        return t.badWash;
    case Tone::Neutral:
        break;
    }
    return m_dark ? QColor(0x2a323c) : t.rail;
}

QFont Theme::bodyFont() const {
    QFont font(m_family);
    font.setPixelSize(13);
#if QT_VERSION >= QT_VERSION_CHECK(6, 7, 0)
    font.setFeature("tnum", 1);
#endif
    return font;
}

QFont Theme::monospaceFont() const {
    QFont font(m_monospaceFamily);
    font.setPixelSize(12);
    font.setStyleHint(QFont::Monospace);
    return font;
}

QFont Theme::figureFont() const {
    QFont font = bodyFont();
    font.setPixelSize(18);
    font.setWeight(QFont::DemiBold);
    return font;
}

QIcon Theme::icon(const QString& name, IconColor color) const {
    return QIcon(new LineIconEngine(name, color));
}

QColor Theme::iconColor(IconColor color) const {
    const ThemeTokens& t = tokens();
    switch (color) {
    case IconColor::Text:
        return t.text;
    case IconColor::Muted:
        return t.muted;
    case IconColor::Accent:
        return t.accent;
    case IconColor::OnAccent:
        return t.onAccent;
    case IconColor::Good:
        return t.good;
    case IconColor::Careful:
        return t.careful;
    case IconColor::Bad:
        return t.bad;
    }
    return t.text;
}

const ThemeTokens& Theme::tokensFor(bool dark) {
    static const ThemeTokens light = lightTokens();
    static const ThemeTokens night = darkTokens();
    return dark ? night : light;
}

double Theme::contrast(const QColor& a, const QColor& b) {
    const double x = luminance(a), y = luminance(b);
    return (std::max(x, y) + 0.05) / (std::min(x, y) + 0.05);
}

void Theme::apply() {
    {
        const QScopedValueRollback guard(m_applying, true);
        m_dark = m_mode == ThemeMode::Dark || (m_mode == ThemeMode::System && systemIsDark());
        QApplication::setFont(bodyFont());
        QApplication::setPalette(paletteFor(tokens()));
        QToolTip::setPalette(QApplication::palette());
        m_application.setStyleSheet(themeStyleSheet(tokens(), m_dark, m_monospaceFamily, wash(Tone::Neutral)));
        for (QWidget* widget : QApplication::allWidgets())
            widget->update(); // icons take their colour while painting
    }
    Q_EMIT changed();
}

} // namespace attune

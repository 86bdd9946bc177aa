// The panel of watched answers: whatever size it gets, its layout comes to rest.
#include <QtTest>

#include <QPlainTextEdit>

#include "tests/support/test_main.h"
#include "ui/theme.h"
#include "ui/views/train/sample_panel.h"

using namespace attune;

namespace {

// Requests to lay a widget out, as such or as a queued call of its own: a layout that never comes to rest asks for ever, and
// is stopped here.
class LayoutRequests : public QObject {
public:
    int count = 0;
    bool eventFilter(QObject*, QEvent* event) override {
        const bool layout = event->type() == QEvent::LayoutRequest || event->type() == QEvent::MetaCall;
        count += layout;
        return layout && count > 200;
    }
};

} // namespace

class TestSamplePanel : public QObject {
    Q_OBJECT

    std::unique_ptr<Theme> m_theme;

private Q_SLOTS:
    void initTestCase() { m_theme = std::make_unique<Theme>(*qApp, ThemeMode::Light); }
    void cleanupTestCase() { m_theme.reset(); }

    void layoutComesToRestAtAnySize() {
        SamplePanel panel;
        SampleGenerated sample;
        sample.step = 69;
        sample.prompt = "Turn this customer message into a record.\n\nHello! It is not urgent at all.";
        sample.completion = R"({"category": "account", "urgency": "low", "product": "blender", "summary": "The account with the blender order is locked."})";
        sample.expected = sample.completion;
        panel.add({sample});
        auto* answer = panel.findChild<QPlainTextEdit*>();
        QVERIFY(answer);
        LayoutRequests requests;
        answer->installEventFilter(&requests);
        panel.show();
        for (int width = 200; width <= 420; width += 3)
            for (int height = 200; height <= 420; height += 11) {
                requests.count = 0;
                panel.resize(width, height);
                for (int round = 0; round < 30; ++round) // each answer to a request may post the next one
                    QCoreApplication::processEvents();
                QVERIFY2(requests.count < 20, qPrintable(QString("%1 x %2: %3 requests").arg(width).arg(height).arg(requests.count)));
            }
    }
};

ATTUNE_TEST(TestSamplePanel)
#include "tst_sample_panel.moc"

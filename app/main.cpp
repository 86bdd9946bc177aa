// The window's entry: attune [--sample] [project.attune]
#include <QApplication>
#include <QCommandLineParser>

#include <iostream>
#include <memory>

#include "app/composition.h"
#include "core/engine/torch_engine.h"
#include "ui/bridge/heartbeat.h"
#include "ui/tour.h"

namespace {

void nameProgram() {
    QCoreApplication::setOrganizationName("Attune");
    QCoreApplication::setApplicationName("Attune");
#ifdef ATTUNE_VERSION
    QCoreApplication::setApplicationVersion(ATTUNE_VERSION);
#endif
}

/// Help and version need no display, as on a server over ssh; QApplication would end the program there. Returns when
/// neither is asked for.
void answerWithoutDisplay(QCommandLineParser& parser, int argc, char** argv) {
    QStringList arguments;
    for (int i = 0; i < argc; ++i)
        arguments << QString::fromLocal8Bit(argv[i]);
    (void)parser.parse(arguments); // complains of Qt's own options; QApplication takes those out later
    if (parser.isSet("version"))
        parser.showVersion();
    if (!parser.isSet("help") && !parser.isSet("help-all"))
        return;
    const QCoreApplication application(argc, argv); // gives the help the program's name
    parser.showHelp();
}

} // namespace

int main(int argc, char** argv) {
    nameProgram();
    QCommandLineParser parser;
    parser.setApplicationDescription(
        QCoreApplication::translate("main", "Fine-tune a language model on private data, with evidence."));
    parser.addHelpOption();
    parser.addVersionOption();
    const QCommandLineOption sample(
        "sample", QCoreApplication::translate("main", "Open the sample project (it is made when it is not there)."));
    parser.addOption(sample);
    const QCommandLineOption heartbeatFile(
        "heartbeat",
        QCoreApplication::translate("main",
                                    "Measure how smoothly the window runs; the figures go to this file at the end."),
        "file");
    parser.addOption(heartbeatFile);
    const QCommandLineOption tourRounds(
        "tour",
        QCoreApplication::translate("main", "With --heartbeat: go through every station this many times, then end."),
        "rounds");
    parser.addOption(tourRounds);
    parser.addPositionalArgument("project", QCoreApplication::translate("main", "Project folder to open."),
                                 "[project.attune]");
    answerWithoutDisplay(parser, argc, argv);

    attune::prepareProcessForEngine(argv);
    QApplication application(argc, argv);
    QApplication::setDesktopFileName("attune");
    parser.process(application);

    attune::Composition composition(application, attune::makeTorchEngine());
    composition.show(parser.positionalArguments().value(0), parser.isSet(sample));
    if (!parser.isSet(heartbeatFile))
        return QApplication::exec();
    const attune::Heartbeat heartbeat;
    std::unique_ptr<attune::Tour> tour;
    if (const int rounds = parser.value(tourRounds).toInt(); rounds > 0)
        tour = std::make_unique<attune::Tour>(composition.window(), composition.project(),
                                              !parser.positionalArguments().isEmpty() || parser.isSet(sample), rounds);
    const int status = QApplication::exec();
    const auto written = heartbeat.write(parser.value(heartbeatFile), tour ? tour->result() : attune::Json::object());
    if (!written)
        std::cerr << "attune: " << written.error().message << '\n';
    return written ? status : 1;
}

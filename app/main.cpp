// The window's entry: attune [--sample] [project.attune]
#include <QApplication>
#include <QCommandLineParser>

#include <iostream>

#include "app/composition.h"
#include "core/engine/torch_engine.h"
#include "ui/bridge/heartbeat.h"

int main(int argc, char** argv) {
    attune::prepareProcessForEngine(argv);
    QApplication application(argc, argv);
    QApplication::setOrganizationName("Attune");
    QApplication::setApplicationName("Attune");
#ifdef ATTUNE_VERSION
    QApplication::setApplicationVersion(ATTUNE_VERSION);
#endif
    QApplication::setDesktopFileName("attune");

    QCommandLineParser parser;
    parser.setApplicationDescription(
        QApplication::translate("main", "Fine-tune a language model on private data, with evidence."));
    parser.addHelpOption();
    parser.addVersionOption();
    const QCommandLineOption sample(
        "sample", QApplication::translate("main", "Open the sample project (it is made when it is not there)."));
    parser.addOption(sample);
    const QCommandLineOption heartbeatFile(
        "heartbeat", QApplication::translate("main", "Measure how smoothly the window runs; the figures go to this file at the end."),
        "file");
    parser.addOption(heartbeatFile);
    parser.addPositionalArgument("project", QApplication::translate("main", "Project folder to open."),
                                 "[project.attune]");
    parser.process(application);

    attune::Composition composition(application, attune::makeTorchEngine());
    composition.show(parser.positionalArguments().value(0), parser.isSet(sample));
    if (!parser.isSet(heartbeatFile))
        return QApplication::exec();
    const attune::Heartbeat heartbeat;
    const int status = QApplication::exec();
    if (const auto written = heartbeat.write(parser.value(heartbeatFile)); !written)
        std::cerr << "attune: " << written.error().message << '\n';
    return status;
}

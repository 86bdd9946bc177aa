#include "ui/views/home/computer_words.h"

#include <algorithm>
#include <cmath>

#include <QCoreApplication>

#include "ui/bridge/qt_convert.h"

namespace attune {
namespace {

QString tr(const char* text) {
    return QCoreApplication::translate("Computer", text);
}

// A LoRA run keeps the frozen weights, activations of one short batch and the program itself.
constexpr double kProgramBytes = 600e6;
constexpr double kActivationShare = 0.45; // of the weights, at batch 4 and 512 tokens with recomputation
constexpr double kUsableShare = 0.8;      // the rest belongs to the system and the other programs
constexpr std::int64_t kScarceDisk = 5'000'000'000;

QString parametersText(double parameters) {
    if (parameters >= 1e9)
        return tr("%1 B").arg(QString::number(std::floor(parameters / 1e8) / 10, 'f', 1));
    return tr("%1 M").arg(std::floor(parameters / 1e7) * 10, 0, 'f', 0);
}

} // namespace

double largestLoraModel(const Computer& computer) {
    const double bytesPerParameter = (computer.bf16 ? 2.0 : 4.0) * (1 + kActivationShare);
    return std::max(0.0, double(computer.memoryBytes) * kUsableShare - kProgramBytes) / bytesPerParameter;
}

QString computerVerdict(const Computer& computer) {
    const double largest = largestLoraModel(computer);
    if (largest < 1e7)
        return tr("This computer has too little memory to tune a model.");
    return tr("Can LoRA-tune models up to about %1 parameters here.").arg(parametersText(largest));
}

std::vector<ComputerFact> computerFacts(const Computer& computer) {
    std::vector<ComputerFact> facts;
    facts.push_back({"memory", computer.cores == 1 ? tr("1 core") : tr("%1 cores").arg(computer.cores),
                     qstr(computer.cpuName), false});
    facts.push_back({"train", computer.bf16 ? tr("bf16: yes") : tr("bf16: no"),
                     computer.bf16 ? tr("Trains with half the memory and at higher speed.")
                                   : tr("Trains in f32: correct, but slower and with twice the memory."),
                     !computer.bf16});
    facts.push_back({"data", tr("%1 memory").arg(bytesText(computer.memoryBytes)),
                     tr("%1 free now.").arg(bytesText(computer.freeMemoryBytes)),
                     computer.freeMemoryBytes < computer.memoryBytes / 8});
    facts.push_back({"disk", tr("%1 free on disk").arg(bytesText(computer.freeDiskBytes)),
                     computer.freeDiskBytes < kScarceDisk ? tr("Scarce: checkpoints of a large model need more.")
                                                          : tr("Enough for checkpoints and exports."),
                     computer.freeDiskBytes < kScarceDisk});
    // What has not been measured is not mentioned.
    QStringList speed;
    if (!computer.blas.empty())
        speed += qstr(computer.blas);
    if (const double gflops = std::max(computer.gflopsBf16, computer.gflopsF32); gflops > 0)
        speed += tr("%1 GFLOP/s measured").arg(std::lround(gflops));
    if (!speed.isEmpty())
        facts.push_back({"chart", tr("Arithmetic"), speed.join(QStringLiteral(" · ")), false});
    facts.push_back({"model", computer.gpuName.empty() ? tr("No GPU in use") : qstr(computer.gpuName),
                     computer.gpuName.empty() ? tr("Everything runs on the processor.") : tr("Used for training."),
                     false});
    return facts;
}

} // namespace attune

#include "ui/bridge/computer_facts.h"

#include <unistd.h>

#include <QFile>
#include <QList>

#include "ui/bridge/qt_convert.h"
#include "ui/bridge/task.h"

namespace attune {
namespace {

constexpr int kReadingMilliseconds = 2000;

QByteArray firstLine(const char* path) {
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readLine() : QByteArray();
}

} // namespace

ComputerFacts::ComputerFacts(QObject* parent) : QObject(parent) {
    connect(&m_timer, &QTimer::timeout, this, &ComputerFacts::readLoad);
    m_timer.start(kReadingMilliseconds);
    readLoad();
}

void ComputerFacts::inspect(const QString& folder) {
    runTask<Computer>(
        this, [path = sstr(folder)](const Progress&) -> Result<Computer> { return inspectComputer(path); },
        [this](Result<Computer> computer) {
            if (computer)
                setComputer(*computer);
        });
}

void ComputerFacts::setComputer(const Computer& computer) {
    m_computer = computer;
    Q_EMIT changed();
}

void ComputerFacts::readLoad() {
    const QList<QByteArray> memory = firstLine("/proc/self/statm").simplified().split(' ');
    if (memory.size() > 1)
        m_residentBytes = memory[1].toLongLong() * sysconf(_SC_PAGESIZE);
    const QList<QByteArray> cpu =
        firstLine("/proc/stat").simplified().split(' '); // cpu user nice system idle iowait ...
    if (cpu.size() > 5) {
        qint64 total = 0;
        for (qsizetype i = 1; i < std::min<qsizetype>(cpu.size(), 9); ++i)
            total += cpu[i].toLongLong();
        const qint64 busy = total - cpu[4].toLongLong() - cpu[5].toLongLong();
        if (m_lastTotal > 0 && total > m_lastTotal)
            m_cpuShare = double(busy - m_lastBusy) / double(total - m_lastTotal);
        m_lastBusy = busy;
        m_lastTotal = total;
    }
    Q_EMIT loadChanged();
}

} // namespace attune

// Runs a fuzz target without a fuzzer, so that every build and every compiler tries it: all files of a corpus, then a bounded number of
// their mutations, the same on every machine. Use: fuzz_X CORPUS_FOLDER [INPUTS [SEED [FIRST]]]. A crash names the input, which SEED and
// FIRST repeat alone.
#include <algorithm>
#include <cinttypes>
#include <csignal>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>

#include "tests/fuzz/fuzz_input.h"

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kMaxInput = 1 << 16;
constexpr double kMaxSeconds = 5; // of the processor, for one input; generous, since sanitizers and debuggers slow it down

char g_running[64]; // what the signal handler says

void onCrash(int signal) {
    (void)!write(STDERR_FILENO, g_running, std::strlen(g_running));
    std::signal(signal, SIG_DFL);
    std::raise(signal);
}

struct Random {
    std::uint64_t state;
    std::uint64_t next() { // splitmix64
        std::uint64_t z = state += 0x9E3779B97F4A7C15u;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        return z ^ (z >> 31);
    }
    std::size_t below(std::size_t limit) { return limit ? static_cast<std::size_t>(next() % limit) : 0; }
};

Bytes readBytes(const attune::fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

// Words of a libFuzzer dictionary: one "..." a line, with \xNN, \\ and \".
std::vector<Bytes> readDictionary(const attune::fs::path& path) {
    std::vector<Bytes> words;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        const std::size_t begin = line.find('"'), end = line.rfind('"');
        if (line.starts_with('#') || begin == std::string::npos || end <= begin)
            continue;
        Bytes word;
        for (std::size_t i = begin + 1; i < end; ++i) {
            if (line[i] == '\\' && i + 3 < end + 1 && line[i + 1] == 'x') {
                word.push_back(static_cast<std::uint8_t>(std::strtoul(line.substr(i + 2, 2).c_str(), nullptr, 16)));
                i += 3;
            } else {
                if (line[i] == '\\')
                    ++i;
                word.push_back(static_cast<std::uint8_t>(line[i]));
            }
        }
        words.push_back(std::move(word));
    }
    return words;
}

void mutateOnce(Bytes& bytes, const std::vector<Bytes>& corpus, const std::vector<Bytes>& words, Random& random) {
    const std::size_t at = random.below(bytes.size() + 1), rest = bytes.size() - at;
    const auto place = [&](std::size_t offset) { return bytes.begin() + static_cast<std::ptrdiff_t>(offset); };
    switch (random.below(9)) {
    case 0: // one bit
        if (rest)
            bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ (1u << random.below(8)));
        break;
    case 1: // one byte
        if (rest)
            bytes[at] = static_cast<std::uint8_t>(random.next());
        break;
    case 2: // a stretch goes
        bytes.erase(place(at), place(at + random.below(std::min<std::size_t>(rest, 32) + 1)));
        break;
    case 3: { // a stretch comes twice
        const Bytes copy(place(at), place(at + random.below(std::min<std::size_t>(rest, 64) + 1)));
        bytes.insert(place(at), copy.begin(), copy.end());
        break;
    }
    case 4: // a word
    case 5:
        if (!words.empty()) {
            const Bytes& word = words[random.below(words.size())];
            if (random.below(2))
                bytes.erase(place(at), place(at + std::min(rest, word.size())));
            bytes.insert(place(at), word.begin(), word.end());
        }
        break;
    case 6: { // the end of another
        const Bytes& other = corpus[random.below(corpus.size())];
        const std::size_t from = random.below(other.size() + 1);
        bytes.erase(place(at), bytes.end());
        bytes.insert(bytes.end(), other.begin() + static_cast<std::ptrdiff_t>(from), other.end());
        break;
    }
    case 7: { // a number of the file, little endian, as hostile ones are
        static constexpr std::uint64_t kNumbers[] = {0, 1, 0x7F, 0x80, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF,
                                                     0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0xFFFFFFFFFFFFFFFF};
        const std::uint64_t number = kNumbers[random.below(std::size(kNumbers))];
        const std::size_t width = std::min<std::size_t>(rest, random.below(2) ? 8 : 4);
        std::copy_n(reinterpret_cast<const std::uint8_t*>(&number), width, place(at));
        break;
    }
    default: // a digit of a text
        for (std::size_t i = at; i < bytes.size(); ++i)
            if (bytes[i] >= '0' && bytes[i] <= '9') {
                bytes[i] = static_cast<std::uint8_t>('0' + random.below(10));
                break;
            }
    }
    if (bytes.size() > kMaxInput)
        bytes.resize(kMaxInput);
}

void run(const Bytes& bytes) {
    const std::clock_t begin = std::clock();
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    if (seconds > kMaxSeconds) {
        std::fprintf(stderr, "%stook %.1f s\n", g_running, seconds);
        std::exit(1);
    }
}

} // namespace

int main(int count, char** arguments) {
    if (count < 2) {
        std::fprintf(stderr, "use: %s CORPUS_FOLDER [INPUTS [SEED [FIRST]]]\n", arguments[0]);
        return 2;
    }
    const auto number = [&](int index, std::uint64_t fallback) {
        return count > index ? std::strtoull(arguments[index], nullptr, 10) : fallback;
    };
    const std::uint64_t inputs = number(2, 0), seed = number(3, 1), first = number(4, 0);
    for (const int signal : {SIGSEGV, SIGABRT, SIGFPE, SIGBUS, SIGILL})
        std::signal(signal, onCrash);
    std::vector<attune::fs::path> files;
    for (const auto& entry : attune::fs::directory_iterator(arguments[1]))
        files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    std::vector<Bytes> corpus, words;
    for (const auto& path : files) {
        if (path.extension() == ".dict") {
            words = readDictionary(path);
            continue;
        }
        corpus.push_back(readBytes(path));
        std::snprintf(g_running, sizeof g_running, "%.60s\n", path.filename().c_str());
        if (first == 0)
            run(corpus.back());
    }
    if (corpus.empty()) {
        std::fprintf(stderr, "no input in %s\n", arguments[1]);
        return 2;
    }
    for (std::uint64_t i = first; i < inputs; ++i) {
        std::snprintf(g_running, sizeof g_running, "input %" PRIu64 " of seed %" PRIu64 "\n", i, seed);
        Random random{seed * 0x100000001B3u + i};
        Bytes bytes = corpus[random.below(corpus.size())];
        for (std::size_t changes = 1 + random.below(8); changes > 0; --changes)
            mutateOnce(bytes, corpus, words, random);
        run(bytes);
    }
    std::printf("%zu files, %" PRIu64 " mutations\n", corpus.size(), inputs > first ? inputs - first : 0);
    return 0;
}

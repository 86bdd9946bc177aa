#include "tests/support/test_main.h"

#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#ifdef ATTUNE_TEST_WIDGETS
#include <QApplication>
using Application = QApplication;
#else
#include <QCoreApplication>
using Application = QCoreApplication;
#endif

namespace attune::testing {

namespace {

std::map<std::string, std::function<std::unique_ptr<QObject>()>>& tests() {
    static std::map<std::string, std::function<std::unique_ptr<QObject>()>> all;
    return all;
}

} // namespace

bool registerTest(const char* sourceFile, std::function<std::unique_ptr<QObject>()> make) {
    std::string_view name = sourceFile;
    name.remove_prefix(name.rfind("/tst_") + 5);
    name.remove_suffix(std::string_view(".cpp").size());
    if (!tests().emplace(name, std::move(make)).second) {
        std::fprintf(stderr, "two tests in %s\n", sourceFile);
        std::abort();
    }
    return true;
}

} // namespace attune::testing

// tst_<folder> <file> [arguments of Qt Test]
int main(int argc, char** argv) {
    const auto& tests = attune::testing::tests();
    const auto chosen = argc > 1 ? tests.find(argv[1]) : tests.end();
    if (chosen == tests.end()) {
        std::fprintf(stderr, "usage: %s <test> [Qt Test arguments]; the tests are:\n", argv[0]);
        for (const auto& [name, make] : tests)
            std::fprintf(stderr, "  %s\n", name.c_str());
        return 2;
    }
    std::vector<char*> rest{argv[0]};
    rest.insert(rest.end(), argv + 2, argv + argc);
    int count = static_cast<int>(rest.size());
    rest.push_back(nullptr);
    Application application(count, rest.data());
    const std::unique_ptr<QObject> test = chosen->second();
    return QTest::qExec(test.get(), count, rest.data());
}

// One test program per folder: each tst_<file>.cpp ends with ATTUNE_TEST(Class), and `tst_<folder> <file>` runs that class.
#pragma once

#include <QtTest>

#include <functional>
#include <memory>

// Qt's five seconds are too few on a machine that compiles beside the test; waiting longer costs only where it fails.
#undef QTRY_VERIFY
#define QTRY_VERIFY(expression) QTRY_VERIFY_WITH_TIMEOUT((expression), 60000)
#undef QTRY_VERIFY2
#define QTRY_VERIFY2(expression, message) QTRY_VERIFY2_WITH_TIMEOUT((expression), message, 60000)
#undef QTRY_COMPARE
#define QTRY_COMPARE(actual, expected) QTRY_COMPARE_WITH_TIMEOUT((actual), expected, 60000)

namespace attune::testing {

/// Adds a test object under its file's name (".../tst_rng.cpp" is "rng"); returns true, so that it can initialise a static.
bool registerTest(const char* sourceFile, std::function<std::unique_ptr<QObject>()> make);

} // namespace attune::testing

#define ATTUNE_TEST(Class)                                                                                              \
    [[maybe_unused]] static const bool registered##Class =                                                             \
        attune::testing::registerTest(__FILE__, [] { return std::unique_ptr<QObject>(std::make_unique<Class>()); });

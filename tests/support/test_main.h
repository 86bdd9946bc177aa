// One test program per folder: each tst_<file>.cpp ends with ATTUNE_TEST(Class), and `tst_<folder> <file>` runs that class.
#pragma once

#include <QtTest>

#include <functional>
#include <memory>

namespace attune::testing {

/// Adds a test object under its file's name (".../tst_rng.cpp" is "rng"); returns true, so that it can initialise a static.
bool registerTest(const char* sourceFile, std::function<std::unique_ptr<QObject>()> make);

} // namespace attune::testing

#define ATTUNE_TEST(Class)                                                                                              \
    [[maybe_unused]] static const bool registered##Class =                                                             \
        attune::testing::registerTest(__FILE__, [] { return std::unique_ptr<QObject>(std::make_unique<Class>()); });

// Where tests find real models, tokenizers and datasets: ../shared/data beside the project, or $ATTUNE_TEST_DATA. A test that needs
// them and finds none skips aloud, so that the project also passes where the folder is missing.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include <QtTest>

namespace attune::test {

inline std::filesystem::path testData() {
    if (const char* folder = std::getenv("ATTUNE_TEST_DATA"))
        return folder;
    return std::filesystem::path(ATTUNE_SOURCE_DIR) / ".." / "shared" / "data";
}

} // namespace attune::test

#define ATTUNE_REQUIRE_TEST_DATA(relative)                                                                             \
    const std::filesystem::path dataPath = attune::test::testData() / (relative);                                      \
    if (!std::filesystem::exists(dataPath))                                                                            \
    QSKIP(("skipped: " + dataPath.string() + " not found").c_str())

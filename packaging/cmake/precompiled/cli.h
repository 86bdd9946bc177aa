// For the command line program. See AttunePrecompiled.cmake.
#include "base.h"

#include <CLI/CLI.hpp>

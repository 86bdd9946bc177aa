// For tests of the Qt-free core. See AttunePrecompiled.cmake.
#include "base.h"

#include <QtTest>

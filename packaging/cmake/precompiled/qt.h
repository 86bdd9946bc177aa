// The window's set. See AttunePrecompiled.cmake.
#include "base.h"

#include <QtWidgets>

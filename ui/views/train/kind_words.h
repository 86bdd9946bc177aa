// Kinds of rows in the words of the Train station. Plain functions; GUI thread.
#pragma once

#include <string>

#include <QString>

namespace attune {

QString kindName(const std::string& kind);        ///< "conversations", "preference pairs" ...
QString kindExplanation(const std::string& kind); ///< "a prompt with a better and a worse answer"
/// How a project gets such rows, one sentence.
QString kindSource(const std::string& kind);

} // namespace attune

// Errors are values: what happened (naming the file, row or field) and what to do next.
// Exceptions of libraries are caught at the border of the layer that calls them and turned into these.
#pragma once

#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace attune {

enum class ErrorCode {
    InvalidArgument,  // the caller or the user gave a value that cannot be
    NotFound,         // a file, id or key that does not exist
    InvalidData,      // a file or row that is broken
    Unsupported,      // well formed, but nothing here can handle it
    OutOfSpace,       // disk full
    OutOfMemory,
    Io,               // any other failure of the file system
    Busy,             // locked by another process or run
    Cancelled,
    Numerical,        // NaN or Inf
    Internal,         // a broken promise of our own code
};

struct Error {
    ErrorCode code = ErrorCode::Internal;
    std::string message; // what happened, naming file / row / key
    std::string hint;    // what to do next
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

inline tl::unexpected<Error> fail(ErrorCode code, std::string message, std::string hint = {}) {
    return tl::unexpected<Error>(Error{code, std::move(message), std::move(hint)});
}

inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

} // namespace attune

// Returns the error of `expression` from the enclosing function.
#define ATTUNE_CHECK(expression)                                                                                       \
    do {                                                                                                               \
        if (auto attuneStatus = (expression); !attuneStatus)                                                           \
            return ::attune::fail(std::move(attuneStatus).error());                                                    \
    } while (false)

#define ATTUNE_CONCAT_(a, b) a##b
#define ATTUNE_CONCAT(a, b) ATTUNE_CONCAT_(a, b)
#define ATTUNE_ASSIGN_(name, declaration, expression)                                                                  \
    auto name = (expression);                                                                                          \
    if (!name)                                                                                                         \
        return ::attune::fail(std::move(name).error());                                                                \
    declaration = std::move(*name)
// ATTUNE_ASSIGN(auto x, f()); returns f()'s error or declares x with its value.
#define ATTUNE_ASSIGN(declaration, expression)                                                                         \
    ATTUNE_ASSIGN_(ATTUNE_CONCAT(attuneResult, __LINE__), declaration, expression)

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/error.h"

#include <boost/system/result.hpp>

namespace rmq {

// Result::value() is banned in this project; this hook is what it would call (found by argument-
// dependent lookup). It aborts.
[[noreturn]] void throw_exception_from_error(const Error& error,
                                             const boost::source_location& where);

// A value or an Error. Use only operator bool, *, -> and error(). The alias is the place to move
// to std::expected once the compiler has it.
template <class T>
using Result = boost::system::result<T, Error>;

using Status = Result<void>;

}  // namespace rmq

#define RMQ_CONCAT_INNER(a, b) a##b
#define RMQ_CONCAT(a, b) RMQ_CONCAT_INNER(a, b)

// RMQ_TRY(auto value, expression): declares value from the Result, or returns its error.
#define RMQ_TRY(declaration, ...) \
    RMQ_TRY_INNER(RMQ_CONCAT(rmq_try_, __LINE__), declaration, __VA_ARGS__)
#define RMQ_TRY_INNER(temporary, declaration, ...) \
    auto temporary = __VA_ARGS__;                  \
    if (!temporary) {                              \
        return temporary.error();                  \
    }                                              \
    declaration = std::move(*temporary)

// RMQ_CHECK(expression): for a Status; returns its error.
#define RMQ_CHECK(...)                                                  \
    do {                                                                \
        if (auto rmq_check_status = (__VA_ARGS__); !rmq_check_status) { \
            return rmq_check_status.error();                            \
        }                                                               \
    } while (false)

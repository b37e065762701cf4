// SPDX-License-Identifier: Apache-2.0
#pragma once

// What tests include instead of <catch2/catch.hpp>: prints a failed Result with its error.

#include "common/result.h"

#include <catch2/catch.hpp>

#include <string>

template <class T>
struct Catch::StringMaker<boost::system::result<T, rmq::Error>> {
    static std::string convert(const boost::system::result<T, rmq::Error>& result) {
        if (result) {
            return "a value";
        }
        return std::string(rmq::errc_name(result.error().code)) + ": " + result.error().remark;
    }
};

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/testing/catch.h"

#include <cstdint>
#include <fstream>
#include <string>

namespace rmq::testing {

// Writes `bytes` over those of an existing file, from byte `at` on.
inline void spoil(const std::string& path, std::int64_t at, const std::string& bytes) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    REQUIRE(file);
    file.seekp(at);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    REQUIRE(file);
}

}  // namespace rmq::testing

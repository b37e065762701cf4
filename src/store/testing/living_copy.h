// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/testing/catch.h"

#include <filesystem>
#include <string>
#include <system_error>

namespace rmq::store {

// Copies the directory of a running store, as a kill would leave it. A file may get its final name,
// or go, while the copy looks for it under the former one; the copy is then begun anew.
// Precondition: `to` is empty or not there.
inline void copy_living_directory(const std::string& from, const std::string& to) {
    constexpr int kTries = 100;
    std::error_code vanished;
    for (int i = 0; i < kTries; ++i) {
        std::filesystem::copy(from, to, std::filesystem::copy_options::recursive, vanished);
        if (!vanished) {
            return;
        }
        std::filesystem::remove_all(to);
    }
    FAIL("cannot copy " << from << ": " << vanished.message());
}

}  // namespace rmq::store

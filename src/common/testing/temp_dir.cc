// SPDX-License-Identifier: Apache-2.0
#include "common/testing/temp_dir.h"

#include "common/assert.h"

#include <cstdlib>
#include <filesystem>

namespace rmq::testing {

TempDir::TempDir() : path_((std::filesystem::temp_directory_path() / "raptormq-XXXXXX").string()) {
    RMQ_ASSERT(::mkdtemp(path_.data()) != nullptr, "tests need a writable temporary directory");
}

TempDir::~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace rmq::testing

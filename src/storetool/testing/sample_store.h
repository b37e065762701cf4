// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/testing/spoil.h"
#include "store/message_store_config.h"

#include <cstdint>
#include <string>
#include <vector>

namespace rmq::storetool::testing {

// Of a store of small files.
store::MessageStoreConfig config_of(const std::string& root);

// A stopped store of small files: messages "body 0", "body 1", … with keys "key0", … in turn in two
// queues of "Topic", and configuration files.
struct SampleStore {
    static constexpr int kFileSize = 16 * 1024;

    explicit SampleStore(const std::string& root, int messages);

    // Where each message lies in the CommitLog.
    std::vector<std::int64_t> positions;
};

// The bodies that a server which starts on the directory delivers, in order of queue and number.
std::vector<std::string> delivered(const std::string& root);

using rmq::testing::spoil;

}  // namespace rmq::storetool::testing

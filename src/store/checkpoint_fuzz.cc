// SPDX-License-Identifier: Apache-2.0
// Any bytes as the files `checkpoint` and `timercheck`.

#include "common/assert.h"
#include "common/persistent_file.h"
#include "common/testing/temp_dir.h"
#include "store/checkpoint.h"
#include "store/timer/timer_checkpoint.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace rmq;
using namespace rmq::store;

void check_store_checkpoint(const std::string& path) {
    StoreCheckpoint checkpoint(path);
    RMQ_ASSERT(checkpoint.load(), "bytes never fail a start");
    for (std::size_t i = 0; i < StoreCheckpoint::kFieldCount; ++i) {
        RMQ_ASSERT(checkpoint.get(static_cast<StoreCheckpoint::Field>(i)) >= 0,
                   "times and positions are not negative");
    }
    for (const bool with_index : {false, true}) {
        const std::int64_t least = checkpoint.min_timestamp(with_index);
        RMQ_ASSERT(least >= 0 && least <= checkpoint.get(StoreCheckpoint::kPhysicMsgTimestamp),
                   "nothing counts as flushed that no field says");
    }
    RMQ_ASSERT(checkpoint.flush(), "it can be written");
    StoreCheckpoint again(path);
    RMQ_ASSERT(again.load(), "it can be read");
    for (std::size_t i = 0; i < StoreCheckpoint::kFieldCount; ++i) {
        const auto field = static_cast<StoreCheckpoint::Field>(i);
        RMQ_ASSERT(again.get(field) == checkpoint.get(field), "written and read, it is the same");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const rmq::testing::TempDir dir;
    static const std::string path = dir.file("checkpoint");
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const auto timer = TimerCheckpoint::decode(input);
    RMQ_ASSERT(TimerCheckpoint::decode(timer.encode()) == timer, "encoded and decoded, the same");
    RMQ_ASSERT(size < TimerCheckpoint::kWireBytes ||
                   timer.encode() == input.substr(0, TimerCheckpoint::kWireBytes),
               "decoded and encoded, the same");
    RMQ_ASSERT(write_file(path, input), "the temporary directory can be written");
    check_store_checkpoint(path);
    return 0;
}

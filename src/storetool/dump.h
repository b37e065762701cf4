// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/message/message_record.h"

#include "storetool/store_directory.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace rmq::storetool {

// Which records: those that pass every condition given.
struct Selection {
    std::optional<std::int64_t> physical_offset{};  // from this CommitLog position on
    std::string topic{};
    std::optional<std::int32_t> queue_id{};
    std::optional<std::int64_t> queue_offset{};  // from this one on
    std::string key{};                           // one of KEYS, or the unique id
    std::int64_t begin_ms = 0;                   // store time, inclusive
    std::int64_t end_ms = INT64_MAX;
    std::int64_t max = INT64_MAX;
};

// Gives the selected records to `visit`, in the order of the log; with a topic and a queue, by the
// entries of that queue. Records that cannot be read are left out. Errors: kInvalidArgument when a
// queue is named that is not there.
Status select_records(const StoreDirectory& store, const Selection& selection,
                      const std::function<void(const MessageRecord&)>& visit);

// One line for people: where it lies, its times and sizes, its properties, the start of its body.
std::string describe(const MessageRecord& record);

}  // namespace rmq::storetool

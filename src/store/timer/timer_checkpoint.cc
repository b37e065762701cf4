// SPDX-License-Identifier: Apache-2.0
#include "store/timer/timer_checkpoint.h"

#include "common/bytes.h"
#include "common/persistent_file.h"

namespace rmq::store {

std::string TimerCheckpoint::encode() const {
    std::string bytes(kWireBytes, '\0');
    char* to = bytes.data();
    for (const auto value : {last_read_time_ms, last_timer_log_flush_pos, last_timer_queue_offset,
                             master_timer_queue_offset, state_version, timestamp, counter}) {
        store_be(to, value);
        to += sizeof value;
    }
    return bytes;
}

TimerCheckpoint TimerCheckpoint::decode(std::string_view bytes) {
    ByteReader reader(bytes);
    TimerCheckpoint checkpoint;
    for (auto* const value :
         {&checkpoint.last_read_time_ms, &checkpoint.last_timer_log_flush_pos,
          &checkpoint.last_timer_queue_offset, &checkpoint.master_timer_queue_offset,
          &checkpoint.state_version, &checkpoint.timestamp, &checkpoint.counter}) {
        *value = reader.read<std::int64_t>();
    }
    return checkpoint;
}

Result<TimerCheckpoint> TimerCheckpoint::load(const std::string& path) {
    const auto text = read_file(path);
    if (!text) {
        return text.error().code == Errc::kNotFound ? Result<TimerCheckpoint>(TimerCheckpoint{})
                                                    : text.error();
    }
    return decode(*text);
}

Status TimerCheckpoint::save(const std::string& path) const {
    std::string bytes = encode();
    bytes.resize(kFileBytes, '\0');
    return overwrite_file(path, bytes);
}

}  // namespace rmq::store

// SPDX-License-Identifier: Apache-2.0
#include "store/log_source.h"

#include "common/bytes.h"
#include "common/message/message_layout.h"

namespace rmq::store {

MappedSlice read_record(const LogSource& log, PhysicalOffset at, std::int32_t size) {
    if (at < log.min_offset() || size < layout::kFixedBytes) {
        return {};
    }
    MappedSlice slice = log.read(at);
    if (slice.bytes.size() < static_cast<std::size_t>(size) ||
        load_be<std::int32_t>(slice.bytes.data()) != size) {
        return {};
    }
    slice.bytes = slice.bytes.substr(0, static_cast<std::size_t>(size));
    return slice;
}

std::int64_t store_timestamp_of(std::string_view record) {
    const auto flags = load_be<std::int32_t>(record.data() + layout::kSysFlagAt);
    const std::int64_t born_host_bytes =
        8 + ((flags & sys_flag::kBornHostV6) != 0 ? layout::kV6ExtraBytes : 0);
    return load_be<std::int64_t>(record.data() + layout::kBornHostAt + born_host_bytes);
}

std::int64_t store_timestamp_of(const LogSource& log, PhysicalOffset at, std::int32_t size) {
    const MappedSlice record = read_record(log, at, size);
    return record.bytes.empty() ? -1 : store_timestamp_of(record.bytes);
}

}  // namespace rmq::store

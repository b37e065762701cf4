// SPDX-License-Identifier: Apache-2.0
#include "store/checkpoint.h"

#include "common/bytes.h"
#include "common/crc32.h"
#include "common/persistent_file.h"

#include <algorithm>

namespace rmq::store {

namespace {

constexpr std::int64_t kJitterMs = 3000;
constexpr std::size_t kGuardAt = StoreCheckpoint::kFieldCount * sizeof(std::int64_t);
static_assert(kGuardAt == 56);

std::int64_t guard_of(std::string_view fields) {
    constexpr std::int64_t kTag = 0x524D5143;
    return kTag << 32 | crc32_of(fields);
}

}  // namespace

Status StoreCheckpoint::load() {
    auto text = read_file(path_);
    if (!text && text.error().code != Errc::kNotFound) {
        return text.error();
    }
    ByteReader reader(text ? std::string_view(*text) : std::string_view());
    for (auto& field : fields_) {
        field.store(std::max<std::int64_t>(reader.read<std::int64_t>(), 0));
    }
    const auto guard = reader.read<std::int64_t>();
    if (!reader.ok() || guard != guard_of(std::string_view(*text).substr(0, kGuardAt))) {
        set(kFlushedPhysicalOffset, 0);
    }
    return {};
}

Status StoreCheckpoint::flush() {
    std::lock_guard lock(flush_mutex_);
    std::array<std::int64_t, kFieldCount> now{};
    std::string bytes(kFileBytes, '\0');
    for (std::size_t field = 0; field < kFieldCount; ++field) {
        now[field] = fields_[field].load();
        store_be(bytes.data() + field * sizeof(std::int64_t), now[field]);
    }
    if (is_flushed_ && now == flushed_) {
        return {};
    }
    store_be(bytes.data() + kGuardAt, guard_of(std::string_view(bytes).substr(0, kGuardAt)));
    RMQ_CHECK(overwrite_file(path_, bytes));
    flushed_ = now;
    is_flushed_ = true;
    return {};
}

std::int64_t StoreCheckpoint::min_timestamp(bool with_index) const {
    std::int64_t oldest = std::min(get(kPhysicMsgTimestamp), get(kLogicsMsgTimestamp));
    if (with_index) {
        oldest = std::min(oldest, get(kIndexMsgTimestamp));
    }
    return std::max<std::int64_t>(oldest - kJitterMs, 0);
}

}  // namespace rmq::store

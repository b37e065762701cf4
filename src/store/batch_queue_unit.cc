// SPDX-License-Identifier: Apache-2.0
#include "store/batch_queue_unit.h"

#include "common/bytes.h"
#include "store/unit_files.h"

#include <optional>

namespace rmq::store {

namespace {

std::optional<BatchQueueUnit> unit_at(const UnitFiles& units, std::int64_t n) {
    const char* const bytes = units.unit(n);
    if (bytes == nullptr) {
        return std::nullopt;
    }
    return decode_batch_queue_unit(bytes);
}

// The first unit of which `is_right` holds; it holds of all behind it too.
template <class IsRight>
std::int64_t first_of(const UnitFiles& units, const IsRight& is_right) {
    std::int64_t low = units.begin();
    std::int64_t high = units.end();
    while (low < high) {
        const std::int64_t middle = low + (high - low) / 2;
        const auto unit = unit_at(units, middle);
        if (!unit) {
            return -1;
        }
        if (is_right(*unit)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

}  // namespace

BatchQueueUnit decode_batch_queue_unit(const char* at) {
    BatchQueueUnit unit;
    unit.physical_offset = {load_be<std::int64_t>(at)};
    unit.size = load_be<std::int32_t>(at + 8);
    unit.tags_code = load_be<std::int64_t>(at + 12);
    unit.store_timestamp = load_be<std::int64_t>(at + 20);
    unit.base = {load_be<std::int64_t>(at + 28)};
    unit.count = load_be<std::int16_t>(at + 36);
    unit.compacted_offset = load_be<std::int32_t>(at + 38);
    return unit;
}

void encode_batch_queue_unit(const BatchQueueUnit& unit, char* at) {
    store_be(at, unit.physical_offset.value);
    store_be(at + 8, unit.size);
    store_be(at + 12, unit.tags_code);
    store_be(at + 20, unit.store_timestamp);
    store_be(at + 28, unit.base.value);
    store_be(at + 36, unit.count);
    store_be(at + 38, unit.compacted_offset);
    store_be(at + 42, std::int32_t{0});
}

std::int64_t find_batch_unit(const UnitFiles& units, QueueOffset message) {
    return first_of(units, [&](const BatchQueueUnit& unit) { return message < unit.end(); });
}

std::int64_t first_batch_unit_from(const UnitFiles& units, PhysicalOffset position) {
    return first_of(units,
                    [&](const BatchQueueUnit& unit) { return unit.physical_offset >= position; });
}

// LOWER: the first batch stored at or after the time; UPPER: the last one stored at or before it,
// or the first of all; behind the newest batch: that one, in both cases. The original's halving for
// UPPER ends at the first batch of the queue for some times between two batches; ours does not.
std::int64_t batch_offset_by_time(const UnitFiles& units, std::int64_t timestamp_ms,
                                  BoundaryType boundary) {
    const auto newest = unit_at(units, units.end() - 1);
    if (!newest) {
        return -1;
    }
    if (timestamp_ms >= newest->store_timestamp) {
        return newest->base.value;
    }
    std::int64_t found = first_of(units, [&](const BatchQueueUnit& unit) {
        return boundary == BoundaryType::LOWER ? unit.store_timestamp >= timestamp_ms
                                               : unit.store_timestamp > timestamp_ms;
    });
    if (found < 0) {
        return -1;
    }
    if (boundary == BoundaryType::UPPER && found > units.begin()) {
        --found;
    }
    const auto unit = unit_at(units, found);
    return unit ? unit->base.value : -1;
}

}  // namespace rmq::store

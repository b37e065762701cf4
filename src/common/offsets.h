// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>

namespace rmq {

// A byte position in the endless CommitLog space. Never negative in a valid record.
struct PhysicalOffset {
    std::int64_t value = 0;

    friend constexpr auto operator<=>(PhysicalOffset, PhysicalOffset) = default;
    friend constexpr PhysicalOffset operator+(PhysicalOffset offset, std::int64_t bytes) {
        return {offset.value + bytes};
    }
    friend constexpr PhysicalOffset operator-(PhysicalOffset offset, std::int64_t bytes) {
        return {offset.value - bytes};
    }
    // Distance in bytes.
    friend constexpr std::int64_t operator-(PhysicalOffset a, PhysicalOffset b) {
        return a.value - b.value;
    }
};

// An entry number in one ConsumeQueue. Does not mix with PhysicalOffset.
struct QueueOffset {
    std::int64_t value = 0;

    friend constexpr auto operator<=>(QueueOffset, QueueOffset) = default;
    friend constexpr QueueOffset operator+(QueueOffset offset, std::int64_t entries) {
        return {offset.value + entries};
    }
    // Distance in entries.
    friend constexpr std::int64_t operator-(QueueOffset a, QueueOffset b) {
        return a.value - b.value;
    }
};

}  // namespace rmq

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace rmq::store {

// Why the store may not be written at the moment. In memory only.
// Thread safety: any thread. Source: RunningFlags (5.5.0), same bits.
class RunningFlags {
public:
    enum Bit : std::uint32_t {
        kNotWriteable = 1U << 1,      // shut down, or a sync failed: for good
        kLogicsQueueError = 1U << 2,  // a consume queue cannot be written
        kWriteIndexFileError = 1U << 3,
        kDiskFull = 1U << 4,
    };

    void set(Bit bit) { bits_.fetch_or(bit); }
    void clear(Bit bit) { bits_.fetch_and(~static_cast<std::uint32_t>(bit)); }
    bool has(Bit bit) const { return (bits_.load(std::memory_order_relaxed) & bit) != 0; }
    bool is_writeable() const { return bits_.load(std::memory_order_relaxed) == 0; }

private:
    std::atomic<std::uint32_t> bits_{0};
};

}  // namespace rmq::store

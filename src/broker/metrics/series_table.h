// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace rmq::broker {

// Numbers that are counted when something happens, by the values of a few labels: several counters
// and the buckets of a histogram that have the same labels share one row.
// Cost: a count takes the mutex of its thread's shard, which is contended by the scrape only, and
// one look-up; a label set that is new to a shard takes a second mutex and allocates. No label sets
// are made beyond the bound; what belongs to more is counted in one row for all of them.
// Thread safety: every member from any thread.
class SeriesTable {
public:
    // At most `rows_max` label sets, each with `width` numbers. A row never goes away.
    SeriesTable(std::size_t width, std::size_t rows_max) : width_(width), rows_max_(rows_max) {}
    SeriesTable(const SeriesTable&) = delete;
    SeriesTable& operator=(const SeriesTable&) = delete;

    // A number of a row and what is added to it.
    struct Change {
        std::size_t index = 0;  // below width
        std::int64_t by = 0;
    };
    // `values`: of the labels, always in the same order; one that is absent has data() == nullptr.
    void add(std::initializer_list<std::string_view> values, std::initializer_list<Change> changes);

    struct Row {
        bool is_overflow = false;  // of all label sets beyond the bound; `values` is empty then
        std::vector<std::string> texts;
        std::vector<bool> present;
        std::vector<std::int64_t> numbers;
        std::string_view value(std::size_t i) const {
            return present[i] ? std::string_view(texts[i]) : std::string_view();
        }
    };
    // Everything counted so far, ordered by label values.
    std::vector<Row> rows() const;

private:
    struct KeyHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view key) const {
            return std::hash<std::string_view>{}(key);
        }
    };
    using Numbers = std::unique_ptr<std::int64_t[]>;
    struct alignas(64) Shard {
        mutable std::mutex mutex;
        std::unordered_map<std::string, Numbers, KeyHash, std::equal_to<>> rows;  // guarded by it
    };
    static constexpr std::size_t kShards = 16;

    std::int64_t* row(Shard& shard, std::string_view key);

    const std::size_t width_;
    const std::size_t rows_max_;
    std::array<Shard, kShards> shards_;
    mutable std::mutex known_mutex_;            // taken inside a shard's
    std::set<std::string, std::less<>> known_;  // keys of all shards; guarded by known_mutex_
};

// The bucket of `value`: the first bound that is not below it, or bounds.size().
std::size_t bucket_of(std::span<const double> bounds, std::int64_t value);

}  // namespace rmq::broker

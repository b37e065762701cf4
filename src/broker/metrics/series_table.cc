// SPDX-License-Identifier: Apache-2.0
#include "broker/metrics/series_table.h"

#include <algorithm>

namespace rmq::broker {
namespace {

// Each value of a key is led by one of these, so that keys are told apart and taken apart.
constexpr char kPresent = '\x1f';
constexpr char kAbsent = '\x1e';
// No key begins so.
constexpr std::string_view kOverflowKey = "*";

// The threads take turns, so that a few of them do not meet in one shard.
std::size_t shard_index(std::size_t shards) {
    static std::atomic<std::size_t> next{0};
    thread_local const std::size_t mine = next.fetch_add(1, std::memory_order_relaxed);
    return mine % shards;
}

// A separator inside a value would make two values of it.
void append_value(std::string& key, std::string_view value) {
    key.push_back(value.data() == nullptr ? kAbsent : kPresent);
    for (const char c : value) {
        key.push_back(c == kPresent || c == kAbsent ? '?' : c);
    }
}

void take_apart(std::string_view key, SeriesTable::Row& row) {
    for (std::size_t at = 0; at < key.size();) {
        const auto end = std::min(key.find_first_of("\x1f\x1e", at + 1), key.size());
        row.present.push_back(key[at] == kPresent);
        row.texts.emplace_back(key.substr(at + 1, end - at - 1));
        at = end;
    }
}

}  // namespace

void SeriesTable::add(std::initializer_list<std::string_view> values,
                      std::initializer_list<Change> changes) {
    thread_local std::string key;
    key.clear();
    for (const auto value : values) {
        append_value(key, value);
    }
    auto& shard = shards_[shard_index(kShards)];
    const std::lock_guard lock(shard.mutex);
    auto* const numbers = row(shard, key);
    for (const auto& change : changes) {
        numbers[change.index] += change.by;
    }
}

std::int64_t* SeriesTable::row(Shard& shard, std::string_view key) {
    auto found = shard.rows.find(key);
    if (found == shard.rows.end()) {
        {
            // One place is kept for the row of the rest.
            const std::lock_guard lock(known_mutex_);
            if (!known_.contains(key)) {
                if (known_.size() + 1 < rows_max_) {
                    known_.emplace(key);
                } else {
                    key = kOverflowKey;
                }
            }
        }
        found = shard.rows.find(key);
    }
    if (found == shard.rows.end()) {
        found = shard.rows.emplace(key, std::make_unique<std::int64_t[]>(width_)).first;
    }
    return found->second.get();
}

std::vector<SeriesTable::Row> SeriesTable::rows() const {
    std::map<std::string, std::vector<std::int64_t>> sums;
    for (const auto& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        for (const auto& [key, numbers] : shard.rows) {
            auto& sum = sums[key];
            sum.resize(width_);
            for (std::size_t i = 0; i < width_; ++i) {
                sum[i] += numbers[i];
            }
        }
    }
    std::vector<Row> rows;
    rows.reserve(sums.size());
    for (auto& [key, sum] : sums) {
        auto& row = rows.emplace_back();
        row.is_overflow = key == kOverflowKey;
        if (!row.is_overflow) {
            take_apart(key, row);
        }
        row.numbers = std::move(sum);
    }
    return rows;
}

std::size_t bucket_of(std::span<const double> bounds, std::int64_t value) {
    const auto found = std::lower_bound(bounds.begin(), bounds.end(), static_cast<double>(value));
    return static_cast<std::size_t>(found - bounds.begin());
}

}  // namespace rmq::broker

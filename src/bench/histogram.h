// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace rmq::bench {

// Counts of durations in buckets whose width grows with the value: a value is known to within
// 1/1024 of itself, from 1 ns to 18 minutes. Recording costs a few instructions and never
// allocates. A value; no thread safety.
class Histogram {
public:
    // What is larger counts as this.
    static constexpr std::int64_t kMax = (std::int64_t{1} << 40) - 1;

    Histogram();

    // Negative values count as 0.
    void record(std::int64_t value);
    void clear();

    std::int64_t count() const { return count_; }
    std::int64_t max() const { return max_; }  // exact
    double mean() const;                       // exact; 0 while empty

    // The smallest value such that at least `percent` (0 … 100) of the recorded ones are not
    // above it, to within a bucket; at most max(). 0 while empty.
    std::int64_t percentile(double percent) const;

    // Every bucket that holds something: its upper end and its count, ascending.
    std::vector<std::pair<std::int64_t, std::int64_t>> buckets() const;

private:
    static std::size_t index_of(std::int64_t value);
    static std::int64_t upper_end(std::size_t index);

    std::vector<std::int64_t> counts_;
    std::int64_t count_ = 0;
    std::int64_t max_ = 0;
    double sum_ = 0;
};

}  // namespace rmq::bench

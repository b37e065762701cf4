// SPDX-License-Identifier: Apache-2.0
#include "bench/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace rmq::bench {

namespace {

// Values below 2 * kHalf have buckets of width 1; every further doubling has kHalf buckets.
constexpr unsigned kHalfBits = 10;
constexpr std::size_t kHalf = std::size_t{1} << kHalfBits;
constexpr std::size_t kBuckets = (40 - kHalfBits + 1) * kHalf;

}  // namespace

Histogram::Histogram() : counts_(kBuckets) {}

std::size_t Histogram::index_of(std::int64_t value) {
    const auto bits = static_cast<std::uint64_t>(value);
    const auto width = static_cast<unsigned>(std::bit_width(bits));
    if (width <= kHalfBits + 1) {
        return bits;
    }
    const unsigned shift = width - kHalfBits - 1;
    return shift * kHalf + (bits >> shift);
}

std::int64_t Histogram::upper_end(std::size_t index) {
    if (index < 2 * kHalf) {
        return static_cast<std::int64_t>(index);
    }
    const std::size_t shift = index / kHalf - 1;
    const std::size_t top = index - shift * kHalf;
    return static_cast<std::int64_t>(((top + 1) << shift) - 1);
}

void Histogram::record(std::int64_t value) {
    value = std::clamp<std::int64_t>(value, 0, kMax);
    ++counts_[index_of(value)];
    ++count_;
    max_ = std::max(max_, value);
    sum_ += static_cast<double>(value);
}

void Histogram::clear() {
    *this = Histogram();
}

double Histogram::mean() const {
    return count_ == 0 ? 0 : sum_ / static_cast<double>(count_);
}

std::int64_t Histogram::percentile(double percent) const {
    const double share = std::clamp(percent, 0.0, 100.0) / 100 * static_cast<double>(count_);
    // 99.9 % of 1,000 is 999 and not, by a rounding error, 1,000.
    const auto wanted =
        std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(share - 1e-6)));
    std::int64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        seen += counts_[i];
        if (seen >= wanted) {
            return std::min(upper_end(i), max_);
        }
    }
    return max_;
}

std::vector<std::pair<std::int64_t, std::int64_t>> Histogram::buckets() const {
    std::vector<std::pair<std::int64_t, std::int64_t>> found;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        if (counts_[i] > 0) {
            found.emplace_back(std::min(upper_end(i), max_), counts_[i]);
        }
    }
    return found;
}

}  // namespace rmq::bench

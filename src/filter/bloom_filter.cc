// SPDX-License-Identifier: Apache-2.0
#include "filter/bloom_filter.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>

namespace rmq::filter {
namespace {

constexpr std::uint64_t kC1 = 0x87c37b91114253d5ULL;
constexpr std::uint64_t kC2 = 0x4cf5ad432745937fULL;
constexpr std::size_t kBlockBytes = 16;
constexpr std::int32_t kBitsPerByte = 8;

// Up to eight bytes, the first one lowest.
std::uint64_t little_endian(std::string_view bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = std::min<std::size_t>(bytes.size(), 8); i > 0; --i) {
        value = (value << 8) | static_cast<unsigned char>(bytes[i - 1]);
    }
    return value;
}

std::uint64_t mix_low(std::uint64_t k) {
    return std::rotl(k * kC1, 31) * kC2;
}
std::uint64_t mix_high(std::uint64_t k) {
    return std::rotl(k * kC2, 33) * kC1;
}
std::uint64_t finish(std::uint64_t h) {
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdULL;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return h ^ (h >> 33);
}

double log_of(double base, double value) {
    return std::log(value) / std::log(base);
}

}  // namespace

std::uint64_t murmur3_x64(std::string_view bytes) {
    std::uint64_t h1 = 0;
    std::uint64_t h2 = 0;
    std::string_view rest = bytes;
    for (; rest.size() >= kBlockBytes; rest.remove_prefix(kBlockBytes)) {
        h1 ^= mix_low(little_endian(rest));
        h1 = (std::rotl(h1, 27) + h2) * 5 + 0x52dce729;
        h2 ^= mix_high(little_endian(rest.substr(8)));
        h2 = (std::rotl(h2, 31) + h1) * 5 + 0x38495ab5;
    }
    if (rest.size() > 8) {
        h2 ^= mix_high(little_endian(rest.substr(8)));
    }
    if (!rest.empty()) {
        h1 ^= mix_low(little_endian(rest));
    }
    h1 ^= bytes.size();
    h2 ^= bytes.size();
    h1 += h2;
    h2 += h1;
    return finish(h1) + finish(h2);
}

BloomFilter::BloomFilter(std::int32_t error_percent, std::int32_t expected) {
    const double rate = std::clamp(error_percent, 1, 99) / 100.0;
    hash_count_ = std::max(1, static_cast<std::int32_t>(std::ceil(log_of(0.5, rate))));
    const double bits = std::ceil(std::clamp(expected, 1, 1'000'000) * log_of(2, 1 / rate) *
                                  log_of(2, std::exp(1.0)));
    bit_count_ = kBitsPerByte * static_cast<std::int32_t>(std::ceil(bits / kBitsPerByte));
}

BloomFilterData BloomFilter::generate(std::string_view name) const {
    const auto hash = murmur3_x64(name);
    const auto low = static_cast<std::uint32_t>(hash);
    const auto high = static_cast<std::uint32_t>(hash >> 32);
    BloomFilterData data;
    data.bit_count = bit_count_;
    for (std::uint32_t i = 1; i <= static_cast<std::uint32_t>(hash_count_); ++i) {
        auto combined = low + i * high;
        if (combined > static_cast<std::uint32_t>(std::numeric_limits<std::int32_t>::max())) {
            combined = ~combined;  // negative in Java
        }
        data.bit_positions.push_back(static_cast<std::int32_t>(combined) % bit_count_);
    }
    return data;
}

bool BloomFilter::is_valid(const BloomFilterData& data) const {
    return data.bit_count == bit_count_ &&
           data.bit_positions.size() == static_cast<std::size_t>(hash_count_);
}

}  // namespace rmq::filter

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace rmq {

static_assert(std::endian::native == std::endian::little, "conversions below assume little endian");

// Big-endian loads and stores; every integer on the wire and on the disk is big-endian. The caller
// guarantees sizeof(T) readable or writable bytes; use ByteReader where the length is not known.
template <class T>
T load_be(const void* from) {
    static_assert(std::is_integral_v<T>);
    std::make_unsigned_t<T> raw;
    std::memcpy(&raw, from, sizeof raw);
    if constexpr (sizeof(T) == 2) {
        raw = __builtin_bswap16(raw);
    } else if constexpr (sizeof(T) == 4) {
        raw = __builtin_bswap32(raw);
    } else if constexpr (sizeof(T) == 8) {
        raw = __builtin_bswap64(raw);
    }
    return static_cast<T>(raw);
}

template <class T>
void store_be(void* to, T value) {
    static_assert(std::is_integral_v<T>);
    auto raw = static_cast<std::make_unsigned_t<T>>(value);
    if constexpr (sizeof(T) == 2) {
        raw = __builtin_bswap16(raw);
    } else if constexpr (sizeof(T) == 4) {
        raw = __builtin_bswap32(raw);
    } else if constexpr (sizeof(T) == 8) {
        raw = __builtin_bswap64(raw);
    }
    std::memcpy(to, &raw, sizeof raw);
}

// Bounds-checked cursor over bytes from the network or the disk. After a read past the end ok() is
// false for good and every later read gives 0 or an empty view, so a parser may check once at the
// end. Views point into the input. Thread safety: none, a value.
class ByteReader {
public:
    explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

    template <class T>
    T read() {
        if (!take(sizeof(T))) {
            return 0;
        }
        return load_be<T>(bytes_.data() + position_ - sizeof(T));
    }

    // Takes `length` bytes; a negative length is an error, as lengths on the wire are signed.
    std::string_view read_bytes(std::int64_t length) {
        if (length < 0 || !take(static_cast<std::size_t>(length))) {
            ok_ = false;
            return {};
        }
        return bytes_.substr(position_ - static_cast<std::size_t>(length),
                             static_cast<std::size_t>(length));
    }

    bool ok() const { return ok_; }
    std::size_t position() const { return position_; }
    std::size_t remaining() const { return bytes_.size() - position_; }

private:
    bool take(std::size_t length) {
        if (!ok_ || length > bytes_.size() - position_) {
            ok_ = false;
            return false;
        }
        position_ += length;
        return true;
    }

    std::string_view bytes_;
    std::size_t position_ = 0;
    bool ok_ = true;
};

}  // namespace rmq

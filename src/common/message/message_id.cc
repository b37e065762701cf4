// SPDX-License-Identifier: Apache-2.0
#include "common/message/message_id.h"

#include "common/bytes.h"

#include <atomic>
#include <cstring>
#include <ctime>

#include <unistd.h>

namespace rmq {

namespace {

constexpr char kHexDigits[] = "0123456789ABCDEF";

char* write_hex(std::string_view bytes, char* out) {
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        *out++ = kHexDigits[byte >> 4];
        *out++ = kHexDigits[byte & 0xF];
    }
    return out;
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return -1;
}

std::int64_t month_start_ms(std::int64_t now_ms) {
    const std::time_t seconds = now_ms / 1000;
    std::tm local{};
    localtime_r(&seconds, &local);
    local.tm_mday = 1;
    local.tm_hour = local.tm_min = local.tm_sec = 0;
    return static_cast<std::int64_t>(std::mktime(&local)) * 1000;
}

}  // namespace

std::size_t write_offset_message_id(const SocketAddress& store_host, PhysicalOffset offset,
                                    char* out) {
    char tail[12];
    store_be(tail, store_host.port);
    store_be(tail + 4, offset.value);
    char* end = write_hex(store_host.address_bytes(), out);
    end = write_hex({tail, sizeof tail}, end);
    return static_cast<std::size_t>(end - out);
}

std::string make_offset_message_id(const SocketAddress& store_host, PhysicalOffset offset) {
    char text[56];
    return std::string(text, write_offset_message_id(store_host, offset, text));
}

Result<OffsetMessageId> parse_offset_message_id(std::string_view id) {
    if (id.size() != 32 && id.size() != 56) {
        return Error{Errc::kMalformed,
                     "a message id has 32 or 56 characters, not " + std::to_string(id.size())};
    }
    char bytes[28];
    for (std::size_t i = 0; i < id.size(); i += 2) {
        const int high = hex_value(id[i]);
        const int low = hex_value(id[i + 1]);
        if (high < 0 || low < 0) {
            return Error{Errc::kMalformed, "a message id is hexadecimal: " + std::string(id)};
        }
        bytes[i / 2] = static_cast<char>(high << 4 | low);
    }
    OffsetMessageId result;
    result.store_host.is_v6 = id.size() == 56;
    const std::size_t address_size = result.store_host.is_v6 ? 16 : 4;
    std::memcpy(result.store_host.bytes.data(), bytes, address_size);
    result.store_host.port = load_be<std::int32_t>(bytes + address_size);
    result.offset.value = load_be<std::int64_t>(bytes + address_size + 4);
    return result;
}

std::string make_unique_id(const SocketAddress& host, std::int64_t now_ms) {
    static std::atomic<std::uint16_t> counter{0};
    constexpr std::int32_t kMakerHash = 0x52415054;  // takes the place of the class loader's hash
    char tail[12];
    store_be(tail, static_cast<std::int16_t>(::getpid()));
    store_be(tail + 2, kMakerHash);
    store_be(tail + 6, static_cast<std::int32_t>(now_ms - month_start_ms(now_ms)));
    store_be(tail + 10, static_cast<std::int16_t>(counter.fetch_add(1)));
    char text[56];
    char* end = write_hex(host.address_bytes(), text);
    end = write_hex({tail, sizeof tail}, end);
    return std::string(text, end);
}

}  // namespace rmq

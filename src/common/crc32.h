// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace rmq {

// CRC-32 with the zlib polynomial, masked with 0x7FFFFFFF as message records and registration
// bodies store it. 0 for empty input. Source: UtilAll.crc32; vector "hello" -> 907060870.
std::int32_t crc32_of(std::string_view bytes);

}  // namespace rmq

// SPDX-License-Identifier: Apache-2.0
#include "common/crc32.h"

#include <libdeflate.h>

namespace rmq {

std::int32_t crc32_of(std::string_view bytes) {
    if (bytes.empty()) {
        return 0;
    }
    return static_cast<std::int32_t>(libdeflate_crc32(0, bytes.data(), bytes.size()) & 0x7FFFFFFF);
}

}  // namespace rmq

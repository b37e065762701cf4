// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace rmq::broker {

// One message of a batch body. Views point into the body.
struct BatchPart {
    std::int32_t flag = 0;
    std::string_view body;
    std::string_view properties;  // encoded
};

// Cuts the body of SEND_BATCH_MESSAGE: int32 totalSize, int32 magic, int32 crc, int32 flag, int32
// bodyLen, body, int16 propsLen, properties, back to back. totalSize, magic and crc are not
// checked, as in the original. `parts` is cleared first and keeps its capacity.
// Errors: kMalformed when a length is negative or leaves the body.
// Source: MessageExtEncoder.encode(MessageExtBatch).
Status decode_batch(std::string_view body, std::vector<BatchPart>& parts);

}  // namespace rmq::broker

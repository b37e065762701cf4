// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/message_batch.h"

#include "common/bytes.h"

namespace rmq::broker {

Status decode_batch(std::string_view body, std::vector<BatchPart>& parts) {
    parts.clear();
    ByteReader reader(body);
    while (reader.remaining() > 0) {
        constexpr std::int64_t kSizeMagicCrc = 12;
        BatchPart part;
        reader.read_bytes(kSizeMagicCrc);
        part.flag = reader.read<std::int32_t>();
        part.body = reader.read_bytes(reader.read<std::int32_t>());
        part.properties = reader.read_bytes(reader.read<std::int16_t>());
        if (!reader.ok()) {
            return Error{Errc::kMalformed, "the batch body is cut short or has a negative length"};
        }
        parts.push_back(part);
    }
    return {};
}

}  // namespace rmq::broker

// SPDX-License-Identifier: Apache-2.0
// Any bytes as the input of one connection: cut and decode until they end or are refused.

#include "common/assert.h"
#include "remoting/protocol/frame.h"

#include <memory>

namespace {

using namespace rmq;

std::size_t touch(std::string_view bytes) {
    std::size_t sum = 0;
    for (const char byte : bytes) {
        sum += static_cast<unsigned char>(byte);
    }
    return sum;
}

// Fewer bytes of the same input never give another verdict, only "not yet".
void check_prefixes(std::string_view input, const Result<FrameBounds>& whole) {
    for (std::size_t size = 0; size < std::min<std::size_t>(input.size(), 12); ++size) {
        const auto bounds = cut_frame(input.substr(0, size));
        RMQ_ASSERT(bounds || !whole, "a prefix of good input is good");
        RMQ_ASSERT(!bounds || bounds->frame_bytes <= size, "a frame lies within its input");
    }
    RMQ_ASSERT(
        !whole || whole->frame_bytes == 0 || whole->frame_bytes == announced_frame_bytes(input),
        "both read the same length");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static FrameDecoder decoder;
    static RemotingCommand command;
    std::string_view input(reinterpret_cast<const char*>(data), size);
    std::size_t sum = 0;
    while (true) {
        const auto bounds = cut_frame(input);
        check_prefixes(input, bounds);
        if (!bounds || bounds->frame_bytes == 0) {
            break;
        }
        // An allocation of its own, so that reading past the frame is seen.
        const auto copy = std::make_unique<char[]>(bounds->frame_bytes);
        std::copy_n(input.data(), bounds->frame_bytes, copy.get());
        if (!decoder.decode({copy.get(), bounds->frame_bytes}, command)) {
            break;
        }
        sum += touch(command.remark) + touch(command.body);
        for (const ExtField& field : command.ext) {
            sum += touch(field.key) + touch(field.value);
            RMQ_ASSERT(command.ext.find(field.key) == field.value, "every field can be found");
        }
        input.remove_prefix(bounds->frame_bytes);
    }
    RMQ_ASSERT(sum <= size * 255, "so that the sum, and with it every read, is used");
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace rmq::limits {

// Remoting. Source: com.rocketmq.remoting.frameMaxLength, the largest value of length + 4.
inline constexpr std::size_t kFrameMaxBytes = 16U * 1024 * 1024;
// A header longer than this is refused before it is parsed; stock headers stay below 64 KiB plus
// the property string.
inline constexpr std::size_t kHeaderMaxBytes = 1U * 1024 * 1024;
// Unfinished input of all connections together; a frame beyond it closes its connection.
inline constexpr std::size_t kUnfinishedFramesMaxBytes = 512U * 1024 * 1024;
inline constexpr std::size_t kExtFieldsMax = 256;
// Nesting allowed in JSON headers and bodies.
inline constexpr std::size_t kJsonDepthMax = 64;
// Nesting allowed in JSON bodies. Parts of them are kept in files, a few levels further down, and
// such a file must be readable again.
inline constexpr std::size_t kBodyJsonDepthMax = 32;
// Requests sent to one peer that it has not answered.
inline constexpr std::size_t kPendingPerConnectionMax = 65536;
// Bytes of unsent replies at which a connection is no longer read, and at which it is read again.
inline constexpr std::size_t kWriteHighWatermarkBytes = 8U * 1024 * 1024;
inline constexpr std::size_t kWriteLowWatermarkBytes = 2U * 1024 * 1024;
// Requests that one connection may have unanswered (held pulls included) before it is not read.
inline constexpr std::size_t kInFlightPerConnectionMax = 65536;
inline constexpr std::size_t kConnectionsMax = 100'000;
inline constexpr std::int64_t kIdleSeconds = 120;

// Messages. Source: MessageStoreConfig.maxMessageSize, Validators, TopicValidator.
inline constexpr std::int64_t kMessageBodyMaxBytes = 4 * 1024 * 1024;
inline constexpr std::int64_t kPropertiesMaxBytes = 32767;
inline constexpr std::int64_t kTopicMaxChars = 127;
inline constexpr std::int64_t kRetryTopicMaxChars = 255;
inline constexpr std::int64_t kGroupMaxChars = 120;

// Slow work handed to the blocking pool and not yet begun.
inline constexpr std::size_t kBlockingQueueMax = 10'000;
// Held pulls of the whole process.
inline constexpr std::size_t kHeldPullsMax = 1'000'000;

static_assert(kBodyJsonDepthMax + 8 <= kJsonDepthMax);
static_assert(kHeaderMaxBytes < kFrameMaxBytes);
static_assert(kWriteLowWatermarkBytes < kWriteHighWatermarkBytes);
static_assert(kMessageBodyMaxBytes + kPropertiesMaxBytes + 65536 <
              static_cast<std::int64_t>(kFrameMaxBytes));

}  // namespace rmq::limits

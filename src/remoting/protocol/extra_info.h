// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace rmq {

// The texts by which popped messages are told apart and acknowledged.
// Thread safety: pure functions. Source: ExtraInfoUtil, KeyBuilder.

inline constexpr std::int32_t kPopOrderReviveQueue = 999;  // reviveQid of an ordered pop

// Times and offsets of handles and requests are kept within this, so that sums of a few of them do
// not overflow. Far beyond any clock.
inline constexpr std::int64_t kPopNumberMax = INT64_MAX / 8;
std::int64_t clamp_pop_number(std::int64_t number);

// Which topic of a group a message came from: part of the handle.
enum class PopTopicKind { kNormal = 0, kRetryV1 = 1, kRetryV2 = 2 };

// %RETRY%<group>_<topic>, or with a plus in place of the underscore.
std::string pop_retry_topic_v1(std::string_view topic, std::string_view group);
std::string pop_retry_topic_v2(std::string_view topic, std::string_view group);
// By the name alone, as clients do it: a retry topic with a plus anywhere is V2.
PopTopicKind pop_topic_kind(std::string_view topic);
// The topic behind a pop retry topic of this group; any other name is returned as it is, a retry
// topic too short for the group empty.
std::string_view pop_normal_topic(std::string_view topic, std::string_view group);

// The receipt handle (extraInfo, POP_CK): these fields joined by blanks, the last one new in 5.x.
struct PopHandle {
    std::int64_t ck_queue_offset = 0;  // startOffset of the check point
    std::int64_t pop_time = 0;         // ms
    std::int64_t invisible_time = 0;   // ms
    std::int32_t revive_qid = 0;
    std::string_view broker_name{};
    std::int32_t queue_id = 0;
    std::int64_t queue_offset = 0;

    bool is_order() const { return revive_qid == kPopOrderReviveQueue; }
};

// The first six fields must be there; kind, queueId and queueOffset are not looked at, as the
// original's broker does not. Times are clamped to kPopNumberMax. Errors: kInvalidArgument.
Result<PopHandle> parse_extra_info(std::string_view text);
std::string build_extra_info(const PopHandle& handle, PopTopicKind kind);

// Appends "kind queueId startOffset", after a semicolon unless `text` is empty.
void add_start_offset_info(std::string& text, PopTopicKind kind, std::int32_t queue_id,
                           std::int64_t start_offset);
// "kind queueId o1,o2,o3".
void add_msg_offset_info(std::string& text, PopTopicKind kind, std::int32_t queue_id,
                         std::span<const std::int64_t> offsets);
// "kind queueId count" and "kind qo<queueId>%<offset> count".
void add_queue_order_count(std::string& text, PopTopicKind kind, std::int32_t queue_id,
                           std::int32_t count);
struct OrderCount {
    std::int64_t offset = 0;
    std::int32_t count = 0;
};
void add_offset_order_count(std::string& text, PopTopicKind kind, std::int32_t queue_id,
                            const OrderCount& order_count);

}  // namespace rmq

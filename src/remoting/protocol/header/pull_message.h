// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace rmq {

// Bits of PullMessageRequestHeader::sys_flag. Source: PullSysFlag.
namespace pull_sys_flag {

inline constexpr std::int32_t kCommitOffset = 0x1;
inline constexpr std::int32_t kSuspend = 0x2;
inline constexpr std::int32_t kSubscription = 0x4;
inline constexpr std::int32_t kClassFilter = 0x8;
inline constexpr std::int32_t kLitePull = 0x10;

}  // namespace pull_sys_flag

// Request header of PULL_MESSAGE (11) and LITE_PULL_MESSAGE (361).
// Source: PullMessageRequestHeader.
struct PullMessageRequestHeader {
    std::string_view consumer_group;
    std::string_view topic;
    std::int32_t queue_id = 0;
    std::int64_t queue_offset = 0;
    std::int32_t max_msg_nums = 0;
    std::int32_t sys_flag = 0;
    std::int64_t commit_offset = 0;
    std::int64_t suspend_timeout_millis = 0;
    std::optional<std::string_view> subscription;
    std::int64_t sub_version = 0;
    std::optional<std::string_view> expression_type;

    template <class Visitor>
    void visit(Visitor& v) {
        v("consumerGroup", consumer_group);
        v("topic", topic);
        v("queueId", queue_id);
        v("queueOffset", queue_offset);
        v("maxMsgNums", max_msg_nums);
        v("sysFlag", sys_flag);
        v("commitOffset", commit_offset);
        v("suspendTimeoutMillis", suspend_timeout_millis);
        v("subscription", subscription);
        v("subVersion", sub_version);
        v("expressionType", expression_type);
    }
};

// Why a pull was refused with NO_PERMISSION. Source: ForbiddenType.
enum class ForbiddenType : std::int32_t {
    kBroker = 1,
    kGroup = 2,
    kTopic = 3,
    kBroadcasting = 4,
    kSubscription = 5,
};

// Source: PullMessageResponseHeader.
struct PullMessageResponseHeader {
    std::int64_t suggest_which_broker_id = 0;
    std::int64_t next_begin_offset = 0;
    std::int64_t min_offset = 0;
    std::int64_t max_offset = 0;
    std::optional<std::int32_t> topic_sys_flag;
    std::optional<std::int32_t> group_sys_flag;
    std::optional<std::int32_t> forbidden_type;

    template <class Visitor>
    void visit(Visitor& v) {
        v("suggestWhichBrokerId", suggest_which_broker_id);
        v("nextBeginOffset", next_begin_offset);
        v("minOffset", min_offset);
        v("maxOffset", max_offset);
        v("topicSysFlag", topic_sys_flag);
        v("groupSysFlag", group_sys_flag);
        v("forbiddenType", forbidden_type);
    }
};

}  // namespace rmq

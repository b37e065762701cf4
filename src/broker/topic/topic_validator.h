// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <array>
#include <span>
#include <string>
#include <string_view>

namespace rmq::broker {

// Names that the broker gives a meaning. Source: TopicValidator, MixAll, PopAckConstants.
namespace topic_name {
inline constexpr std::string_view kAutoCreateKey = "TBW102";
inline constexpr std::string_view kSchedule = "SCHEDULE_TOPIC_XXXX";
inline constexpr std::string_view kBenchmark = "BenchmarkTest";
inline constexpr std::string_view kTransHalf = "RMQ_SYS_TRANS_HALF_TOPIC";
inline constexpr std::string_view kTransOpHalf = "RMQ_SYS_TRANS_OP_HALF_TOPIC";
inline constexpr std::string_view kRocksdbTransHalf = "RMQ_SYS_ROCKSDB_TRANS_HALF_TOPIC";
inline constexpr std::string_view kRocksdbTransOpHalf = "RMQ_SYS_ROCKSDB_TRANS_OP_HALF_TOPIC";
inline constexpr std::string_view kTransCheckMaxTime = "TRANS_CHECK_MAX_TIME_TOPIC";
inline constexpr std::string_view kTrace = "RMQ_SYS_TRACE_TOPIC";
inline constexpr std::string_view kSelfTest = "SELF_TEST_TOPIC";
inline constexpr std::string_view kOffsetMovedEvent = "OFFSET_MOVED_EVENT";
inline constexpr std::string_view kRocksdbCheckpoint = "CHECKPOINT_TOPIC";
inline constexpr std::string_view kTimer = "rmq_sys_wheel_timer";
inline constexpr std::string_view kSystemPrefix = "rmq_sys_";
inline constexpr std::string_view kReviveLogPrefix = "rmq_sys_REVIVE_LOG_";
inline constexpr std::string_view kSyncBrokerMemberPrefix = "rmq_sys_SYNC_BROKER_MEMBER_";
inline constexpr std::string_view kReplySuffix = "_REPLY_TOPIC";
inline constexpr std::string_view kRetryPrefix = "%RETRY%";
inline constexpr std::string_view kDlqPrefix = "%DLQ%";
}  // namespace topic_name

inline constexpr std::string_view kSystemGroupPrefix = "CID_RMQ_SYS_";

// Groups that every broker knows from the start. Source: MixAll.
inline constexpr std::array<std::string_view, 8> kBuiltInGroups{
    "TOOLS_CONSUMER",  "FILTERSRV_CONSUMER",    "SELF_TEST_C_GROUP", "CID_ONS-HTTP-PROXY",
    "CID_ONSAPI_PULL", "CID_ONSAPI_PERMISSION", "CID_ONSAPI_OWNER",  "CID_RMQ_SYS_TRANS",
};
// Groups of tools and of the system, which pull what and as much as they like.
// Source: MixAll.isSysConsumerGroupPullMessage.
bool is_tools_group(std::string_view group);

// Blank, illegal characters, too long (127, or 255 for retry and dead letter topics; UTF-16 units):
// kInvalidArgument with the original's words. Source: TopicValidator.validateTopic.
Status validate_topic(std::string_view topic);
// The same for groups, at most 120. Source: TopicValidator.validateGroup.
Status validate_group(std::string_view group);

// System topics that every broker has in common; see TopicConfigManager::is_system_topic for those
// of this broker.
std::span<const std::string_view> common_system_topics();

// Topics that clients may not send to.
bool is_not_allowed_send_topic(std::string_view topic);

// Blank as StringUtils.isBlank sees it.
bool is_blank(std::string_view text);

}  // namespace rmq::broker

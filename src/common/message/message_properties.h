// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace rmq {

// Names of message properties. Source: MessageConst.
namespace property {

inline constexpr std::string_view kKeys = "KEYS";
inline constexpr std::string_view kTags = "TAGS";
inline constexpr std::string_view kWait = "WAIT";
inline constexpr std::string_view kDelayLevel = "DELAY";
inline constexpr std::string_view kRetryTopic = "RETRY_TOPIC";
inline constexpr std::string_view kRealTopic = "REAL_TOPIC";
inline constexpr std::string_view kRealQueueId = "REAL_QID";
inline constexpr std::string_view kTransactionPrepared = "TRAN_MSG";
inline constexpr std::string_view kProducerGroup = "PGROUP";
inline constexpr std::string_view kTransactionId = "__transactionId__";
inline constexpr std::string_view kTransactionCheckTimes = "TRANSACTION_CHECK_TIMES";
inline constexpr std::string_view kTransactionPreparedQueueOffset = "TRAN_PREPARED_QUEUE_OFFSET";
inline constexpr std::string_view kCheckImmunityTimeInSeconds = "CHECK_IMMUNITY_TIME_IN_SECONDS";
inline constexpr std::string_view kReplyToClient = "REPLY_TO_CLIENT";
inline constexpr std::string_view kPushReplyTime = "PUSH_REPLY_TIME";
inline constexpr std::string_view kOriginMessageId = "ORIGIN_MESSAGE_ID";
inline constexpr std::string_view kReconsumeTime = "RECONSUME_TIME";
inline constexpr std::string_view kMaxReconsumeTimes = "MAX_RECONSUME_TIMES";
inline constexpr std::string_view kMsgRegion = "MSG_REGION";
inline constexpr std::string_view kTraceOn = "TRACE_ON";
inline constexpr std::string_view kUniqKey = "UNIQ_KEY";
inline constexpr std::string_view kCluster = "CLUSTER";
inline constexpr std::string_view kPopCk = "POP_CK";
inline constexpr std::string_view kFirstPopTime = "1ST_POP_TIME";
inline constexpr std::string_view kOriginGroup = "ORIGIN_GROUP";
inline constexpr std::string_view kShardingKey = "__SHARDINGKEY";
inline constexpr std::string_view kPriority = "_SYS_MSG_PRIORITY_";
inline constexpr std::string_view kTimerDelaySec = "TIMER_DELAY_SEC";
inline constexpr std::string_view kTimerDelayMs = "TIMER_DELAY_MS";
inline constexpr std::string_view kTimerDeliverMs = "TIMER_DELIVER_MS";
inline constexpr std::string_view kTimerOutMs = "TIMER_OUT_MS";
inline constexpr std::string_view kTimerEnqueueMs = "TIMER_ENQUEUE_MS";
inline constexpr std::string_view kTimerDequeueMs = "TIMER_DEQUEUE_MS";
inline constexpr std::string_view kTimerRollTimes = "TIMER_ROLL_TIMES";
inline constexpr std::string_view kTimerDelUniqueKey = "TIMER_DEL_UNIQKEY";
inline constexpr std::string_view kInnerNum = "INNER_NUM";
inline constexpr std::string_view kInnerBase = "INNER_BASE";
inline constexpr std::string_view kLiteTopic = "__LITE_TOPIC";
inline constexpr std::string_view kInnerMultiDispatch = "INNER_MULTI_DISPATCH";
inline constexpr std::string_view kInnerMultiQueueOffset = "INNER_MULTI_QUEUE_OFFSET";
inline constexpr std::string_view kCrc32 = "__CRC32#";
inline constexpr std::string_view kDlqOriginTopic = "DLQ_ORIGIN_TOPIC";
inline constexpr std::string_view kDlqOriginMessageId = "DLQ_ORIGIN_MESSAGE_ID";

}  // namespace property

// The encoded form is name 0x01 value 0x02 name 0x01 value 0x02 …; the last 0x02 may be missing.
inline constexpr char kNameValueSeparator = 1;
inline constexpr char kPropertySeparator = 2;

// One name/value pair of an encoded property string.
struct PropertyView {
    std::string_view name;
    std::string_view value;
};

// Walks the encoded form, skipping what the original skips: entries shorter than 3 characters, with
// no separator, or with an empty name or value. Source: MessageDecoder.string2messageProperties.
class PropertyCursor {
public:
    explicit PropertyCursor(std::string_view encoded) : rest_(encoded) {}
    std::optional<PropertyView> next();

private:
    std::string_view rest_;
};

// Walks the keys of a KEYS property, which blanks part; empty ones are left out.
// Source: MessageConst.KEY_SEPARATOR.
class KeyCursor {
public:
    explicit KeyCursor(std::string_view keys) : rest_(keys) {}
    std::optional<std::string_view> next();

private:
    std::string_view rest_;
};

// Whether `wanted` is the UNIQ_KEY or one of the KEYS.
bool has_key(std::string_view encoded, std::string_view wanted);

// The last value given to `name` (later duplicates win), or nothing.
std::optional<std::string_view> find_property(std::string_view encoded, std::string_view name);

// Appends one pair, adding the separator that an old client may have left out before it. An empty
// value is written too, although readers skip it.
void append_property(std::string& encoded, std::string_view name, std::string_view value);

// Removes every pair with this name.
void remove_property(std::string& encoded, std::string_view name);

// remove + append.
void set_property(std::string& encoded, std::string_view name, std::string_view value);

std::map<std::string, std::string> decode_properties(std::string_view encoded);

}  // namespace rmq

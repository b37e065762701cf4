// SPDX-License-Identifier: Apache-2.0
#include "broker/pop/pop_revive_log.h"

#include "broker/metrics/broker_metrics.h"
#include "broker/pop/pop_store.h"
#include "broker/topic/topic_validator.h"
#include "common/message/message_properties.h"

namespace rmq::broker {

namespace {

// How long before its end a check point is read, so that acknowledgements find it.
constexpr std::int64_t kAckTimeIntervalMs = 1000;  // Source: PopAckConstants.ackTimeInterval

}  // namespace

std::string revive_topic_name(std::string_view cluster) {
    return std::string(topic_name::kReviveLogPrefix).append(cluster);
}

store::PutMessageResult PopReviveLog::put(const PopCheckPoint& point,
                                          std::int32_t revive_qid) const {
    return counted(put({pop_tag::kCheckPoint, unique_id(point), encode(point),
                        point.revive_time() - kAckTimeIntervalMs},
                       revive_qid),
                   point.group, point.topic, true);
}

store::PutMessageResult PopReviveLog::put(const AckMsg& ack, std::int32_t revive_qid,
                                          std::int64_t revive_ms) const {
    return counted(put({ack.is_batch ? pop_tag::kBatchAck : pop_tag::kAck, unique_id(ack),
                        encode(ack), revive_ms},
                       revive_qid),
                   ack.group, ack.topic, false);
}

store::PutMessageResult PopReviveLog::counted(const store::PutMessageResult& result,
                                              std::string_view group, std::string_view topic,
                                              bool is_check_point) const {
    if (options_.metrics != nullptr) {
        options_.metrics->on_revive_put({.group = group,
                                         .topic = topic,
                                         .is_check_point = is_check_point,
                                         .status = store::put_message_status_name(result.status)});
    }
    return result;
}

store::PutMessageResult PopReviveLog::put(const Record& record, std::int32_t revive_qid) const {
    if (revive_qid < 0 || revive_qid >= options_.queues) {
        store::PutMessageResult refused;
        refused.status = store::PutMessageStatus::MESSAGE_ILLEGAL;
        return refused;
    }
    std::string properties;
    append_property(properties, property::kTags, record.tag);
    append_property(properties, property::kUniqKey, record.unique_id);
    store::MessageToPut message;
    message.topic = options_.topic;
    message.queue_id = revive_qid;
    message.born_timestamp = clock_.now_ms();
    message.born_host = options_.host;
    message.store_host = options_.host;
    message.body = record.body;
    message.properties = properties;
    return store_.put_at(message, record.deliver_ms);
}

}  // namespace rmq::broker

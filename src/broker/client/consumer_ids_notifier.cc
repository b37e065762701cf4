// SPDX-License-Identifier: Apache-2.0
#include "broker/client/consumer_ids_notifier.h"

#include "broker/broker_config.h"
#include "remoting/protocol/header/client.h"
#include "remoting/protocol/header_codec.h"

#include <utility>

namespace rmq::broker {

namespace {

constexpr std::int64_t kGatherMs = 15'000;

void notify(std::string_view group, const ConsumerIdsNotifier::Members& members) {
    ConsumerGroupRequestHeader header;
    header.consumer_group = group;
    OutboundCommand command(RequestCode::NOTIFY_CONSUMER_IDS_CHANGED);
    encode_header(header, command.ext);
    for (const auto& member : members) {
        member->send_oneway(command);
    }
}

}  // namespace

void ConsumerIdsNotifier::on_change(std::string_view group, const Members& members) {
    if (!config_.notify_consumer_ids_changed_enable) {
        return;
    }
    if (config_.real_time_notify_consumer_change) {
        notify(group, members);
        return;
    }
    const std::lock_guard lock(mutex_);
    gathered_[std::string(group)] = members;
}

void ConsumerIdsNotifier::run_once() {
    std::map<std::string, Members> due;
    {
        const std::lock_guard lock(mutex_);
        const auto now_ms = clock_.monotonic_ms();
        if (now_ms < next_ms_) {
            return;
        }
        next_ms_ = now_ms + kGatherMs;
        due.swap(gathered_);
    }
    for (const auto& [group, members] : due) {
        notify(group, members);
    }
}

}  // namespace rmq::broker

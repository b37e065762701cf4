// SPDX-License-Identifier: Apache-2.0
#include "broker/pop/pop_services.h"

#include "broker/broker_config.h"
#include "broker/lite/lite_services.h"
#include "broker/metrics/broker_metrics.h"
#include "broker/offset/consumer_offset_manager.h"
#include "broker/outer/broker_outer_api.h"
#include "broker/pop/consumer_order_info_manager.h"
#include "broker/pop/message_request_mode_manager.h"
#include "broker/pop/pop_buffer_merge_service.h"
#include "broker/pop/pop_inflight_counter.h"
#include "broker/pop/pop_long_polling_service.h"
#include "broker/pop/pop_offsets.h"
#include "broker/pop/pop_queue_locks.h"
#include "broker/pop/pop_revive_log.h"
#include "broker/pop/pop_revive_service.h"
#include "broker/pop/pop_store.h"
#include "broker/pop/topic_route_info_manager.h"
#include "broker/processor/lite/lite_receipt.h"
#include "broker/processor/pop/ack_message.h"
#include "broker/processor/pop/change_invisible_time.h"
#include "broker/processor/pop/notification.h"
#include "broker/processor/pop/peek_message.h"
#include "broker/processor/pop/pop_message.h"
#include "broker/processor/pop/query_assignment.h"
#include "broker/stats/broker_stats_manager.h"
#include "broker/subscription/subscription_group_manager.h"
#include "broker/topic/topic_config_manager.h"
#include "common/service_thread.h"
#include "remoting/protocol/extra_info.h"
#include "remoting/remoting_client.h"
#include "store/message_store_config.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace rmq::broker {

namespace {

using std::chrono::milliseconds;

// Clients wait three seconds for an assignment.
constexpr milliseconds kRouteWait{1000};
// Source: PopBufferMergeService.interval
constexpr std::int64_t kMergeIntervalMs = 5;

}  // namespace

struct PopServices::Parts {
    Parts(const PopCollaborators& with, std::unique_ptr<PopStore> with_store);

    std::int64_t run_due();
    // A slave reads what its master revives.
    bool may_revive() const {
        return c.store_config.timer_wheel_enable &&
               c.store_config.broker_role != store::BrokerRole::SLAVE;
    }
    bool is_known(const PopQueue& queue) const;

    const PopCollaborators c;
    std::unique_ptr<PopStore> store;
    MessageRequestModeManager modes;
    ConsumerOrderInfoManager order_infos;
    TopicRouteInfoManager routes;
    PopQueueLocks locks;
    PopReviveLog log;
    PopInflightCounter inflight;
    PopBufferMergeService buffer;
    PopOffsets positions;
    PopReviveService revive;
    PopLongPollingService polling;
    LiteServices lite;

    QueryAssignmentProcessor assignments;
    PopMessageProcessor pops;
    AckMessageProcessor acks;
    ChangeInvisibleTimeProcessor changes;
    PeekMessageProcessor peeks;
    NotificationProcessor notifications;

    std::int64_t next_revive_ms = 0;  // Clock::monotonic_ms; of the revive thread
    ServiceThread thread{"revive"};
};

// Members in the order of their declaration, each from what is above it.
PopServices::Parts::Parts(const PopCollaborators& with, std::unique_ptr<PopStore> with_store)
    : c(with),
      store(std::move(with_store)),
      modes(c.config_dir + "/messageRequestMode.json"),
      order_infos(c.config_dir + "/consumerOrderInfo.json", c.clock),
      routes({.clock = c.clock,
              .namesrv_addrs = [this] { return c.outer.namesrv_addrs(); },
              .invoke =
                  [this](const std::string& address, OutboundCommand command, auto done) {
                      c.client.invoke(address, std::move(command), kRouteWait, std::move(done));
                  }}),
      log(*store, c.clock,
          {.topic = revive_topic_name(c.config.broker_cluster_name),
           .host = c.store_host,
           .queues = c.config.revive_queue_num,
           .metrics = c.stats.metrics()}),
      inflight(c.clock.now_ms()),
      buffer({c.config, c.clock, log, c.topics, c.groups, c.offsets, locks}),
      positions({c.config, *store, c.offsets, order_infos, buffer}),
      revive({c.config, c.clock, *store, log, c.topics, c.groups, c.offsets, inflight, c.stats,
              c.store_host}),
      polling({.config = c.config,
               .clock = c.clock,
               .post = c.post,
               .execute =
                   [this](PopPoll poll) {
                       if (poll.kind == PopPoll::Kind::kPop) {
                           pops.resume(std::move(poll));
                       } else {
                           notifications.resume(std::move(poll));
                       }
                   }}),
      lite(c, *store, locks, routes),
      assignments({c.config, c.topics, c.groups, c.consumers, routes, modes}),
      pops({c.config, c.store_config, c.clock, *store, c.topics, c.groups, c.consumers, c.offsets,
            order_infos, c.stats, c.admission, locks, positions, buffer, inflight, polling}),
      acks({c.config, c.clock, *store, c.topics, c.offsets, order_infos, locks, buffer, log,
            inflight, polling, lite.receipts()}),
      changes({c.config, c.clock, *store, c.topics, c.offsets, order_infos, locks, buffer, log,
               lite.receipts()}),
      peeks({c.config, *store, c.topics, c.groups, c.stats, positions, polling}),
      notifications(
          {c.config, c.clock, *store, c.topics, c.groups, order_infos, positions, polling}) {
    locks.set_contention_listener([this](const PopQueue& queue) {
        polling.wake_queue(pop_normal_topic(queue.topic, queue.group), queue.group, queue.queue_id);
    });
}

bool PopServices::Parts::is_known(const PopQueue& queue) const {
    const auto topic = c.topics.select(queue.topic);
    return topic != nullptr && queue.queue_id < topic->read_queue_nums &&
           c.groups.contains(queue.group);
}

std::int64_t PopServices::Parts::run_due() {
    const auto begin_ms = c.clock.monotonic_ms();
    buffer.run_once();
    if (auto* const metrics = c.stats.metrics()) {
        metrics->on_pop_buffer_scan(c.clock.monotonic_ms() - begin_ms);
    }
    if (c.clock.monotonic_ms() >= next_revive_ms) {
        const bool has_more = may_revive() && revive.run_once();
        next_revive_ms = c.clock.monotonic_ms() + (has_more ? 0 : c.config.revive_interval.get());
    }
    if (c.config.enable_pop_buffer_merge || !buffer.is_empty()) {
        return kMergeIntervalMs;
    }
    return std::max<std::int64_t>(0, next_revive_ms - c.clock.monotonic_ms());
}

PopServices::PopServices(const PopCollaborators& collaborators, std::unique_ptr<PopStore> store)
    : parts_(std::make_unique<Parts>(collaborators, std::move(store))) {}

PopServices::~PopServices() {
    stop();
}

Status PopServices::load() {
    RMQ_CHECK(parts_->modes.load());
    return parts_->order_infos.load();
}

void PopServices::register_in(RequestRegistry& registry) {
    const auto add = [&registry](RequestCode code, auto& processor, auto member) {
        registry.add(code, [&processor, member](const Request& request, Responder responder) {
            (processor.*member)(request, std::move(responder));
        });
    };
    auto& p = *parts_;
    using Assignments = QueryAssignmentProcessor;
    add(RequestCode::QUERY_ASSIGNMENT, p.assignments, &Assignments::query_assignment);
    add(RequestCode::SET_MESSAGE_REQUEST_MODE, p.assignments,
        &Assignments::set_message_request_mode);
    add(RequestCode::GET_ALL_MESSAGE_REQUEST_MODE, p.assignments,
        &Assignments::get_all_message_request_mode);
    add(RequestCode::POP_MESSAGE, p.pops, &PopMessageProcessor::process);
    add(RequestCode::ACK_MESSAGE, p.acks, &AckMessageProcessor::ack);
    add(RequestCode::BATCH_ACK_MESSAGE, p.acks, &AckMessageProcessor::batch_ack);
    add(RequestCode::CHANGE_MESSAGE_INVISIBLETIME, p.changes,
        &ChangeInvisibleTimeProcessor::process);
    add(RequestCode::PEEK_MESSAGE, p.peeks, &PeekMessageProcessor::peek);
    add(RequestCode::POLLING_INFO, p.peeks, &PeekMessageProcessor::polling_info);
    add(RequestCode::NOTIFICATION, p.notifications, &NotificationProcessor::process);
}

LiteServices& PopServices::lite() {
    return parts_->lite;
}

std::int64_t PopServices::run_revive_once() {
    return parts_->run_due();
}

void PopServices::start() {
    parts_->thread.start([this] { return parts_->run_due(); });
}

void PopServices::stop() {
    if (parts_->thread.stop()) {
        parts_->buffer.drain();
    }
}

bool PopServices::notify_arriving(std::span<const store::MessageArrival> arrivals) {
    parts_->lite.notify_arriving(arrivals);
    return parts_->polling.notify_arriving(arrivals);
}

void PopServices::tick() {
    auto& p = *parts_;
    p.polling.run_once();
    p.lite.tick();
    for (const auto& queue : p.order_infos.take_freed()) {
        if (p.c.config.enable_notify_after_pop_order_lock_release) {
            p.polling.notify_queue(queue.topic, queue.group, queue.queue_id);
        }
    }
}

void PopServices::on_connection_closed(const Connection& connection) {
    parts_->polling.on_connection_closed(connection);
    parts_->lite.on_connection_closed(connection);
}

void PopServices::drop_all() {
    parts_->polling.drop_all();
    parts_->lite.drop_all();
}

PopServices::BufferSizes PopServices::buffer_sizes() const {
    return {parts_->buffer.check_point_count(), parts_->buffer.offset_count()};
}

std::int64_t PopServices::next_offset(const PopQueue& queue) const {
    const auto latest = parts_->buffer.latest_offset(queue);
    return latest ? *latest : parts_->c.offsets.query({queue.group, queue.topic, queue.queue_id});
}

std::int64_t PopServices::inflight_count(const PopQueue& queue) const {
    return parts_->inflight.count(queue);
}

void PopServices::on_topic_deleted(std::string_view topic) {
    parts_->inflight.clear_topic(topic);
}

void PopServices::on_group_deleted(std::string_view group) {
    parts_->inflight.clear_group(group);
}

Status PopServices::run_once() {
    parts_->order_infos.clean([this](const PopQueue& queue) { return parts_->is_known(queue); });
    RMQ_CHECK(parts_->order_infos.run_once());
    return parts_->modes.run_once();
}

}  // namespace rmq::broker

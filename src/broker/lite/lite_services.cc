// SPDX-License-Identifier: Apache-2.0
#include "broker/lite/lite_services.h"

#include "broker/broker_config.h"
#include "broker/lite/lite_consumer_lag.h"
#include "broker/lite/lite_event_dispatcher.h"
#include "broker/lite/lite_home.h"
#include "broker/lite/lite_lifecycle_manager.h"
#include "broker/lite/lite_metadata.h"
#include "broker/lite/lite_subscription_registry.h"
#include "broker/pop/consumer_order_info_manager.h"
#include "broker/pop/pop_long_polling_service.h"
#include "broker/pop/pop_queue_locks.h"
#include "broker/pop/pop_store.h"
#include "broker/processor/lite/lite_manager.h"
#include "broker/processor/lite/lite_receipt.h"
#include "broker/processor/lite/lite_subscription_ctl.h"
#include "broker/processor/lite/pop_lite_message.h"
#include "broker/subscription/subscription_group_manager.h"
#include "broker/topic/topic_config_manager.h"
#include "common/light_queue.h"
#include "common/lite_topic.h"
#include "store/message_arrival.h"

#include <string>
#include <utility>

namespace rmq::broker {

namespace {

// Source: PopLiteMessageProcessor.PopLiteLockManager.AUTO_CLEAN_INTERVAL
constexpr std::int64_t kOrderInfoCleanMs = 5 * 60'000;

}  // namespace

struct LiteServices::Parts {
    Parts(const PopCollaborators& with, PopStore& store, PopQueueLocks& locks,
          TopicRouteInfoManager& routes);

    bool is_known(const PopQueue& queue) const;

    const PopCollaborators c;
    LiteMetadata metadata;
    LiteHome home;
    ConsumerOrderInfoManager order_infos;
    LiteLifecycleManager lifecycle;
    LiteSubscriptionRegistry registry;
    PopLongPollingService polling;
    LiteEventDispatcher events;
    LiteConsumerLag lag;

    PopLiteMessageProcessor pops;
    LiteReceiptProcessor receipts;
    LiteSubscriptionCtlProcessor subscriptions;
    LiteManagerProcessor manager;

    // Clock::monotonic_ms; of the maintenance thread.
    std::int64_t next_events_ms = 0;
    std::int64_t next_subscriptions_ms = 0;
    std::int64_t next_ttl_ms = 0;
    std::int64_t next_clean_ms = 0;
};

// Members in the order of their declaration, each from what is above it. The file of order_infos is
// never written.
LiteServices::Parts::Parts(const PopCollaborators& with, PopStore& store, PopQueueLocks& locks,
                           TopicRouteInfoManager& routes)
    : c(with),
      metadata(c.config, c.topics, c.groups),
      home(c.config.broker_name, c.clock, routes),
      order_infos(std::string{}, c.clock),
      lifecycle({.config = c.config,
                 .clock = c.clock,
                 .store = store,
                 .metadata = metadata,
                 .offsets = c.offsets,
                 .order_infos = order_infos,
                 .is_home =
                     [this](std::string_view parent, std::string_view lite_topic) {
                         return !metadata.is_lite_topic(parent) || home.is_home(parent, lite_topic);
                     },
                 .on_deleted = [this](const std::string& queue) { registry.remove_queue(queue); }}),
      registry({c.config, c.clock, metadata, lifecycle, c.offsets, order_infos}),
      polling({.config = c.config,
               .clock = c.clock,
               .post = c.post,
               .execute = [this](PopPoll poll) { pops.resume(std::move(poll)); }}),
      events({c.config, c.clock, metadata, registry, lifecycle, c.offsets, polling}),
      lag({c.config, store, lifecycle, c.offsets}),
      pops({c.config, c.clock, store, metadata, registry, events, lag, c.offsets, order_infos,
            locks, c.stats, c.admission, polling}),
      receipts({c.clock, metadata, lifecycle, events, c.offsets, order_infos, locks}),
      subscriptions(metadata, registry),
      manager({c.store_config, store, metadata, registry, lifecycle, lag, events, c.offsets,
               order_infos}) {
    registry.set_listener(
        {.on_registered = [this](const LiteClient& client,
                                 const std::string& queue) { events.on_registered(client, queue); },
         .on_gone = [this](const LiteClient& client) { events.on_gone(client); }});
}

bool LiteServices::Parts::is_known(const PopQueue& queue) const {
    return lifecycle.exists(queue.topic) && c.groups.contains(queue.group);
}

LiteServices::LiteServices(const PopCollaborators& collaborators, PopStore& store,
                           PopQueueLocks& locks, TopicRouteInfoManager& routes)
    : parts_(std::make_unique<Parts>(collaborators, store, locks, routes)) {}

LiteServices::~LiteServices() = default;

LiteReceiptProcessor& LiteServices::receipts() {
    return parts_->receipts;
}

void LiteServices::register_in(RequestRegistry& registry, const AdminQueue& queue,
                               bool is_fast_listener) {
    auto& p = *parts_;
    if (!is_fast_listener) {
        registry.add(RequestCode::POP_LITE_MESSAGE,
                     [&p](const Request& request, Responder responder) {
                         p.pops.process(request, std::move(responder));
                     });
    }
    registry.add(RequestCode::LITE_SUBSCRIPTION_CTL,
                 [&p](const Request& request, Responder responder) {
                     p.subscriptions.process(request, std::move(responder));
                 });
    p.manager.register_in(registry, queue);
}

void LiteServices::notify_arriving(std::span<const store::MessageArrival> arrivals) {
    for (const auto& arrival : arrivals) {
        if (arrival.queue_id == kLightQueueId && is_lite_queue(arrival.topic)) {
            parts_->events.dispatch(std::string(arrival.topic));
        }
    }
}

void LiteServices::tick() {
    auto& p = *parts_;
    p.polling.run_once();
    for (const auto& queue : p.order_infos.take_freed()) {
        p.events.dispatch(queue.topic, queue.group);
    }
}

void LiteServices::run_once() {
    auto& p = *parts_;
    const auto now_ms = p.c.clock.monotonic_ms();
    const auto is_due = [now_ms](std::int64_t& next_ms, std::int64_t interval_ms) {
        if (next_ms > now_ms) {
            return false;
        }
        next_ms = now_ms + interval_ms;
        return true;
    };
    if (is_due(p.next_events_ms, p.c.config.lite_event_check_interval)) {
        p.events.run_once();
    }
    if (is_due(p.next_subscriptions_ms, p.c.config.lite_subscription_check_interval)) {
        p.registry.run_once();
    }
    if (is_due(p.next_ttl_ms, p.c.config.lite_ttl_check_interval)) {
        p.lifecycle.run_once();
    }
    if (is_due(p.next_clean_ms, kOrderInfoCleanMs)) {
        p.order_infos.clean([&p](const PopQueue& queue) { return p.is_known(queue); });
    }
}

void LiteServices::on_connection_closed(const Connection& connection) {
    parts_->polling.on_connection_closed(connection);
}

void LiteServices::drop_all() {
    parts_->polling.drop_all();
}

void LiteServices::on_topic_deleting(std::string_view topic) {
    if (parts_->metadata.is_lite_topic(topic)) {
        parts_->lifecycle.delete_all_of(topic);
    }
}

}  // namespace rmq::broker

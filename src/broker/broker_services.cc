// SPDX-License-Identifier: Apache-2.0
// How the parts of a broker know each other.
#include "broker/broker_parts.h"

namespace rmq::broker {

Broker::Parts::Services::Services(Parts& p, DelayLevelTable levels, const SocketAddress& store_host)
    : consumers({p.config.channel_expired_timeout, p.config.subscription_expired_timeout}, p.clock),
      producers(p.config, p.clock),
      notifier(p.config, p.clock),
      locks(p.clock),
      replica_locks(
          {.find_others =
               [this, &p](auto done) {
                   outer.find_replicas(self_of(p.config, p.store_config), std::move(done));
               },
           .lock = [this](const auto& address, const auto& request,
                          auto done) { outer.lock_batch_mq(address, request, std::move(done)); },
           .unlock = [this](const auto& address,
                            const auto& request) { outer.unlock_batch_mq(address, request); }}),
      store_stats(p.store, p.clock),
      schedule(make_delay_store(p.store), p.clock,
               {.levels = std::move(levels),
                .path = config_file(p.store_config, "delayOffset.json"),
                .flush_interval_ms = p.store_config.flush_delay_offset_interval}),
      timers(make_timer_store(p.store), p.store_config, p.clock, file_ops),
      schedule_rewrite({.config = p.store_config,
                        .clock = p.clock,
                        .max_delay_level = schedule.levels().max_level(),
                        .slot_count = [this](auto ms) { return timers.wheel().slot(ms).num; }}),
      transactions({.config = p.config,
                    .store_config = p.store_config,
                    .offsets = p.offsets,
                    .producers = producers,
                    .topics = p.topics,
                    .stats = p.stats,
                    .clock = p.clock,
                    .store_host = store_host},
                   make_transaction_store(p.store),
                   config_file(p.store_config, "transactionMetrics")),
      blocking("blocking", static_cast<unsigned>(std::max(1, p.config.blocking_threads)),
               limits::kBlockingQueueMax),
      admission(blocking, p.clock, p.config.broker_fast_failure_enable),
      flow(p.pool.size(), {.max_wait_ms = p.config.wait_time_mills_in_send_queue,
                           .fast_failure_enable = p.config.broker_fast_failure_enable}),
      slow_consumers(p.config, p.groups),
      client(p.pool, &p.registry, std::chrono::milliseconds(p.config.connect_timeout_millis)),
      outer(client),
      registration({.config = p.config,
                    .outer = outer,
                    .clock = p.clock,
                    .self = self_of(p.config, p.store_config),
                    .all_topics = [&p] { return p.topics.serialize(); },
                    .on_answer =
                        [&p](const RegisterAnswer& answer) {
                            if (answer.order_topics) {
                                p.topics.mark_ordered(names_of(*answer.order_topics));
                            }
                        }}),
      holds(p.pool.size(), hold_collaborators(p)),
      cold_data(p.config, p.store_config, p.clock),
      cold_holds(p.pool.size(), p.clock,
                 [this](PullRequest request, Responder responder) {
                     client_processors.pull().execute_slowed(std::move(request),
                                                             std::move(responder));
                 }),
      pop(pop_collaborators(p, store_host),
          make_pop_store(p.store, schedule_rewrite, [this] { return timers.is_current(); })),
      client_processors(client_collaborators(p, store_host)),
      admin_processors(admin_collaborators(p)),
      timer_processor({.config = p.config,
                       .store_config = p.store_config,
                       .clock = p.clock,
                       .store = p.store,
                       .topics = p.topics,
                       .stats = p.stats,
                       .schedule = schedule_rewrite,
                       .timers = timers,
                       .store_host = store_host}),
      maintenance(p.clock) {
    consumers.set_change_listener([this](std::string_view group, const auto& members) {
        notifier.on_change(group, members);
    });
    consumers.set_gone_listener([&p](auto group) { p.filters.unregister_group(group); });
    const auto count = [&p](const auto& delivery) {
        p.stats.on_put(
            {.topic = delivery.topic, .queue_id = delivery.queue_id, .bytes = delivery.bytes});
    };
    schedule.set_delivery_listener([&p, count](const DelayDelivery& delivery) {
        count(delivery);
        if (auto* const metrics = p.stats.metrics()) {
            metrics->on_delay_delivery(delivery.topic, delivery.bytes);
        }
    });
    timers.set_delivery_listener([&p, count](const TimerDelivery& delivery) {
        count(delivery);
        if (auto* const metrics = p.stats.metrics()) {
            metrics->on_timer_dequeue(delivery.real_topic);
        }
    });
    if (auto* const metrics = p.stats.metrics()) {
        timers.set_intake_listener([metrics](const TimerIntake& intake) {
            metrics->on_timer_enqueue(intake.real_topic, intake.delay_ms);
        });
    }
    p.groups.set_write_listener([this] { maintenance.hurry(); });
    p.topics.set_write_listener([this, &p] {
        // The topic of a message that is on the disk must be there too.
        if (p.store_config.flush_disk_type == store::FlushDiskType::SYNC_FLUSH) {
            log_failure("topics", p.topics.run_once());
        }
        maintenance.hurry();
    });
    p.topics.set_change_listener([this](const auto& changed, const DataVersion& version) {
        registration.on_topics_changed(changed, version);
    });
    p.store.set_arrival_listener([this](std::span<const store::MessageArrival> arrivals) {
        schedule.on_arrivals(arrivals);
        timers.on_arrivals(arrivals);
        const bool is_pop_awaited = pop.notify_arriving(arrivals);
        return holds.notify_arriving(arrivals) || is_pop_awaited;
    });
}

PullRequestHoldService::Collaborators Broker::Parts::Services::hold_collaborators(Parts& p) {
    return {.clock = p.clock,
            .max_offset =
                [&p](std::string_view topic, std::int32_t queue_id) {
                    return p.store.max_offset(topic, queue_id).value;
                },
            .post = p.poster(),
            .execute_woken =
                [this](PullRequest request, Responder responder) {
                    client_processors.pull().execute_woken(std::move(request),
                                                           std::move(responder));
                }};
}

PopCollaborators Broker::Parts::Services::pop_collaborators(Parts& p,
                                                            const SocketAddress& store_host) {
    return {.config = p.config,
            .store_config = p.store_config,
            .clock = p.clock,
            .stats = p.stats,
            .topics = p.topics,
            .groups = p.groups,
            .offsets = p.offsets,
            .consumers = consumers,
            .admission = admission,
            .outer = outer,
            .client = client,
            .store_host = store_host,
            .config_dir = p.store_config.store_path_root_dir + "/config",
            .post = p.poster()};
}

ClientCollaborators Broker::Parts::Services::client_collaborators(Parts& p,
                                                                  const SocketAddress& store_host) {
    return {.config = p.config,
            .store_config = p.store_config,
            .clock = p.clock,
            .store = p.store,
            .stats = p.stats,
            .topics = p.topics,
            .groups = p.groups,
            .offsets = p.offsets,
            .consumers = consumers,
            .filters = p.filters,
            .producers = producers,
            .locks = locks,
            .replica_locks = replica_locks,
            .transactions = transactions,
            .holds = holds,
            .admission = admission,
            .schedule = schedule_rewrite,
            .flow = flow,
            .slow_consumers = slow_consumers,
            .cold_data = cold_data,
            .cold_holds = cold_holds,
            .store_host = store_host,
            .max_delay_level = schedule.levels().max_level(),
            .post = p.poster()};
}

AdminCollaborators Broker::Parts::Services::admin_collaborators(Parts& p) {
    return {
        .config = p.config,
        .store_config = p.store_config,
        .configuration = p.configuration,
        .clock = p.clock,
        .store = p.store,
        .store_stats = store_stats,
        .topics = p.topics,
        .groups = p.groups,
        .offsets = p.offsets,
        .consumers = consumers,
        .producers = producers,
        .cold_data = cold_data,
        .stats = {.topic_put_tps = [&p](auto topic) { return p.stats.tps_topic_put_nums(topic); },
                  .group_get_tps =
                      [&p](auto group, auto topic) {
                          return p.stats.tps_group_get_nums(group, topic);
                      },
                  .item = [&p](auto name, auto key) { return p.stats.item(name, key); }},
        .delay_offsets = [this] { return schedule.encode(); },
        .runtime_contributors = {[&p](auto& table) { p.stats.add_runtime_info(table); },
                                 [this](auto& table) { schedule.add_runtime_info(table); },
                                 [this, &p](auto& table) {
                                     if (p.store_config.timer_wheel_enable) {
                                         timers.add_runtime_info(table);
                                     }
                                 },
                                 [this](auto& table) { flow.add_runtime_info(table); },
                                 [this](auto& table) {
                                     consumers.conflicts().add_runtime_info(table);
                                 }},
        .register_all = [this] { registration.register_now_and_wait(kRegisterWait); },
        .wait_for_changed_topics = [this] { registration.wait_for_changed_topics(kRegisterWait); },
        .on_topic_deleting = [this](auto topic) { pop.lite().on_topic_deleting(topic); },
        .on_topic_deleted =
            [this, &p](auto topic) {
                p.stats.on_topic_deleted(topic);
                timers.metrics().remove(topic);
                pop.on_topic_deleted(topic);
                transactions.metrics().remove(topic);
            },
        .on_group_deleted =
            [this, &p](auto group) {
                p.stats.on_group_deleted(group);
                pop.on_group_deleted(group);
            }};
}

}  // namespace rmq::broker

// SPDX-License-Identifier: Apache-2.0
#include "broker/broker.h"

#include "broker/admission/admission.h"
#include "broker/admission/send_flow_control.h"
#include "broker/admission/slow_consumers.h"
#include "broker/broker_config.h"
#include "broker/broker_setup.h"
#include "broker/client/consumer_ids_notifier.h"
#include "broker/client/consumer_manager.h"
#include "broker/client/producer_manager.h"
#include "broker/delay/schedule_message_service.h"
#include "broker/filter/consumer_filter_manager.h"
#include "broker/hold/pull_request_hold_service.h"
#include "broker/lock/rebalance_lock_manager.h"
#include "broker/maintenance.h"
#include "broker/metrics/metrics_exporter.h"
#include "broker/offset/consumer_offset_manager.h"
#include "broker/outer/namesrv_registration.h"
#include "broker/pop/pop_services.h"
#include "broker/pop/pop_store.h"
#include "broker/processor/admin/admin_processors.h"
#include "broker/processor/client_processors.h"
#include "broker/stats/broker_stats_manager.h"
#include "broker/stats/store_stats_service.h"
#include "broker/subscription/subscription_group_manager.h"
#include "broker/timer/schedule_rewrite.h"
#include "broker/timer/timer_message_store.h"
#include "broker/timer/timer_processor.h"
#include "broker/topic/attributes.h"
#include "broker/topic/topic_config_manager.h"
#include "broker/transaction/transactional_message_service.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/persistent_file.h"
#include "remoting/io_pool.h"
#include "remoting/remoting_client.h"
#include "remoting/remoting_server.h"
#include "store/message_store.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace rmq::broker {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kDrain{1000};
constexpr milliseconds kRegisterWait{3000};
constexpr milliseconds kUnregisterWait{1000};
// Held pulls expire at most this late.
constexpr milliseconds kHoldTick{100};
constexpr milliseconds kPopTick{20};  // Source: PopLongPollingService.run
// Source: PullRequestHoldService.run
constexpr std::int64_t kHoldCheckMs = 5000;
constexpr milliseconds kSecond{1000};
constexpr milliseconds kScanPeriod{10'000};  // Source: ClientHousekeepingService
constexpr milliseconds kTableSyncPeriod{5000};
constexpr milliseconds kProtectPeriod{180'000};  // Source: BrokerController.protectBroker
// Source: NettyServerConfig, BrokerController: the second listener is two below the first.
constexpr std::int32_t kFastPortDistance = 2;

}  // namespace

// What is there before the address of this broker is known, in the order of construction.
struct Broker::Parts {
    Parts(BrokerConfig with, store::MessageStoreConfig with_store, const Properties& settings);

    Status start();
    Status load();
    void begin();
    void stop();
    void persist();
    void on_close(const std::shared_ptr<Connection>& connection);
    void add_jobs();
    // Runs tasks on io thread k.
    auto poster() {
        return [this](unsigned k, UniqueFunction<void()> task) { pool.post(k, std::move(task)); };
    }
    Status listen_for_metrics();
    BrokerGauges::Collaborators gauge_collaborators();

    struct Services;

    BrokerConfig config;
    store::MessageStoreConfig store_config;
    Configuration configuration;
    SystemClock clock;
    IoPool pool;
    RequestRegistry registry;
    RequestRegistry fast_registry;
    RemotingServer server;
    RemotingServer fast_server;
    store::MessageStore store;
    TopicConfigManager topics;
    SubscriptionGroupManager groups;
    ConsumerOffsetManager offsets;
    ConsumerFilterManager filters;
    BrokerStatsManager stats;
    std::unique_ptr<MetricsExporter> exporter;  // most often none
    std::unique_ptr<Services> services;         // made by load()
    std::atomic<bool> is_stopping{false};
    bool is_store_started = false;
    bool is_running = false;
};

// The rest, once the store is loaded and the listener has a port.
struct Broker::Parts::Services {
    Services(Parts& p, DelayLevelTable levels, const SocketAddress& store_host);

    AdminCollaborators admin_collaborators(Parts& p);
    ClientCollaborators client_collaborators(Parts& p, const SocketAddress& store_host);
    PullRequestHoldService::Collaborators hold_collaborators(Parts& p);
    PopCollaborators pop_collaborators(Parts& p, const SocketAddress& store_host);

    ConsumerManager consumers;
    ProducerManager producers;
    ConsumerIdsNotifier notifier;
    RebalanceLockManager locks;
    StoreStatsService store_stats;
    ScheduleMessageService schedule;
    store::FileOps file_ops;
    TimerMessageStore timers;
    ScheduleRewrite schedule_rewrite;
    TransactionalMessageService transactions;
    BlockingPool blocking;
    Admission admission;
    SendFlowControl flow;
    SlowConsumers slow_consumers;
    RemotingClient client;
    BrokerOuterApi outer;
    NamesrvRegistration registration;
    PullRequestHoldService holds;
    PopServices pop;
    ClientProcessors client_processors;
    AdminProcessors admin_processors;
    TimerProcessor timer_processor;
    Maintenance maintenance;
};

Broker::Parts::Parts(BrokerConfig with, store::MessageStoreConfig with_store,
                     const Properties& settings)
    : config(std::move(with)),
      store_config(std::move(with_store)),
      pool(io_threads(config), "io"),
      server(pool, registry, server_options(config, config.listen_port),
             [this](const auto& connection) { on_close(connection); }),
      fast_server(pool, fast_registry,
                  server_options(config, config.listen_port - kFastPortDistance),
                  [this](const auto& connection) { on_close(connection); }),
      store(store_config, clock),
      topics(config, true, config_file(store_config, "topics.json"), clock),
      groups(config, config_file(store_config, "subscriptionGroup.json"), clock),
      offsets(config,
              config_file(store_config, store_config.enable_lmq ? "lmqConsumerOffset.json"
                                                                : "consumerOffset.json"),
              clock),
      filters(config, config_file(store_config, "consumerFilter.json"), clock),
      stats({.cluster_name = config.broker_cluster_name,
             .enable_queue_stat = config.enable_detail_stat,
             .folds_light_queues = store_config.enable_lmq && !config.enable_lmq_stats,
             .is_system_topic =
                 [this](std::string_view topic) { return topics.is_system_topic(topic); }},
            clock) {
    bind_config(configuration, config);
    store::bind_config(configuration, store_config);
    for (const auto& warning : configuration.load(settings)) {
        log_of("broker").debug("setting {}", warning);  // said aloud where they were read
    }
}

Broker::Parts::Services::Services(Parts& p, DelayLevelTable levels, const SocketAddress& store_host)
    : consumers({p.config.channel_expired_timeout, p.config.subscription_expired_timeout}, p.clock),
      producers(p.config, p.clock),
      notifier(p.config, p.clock),
      locks(p.clock),
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
      client(p.pool, &p.registry, milliseconds(p.config.connect_timeout_millis)),
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
    p.topics.set_change_listener([this](const auto& changed, const DataVersion& version) {
        registration.on_topics_changed(changed, version);
    });
    p.store.set_delay_level_millis(
        [this](std::int32_t level) { return schedule.levels().delay_ms(level); });
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
            .transactions = transactions,
            .holds = holds,
            .admission = admission,
            .schedule = schedule_rewrite,
            .flow = flow,
            .slow_consumers = slow_consumers,
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

void Broker::Parts::on_close(const std::shared_ptr<Connection>& connection) {
    services->holds.on_connection_closed(*connection);
    services->pop.on_connection_closed(*connection);
    services->consumers.on_connection_closed(*connection);
    services->producers.on_connection_closed(*connection);
}

// Everything that can be wrong with settings, ports and files shows here, before any thread runs.
Status Broker::Parts::load() {
    RMQ_TRY(auto levels, DelayLevelTable::parse(store_config.message_delay_level));
    RMQ_CHECK(server.listen());
    const bool has_fast_listener = config.listen_port > kFastPortDistance;
    if (has_fast_listener) {
        RMQ_CHECK(fast_server.listen());
    }
    config.listen_port = server.port();
    RMQ_CHECK(listen_for_metrics());
    RMQ_TRY(const auto store_host, store_host_of(config));
    if (store_config.enable_lmq) {
        topics.enable_light_queues();
        groups.enable_light_queues();
        offsets.enable_light_queues();
    }
    RMQ_CHECK(topics.load());  // the store asks for the types of queues
    store.set_batch_topics([this](std::string_view topic) {
        const auto found = topics.select(topic);
        return found != nullptr && is_batch_queue(found->attributes);
    });
    RMQ_CHECK(store.load());
    RMQ_CHECK(create_directories(store_config.store_path_root_dir + "/config"));
    RMQ_CHECK(groups.load());
    RMQ_CHECK(offsets.load());
    RMQ_CHECK(filters.load());
    services = std::make_unique<Services>(*this, std::move(levels), store_host);
    RMQ_CHECK(services->schedule.load());
    if (store_config.timer_wheel_enable) {
        RMQ_CHECK(services->timers.load());
    }
    RMQ_CHECK(services->pop.load());
    RMQ_CHECK(services->transactions.load());
    services->client_processors.register_in(registry);
    services->client_processors.register_in(fast_registry, ClientProcessors::Listener::kFast);
    const AdminQueue queue{services->admission, config.wait_time_mills_in_admin_broker_queue};
    for (auto* each : {&registry, &fast_registry}) {
        services->pop.register_in(*each);
        services->admin_processors.register_in(*each, queue);
        services->timer_processor.register_in(*each, queue);
    }
    return {};
}

// Before anything counts. A taken port ends the start, as in the original.
Status Broker::Parts::listen_for_metrics() {
    RMQ_TRY(exporter, make_metrics_exporter(
                          config, [this](auto topic) { return topics.is_system_topic(topic); }));
    if (exporter != nullptr) {
        stats.set_metrics(&exporter->metrics());
        registry.set_observer(&exporter->metrics());
        fast_registry.set_observer(&exporter->metrics());
    }
    return {};
}

BrokerGauges::Collaborators Broker::Parts::gauge_collaborators() {
    return {.config = config,
            .store_config = store_config,
            .clock = clock,
            .store = store,
            .topics = topics,
            .groups = groups,
            .offsets = offsets,
            .consumers = services->consumers,
            .producers = services->producers,
            .pop = services->pop,
            .transactions = services->transactions.metrics(),
            .timers = services->timers,
            .flow = services->flow,
            .blocking_queue = [this] { return services->blocking.queued(); },
            .requests =
                [this] {
                    return std::array{server.stats(), fast_server.stats()};
                }};
}

Status Broker::Parts::start() {
    RMQ_CHECK(load());
    RMQ_CHECK(store.start());
    is_store_started = true;
    begin();
    is_running = true;
    if (exporter != nullptr) {
        RMQ_CHECK(exporter->start(gauge_collaborators()));
    }
    return {};
}

void Broker::Parts::begin() {
    services->schedule.start();
    if (store_config.timer_wheel_enable && store_config.broker_role != store::BrokerRole::SLAVE) {
        services->timers.start();
    }
    services->pop.start();
    pool.every(0, kPopTick, [this] {
        if (is_stopping) {
            services->pop.drop_all();
        } else {
            services->pop.tick();
        }
    });
    if (store_config.broker_role != store::BrokerRole::SLAVE) {
        services->transactions.start();
    }
    for (unsigned k = 0; k < pool.size(); ++k) {
        pool.every(k, kHoldTick, [this, k] {
            if (is_stopping) {
                services->holds.drop_all(k);
            } else {
                services->holds.run_once(k, kHoldCheckMs);
            }
        });
        pool.every(k, milliseconds(SendFlowControl::kTickMs),
                   [this, k] { services->flow.tick(k, clock.monotonic_ms()); });
    }
    pool.start();
    const int accepted = services->registration.register_now_and_wait(kRegisterWait);
    add_jobs();
    services->maintenance.start();
    log_of("broker").info("broker_started name={} address={} cluster={} namesrv_registered={}",
                          config.broker_name, broker_address(config), config.broker_cluster_name,
                          accepted);
}

void Broker::Parts::add_jobs() {
    auto& jobs = services->maintenance;
    jobs.every(kSecond, [this] {
        services->store_stats.run_once();
        stats.run_once();
        services->registration.run_once();
        services->notifier.run_once();
    });
    jobs.every(milliseconds(config.broker_heartbeat_interval),
               [this] { services->registration.send_heartbeat(); });
    jobs.every(kScanPeriod, [this] {
        services->consumers.scan_not_active_channels();
        services->producers.scan_not_active_channels();
        services->locks.remove_expired();
        log_failure("consumerFilter", filters.run_once());
    });
    jobs.every(kProtectPeriod, [this] { services->slow_consumers.run_once(); });
    jobs.every(kTableSyncPeriod, [this] {
        log_failure("topics", topics.run_once());
        log_failure("subscriptionGroup", groups.run_once());
        log_failure("pop", services->pop.run_once());
    });
    jobs.every(milliseconds(std::max(1, config.flush_consumer_offset_interval)),
               [this] { log_failure("consumerOffset", offsets.run_once()); });
}

void Broker::Parts::persist() {
    log_failure("topics", topics.run_once());
    log_failure("subscriptionGroup", groups.run_once());
    log_failure("consumerOffset", offsets.run_once());
    log_failure("consumerFilter", filters.run_once());
    log_failure("pop", services->pop.run_once());
}

void Broker::Parts::stop() {
    if (exporter != nullptr) {
        exporter->stop();
    }
    if (std::exchange(is_running, false)) {
        services->maintenance.stop();
        services->registration.unregister(kUnregisterWait);
        is_stopping = true;
        for (unsigned k = 0; k < pool.size(); ++k) {
            pool.post(k, [this, k] { services->holds.drop_all(k); });
        }
        fast_server.stop(kDrain);
        server.stop(kDrain);
        services->blocking.stop();
        services->transactions.stop();
        services->schedule.stop();
        services->timers.stop();
        services->client.stop();
        services->pop.stop();
    }
    if (std::exchange(is_store_started, false)) {
        store.shutdown();
        pool.stop();
        persist();
        log_of("broker").info("broker_stopped name={}", config.broker_name);
    }
}

Broker::Broker(BrokerConfig config, store::MessageStoreConfig store_config, Properties settings)
    : parts_(std::make_unique<Parts>(std::move(config), std::move(store_config), settings)) {}

Broker::~Broker() {
    stop();
}

Status Broker::start() {
    auto status = parts_->start();
    if (!status) {
        parts_->stop();
    }
    return status;
}

std::uint16_t Broker::port() const {
    return parts_->server.port();
}

std::uint16_t Broker::metrics_port() const {
    return parts_->exporter == nullptr ? std::uint16_t{0} : parts_->exporter->port();
}

void Broker::stop() {
    parts_->stop();
}

}  // namespace rmq::broker

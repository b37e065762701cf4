// SPDX-License-Identifier: Apache-2.0
#include "broker/broker.h"

#include "broker/broker_parts.h"
#include "broker/topic/attributes.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/persistent_file.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace rmq::broker {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kDrain{1000};
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

void Broker::Parts::on_close(const std::shared_ptr<Connection>& connection) {
    services->holds.on_connection_closed(*connection);
    services->cold_holds.on_connection_closed(*connection);
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
    // Recovery gives waiting messages their queue entries, which say when they are due.
    store.set_delay_level_millis([levels](std::int32_t level) { return levels.delay_ms(level); });
    RMQ_CHECK(store.load());
    RMQ_CHECK(create_directories(store_config.store_path_root_dir + "/config"));
    RMQ_CHECK(groups.load());
    RMQ_CHECK(offsets.load());
    if (store.had_crashed()) {
        offsets.cut_to_ends([this](std::string_view topic, std::int32_t queue_id) {
            return store.max_offset(topic, queue_id).value;
        });
    }
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
        services->pop.lite().register_in(*each, queue, each == &fast_registry);
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
                services->cold_holds.drop_all(k);
            } else {
                services->holds.run_once(k, kHoldCheckMs);
                services->cold_holds.run_once(k);
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
        services->pop.lite().run_once();
    });
    jobs.every(milliseconds(config.broker_heartbeat_interval),
               [this] { services->registration.send_heartbeat(); });
    jobs.every(kScanPeriod, [this] {
        services->consumers.scan_not_active_channels();
        services->producers.scan_not_active_channels();
        services->locks.remove_expired();
        log_failure("consumerFilter", filters.run_once());
    });
    jobs.every(milliseconds(ColdDataControl::kWindowMs),
               [this] { services->cold_data.run_once(); });
    jobs.every(kProtectPeriod, [this] { services->slow_consumers.run_once(); });
    jobs.promptly(kTableSyncPeriod, [this] { save_tables(); });
    jobs.every(milliseconds(std::max(1, config.flush_consumer_offset_interval)),
               [this] { log_failure("consumerOffset", offsets.run_once()); });
}

void Broker::Parts::save_tables() {
    log_failure("topics", topics.run_once());
    log_failure("subscriptionGroup", groups.run_once());
    log_failure("pop", services->pop.run_once());
}

void Broker::Parts::persist() {
    save_tables();
    log_failure("consumerOffset", offsets.run_once());
    log_failure("consumerFilter", filters.run_once());
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
            pool.post(k, [this, k] {
                services->holds.drop_all(k);
                services->cold_holds.drop_all(k);
            });
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

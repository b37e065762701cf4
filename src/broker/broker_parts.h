// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a Broker is made of: the private side of broker.h, for broker*.cc only.
#include "broker/admission/admission.h"
#include "broker/admission/send_flow_control.h"
#include "broker/admission/slow_consumers.h"
#include "broker/broker.h"
#include "broker/broker_config.h"
#include "broker/broker_setup.h"
#include "broker/client/consumer_ids_notifier.h"
#include "broker/client/consumer_manager.h"
#include "broker/client/producer_manager.h"
#include "broker/cold/cold_data_control.h"
#include "broker/cold/cold_pull_hold.h"
#include "broker/delay/schedule_message_service.h"
#include "broker/filter/consumer_filter_manager.h"
#include "broker/hold/pull_request_hold_service.h"
#include "broker/lite/lite_services.h"
#include "broker/lock/rebalance_lock_manager.h"
#include "broker/lock/replica_locks.h"
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
#include "broker/topic/topic_config_manager.h"
#include "broker/transaction/transactional_message_service.h"
#include "remoting/io_pool.h"
#include "remoting/remoting_client.h"
#include "remoting/remoting_server.h"
#include "store/message_store.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <utility>

namespace rmq::broker {

// How long a change waits for the NameServers to know it.
inline constexpr std::chrono::milliseconds kRegisterWait{3000};

// What is there before the address of this broker is known, in the order of construction.
struct Broker::Parts {
    Parts(BrokerConfig with, store::MessageStoreConfig with_store, const Properties& settings);

    Status start();
    Status load();
    void begin();
    void stop();
    void save_tables();
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
    ReplicaLocks replica_locks;
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
    ColdDataControl cold_data;
    ColdPullHold cold_holds;
    PopServices pop;
    ClientProcessors client_processors;
    AdminProcessors admin_processors;
    TimerProcessor timer_processor;
    Maintenance maintenance;
};

}  // namespace rmq::broker

// SPDX-License-Identifier: Apache-2.0
#include "namesrv/namesrv.h"

#include "common/blocking_pool.h"
#include "common/clock.h"
#include "common/configuration.h"
#include "common/limits.h"
#include "common/log.h"
#include "namesrv/admin_processor.h"
#include "namesrv/broker_processor.h"
#include "namesrv/broker_scan.h"
#include "namesrv/kv_config_manager.h"
#include "namesrv/route_info_manager.h"
#include "namesrv/route_processor.h"
#include "remoting/io_pool.h"
#include "remoting/protocol/header/namesrv.h"
#include "remoting/protocol/header_codec.h"
#include "remoting/remoting_client.h"
#include "remoting/remoting_server.h"

#include <chrono>
#include <utility>

namespace rmq::namesrv {

namespace {

constexpr std::chrono::milliseconds kScanTick{1000};
constexpr std::chrono::milliseconds kDrain{1000};

RemotingServerOptions server_options(const NamesrvConfig& config) {
    RemotingServerOptions options;
    options.bind_address = config.bind_address;
    options.port = static_cast<std::uint16_t>(config.listen_port);
    options.idle_seconds = config.server_channel_max_idle_time_seconds;
    options.send_buffer_bytes = config.server_socket_snd_buf_size;
    options.receive_buffer_bytes = config.server_socket_rcv_buf_size;
    return options;
}

}  // namespace

// Built in the order of the members and destroyed in reverse.
struct Namesrv::Parts {
    Parts(NamesrvConfig given, const Properties& settings)
        : config(std::move(given)),
          kv_configs(config.kv_config_path),
          routes(config, clock),
          scan(config, routes, clock),
          blocking("namesrv-blocking", 1, limits::kBlockingQueueMax),
          pool(static_cast<unsigned>(std::max(1, config.io_threads)), "namesrv-io"),
          client(pool),
          route_processor(config, routes, kv_configs, clock),
          broker_processor(config, routes, kv_configs),
          admin_processor({config, configuration, routes, kv_configs, blocking}),
          server(pool, registry, server_options(config),
                 [this](const std::shared_ptr<Connection>& connection) {
                     routes.on_connection_closed(*connection);
                 }) {
        bind_config(configuration, config);
        for (const auto& warning : configuration.load(settings)) {
            log_of("namesrv").debug("setting {}", warning);
        }
        route_processor.add_to(registry);
        broker_processor.add_to(registry);
        admin_processor.add_to(registry);
        routes.set_min_broker_id_listener(
            [this](const MinBrokerIdNotice& notice) { send_notice(notice); });
        pool.every(0, kScanTick, [this] { scan.run_once(); });
    }

    void send_notice(const MinBrokerIdNotice& notice) {
        NotifyMinBrokerIdChangeRequestHeader header;
        header.min_broker_id = notice.min_broker_id;
        header.min_broker_addr = notice.min_broker_addr;
        header.offline_broker_addr = notice.offline_broker_addr;
        header.ha_broker_addr = notice.ha_broker_addr;
        OutboundCommand command(RequestCode::NOTIFY_MIN_BROKER_ID_CHANGE);
        encode_header(header, command.ext);
        for (const auto& address : notice.notify_addrs) {
            client.send_oneway(address, command);
        }
    }

    NamesrvConfig config;
    Configuration configuration;
    SystemClock clock;
    KvConfigManager kv_configs;
    RouteInfoManager routes;
    BrokerScan scan;
    BlockingPool blocking;
    IoPool pool;
    RemotingClient client;
    RouteProcessor route_processor;
    BrokerProcessor broker_processor;
    AdminProcessor admin_processor;
    RequestRegistry registry;
    RemotingServer server;
    bool running = false;
};

Namesrv::Namesrv(NamesrvConfig config, Properties settings)
    : parts_(std::make_unique<Parts>(std::move(config), settings)) {}

Namesrv::~Namesrv() {
    stop();
}

Status Namesrv::start() {
    RMQ_CHECK(parts_->kv_configs.load());
    RMQ_CHECK(parts_->server.listen());
    parts_->pool.start();
    parts_->running = true;
    log_of("namesrv").info("namesrv_started address={} port={}", parts_->config.bind_address,
                           port());
    return {};
}

std::uint16_t Namesrv::port() const {
    return parts_->server.port();
}

void Namesrv::stop() {
    if (!std::exchange(parts_->running, false)) {
        return;
    }
    parts_->server.stop(kDrain);
    parts_->blocking.stop();
    parts_->client.stop();
    parts_->pool.stop();
    log_of("namesrv").info("namesrv_stopped");
}

}  // namespace rmq::namesrv

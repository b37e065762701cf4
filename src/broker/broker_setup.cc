// SPDX-License-Identifier: Apache-2.0
#include "broker/broker_setup.h"

#include "broker/broker_config.h"
#include "common/log.h"
#include "remoting/socket_ops.h"
#include "store/message_store_config.h"

#include <algorithm>
#include <thread>

namespace rmq::broker {
namespace {

constexpr unsigned kIoThreadsMax = 8;

}  // namespace

// The other half of the cores is for the dispatch and flush threads and the kernel; fewer threads
// also find more ready connections at each turn, which costs less per message.
unsigned io_threads(const BrokerConfig& config) {
    return config.io_threads > 0
               ? static_cast<unsigned>(config.io_threads)
               : std::clamp(std::thread::hardware_concurrency() / 2, 1U, kIoThreadsMax);
}

RemotingServerOptions server_options(const BrokerConfig& config, std::int32_t port) {
    RemotingServerOptions options;
    options.bind_address = config.bind_address;
    options.port = static_cast<std::uint16_t>(std::max(port, 0));
    options.idle_seconds = config.server_channel_max_idle_time_seconds;
    options.send_buffer_bytes = config.server_socket_snd_buf_size;
    options.receive_buffer_bytes = config.server_socket_rcv_buf_size;
    return options;
}

BrokerSelf self_of(const BrokerConfig& config, const store::MessageStoreConfig& store_config) {
    BrokerSelf self;
    self.cluster_name = config.broker_cluster_name;
    self.broker_name = config.broker_name;
    self.broker_addr = broker_address(config);
    self.ha_server_addr = config.broker_ip2 + ":" + std::to_string(store_config.ha_listen_port);
    self.broker_id = config.broker_id;
    return self;
}

Result<SocketAddress> store_host_of(const BrokerConfig& config) {
    auto found = resolve(config.broker_ip1, static_cast<std::uint16_t>(config.listen_port));
    if (!found) {
        return Error{Errc::kInvalidArgument, "brokerIP1=" + config.broker_ip1 +
                                                 " cannot be resolved; set it to the address "
                                                 "under which clients reach this broker"};
    }
    return found->front();
}

std::string config_file(const store::MessageStoreConfig& config, const char* name) {
    return config.store_path_root_dir + "/config/" + name;
}

void log_failure(const char* table, const Status& persisted) {
    if (!persisted) {
        log_of("broker").error("persist_failed table={} reason=\"{}\"", table,
                               persisted.error().remark);
    }
}

std::vector<std::string> names_of(const KvTable& table) {
    std::vector<std::string> names;
    for (const auto& [name, value] : table.table) {
        names.push_back(name);
    }
    return names;
}

}  // namespace rmq::broker

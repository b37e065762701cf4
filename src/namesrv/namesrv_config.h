// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/configuration.h"
#include "common/environment.h"

#include <cstdint>
#include <string>

namespace rmq::namesrv {

// The NameServer's settings: what the original keeps in NamesrvConfig and NettyServerConfig, as far
// as this program acts on it. Names, units and defaults are the original's; each is described once,
// in the tables of namesrv_config.cc. Live<> members may change at any time; the others are
// constant after start.
struct NamesrvConfig {
    // Addresses and files.
    std::string bind_address = "0.0.0.0";
    std::int32_t listen_port = 9876;
    std::string rocketmq_home;
    std::string kv_config_path = home_path("namesrv/kvConfig.json");
    std::string config_store_path = home_path("namesrv/namesrv.properties");
    std::string config_black_list = "configBlackList;configStorePath;kvConfigPath";

    // Routes and registration.
    Live<std::int64_t> scan_not_active_broker_interval{5000};
    Live<bool> order_message_enable{false};
    Live<bool> return_order_topic_config_to_broker{true};
    Live<bool> support_acting_master{false};
    Live<bool> notify_min_broker_id_changed{false};
    Live<bool> delete_topic_with_broker_registration{false};
    Live<bool> enable_all_topic_list{true};
    Live<bool> enable_topic_list{true};
    bool need_wait_for_service = false;
    std::int32_t wait_seconds_for_service = 45;

    // Network.
    std::int32_t server_channel_max_idle_time_seconds = 120;
    std::int32_t server_socket_snd_buf_size = 0;
    std::int32_t server_socket_rcv_buf_size = 0;

    // RaptorMQ's own.
    std::int32_t io_threads = 1;
    std::string log_file;
    std::string log_level = "info";
    std::string defaults_profile = "raptormq";
};

// ROCKETMQ_HOME, when not set explicitly.
void fill_machine_defaults(NamesrvConfig& config);

// Binds NamesrvConfig and every other class that the original's NameServer reads.
void bind_config(Configuration& configuration, NamesrvConfig& config);

}  // namespace rmq::namesrv

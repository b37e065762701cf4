// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/processor/admin/admin_handler.h"
#include "common/clock.h"
#include "common/result.h"
#include "remoting/request_registry.h"

#include <atomic>
#include <cstdint>
#include <functional>

namespace rmq {
class Configuration;
}

namespace rmq::broker {

struct BrokerConfig;
class ColdDataControl;
class TopicConfigManager;

// Reads and changes the broker's settings: 25, 26; and the limits of cold reads: 2001, 2002, 2003.
// Changes of settings go into the file that they came from (brokerConfigPath), with its former text
// as .bak; live settings take effect at once. Thread safety: handlers run on the blocking pool.
// Source: AdminBrokerProcessor, Configuration.
class ConfigAdmin {
public:
    // The collaborators outlive this object. `register_all` registers every topic with the
    // NameServers again, after brokerPermission changed.
    ConfigAdmin(Configuration& configuration, const BrokerConfig& config,
                TopicConfigManager& topics, ColdDataControl& cold_data, const Clock& clock,
                std::function<void()> register_all);

    void register_in(RequestRegistry& registry, const AdminQueue& queue);

private:
    Result<Response> update_broker_config(const Request& request);
    Result<Response> get_broker_config(const Request& request);
    Result<Response> set_cold_data_thresholds(const Request& request);
    Result<Response> remove_cold_data_threshold(const Request& request);
    Result<Response> get_cold_data_flow_info(const Request& request);

    Configuration& configuration_;
    const BrokerConfig& config_;
    TopicConfigManager& topics_;
    ColdDataControl& cold_data_;
    const Clock& clock_;
    const std::function<void()> register_all_;
    std::atomic<std::int64_t> changed_at_ms_;
};

}  // namespace rmq::broker

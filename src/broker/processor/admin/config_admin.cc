// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/admin/config_admin.h"

#include "broker/broker_config.h"
#include "broker/cold/cold_data_control.h"
#include "broker/processor/admin/admin_handler.h"
#include "broker/topic/topic_config_manager.h"
#include "common/configuration.h"
#include "common/log.h"
#include "common/parse_number.h"
#include "common/persistent_file.h"
#include "remoting/protocol/body/data_version.h"
#include "remoting/protocol/header/admin.h"

#include <utility>

namespace rmq::broker {

ConfigAdmin::ConfigAdmin(Configuration& configuration, const BrokerConfig& config,
                         TopicConfigManager& topics, ColdDataControl& cold_data, const Clock& clock,
                         std::function<void()> register_all)
    : configuration_(configuration),
      config_(config),
      topics_(topics),
      cold_data_(cold_data),
      clock_(clock),
      register_all_(std::move(register_all)),
      changed_at_ms_(clock.now_ms()) {}

void ConfigAdmin::register_in(RequestRegistry& registry, const AdminQueue& queue) {
    registry.add(
        RequestCode::UPDATE_BROKER_CONFIG,
        answer_on(queue, [this](const Request& request) { return update_broker_config(request); }));
    registry.add(RequestCode::GET_BROKER_CONFIG, answer_on(queue, [this](const Request& request) {
                     return get_broker_config(request);
                 }));
    registry.add(RequestCode::UPDATE_COLD_DATA_FLOW_CTR_CONFIG,
                 answer_on(queue, [this](const Request& request) {
                     return set_cold_data_thresholds(request);
                 }));
    registry.add(RequestCode::REMOVE_COLD_DATA_FLOW_CTR_CONFIG,
                 answer_on(queue, [this](const Request& request) {
                     return remove_cold_data_threshold(request);
                 }));
    registry.add(RequestCode::GET_COLD_DATA_FLOW_CTR_INFO,
                 answer_on(queue, [this](const Request& request) {
                     return get_cold_data_flow_info(request);
                 }));
}

Result<Response> ConfigAdmin::update_broker_config(const Request& request) {
    const auto properties = parse_properties(request.body());
    if (!properties) {
        return Response(ResponseCode::SYSTEM_ERROR, "string2Properties error");
    }
    if (Configuration::is_protected(*properties, config_.config_black_list)) {
        return Response(ResponseCode::NO_PERMISSION, "Can not update config in black list.");
    }
    const auto update = configuration_.update(*properties);
    for (const auto& warning : update.warnings) {
        log_of("broker").warn("config_update_warning text=\"{}\"", warning);
    }
    if (!update.changed.empty()) {
        changed_at_ms_ = clock_.now_ms();
        for (const auto& key : update.changed) {
            log_of("broker").info("config_updated key={} value=\"{}\" peer={}", key,
                                  configuration_.value(key),
                                  request.connection->peer().to_string());
        }
        if (!config_.broker_config_path.empty()) {
            RMQ_CHECK(replace_with_backup(config_.broker_config_path,
                                          format_properties(configuration_.explicit_values())));
        }
    }
    if (properties->contains("brokerPermission")) {
        topics_.bump_data_version();
        if (register_all_) {
            register_all_();
        }
    }
    return Response(ResponseCode::SUCCESS);
}

Result<Response> ConfigAdmin::get_broker_config(const Request&) {
    const DataVersion version{
        .state_version = 0, .timestamp = changed_at_ms_, .counter = configuration_.version()};
    const std::string text = encode(version);
    return success_with_header(GetBrokerConfigResponseHeader{text}, configuration_.text());
}

// `group=bytes` lines. As in the original one that is no number is passed over.
Result<Response> ConfigAdmin::set_cold_data_thresholds(const Request& request) {
    const auto properties = parse_properties(request.body());
    if (!properties) {
        return Response(ResponseCode::SYSTEM_ERROR, "string2Properties error");
    }
    for (const auto& [group, text] : *properties) {
        if (const auto bytes = parse_number<std::int64_t>(text)) {
            cold_data_.set_threshold(group, *bytes);
        } else {
            log_of("broker").warn("cold_data_threshold_ignored group={} value=\"{}\"", group, text);
        }
    }
    return Response(ResponseCode::SUCCESS);
}

Result<Response> ConfigAdmin::remove_cold_data_threshold(const Request& request) {
    cold_data_.remove_threshold(request.body());
    return Response(ResponseCode::SUCCESS);
}

Result<Response> ConfigAdmin::get_cold_data_flow_info(const Request&) {
    return success_with(cold_data_.info());
}

}  // namespace rmq::broker

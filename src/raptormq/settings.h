// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/broker_config.h"
#include "common/configuration.h"
#include "common/result.h"
#include "namesrv/namesrv_config.h"
#include "store/message_store_config.h"

#include "raptormq/command_line.h"

#include <string>
#include <vector>

namespace rmq {

// The settings of a server, bound to their tables. Not movable: the tables point at the structs.
struct NamesrvSettings {
    namesrv::NamesrvConfig config;
    Configuration configuration;
    Properties explicit_values;
    std::vector<std::string> warnings;
    NamesrvSettings() { namesrv::bind_config(configuration, config); }
};

struct BrokerSettings {
    broker::BrokerConfig config;
    store::MessageStoreConfig store;
    Configuration configuration;
    Properties explicit_values;
    std::vector<std::string> warnings;
    BrokerSettings() {
        broker::bind_config(configuration, config);
        store::bind_config(configuration, store);
    }
};

// Applies, each stronger than the one before: defaults, the file, --set, the named options.
// Errors: kNotFound, kPermissionDenied, kIo, kMalformed (the file), kInvalidArgument (a value that
// no server could start with); the remark names cause and cure.
Status load_settings(const CommandLine& line, NamesrvSettings& settings);
Status load_settings(const CommandLine& line, BrokerSettings& settings);

// "key=value" lines of the settings that the original marks as important.
std::string important_text(const BrokerSettings& settings);

// Errors: kInvalidArgument unless `list` is "host:port;host:port…".
Status check_namesrv_addr(const std::string& list);

}  // namespace rmq

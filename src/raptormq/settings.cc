// SPDX-License-Identifier: Apache-2.0
#include "raptormq/settings.h"

#include <array>
#include <string_view>

namespace rmq {

namespace {

// Source: fields marked @ImportantField in BrokerConfig, BrokerIdentity and MessageStoreConfig.
constexpr std::array kImportant{"autoCreateSubscriptionGroup",
                                "autoCreateTopicEnable",
                                "brokerClusterName",
                                "brokerIP1",
                                "brokerId",
                                "brokerName",
                                "brokerRole",
                                "cleanFileForciblyEnable",
                                "deleteWhen",
                                "fileReservedTime",
                                "flushCommitLogTimed",
                                "flushDiskType",
                                "flushIntervalCommitLog",
                                "inSyncReplicas",
                                "listenPort",
                                "maxTransferBytesOnMessageInDisk",
                                "maxTransferBytesOnMessageInMemory",
                                "maxTransferCountOnMessageInDisk",
                                "maxTransferCountOnMessageInMemory",
                                "messageIndexEnable",
                                "minInSyncReplicas",
                                "msgTraceTopicName",
                                "namesrvAddr",
                                "rejectTransactionMessage",
                                "storePathCommitLog",
                                "storePathRootDir",
                                "totalReplicas",
                                "traceTopicEnable",
                                "transactionCheckInterval",
                                "transactionCheckMax",
                                "transactionTimeOut"};

Result<Properties> collect(const CommandLine& line) {
    Properties properties;
    if (!line.config_file.empty()) {
        auto file = load_properties_file(line.config_file);
        if (!file) {
            return Error{file.error().code, "cannot read the settings: " + file.error().remark +
                                                "; name a readable properties file with -c"};
        }
        properties = std::move(*file);
    }
    for (const auto& [key, value] : line.overrides) {
        properties[key] = value;
    }
    const auto profile = properties.find("defaultsProfile");
    if (profile != properties.end() && profile->second != "java" && profile->second != "raptormq") {
        return Error{Errc::kInvalidArgument, "defaultsProfile=" + profile->second +
                                                 " does not exist; use raptormq or java"};
    }
    return properties;
}

// Updates go to the file of -c, even where that file names another.
void replace_if_set(Properties& properties, std::string_view key, const std::string& text) {
    if (const auto set = properties.find(key); set != properties.end()) {
        set->second = text;
    }
}

bool is_port(std::string_view text) {
    std::int32_t port = 0;
    return parse_config(text, port) && port > 0 && port <= 65535;
}

}  // namespace

Status check_namesrv_addr(const std::string& list) {
    std::string_view rest = list;
    while (!rest.empty()) {
        const std::string_view one = rest.substr(0, rest.find(';'));
        const auto colon = one.find_last_of(':');
        const bool good =
            colon != std::string_view::npos && colon > 0 && is_port(one.substr(colon + 1));
        if (!good && !one.empty()) {
            return Error{Errc::kInvalidArgument,
                         "the NameServer address " + list +
                             " is not usable; give it as 127.0.0.1:9876;192.168.0.1:9876"};
        }
        rest = rest.size() == one.size() ? "" : rest.substr(one.size() + 1);
    }
    return {};
}

Status load_settings(const CommandLine& line, NamesrvSettings& settings) {
    RMQ_TRY(settings.explicit_values, collect(line));
    settings.warnings = settings.configuration.load(settings.explicit_values);
    if (!line.config_file.empty()) {
        settings.config.config_store_path = line.config_file;  // Source: NamesrvStartup
        replace_if_set(settings.explicit_values, "configStorePath", line.config_file);
    }
    namesrv::fill_machine_defaults(settings.config);
    return {};
}

Status load_settings(const CommandLine& line, BrokerSettings& settings) {
    RMQ_TRY(settings.explicit_values, collect(line));
    if (!line.store_directory.empty()) {
        settings.explicit_values["storePathRootDir"] = line.store_directory;
    }
    if (!line.namesrv_addr.empty()) {
        settings.explicit_values["namesrvAddr"] = line.namesrv_addr;
    }
    settings.warnings = settings.configuration.load(settings.explicit_values);
    if (!line.config_file.empty()) {
        settings.config.broker_config_path = line.config_file;  // Source: BrokerStartup
        replace_if_set(settings.explicit_values, "brokerConfigPath", line.config_file);
    }
    broker::fill_machine_defaults(settings.config);
    RMQ_CHECK(check_namesrv_addr(settings.config.namesrv_addr.get()));
    return {};
}

std::string important_text(const BrokerSettings& settings) {
    const Properties all = settings.configuration.values();
    std::string text;
    for (const char* key : kImportant) {
        const auto found = all.find(key);
        if (found != all.end()) {
            text += found->first + "=" + found->second + "\n";
        }
    }
    return text;
}

}  // namespace rmq

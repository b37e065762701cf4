// SPDX-License-Identifier: Apache-2.0
#include "namesrv/namesrv_config.h"

#include "common/testing/catch.h"

#include <algorithm>

using namespace rmq;
using namespace rmq::namesrv;

TEST_CASE("NamesrvConfig: a stock properties file is understood", "[namesrv][config][A-01]") {
    NamesrvConfig config;
    Configuration configuration;
    bind_config(configuration, config);
    CHECK(config.listen_port == 9876);
    CHECK(config.kv_config_path.ends_with("/namesrv/kvConfig.json"));
    CHECK(configuration
              .load({{"listenPort", "9877"},
                     {"kvConfigPath", "/data/kv.json"},
                     {"deleteTopicWithBrokerRegistration", "true"}})
              .empty());
    CHECK(config.listen_port == 9877);
    CHECK(config.kv_config_path == "/data/kv.json");
    CHECK(config.delete_topic_with_broker_registration);
    CHECK(configuration.values().at("kvConfigPath") == "/data/kv.json");
}

TEST_CASE("NamesrvConfig: controller keys are known and printed once set", "[namesrv][config]") {
    NamesrvConfig config;
    Configuration configuration;
    bind_config(configuration, config);
    CHECK_FALSE(configuration.values().contains("controllerDLegerGroup"));
    const auto warnings = configuration.load({{"controllerDLegerGroup", "g"}});
    REQUIRE(warnings.size() == 1);
    CHECK(warnings[0].find("known but not honoured") != std::string::npos);
    CHECK(configuration.values().at("controllerDLegerGroup") == "g");
    CHECK_FALSE(configuration.values().contains("controllerDLegerPeers"));
}

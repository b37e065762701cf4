// SPDX-License-Identifier: Apache-2.0
#include "broker/broker_config.h"

#include "common/testing/catch.h"
#include "store/message_store_config.h"

#include <set>

using namespace rmq;
using namespace rmq::broker;

TEST_CASE("BrokerConfig: a stock broker.conf is understood without a warning",
          "[broker][config][A-01]") {
    BrokerConfig config;
    store::MessageStoreConfig store_config;
    Configuration configuration;
    bind_config(configuration, config);
    store::bind_config(configuration, store_config);
    // conf/broker.conf of the original's distribution, with an address and a port.
    const auto properties = parse_properties(
        "brokerClusterName = DefaultCluster\nbrokerName = broker-a\nbrokerId = 0\n"
        "deleteWhen = 04\nfileReservedTime = 48\nbrokerRole = ASYNC_MASTER\n"
        "flushDiskType = ASYNC_FLUSH\nnamesrvAddr=127.0.0.1:9876;127.0.0.2:9876\n"
        "listenPort=10921\nbrokerIP1=10.1.2.3\nautoCreateTopicEnable=false\n");
    REQUIRE(properties);
    CHECK(configuration.load(*properties).empty());
    fill_machine_defaults(config);
    CHECK(config.broker_name == "broker-a");
    CHECK(config.namesrv_addr.get() == "127.0.0.1:9876;127.0.0.2:9876");
    CHECK(broker_address(config) == "10.1.2.3:10921");
    CHECK_FALSE(config.broker_ip2.empty());
    CHECK_FALSE(config.auto_create_topic_enable);
    CHECK(store_config.file_reserved_time == 48);
}

TEST_CASE("BrokerConfig: defaults are the original's unless the profile says otherwise",
          "[broker][config]") {
    BrokerConfig config;
    Configuration configuration;
    bind_config(configuration, config);
    CHECK(config.listen_port == 10911);
    CHECK(config.default_topic_queue_nums == 8);
    CHECK(configuration.value("recallMessageEnable") == "true");
    configuration.load({{"defaultsProfile", "java"}});
    CHECK_FALSE(config.trace_topic_enable);
    CHECK(configuration.value("recallMessageEnable") == "false");
    CHECK(configuration.value("metricsExporterType") == "DISABLE");
}

TEST_CASE("BrokerConfig: printed are the fields that the original prints",
          "[broker][config][A-02]") {
    BrokerConfig config;
    store::MessageStoreConfig store_config;
    Configuration configuration;
    bind_config(configuration, config);
    store::bind_config(configuration, store_config);
    config.broker_config_path = "/etc/broker.conf";  // of -c, not set as a key
    const auto printed = configuration.values();
    for (const char* key : {"isBrokerContainer", "isInBrokerContainer", "isScanAvailableNameSrv",
                            "timerCheckMetricsWhen", "timerWarmEnable"}) {
        CHECK(printed.contains(key));
    }
    for (const char* key : {"inBrokerContainer", "scanAvailableNameSrv", "brokerConfigPath",
                            "authenticationEnabled", "aclCacheMaxNum"}) {
        CHECK_FALSE(printed.contains(key));
    }
    CHECK(printed.at("bitMapLengthConsumeQueueExt") == "112");
}

TEST_CASE("BrokerConfig: the registration period is clamped to 10 to 60 seconds",
          "[broker][config]") {
    BrokerConfig config;
    Configuration configuration;
    bind_config(configuration, config);
    configuration.load({{"registerNameServerPeriod", "1000"}});
    CHECK(config.register_name_server_period == 10000);
}

TEST_CASE("BrokerConfig: no key is described twice", "[broker][config]") {
    BrokerConfig config;
    store::MessageStoreConfig store_config;
    Configuration configuration;
    bind_config(configuration, config);
    store::bind_config(configuration, store_config);
    std::set<std::string> seen;
    const std::string text = configuration.markdown();
    for (std::size_t at = 0; (at = text.find("\n| `", at)) != std::string::npos; ++at) {
        const std::string key = text.substr(at + 4, text.find('`', at + 4) - at - 4);
        CAPTURE(key);
        CHECK(seen.insert(key).second);
    }
    CHECK(seen.size() > 500);
}

// SPDX-License-Identifier: Apache-2.0
#include "store/message_store_config.h"

#include "common/testing/catch.h"

#include <algorithm>

using namespace rmq;
using namespace rmq::store;

TEST_CASE("MessageStoreConfig: a stock properties file is understood", "[store][config][A-01]") {
    MessageStoreConfig config;
    Configuration configuration;
    bind_config(configuration, config);
    const auto properties = parse_properties(
        "storePathRootDir=/data/store\nmappedFileSizeCommitLog=1048576\nflushDiskType=SYNC_FLUSH\n"
        "brokerRole=SYNC_MASTER\ndeleteWhen=02;03\nfileReservedTime=48\nmessageIndexSafe=true\n"
        "maxMessageSize=65536\n");
    REQUIRE(properties);
    CHECK(configuration.load(*properties).empty());
    CHECK(config.commit_log_directory() == "/data/store/commitlog");
    CHECK(config.mapped_file_size_commit_log == 1'048'576);
    CHECK(config.flush_disk_type == FlushDiskType::SYNC_FLUSH);
    CHECK(config.broker_role == BrokerRole::SYNC_MASTER);
    CHECK(config.delete_when.get() == "02;03");
    CHECK(config.file_reserved_time == 48);
    CHECK(config.message_index_safe);
    CHECK(config.max_message_size == 65536);
}

TEST_CASE("MessageStoreConfig: defaults and texts are the original's", "[store][config]") {
    MessageStoreConfig config;
    Configuration configuration;
    bind_config(configuration, config);
    const Properties values = configuration.values();
    CHECK(values.at("mappedFileSizeCommitLog") == "1073741824");
    CHECK(values.at("flushDiskType") == "ASYNC_FLUSH");
    CHECK(values.at("logicalDiskSpaceCleanForciblyThreshold") == "0.8");
    CHECK(values.at("messageDelayLevel") ==
          "1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h");
    CHECK(values.at("timerMaxDelaySec") == "31622400");
    CHECK_FALSE(values.contains("dLegerGroup"));  // null in Java
    CHECK_FALSE(values.contains("storePathCommitLog"));
    configuration.load({{"defaultsProfile", "java"}});
    CHECK(configuration.value("timerMaxDelaySec") == "259200");
}

TEST_CASE("MessageStoreConfig: percentages are clamped as the original clamps them",
          "[store][config]") {
    MessageStoreConfig config;
    Configuration configuration;
    bind_config(configuration, config);
    CHECK(configuration.load({{"diskMaxUsedSpaceRatio", "5"}}).size() == 1);
    CHECK(config.disk_max_used_space_ratio == 10);
    config.mapped_file_size_consume_queue = 101;
    CHECK(config.consume_queue_file_size() == 120);
}

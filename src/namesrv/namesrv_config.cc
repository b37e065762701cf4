// SPDX-License-Identifier: Apache-2.0
#include "namesrv/namesrv_config.h"

namespace rmq::namesrv {

namespace {

using C = NamesrvConfig;
using enum ConfigType;

// Source: org.apache.rocketmq.common.namesrv.NamesrvConfig
constexpr ConfigRow kNamesrvRows[] = {
    config_row<&C::config_black_list>("configBlackList", "keys remote update must refuse"),
    config_row<&C::config_store_path>("configStorePath", "file updates are written to",
                                      {.default_shown = "<user.home>/namesrv/namesrv.properties"}),
    config_row<&C::delete_topic_with_broker_registration>("deleteTopicWithBrokerRegistration",
                                                          "drop topics missing in a registration"),
    config_row<&C::enable_all_topic_list>("enableAllTopicList", "answer all-topics queries"),
    config_row<&C::enable_topic_list>("enableTopicList", "answer system and cluster topic queries"),
    config_row<&C::kv_config_path>("kvConfigPath", "KV file",
                                   {.default_shown = "<user.home>/namesrv/kvConfig.json"}),
    config_row<&C::need_wait_for_service>("needWaitForService", "hold route queries after start"),
    config_row<&C::notify_min_broker_id_changed>("notifyMinBrokerIdChanged", "send 905 to brokers"),
    config_row<&C::order_message_enable>("orderMessageEnable",
                                         "serve order topic settings from KV"),
    config_row<&C::return_order_topic_config_to_broker>("returnOrderTopicConfigToBroker",
                                                        "return order topic KV at registration"),
    config_row<&C::rocketmq_home>("rocketmqHome", "installation folder",
                                  {.default_shown = "<ROCKETMQ_HOME>"}),
    config_row<&C::scan_not_active_broker_interval>(
        "scanNotActiveBrokerInterval", "ms between liveness scans", {.unit = "ms", .min = 10}),
    config_row<&C::support_acting_master>("supportActingMaster",
                                          "show smallest id as master when none"),
    config_row<&C::wait_seconds_for_service>("waitSecondsForService", "seconds for it",
                                             {.unit = "s", .min = 0}),
};

constexpr ConfigRow kNamesrvKnownRows[] = {
    known_row("clientRequestThreadPoolNums", kInt, "8", "route query threads"),
    known_row("clientRequestThreadPoolQueueCapacity", kInt, "50000", "route query queue length"),
    known_row("clusterTest", kBoolean, "false", "fall back to another environment's routes"),
    known_row("defaultThreadPoolNums", kInt, "16", "other request threads"),
    known_row("defaultThreadPoolQueueCapacity", kInt, "10000", "other queue length"),
    known_row("enableControllerInNamesrv", kBoolean, "false", "run a controller inside"),
    known_row("productEnvName", kString, "center", "environment name for the cluster-test hook"),
    known_row("unRegisterBrokerQueueCapacity", kInt, "3000", "batched unregistration queue"),
};

// Source: org.apache.rocketmq.remoting.netty.NettyServerConfig
constexpr ConfigRow kServerRows[] = {
    config_row<&C::bind_address>("bindAddress", "listen address"),
    config_row<&C::listen_port>("listenPort", "port; 0 takes a free one", {.min = 0, .max = 65535}),
    config_row<&C::server_channel_max_idle_time_seconds>(
        "serverChannelMaxIdleTimeSeconds", "idle seconds before closing", {.unit = "s", .min = 1}),
    config_row<&C::server_socket_rcv_buf_size>(
        "serverSocketRcvBufSize", "receive buffer, 0 = system", {.unit = "bytes", .min = 0}),
    config_row<&C::server_socket_snd_buf_size>("serverSocketSndBufSize", "send buffer, 0 = system",
                                               {.unit = "bytes", .min = 0}),
};

constexpr ConfigRow kServerKnownRows[] = {
    known_row("enableShutdownGracefully", kBoolean, "false", "send go-away before closing"),
    known_row("serverAsyncSemaphoreValue", kInt, "64", "async requests in flight"),
    known_row("serverCallbackExecutorThreads", kInt, "0", "default executor threads, 0 = 4"),
    known_row("serverNettyWorkerGroupEnable", kBoolean, "true", "decode in worker threads"),
    known_row("serverOnewaySemaphoreValue", kInt, "256", "one-way requests in flight"),
    known_row("serverPooledByteBufAllocatorEnable", kBoolean, "true", "Netty memory pool"),
    known_row("serverSelectorThreads", kInt, "3", "I/O threads"),
    known_row("serverSocketBacklog", kInt, "1024", "listen backlog"),
    known_row("serverWorkerThreads", kInt, "8", "codec threads"),
    known_row("shutdownWaitTimeSeconds", kInt, "30", "wait for it, s", {.unit = "s"}),
    known_row("useEpollNativeSelector", kBoolean, "false", "native epoll"),
    known_row("writeBufferHighWaterMark", kInt, "0", "high mark of pending writes, 0 = off"),
    known_row("writeBufferLowWaterMark", kInt, "0", "low mark of pending writes, 0 = off"),
};

constexpr ConfigRow kOwnRows[] = {
    config_row<&C::io_threads>("ioThreads", "network threads", {.min = 1, .max = 64}),
    config_row<&C::log_file>("logFile", "log file; empty = standard error"),
    config_row<&C::log_level>("logLevel", "trace, debug, info, warn or error"),
    config_row<&C::defaults_profile>("defaultsProfile",
                                     "raptormq, or java for every default of the original"),
};

// Source: org.apache.rocketmq.remoting.netty.NettyClientConfig
constexpr ConfigRow kClientKnownRows[] = {
    known_row("channelNotActiveInterval", kLong, "60000", "unused idle value, ms", {.unit = "ms"}),
    known_row("clientAsyncSemaphoreValue", kInt, "65535", "async requests in flight"),
    known_row("clientCallbackExecutorThreads", kInt, "cpus", "callback threads"),
    known_row("clientChannelMaxIdleTimeSeconds", kInt, "120", "idle seconds before closing",
              {.unit = "s"}),
    known_row("clientCloseSocketIfTimeout", kBoolean, "true", "close connection after a timeout"),
    known_row("clientOnewaySemaphoreValue", kInt, "65535", "one-way requests in flight"),
    known_row("clientPooledByteBufAllocatorEnable", kBoolean, "false", "Netty memory pool"),
    known_row("clientSocketRcvBufSize", kInt, "0", "receive buffer"),
    known_row("clientSocketSndBufSize", kInt, "0", "send buffer"),
    known_row("clientWorkerThreads", kInt, "4", "codec threads"),
    known_row("connectTimeoutMillis", kInt, "3000", "connect timeout, ms", {.unit = "ms"}),
    known_row("disableCallbackExecutor", kBoolean, "false", "run callbacks in I/O threads"),
    known_row("disableNettyWorkerGroup", kBoolean, "false", "no worker group"),
    known_row("enableReconnectForGoAway", kBoolean, "true", "reconnect after go-away"),
    known_row("maxReconnectIntervalTimeSeconds", kLong, "60", "cap of reconnect delay, s",
              {.unit = "s"}),
    known_row("scanAvailableNameSrv", kBoolean, "true", "probe NameServers in the background"),
    known_row("socksProxyConfig", kString, "{}", "SOCKS proxies as JSON"),
    known_row("useTLS", kBoolean, "false", "TLS for outgoing connections"),
};

// Source: org.apache.rocketmq.common.ControllerConfig
constexpr ConfigRow kControllerKnownRows[] = {
    known_row("controllerDLegerGroup", kString, nullptr, "DLedger group"),
    known_row("controllerDLegerPeers", kString, nullptr, "DLedger peers n0-host:port;..."),
    known_row("controllerDLegerSelfId", kString, nullptr, "own id, e.g. n0"),
    known_row("controllerRequestThreadPoolQueueCapacity", kInt, "50000", "request queue length"),
    known_row("controllerStorePath", kString, "",
              "state folder; empty = <user.home>/DLedgerController (or jRaftController)"),
    known_row("controllerThreadPoolNums", kInt, "16", "request threads"),
    known_row("controllerType", kString, "DLedger", "DLedger or jRaft"),
    known_row("electMasterMaxRetryCount", kInt, "3", "attempts per election"),
    known_row("enableElectUncleanMaster", kBoolean, "false", "elect outside the sync set"),
    known_row("mappedFileSize", kInt, "1073741824", "DLedger file size", {.unit = "bytes"}),
    known_row("metricGrpcExporterIntervalInMills", kLong, "60000", "OTLP period, ms",
              {.unit = "ms"}),
    known_row("metricGrpcExporterTimeOutInMills", kLong, "3000", "OTLP timeout, ms",
              {.unit = "ms"}),
    known_row("metricLoggingExporterIntervalInMills", kLong, "10000", "log period, ms",
              {.unit = "ms"}),
    known_row("metricsExporterType", kString, "DISABLE", "metrics exporter"),
    known_row("metricsGrpcExporterHeader", kString, "", "OTLP headers"),
    known_row("metricsGrpcExporterTarget", kString, "", "OTLP target"),
    known_row("metricsInDelta", kBoolean, "false", "delta temporality"),
    known_row("metricsLabel", kString, "", "extra labels"),
    known_row("metricsPromExporterHost", kString, "", "Prometheus address"),
    known_row("metricsPromExporterPort", kInt, "5557", "Prometheus port"),
    known_row("notifyBrokerRoleChanged", kBoolean, "true", "send 1008 after elections"),
    known_row("processReadEvent", kBoolean, "false", "log reads through the raft log"),
    known_row("scanInactiveMasterInterval", kLong, "5000",
              "ms between scans for groups without master", {.unit = "ms"}),
};

// Source: org.apache.rocketmq.common.JraftConfig
constexpr ConfigRow kJraftKnownRows[] = {
    known_row("jRaftControllerRPCAddr", kString, "localhost:9770,localhost:9771,localhost:9772",
              "controller addresses in peer order"),
    known_row("jRaftElectionTimeoutMs", kInt, "1000", "election timeout, ms", {.unit = "ms"}),
    known_row("jRaftGroupId", kString, "jRaft-Controller", "raft group"),
    known_row("jRaftInitConf", kString, "localhost:9880,localhost:9881,localhost:9882",
              "raft peers"),
    known_row("jRaftScanWaitTimeoutMs", kInt, "1000", "wait in liveness scans, ms", {.unit = "ms"}),
    known_row("jRaftServerId", kString, "localhost:9880", "own raft address"),
    known_row("jRaftSnapshotIntervalSecs", kInt, "3600", "snapshot period, s", {.unit = "s"}),
};

}  // namespace

void fill_machine_defaults(NamesrvConfig& config) {
    if (config.rocketmq_home.empty()) {
        config.rocketmq_home = environment("ROCKETMQ_HOME");
    }
}

void bind_config(Configuration& configuration, NamesrvConfig& config) {
    configuration.bind({"NamesrvConfig", kNamesrvRows}, config);
    configuration.bind({"NettyServerConfig", kServerRows}, config);
    configuration.bind({"RaptorMQ", kOwnRows}, config);
    configuration.bind({"NamesrvConfig, known only", kNamesrvKnownRows});
    configuration.bind({"NettyServerConfig, known only", kServerKnownRows});
    // The original prints these only when a controller runs inside the NameServer.
    configuration.bind({"NettyClientConfig, known only", kClientKnownRows, false});
    configuration.bind({"ControllerConfig, known only", kControllerKnownRows, false});
    configuration.bind({"JraftConfig, known only", kJraftKnownRows, false});
}

}  // namespace rmq::namesrv

// SPDX-License-Identifier: Apache-2.0
#include "broker/broker_config.h"

#include "broker/broker_config_known.h"
#include "common/environment.h"

#include <cstdlib>

namespace rmq::broker {

namespace {

using C = BrokerConfig;

// Source: org.apache.rocketmq.common.BrokerConfig, BrokerIdentity
constexpr ConfigRow kBrokerRows[] = {
    config_row<&C::allow_recall_when_broker_not_writeable>(
        "allowRecallWhenBrokerNotWriteable", "recall timer messages also on a read-only broker"),
    config_row<&C::auto_create_subscription_group>("autoCreateSubscriptionGroup",
                                                   "create unknown consumer groups"),
    config_row<&C::auto_create_topic_enable>("autoCreateTopicEnable",
                                             "create unknown topics on send, TBW102 present"),
    config_row<&C::auto_delete_unused_stats>("autoDeleteUnusedStats",
                                             "drop statistics of deleted topics and groups"),
    config_row<&C::broker_cluster_name>("brokerClusterName",
                                        "cluster name; also names cluster topics"),
    config_row<&C::broker_fast_failure_enable>(
        "brokerFastFailureEnable", "answer busy to requests waiting too long in queues"),
    config_row<&C::broker_heartbeat_interval>("brokerHeartbeatInterval",
                                              "ms between heartbeats with enableSlaveActingMaster",
                                              {.unit = "ms", .min = 100}),
    config_row<&C::broker_id>("brokerId",
                              "0 = master, >0 = slave in classic mode; replaced in controller mode",
                              {.min = 0}),
    config_row<&C::broker_ip1>("brokerIP1", "address given to clients and stored as storeHost",
                               {.default_shown = "<first usable local IP>"}),
    config_row<&C::broker_ip2>("brokerIP2", "address for the HA service",
                               {.default_shown = "<first usable local IP>"}),
    config_row<&C::broker_name>(
        "brokerName", "replica group name; default host name (DEFAULT_BROKER when unknown)",
        {.default_shown = "<host name>"}),
    config_row<&C::broker_not_active_timeout_millis>("brokerNotActiveTimeoutMillis",
                                                     "heartbeat timeout told to the NameServer, ms",
                                                     {.unit = "ms", .min = 1000}),
    config_row<&C::broker_permission>("brokerPermission", "read 4 + write 2 for the whole broker",
                                      {.min = 0, .max = 7}),
    config_row<&C::broker_topic_enable>("brokerTopicEnable",
                                        "make the topic named after the broker writeable"),
    config_row<&C::cg_cold_read_threshold>("cgColdReadThreshold",
                                           "cold bytes per group and window of 5 s",
                                           {.unit = "bytes", .min = 0}),
    config_row<&C::channel_expired_timeout>("channelExpiredTimeout",
                                            "ms of silence before a client channel expires",
                                            {.unit = "ms", .min = 1000}),
    config_row<&C::clear_retry_topic_when_delete_topic>("clearRetryTopicWhenDeleteTopic",
                                                        "also delete POP retry topics"),
    config_row<&C::cluster_topic_enable>("clusterTopicEnable",
                                         "make the topic named after the cluster writeable"),
    config_row<&C::cold_ctr_strategy_enable>("coldCtrStrategyEnable",
                                             "limits of cold reads adapt to the load"),
    config_row<&C::compressed_register>("compressedRegister", "compress registration body"),
    config_row<&C::config_black_list>("configBlackList",
                                      "keys that remote config update must refuse, semicolon list"),
    config_row<&C::consumer_fallbehind_threshold>("consumerFallbehindThreshold",
                                                  "bytes behind that mark a consumer as slow",
                                                  {.unit = "bytes", .min = 0}),
    config_row<&C::consumer_offset_update_version_step>(
        "consumerOffsetUpdateVersionStep", "offset commits per DataVersion step", {.min = 1}),
    config_row<&C::default_message_request_mode>("defaultMessageRequestMode",
                                                 "PULL or POP for groups without a setting"),
    config_row<&C::default_pop_share_queue_num>(
        "defaultPopShareQueueNum", "queues shared per POP client, -1 all", {.min = -1}),
    config_row<&C::default_topic_queue_nums>(
        "defaultTopicQueueNums", "queues of auto-created topics", {.min = 1, .max = 16384}),
    config_row<&C::disable_consume_if_consumer_read_slowly>(
        "disableConsumeIfConsumerReadSlowly", "disable groups that fall too far behind"),
    config_row<&C::enable_connection_metrics>("enableConnectionMetrics",
                                              "export connection metrics"),
    config_row<&C::enable_create_sys_group>("enableCreateSysGroup",
                                            "create system groups at start"),
    config_row<&C::enable_detail_stat>("enableDetailStat", "per-queue statistics"),
    config_row<&C::enable_lag_and_dlq_metrics>("enableLagAndDlqMetrics",
                                               "export lag and dead letter metrics"),
    config_row<&C::enable_lmq_stats>("enableLmqStats",
                                     "count light queues one by one, not all together"),
    config_row<&C::enable_message_store_metrics>("enableMessageStoreMetrics",
                                                 "export store and timer metrics"),
    config_row<&C::enable_mixed_message_type>("enableMixedMessageType",
                                              "allow MIXED message type attribute"),
    config_row<&C::enable_notify_after_pop_order_lock_release>(
        "enableNotifyAfterPopOrderLockRelease", "wake polls when an order lock is freed"),
    config_row<&C::enable_pop_batch_ack>("enablePopBatchAck",
                                         "write one batch-ack record instead of single acks"),
    config_row<&C::enable_pop_buffer_merge>("enablePopBufferMerge",
                                            "keep check points and acks in memory first"),
    config_row<&C::enable_pop_message_threshold>("enablePopMessageThreshold", "enforce that limit"),
    config_row<&C::enable_pop_metrics>("enablePopMetrics", "export POP metrics"),
    config_row<&C::enable_property_filter>("enablePropertyFilter", "allow SQL92 filters",
                                           {.java_default = "false"}),
    config_row<&C::enable_register_producer>("enableRegisterProducer",
                                             "accept producer heartbeats and producer table"),
    config_row<&C::enable_remoting_metrics>("enableRemotingMetrics",
                                            "export latencies of requests"),
    config_row<&C::enable_request_metrics>("enableRequestMetrics",
                                           "export messages and bytes in and out"),
    config_row<&C::enable_retry_topic_v2>("enableRetryTopicV2",
                                          "use group+topic retry names for POP"),
    config_row<&C::enable_single_topic_register>("enableSingleTopicRegister",
                                                 "register one changed topic instead of all"),
    config_row<&C::enable_slave_acting_master>("enableSlaveActingMaster",
                                               "smallest id acts for a lost master"),
    config_row<&C::enable_split_metadata>("enableSplitMetadata",
                                          "split metadata answers to slaves"),
    config_row<&C::enable_stats_metrics>("enableStatsMetrics",
                                         "export counts of topics and groups, permission"),
    config_row<&C::enable_transaction_metrics>("enableTransactionMetrics",
                                               "export transaction metrics"),
    config_row<&C::estimate_accumulation>("estimateAccumulation",
                                          "count only what a group's filter wants in lag metrics"),
    config_row<&C::expect_consumer_num_use_filter>(
        "expectConsumerNumUseFilter",
        "expected filtering consumers, sizes the Bloom filter of consumerFilter.json",
        {.min = 1, .max = 1'000'000}),
    config_row<&C::filter_data_clean_time_span>(
        "filterDataCleanTimeSpan", "ms a dead filter record is kept", {.unit = "ms", .min = 0}),
    config_row<&C::filter_support_retry>("filterSupportRetry",
                                         "apply property filters on retry topics"),
    config_row<&C::flush_consumer_offset_interval>("flushConsumerOffsetInterval",
                                                   "ms between consumerOffset.json writes",
                                                   {.unit = "ms", .min = 1}),
    config_row<&C::force_register>("forceRegister",
                                   "register every period even when nothing changed"),
    config_row<&C::global_cold_read_threshold>("globalColdReadThreshold",
                                               "cold bytes per broker and window of 5 s",
                                               {.unit = "bytes", .min = 0}),
    config_row<&C::init_pop_offset_by_check_msg_in_mem>(
        "initPopOffsetByCheckMsgInMem", "start new POP groups at max if data still in memory"),
    config_row<&C::enable_lite_event_mode>(
        "enableLiteEventMode", "clients get lite topics as messages arrive, not in turn"),
    config_row<&C::lite_event_check_interval>(
        "liteEventCheckInterval", "ms between lite event checks", {.unit = "ms", .min = 1}),
    config_row<&C::lite_event_full_dispatch_delay_time>(
        "liteEventFullDispatchDelayTime", "ms before a full lite dispatch", {.unit = "ms"}),
    config_row<&C::lite_event_full_dispatch_delay_time_for_wildcard_group>(
        "liteEventFullDispatchDelayTimeForWildcardGroup", "the same for wildcard groups",
        {.unit = "ms"}),
    config_row<&C::lite_lag_latency_collect_enable>("liteLagLatencyCollectEnable",
                                                    "collect lag latency of lite topics"),
    config_row<&C::lite_lag_latency_top_k>("liteLagLatencyTopK",
                                           "lite topics kept of a group's lag latency"),
    config_row<&C::lite_pull_message_enable>("litePullMessageEnable", "serve LITE_PULL_MESSAGE"),
    config_row<&C::lite_subscription_check_interval>("liteSubscriptionCheckInterval",
                                                     "ms between lite subscription checks",
                                                     {.unit = "ms", .min = 1}),
    config_row<&C::lite_subscription_check_timeout_mills>("liteSubscriptionCheckTimeoutMills",
                                                          "ms before a lite subscription expires",
                                                          {.unit = "ms"}),
    config_row<&C::lite_ttl_check_interval>(
        "liteTtlCheckInterval", "ms between lite topic expiry checks", {.unit = "ms", .min = 1}),
    config_row<&C::lock_in_strict_mode>("lockInStrictMode",
                                        "lock queues on a majority of the replicas"),
    config_row<&C::long_polling_enable>("longPollingEnable", "hold pulls without data"),
    config_row<&C::max_client_event_count>("maxClientEventCount",
                                           "most queued lite events per client", {.min = 1}),
    config_row<&C::max_error_rate_of_bloom_filter>("maxErrorRateOfBloomFilter",
                                                   "percent of false hits of that Bloom filter",
                                                   {.min = 1, .max = 99}),
    config_row<&C::max_lite_subscription_count>("maxLiteSubscriptionCount",
                                                "most lite subscriptions"),
    config_row<&C::max_message_filter_num_for_notification>(
        "maxMessageFilterNumForNotification", "messages filtered before a notification",
        {.min = 0}),
    config_row<&C::max_pop_polling_size>("maxPopPollingSize", "most POP long polls held in total",
                                         {.min = 0}),
    config_row<&C::metrics_exporter_type>(
        "metricsExporterType", "DISABLE or PROM, or 0 or 2; OTLP_GRPC and LOG are not served"),
    config_row<&C::metrics_in_delta>("metricsInDelta", "adds the label aggregation=delta"),
    config_row<&C::metrics_label>("metricsLabel", "extra labels of every series, k:v,k:v",
                                  {.prints_empty = true}),
    config_row<&C::metrics_otel_cardinality_limit>(
        "metricsOtelCardinalityLimit",
        "most label sets per metric; the rest is summed up in one more",
        {.min = 2, .max = 1'000'000}),
    config_row<&C::metrics_prom_exporter_host>(
        "metricsPromExporterHost", "address that answers /metrics; brokerIP1 when empty",
        {.prints_empty = true}),
    config_row<&C::metrics_prom_exporter_port>("metricsPromExporterPort", "port of /metrics",
                                               {.min = 0, .max = 65535}),
    config_row<&C::min_lite_ttl>("minLiteTTl", "shortest life of a lite topic",
                                 {.unit = "ms", .min = 0}),
    config_row<&C::msg_trace_topic_name>("msgTraceTopicName", "trace topic name"),
    config_row<&C::namesrv_addr>("namesrvAddr", "NameServer list host:port;host:port",
                                 {.default_shown = "<NAMESRV_ADDR>"}),
    config_row<&C::notify_consumer_ids_changed_enable>("notifyConsumerIdsChangedEnable",
                                                       "tell consumers of membership changes"),
    config_row<&C::pop_ck_max_buffer_size>("popCkMaxBufferSize", "most buffered check points",
                                           {.min = 0}),
    config_row<&C::pop_ck_offset_max_queue_size>(
        "popCkOffsetMaxQueueSize", "most buffered check points per queue", {.min = 0}),
    config_row<&C::pop_ck_stay_buffer_time>("popCkStayBufferTime",
                                            "ms a check point stays in the POP memory buffer",
                                            {.unit = "ms", .min = 0}),
    config_row<&C::pop_ck_stay_buffer_time_out>(
        "popCkStayBufferTimeOut", "ms before revive time at which a buffered check point is stored",
        {.unit = "ms", .min = 0}),
    config_row<&C::pop_from_retry_probability>("popFromRetryProbability",
                                               "percent of pops that read the retry topic first",
                                               {.unit = "percent", .min = 0, .max = 100}),
    config_row<&C::pop_from_retry_probability_for_priority>(
        "popFromRetryProbabilityForPriority",
        "percent of priority pops that read the retry topic first",
        {.unit = "percent", .min = 0, .max = 100}),
    config_row<&C::pop_inflight_message_threshold>(
        "popInflightMessageThreshold", "most in-flight POP messages per queue", {.min = 0}),
    config_row<&C::pop_long_polling_force_notify_interval>(
        "popLongPollingForceNotifyInterval",
        "offsets between wake-ups of POP polls that no filter stops; 0 = none", {.min = 0}),
    config_row<&C::pop_polling_size>("popPollingSize", "held POP polls per key", {.min = 0}),
    config_row<&C::pop_response_return_actual_retry_topic>(
        "popResponseReturnActualRetryTopic", "return the real retry topic name in pops"),
    config_row<&C::pop_revive_skip_if_group_absent>("popReviveSkipIfGroupAbsent",
                                                    "skip revival for deleted groups"),
    config_row<&C::priority_order_asc>("priorityOrderAsc", "queue order of priority topics"),
    config_row<&C::real_time_notify_consumer_change>("realTimeNotifyConsumerChange",
                                                     "notify membership changes at once"),
    config_row<&C::recall_message_enable>("recallMessageEnable", "allow recall of timer messages",
                                          {.java_default = "false"}),
    config_row<&C::region_id>("regionId", "region returned to clients for traces"),
    config_row<&C::register_broker_timeout_mills>("registerBrokerTimeoutMills",
                                                  "timeout of registration at the NameServer, ms",
                                                  {.unit = "ms", .min = 1}),
    config_row<&C::register_name_server_period>(
        "registerNameServerPeriod", "ms between registrations, clamped 10000..60000",
        {.unit = "ms", .min = 10000, .max = 60000, .clamped = true}),
    config_row<&C::reject_pull_consumer_enable>("rejectPullConsumerEnable",
                                                "refuse pull consumers"),
    config_row<&C::reject_transaction_message>("rejectTransactionMessage",
                                               "refuse transaction messages"),
    config_row<&C::retrieve_message_from_pop_retry_topic_v1>(
        "retrieveMessageFromPopRetryTopicV1", "also pop from V1 retry topics when V2 is on"),
    config_row<&C::revive_interval>("reviveInterval", "ms between POP revive scans",
                                    {.unit = "ms", .min = 1}),
    config_row<&C::revive_queue_num>("reviveQueueNum", "queues of the POP revive topic",
                                     {.min = 1, .max = 128}),
    config_row<&C::rocketmq_home>("rocketmqHome", "installation folder",
                                  {.default_shown = "<ROCKETMQ_HOME>"}),
    config_row<&C::server_load_balancer_enable>("serverLoadBalancerEnable",
                                                "server-side queue assignment for POP"),
    config_row<&C::short_polling_time_mills>("shortPollingTimeMills",
                                             "hold time when long polling is off, ms",
                                             {.unit = "ms", .min = 0}),
    config_row<&C::skip_when_ck_re_put_reach_max_times>("skipWhenCKRePutReachMaxTimes",
                                                        "drop check points after the last rewrite"),
    config_row<&C::slave_read_enable>("slaveReadEnable", "let slaves serve reads and be suggested"),
    config_row<&C::split_metadata_size>("splitMetadataSize", "entries per split answer",
                                        {.min = 1}),
    config_row<&C::start_accept_send_request_time_stamp>("startAcceptSendRequestTimeStamp",
                                                         "refuse sends before this time"),
    config_row<&C::store_reply_message_enable>("storeReplyMessageEnable", "store reply messages"),
    config_row<&C::subscription_expired_timeout>("subscriptionExpiredTimeout",
                                                 "ms before a subscription entry expires",
                                                 {.unit = "ms", .min = 1000}),
    config_row<&C::trace_on>("traceOn", "tell clients in send answers that tracing is on"),
    config_row<&C::trace_topic_enable>("traceTopicEnable", "create the trace topic",
                                       {.java_default = "false"}),
    config_row<&C::transaction_check_interval>("transactionCheckInterval",
                                               "ms between check rounds", {.unit = "ms", .min = 1}),
    config_row<&C::transaction_check_max>("transactionCheckMax", "checks before discarding",
                                          {.min = 0}),
    config_row<&C::transaction_metric_flush_interval>("transactionMetricFlushInterval",
                                                      "ms between transactionMetrics writes",
                                                      {.unit = "ms", .min = 1}),
    config_row<&C::transaction_op_batch_interval>(
        "transactionOpBatchInterval", "ms between op batches", {.unit = "ms", .min = 0}),
    config_row<&C::transaction_op_msg_max_size>(
        "transactionOpMsgMaxSize", "bytes per batched op message", {.unit = "bytes", .min = 1}),
    config_row<&C::transaction_time_out>(
        "transactionTimeOut", "ms before a half message is checked", {.unit = "ms", .min = 0}),
    config_row<&C::update_name_server_addr_period>("updateNameServerAddrPeriod",
                                                   "ms between NameServer list refreshes",
                                                   {.unit = "ms", .min = 1000}),
    config_row<&C::use_message_filter_for_notification>("useMessageFilterForNotification",
                                                        "apply filters before notifying"),
    config_row<&C::use_pid_cold_ctr_strategy>("usePIDColdCtrStrategy",
                                              "adapt by a PID controller, not by steps"),
    config_row<&C::use_separate_retry_queue>("useSeparateRetryQueue",
                                             "messages that are popped again keep their queue"),
    config_row<&C::use_server_side_reset_offset>("useServerSideResetOffset",
                                                 "reset offsets in the broker"),
    config_row<&C::validate_system_topic_when_update_topic>("validateSystemTopicWhenUpdateTopic",
                                                            "refuse changes of system topics"),
    config_row<&C::wait_time_mills_in_admin_broker_queue>(
        "waitTimeMillsInAdminBrokerQueue", "fast failure for admin, ms", {.unit = "ms", .min = 0}),
    config_row<&C::wait_time_mills_in_lite_pull_queue>(
        "waitTimeMillsInLitePullQueue", "fast failure for lite pull, ms", {.unit = "ms", .min = 0}),
    config_row<&C::wait_time_mills_in_pull_queue>(
        "waitTimeMillsInPullQueue", "same for pull requests, ms", {.unit = "ms", .min = 0}),
    config_row<&C::wait_time_mills_in_send_queue>("waitTimeMillsInSendQueue",
                                                  "send queue wait that triggers fast failure, ms",
                                                  {.unit = "ms", .min = 0}),
    config_row<&C::wait_time_mills_in_transaction_queue>("waitTimeMillsInTransactionQueue",
                                                         "fast failure for end-transaction, ms",
                                                         {.unit = "ms", .min = 0}),
};

// Source: org.apache.rocketmq.remoting.netty.NettyServerConfig
constexpr ConfigRow kServerRows[] = {
    config_row<&C::bind_address>("bindAddress", "listen address"),
    config_row<&C::listen_port>("listenPort", "main port; 0 takes a free one",
                                {.min = 0, .max = 65535}),
    config_row<&C::server_channel_max_idle_time_seconds>(
        "serverChannelMaxIdleTimeSeconds", "idle seconds before closing", {.unit = "s", .min = 1}),
    config_row<&C::server_socket_rcv_buf_size>(
        "serverSocketRcvBufSize", "receive buffer, 0 = system", {.unit = "bytes", .min = 0}),
    config_row<&C::server_socket_snd_buf_size>("serverSocketSndBufSize", "send buffer, 0 = system",
                                               {.unit = "bytes", .min = 0}),
};

// Source: org.apache.rocketmq.remoting.netty.NettyClientConfig
constexpr ConfigRow kClientRows[] = {
    config_row<&C::connect_timeout_millis>("connectTimeoutMillis", "connect timeout, ms",
                                           {.unit = "ms", .min = 1}),
};

// Null in the original unless set, though it writes to the file of -c, too.
constexpr ConfigRow kPathRows[] = {
    config_row<&C::broker_config_path>("brokerConfigPath",
                                       "file that config updates are written to"),
};

constexpr ConfigRow kOwnRows[] = {
    config_row<&C::io_threads>("ioThreads", "network threads; 0 = one per two cores, at most 8",
                               {.min = 0, .max = 64}),
    config_row<&C::blocking_threads>("blockingThreads", "threads for cold reads and admin scans",
                                     {.min = 1, .max = 64}),
    config_row<&C::log_file>("logFile", "log file; empty = standard error"),
    config_row<&C::log_level>("logLevel", "trace, debug, info, warn or error"),
    config_row<&C::defaults_profile>("defaultsProfile",
                                     "raptormq, or java for every default of the original"),
};

constexpr const char* kExporterTypes[] = {"DISABLE", "OTLP_GRPC", "PROM", "LOG"};

}  // namespace

bool parse_config(std::string_view text, MetricsExporterType& value) {
    for (std::size_t i = 0; i < std::size(kExporterTypes); ++i) {
        if (text == kExporterTypes[i] || text == std::to_string(i)) {
            value = static_cast<MetricsExporterType>(i);
            return true;
        }
    }
    return false;
}

std::string config_text(MetricsExporterType value) {
    return kExporterTypes[static_cast<std::size_t>(value)];
}

void fill_machine_defaults(BrokerConfig& config) {
    if (config.rocketmq_home.empty()) {
        config.rocketmq_home = environment("ROCKETMQ_HOME");
    }
    if (config.namesrv_addr.get().empty()) {
        config.namesrv_addr.set(environment("NAMESRV_ADDR"));
    }
    if (config.broker_name.empty()) {
        config.broker_name = host_name("DEFAULT_BROKER");
    }
    const std::string address = first_local_address();
    if (config.broker_ip1.empty()) {
        config.broker_ip1 = address;
    }
    if (config.broker_ip2.empty()) {
        config.broker_ip2 = address;
    }
}

std::string broker_address(const BrokerConfig& config) {
    return config.broker_ip1 + ":" + std::to_string(config.listen_port);
}

void bind_config(Configuration& configuration, BrokerConfig& config) {
    configuration.bind({"BrokerConfig", kBrokerRows}, config);
    configuration.bind({"NettyServerConfig", kServerRows}, config);
    configuration.bind({"NettyClientConfig", kClientRows}, config);
    configuration.bind({"BrokerConfig, printed when set", kPathRows, false}, config);
    configuration.bind({"RaptorMQ", kOwnRows}, config);
    bind_known_config(configuration);
}

}  // namespace rmq::broker

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/configuration.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::broker {

// Where metrics go. Source: MetricsExporterType.
enum class MetricsExporterType { kDisable, kOtlpGrpc, kProm, kLog };
// A name or its number, as the original's two setters take them.
bool parse_config(std::string_view text, MetricsExporterType& value);
std::string config_text(MetricsExporterType value);

// The broker's own settings: what the original keeps in BrokerConfig, BrokerIdentity,
// NettyServerConfig and NettyClientConfig, as far as this program acts on it. Names, units and
// defaults are the original's; each is described once, in the tables of broker_config.cc.
// Live<> members may change at any time; the others are constant after start.
struct BrokerConfig {
    // Identity and addresses. Empty brokerName, brokerIP1 and brokerIP2 are filled in at start.
    std::string broker_name;
    std::string broker_cluster_name = "DefaultCluster";
    std::int64_t broker_id = 0;
    std::string broker_ip1;
    std::string broker_ip2;
    std::string bind_address = "0.0.0.0";
    std::int32_t listen_port = 10911;
    LiveString namesrv_addr{};
    std::string rocketmq_home;
    std::string broker_config_path;
    std::string config_black_list = "configBlackList;brokerConfigPath";
    std::string region_id = "DefaultRegion";
    Live<std::int32_t> broker_permission{6};

    // Topics and groups.
    Live<bool> auto_create_topic_enable{true};
    Live<bool> auto_create_subscription_group{true};
    Live<std::int32_t> default_topic_queue_nums{8};
    bool cluster_topic_enable = true;
    bool broker_topic_enable = true;
    bool trace_topic_enable = true;
    std::string msg_trace_topic_name = "RMQ_SYS_TRACE_TOPIC";
    Live<bool> trace_on{true};
    Live<bool> validate_system_topic_when_update_topic{true};
    Live<bool> enable_mixed_message_type{false};
    Live<bool> clear_retry_topic_when_delete_topic{true};
    bool enable_create_sys_group = true;
    Live<bool> enable_split_metadata{true};
    Live<std::int32_t> split_metadata_size{2000};

    // Sending.
    Live<bool> reject_transaction_message{false};
    Live<bool> recall_message_enable{true};
    Live<bool> allow_recall_when_broker_not_writeable{true};
    Live<bool> store_reply_message_enable{true};
    Live<std::int64_t> start_accept_send_request_time_stamp{0};
    Live<bool> broker_fast_failure_enable{true};
    Live<std::int64_t> wait_time_mills_in_send_queue{200};
    Live<std::int64_t> wait_time_mills_in_pull_queue{5000};
    Live<std::int64_t> wait_time_mills_in_lite_pull_queue{5000};
    Live<std::int64_t> wait_time_mills_in_admin_broker_queue{5000};

    // Transactions.
    Live<std::int64_t> transaction_time_out{6000};
    Live<std::int32_t> transaction_check_max{15};
    Live<std::int64_t> transaction_check_interval{30'000};
    Live<std::int32_t> transaction_op_msg_max_size{4096};
    Live<std::int32_t> transaction_op_batch_interval{3000};
    Live<std::int64_t> transaction_metric_flush_interval{10'000};
    Live<std::int64_t> wait_time_mills_in_transaction_queue{3000};

    // Pulling and offsets.
    Live<bool> long_polling_enable{true};
    Live<std::int64_t> short_polling_time_mills{1000};
    Live<bool> slave_read_enable{false};
    Live<bool> lite_pull_message_enable{true};
    Live<bool> reject_pull_consumer_enable{false};
    Live<bool> lock_in_strict_mode{false};
    Live<bool> cold_ctr_strategy_enable{false};
    bool use_pid_cold_ctr_strategy = true;
    Live<std::int64_t> cg_cold_read_threshold{3 * 1024 * 1024};
    Live<std::int64_t> global_cold_read_threshold{100 * 1024 * 1024};
    Live<bool> use_server_side_reset_offset{true};
    Live<bool> disable_consume_if_consumer_read_slowly{false};
    Live<std::int64_t> consumer_fallbehind_threshold{17'179'869'184};
    Live<bool> enable_property_filter{true};
    Live<bool> filter_support_retry{false};
    Live<std::int64_t> filter_data_clean_time_span{86'400'000};
    std::int32_t max_error_rate_of_bloom_filter = 20;
    std::int32_t expect_consumer_num_use_filter = 32;
    std::int32_t flush_consumer_offset_interval = 5000;
    Live<std::int64_t> consumer_offset_update_version_step{500};

    // Pop.
    LiveString default_message_request_mode{"PULL"};
    Live<std::int32_t> default_pop_share_queue_num{-1};
    Live<bool> enable_notify_after_pop_order_lock_release{true};
    Live<bool> enable_pop_batch_ack{false};
    Live<bool> enable_pop_buffer_merge{false};
    Live<bool> enable_pop_message_threshold{false};
    Live<bool> enable_retry_topic_v2{false};
    Live<bool> init_pop_offset_by_check_msg_in_mem{true};
    Live<std::int32_t> max_message_filter_num_for_notification{64};
    Live<std::int64_t> max_pop_polling_size{100000};
    Live<std::int32_t> pop_ck_max_buffer_size{200000};
    Live<std::int32_t> pop_ck_offset_max_queue_size{20000};
    Live<std::int32_t> pop_ck_stay_buffer_time{10000};
    Live<std::int32_t> pop_ck_stay_buffer_time_out{3000};
    Live<std::int32_t> pop_from_retry_probability{20};
    Live<std::int32_t> pop_from_retry_probability_for_priority{0};
    Live<std::int64_t> pop_inflight_message_threshold{10000};
    Live<std::int64_t> pop_long_polling_force_notify_interval{800};
    Live<std::int32_t> pop_polling_size{1024};
    Live<bool> pop_response_return_actual_retry_topic{false};
    Live<bool> pop_revive_skip_if_group_absent{true};
    Live<bool> priority_order_asc{true};
    Live<bool> retrieve_message_from_pop_retry_topic_v1{true};
    Live<std::int64_t> revive_interval{1000};
    std::int32_t revive_queue_num = 8;
    Live<bool> server_load_balancer_enable{true};
    Live<bool> skip_when_ck_re_put_reach_max_times{false};
    Live<bool> use_message_filter_for_notification{true};
    Live<bool> use_separate_retry_queue{false};

    // Lite topics.
    Live<bool> enable_lite_event_mode{true};
    Live<std::int64_t> lite_event_check_interval{10000};
    Live<std::int64_t> lite_event_full_dispatch_delay_time{10000};
    Live<std::int64_t> lite_event_full_dispatch_delay_time_for_wildcard_group{10000};
    Live<bool> lite_lag_latency_collect_enable{false};
    Live<std::int32_t> lite_lag_latency_top_k{50};
    Live<std::int64_t> lite_subscription_check_interval{120000};
    Live<std::int64_t> lite_subscription_check_timeout_mills{180000};
    Live<std::int64_t> lite_ttl_check_interval{120000};
    Live<std::int32_t> max_client_event_count{100};
    Live<std::int64_t> max_lite_subscription_count{100000};
    Live<std::int64_t> min_lite_ttl{900000};

    // Clients.
    Live<std::int64_t> channel_expired_timeout{120000};
    Live<std::int64_t> subscription_expired_timeout{600000};
    Live<bool> notify_consumer_ids_changed_enable{true};
    Live<bool> real_time_notify_consumer_change{true};
    Live<bool> enable_register_producer{true};
    std::int32_t server_channel_max_idle_time_seconds = 120;

    // Registration at the NameServers.
    Live<std::int32_t> register_name_server_period{30000};
    Live<std::int32_t> register_broker_timeout_mills{24000};
    Live<bool> force_register{true};
    Live<bool> compressed_register{false};
    Live<bool> enable_single_topic_register{false};
    std::int32_t broker_heartbeat_interval = 1000;
    Live<std::int64_t> broker_not_active_timeout_millis{10000};
    bool enable_slave_acting_master = false;
    Live<std::int32_t> update_name_server_addr_period{120'000};

    // Statistics.
    Live<bool> enable_detail_stat{true};
    bool enable_lmq_stats = false;
    Live<bool> auto_delete_unused_stats{true};

    // Metrics.
    MetricsExporterType metrics_exporter_type = MetricsExporterType::kDisable;
    std::string metrics_prom_exporter_host;
    std::int32_t metrics_prom_exporter_port = 5557;
    std::string metrics_label;
    bool metrics_in_delta = false;
    std::int32_t metrics_otel_cardinality_limit = 50'000;
    bool enable_stats_metrics = true;
    bool enable_request_metrics = true;
    bool enable_connection_metrics = true;
    bool enable_lag_and_dlq_metrics = true;
    bool enable_transaction_metrics = true;
    bool enable_remoting_metrics = true;
    bool enable_message_store_metrics = true;
    bool enable_pop_metrics = true;
    Live<bool> estimate_accumulation{true};

    // Sockets; 0 keeps the system's or our own default.
    std::int32_t server_socket_snd_buf_size = 0;
    std::int32_t server_socket_rcv_buf_size = 0;
    std::int32_t connect_timeout_millis = 3000;

    // RaptorMQ's own.
    std::int32_t io_threads = 0;
    std::int32_t blocking_threads = 2;
    std::string log_file;
    std::string log_level = "info";
    std::string defaults_profile = "raptormq";
};

// Fills what depends on the machine: ROCKETMQ_HOME and NAMESRV_ADDR, host name, local address.
// Explicit values stay.
void fill_machine_defaults(BrokerConfig& config);

// "host:port" as clients and NameServers see this broker.
std::string broker_address(const BrokerConfig& config);

// Binds BrokerConfig and every other class that the original's broker reads from its properties
// file, except the store's: bind those with store::bind_config.
void bind_config(Configuration& configuration, BrokerConfig& config);

}  // namespace rmq::broker

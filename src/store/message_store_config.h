// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/configuration.h"
#include "common/environment.h"

#include <cstdint>
#include <string>

namespace rmq::store {

// Source: org.apache.rocketmq.store.config.FlushDiskType, org.apache.rocketmq.common.BrokerRole
enum class FlushDiskType { ASYNC_FLUSH, SYNC_FLUSH };
enum class BrokerRole { ASYNC_MASTER, SYNC_MASTER, SLAVE };

bool parse_config(std::string_view text, FlushDiskType& value);
bool parse_config(std::string_view text, BrokerRole& value);
std::string config_text(FlushDiskType value);
std::string config_text(BrokerRole value);

// The store's settings, as far as this program acts on them. Names, units and defaults are the
// original's; each is described once, in the table of message_store_config.cc. Live<> members may
// change at any time; the others are constant after start.
// Source: org.apache.rocketmq.store.config.MessageStoreConfig
struct MessageStoreConfig {
    // Files.
    std::string store_path_root_dir = home_path("store");
    std::string store_path_commit_log;
    std::int32_t mapped_file_size_commit_log = 1'073'741'824;
    std::int32_t mapped_file_size_consume_queue = 6'000'000;
    std::int32_t mapper_file_size_batch_consume_queue = 13'800'000;
    bool auto_message_version_on_topic_len = true;
    bool enabled_append_prop_crc = false;

    // Writing.
    Live<std::int32_t> max_message_size{4'194'304};
    Live<std::int64_t> os_page_cache_busy_time_out_mills{1000};

    // Flushing.
    FlushDiskType flush_disk_type = FlushDiskType::ASYNC_FLUSH;
    Live<std::int32_t> sync_flush_timeout{5000};
    Live<std::int32_t> flush_interval_commit_log{500};
    Live<bool> flush_commit_log_timed{true};
    Live<bool> wake_flush_when_put_message{false};
    Live<std::int32_t> flush_commit_log_least_pages{4};
    Live<std::int32_t> flush_commit_log_thorough_interval{10000};
    Live<std::int32_t> flush_interval_consume_queue{1000};
    Live<std::int32_t> flush_consume_queue_least_pages{2};
    Live<std::int32_t> flush_consume_queue_thorough_interval{60000};

    // Reading.
    Live<std::int32_t> max_filter_message_size{16000};
    Live<std::int32_t> max_transfer_bytes_on_message_in_memory{262'144};
    Live<std::int32_t> max_transfer_count_on_message_in_memory{32};
    Live<std::int32_t> max_transfer_bytes_on_message_in_disk{65536};
    Live<std::int32_t> max_transfer_count_on_message_in_disk{8};
    Live<std::int32_t> access_message_in_memory_max_ratio{40};
    Live<std::int32_t> access_message_in_memory_hot_ratio{26};
    Live<bool> cold_data_flow_control_enable{false};
    Live<bool> cold_data_scan_enable{false};
    Live<std::int32_t> travel_cq_file_num_when_get_message{1};

    // Light message queues.
    bool enable_lmq = false;
    bool enable_multi_dispatch = false;
    bool enable_lmq_quota = false;
    Live<std::int32_t> max_lmq_consume_queue_num{20000};

    // Index.
    bool message_index_enable = true;
    std::int32_t max_hash_slot_num = 5'000'000;
    std::int32_t max_index_num = 20'000'000;
    Live<std::int32_t> max_msgs_num_batch{64};
    Live<std::int32_t> default_query_max_num{32};
    bool message_index_safe = false;

    // Recovery.
    bool check_crc_on_recover = true;

    // Replication.
    Live<std::int32_t> total_replicas{1};

    // Retention and disk space.
    std::int32_t clean_resource_interval = 10000;
    LiveString delete_when{"04"};
    Live<std::int32_t> file_reserved_time{72};
    Live<std::int32_t> disk_max_used_space_ratio{75};
    Live<std::int32_t> disk_space_warning_level_ratio{90};
    Live<std::int32_t> disk_space_clean_forcibly_ratio{85};
    Live<bool> clean_file_forcibly_enable{true};
    Live<std::int32_t> delete_commit_log_files_interval{100};
    Live<std::int32_t> delete_file_batch_max{10};

    // Delay levels.
    std::string message_delay_level = "1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h";
    std::int64_t flush_delay_offset_interval = 10000;

    // Timer messages.
    bool timer_wheel_enable = true;
    std::int32_t mapped_file_size_timer_log = 104'857'600;
    std::int32_t timer_precision_ms = 1000;
    std::int32_t timer_roll_window_slot = 172'800;
    Live<std::int32_t> timer_max_delay_sec{31'622'400};
    Live<std::int32_t> timer_congest_num_each_slot{2'147'483'647};
    Live<std::int32_t> timer_flush_interval_ms{1000};
    Live<bool> timer_stop_enqueue{false};
    Live<bool> timer_skip_unknown_error{false};
    Live<bool> append_topic_for_timer_delete_key{false};

    // Role and replication.
    BrokerRole broker_role = BrokerRole::ASYNC_MASTER;
    std::int32_t ha_listen_port = 0;

    // storePathCommitLog, or its place below the root.
    std::string commit_log_directory() const {
        return store_path_commit_log.empty() ? store_path_root_dir + "/commitlog"
                                             : store_path_commit_log;
    }
    // ConsumeQueue file size, rounded up to whole entries of 20 bytes.
    // Source: MessageStoreConfig.getMappedFileSizeConsumeQueue
    std::int32_t consume_queue_file_size() const {
        return (mapped_file_size_consume_queue + 19) / 20 * 20;
    }
    // timerPrecisionMs, cut to one of the four values that it may have.
    // Source: MessageStoreConfig.setTimerPrecisionMs
    std::int32_t timer_precision() const {
        for (const std::int32_t candidate : {1000, 500, 200}) {
            if (timer_precision_ms >= candidate) {
                return candidate;
            }
        }
        return 100;
    }
};

void bind_config(Configuration& configuration, MessageStoreConfig& config);

}  // namespace rmq::store

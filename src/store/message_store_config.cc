// SPDX-License-Identifier: Apache-2.0
#include "store/message_store_config.h"

#include "store/message_store_config_known.h"

namespace rmq::store {

namespace {

using C = MessageStoreConfig;

// Source: org.apache.rocketmq.store.config.MessageStoreConfig
constexpr ConfigRow kRows[] = {
    config_row<&C::access_message_in_memory_hot_ratio>(
        "accessMessageInMemoryHotRatio", "percent of RAM regarded as hot for cold control",
        {.unit = "percent", .min = 0, .max = 100}),
    config_row<&C::access_message_in_memory_max_ratio>("accessMessageInMemoryMaxRatio",
                                                       "percent of RAM regarded as hot for pulls",
                                                       {.unit = "percent", .min = 0, .max = 100}),
    config_row<&C::append_topic_for_timer_delete_key>("appendTopicForTimerDeleteKey",
                                                      "topic in the key of timer deletions"),
    config_row<&C::auto_message_version_on_topic_len>("autoMessageVersionOnTopicLen",
                                                      "use record v2 for long topics"),
    config_row<&C::broker_role>("brokerRole", "ASYNC_MASTER, SYNC_MASTER or SLAVE"),
    config_row<&C::check_crc_on_recover>("checkCRCOnRecover", "verify CRC in recovery"),
    config_row<&C::clean_file_forcibly_enable>("cleanFileForciblyEnable",
                                               "delete unexpired files when nearly full"),
    config_row<&C::clean_resource_interval>("cleanResourceInterval", "ms between retention rounds",
                                            {.unit = "ms", .min = 100}),
    config_row<&C::cold_data_flow_control_enable>("coldDataFlowControlEnable",
                                                  "limit what groups read from cold data"),
    config_row<&C::cold_data_scan_enable>("coldDataScanEnable",
                                          "ask the kernel whether cold data is in memory"),
    config_row<&C::default_query_max_num>("defaultQueryMaxNum", "results of a unique key query",
                                          {.min = 1, .max = 10000}),
    config_row<&C::delete_commit_log_files_interval>("deleteCommitLogFilesInterval",
                                                     "ms between deletions of CommitLog files",
                                                     {.unit = "ms", .min = 0}),
    config_row<&C::delete_file_batch_max>("deleteFileBatchMax", "files per retention round",
                                          {.min = 1}),
    config_row<&C::delete_when>("deleteWhen", "hours of daily clean-up, semicolon list"),
    config_row<&C::disk_max_used_space_ratio>(
        "diskMaxUsedSpaceRatio", "percent that triggers clean-up, clamped 10..95",
        {.unit = "percent", .min = 10, .max = 95, .clamped = true}),
    config_row<&C::disk_space_clean_forcibly_ratio>(
        "diskSpaceCleanForciblyRatio", "percent that deletes at once, clamped 30..85",
        {.unit = "percent", .min = 30, .max = 85, .clamped = true}),
    config_row<&C::disk_space_warning_level_ratio>(
        "diskSpaceWarningLevelRatio", "percent at which writes stop, clamped 35..90",
        {.unit = "percent", .min = 35, .max = 90, .clamped = true}),
    config_row<&C::enabled_append_prop_crc>(
        "enabledAppendPropCRC", "records end in a CRC of the whole; verified in recovery"),
    config_row<&C::enable_lmq>("enableLmq", "light message queues (LMQ)"),
    config_row<&C::enable_lmq_quota>("enableLmqQuota", "refuse more than maxLmqConsumeQueueNum"),
    config_row<&C::enable_multi_dispatch>("enableMultiDispatch",
                                          "give messages to the light queues they name"),
    config_row<&C::file_reserved_time>("fileReservedTime", "hours files are kept",
                                       {.unit = "hours", .min = 0}),
    config_row<&C::flush_commit_log_least_pages>(
        "flushCommitLogLeastPages", "dirty pages needed for an async flush", {.min = 0}),
    config_row<&C::flush_commit_log_thorough_interval>("flushCommitLogThoroughInterval",
                                                       "ms after which any dirt is flushed",
                                                       {.unit = "ms", .min = 0}),
    config_row<&C::flush_commit_log_timed>(
        "flushCommitLogTimed", "sleep between async flushes instead of waiting for wake-ups"),
    config_row<&C::flush_consume_queue_least_pages>("flushConsumeQueueLeastPages",
                                                    "same for queues", {.min = 0}),
    config_row<&C::flush_consume_queue_thorough_interval>(
        "flushConsumeQueueThoroughInterval", "same for queues, ms", {.unit = "ms", .min = 0}),
    config_row<&C::flush_delay_offset_interval>(
        "flushDelayOffsetInterval", "ms between delayOffset.json writes", {.unit = "ms", .min = 1}),
    config_row<&C::flush_disk_type>("flushDiskType", "ASYNC_FLUSH or SYNC_FLUSH"),
    config_row<&C::flush_interval_commit_log>("flushIntervalCommitLog", "async flush period, ms",
                                              {.unit = "ms", .min = 1}),
    config_row<&C::flush_interval_consume_queue>(
        "flushIntervalConsumeQueue", "queue flush period, ms", {.unit = "ms", .min = 1}),
    config_row<&C::ha_listen_port>("haListenPort", "HA port; 0 means listenPort+1",
                                   {.min = 0, .max = 65535, .default_shown = "listenPort+1"}),
    config_row<&C::mapped_file_size_commit_log>(
        "mappedFileSizeCommitLog", "CommitLog file size; never change on existing data",
        {.unit = "bytes", .min = 4096, .max = 2147483647}),
    config_row<&C::mapped_file_size_consume_queue>("mappedFileSizeConsumeQueue",
                                                   "queue file size, rounded up to 20",
                                                   {.unit = "bytes", .min = 20}),
    config_row<&C::mapped_file_size_timer_log>("mappedFileSizeTimerLog",
                                               "timer log file size; never change on existing data",
                                               {.unit = "bytes", .min = 4096, .max = 2147483647}),
    config_row<&C::mapper_file_size_batch_consume_queue>(
        "mapperFileSizeBatchConsumeQueue",
        "batch queue file size, whole units of 46; never change on existing data",
        {.unit = "bytes", .min = 46}),
    config_row<&C::max_filter_message_size>("maxFilterMessageSize", "queue bytes scanned per pull",
                                            {.unit = "bytes", .min = 20}),
    config_row<&C::max_hash_slot_num>("maxHashSlotNum", "index slots; file size depends on it",
                                      {.unit = "bytes", .min = 1}),
    config_row<&C::max_index_num>("maxIndexNum", "index entries; file size depends on it",
                                  {.unit = "bytes", .min = 2}),
    config_row<&C::max_lmq_consume_queue_num>(
        "maxLmqConsumeQueueNum", "light queues at most, with enableLmqQuota", {.min = 0}),
    config_row<&C::max_message_size>("maxMessageSize", "most body bytes",
                                     {.unit = "bytes", .min = 1, .max = 16777216}),
    config_row<&C::max_msgs_num_batch>("maxMsgsNumBatch", "most results of a key query",
                                       {.min = 1, .max = 10000}),
    config_row<&C::max_transfer_bytes_on_message_in_disk>(
        "maxTransferBytesOnMessageInDisk", "pull bytes from disk", {.unit = "bytes", .min = 1}),
    config_row<&C::max_transfer_bytes_on_message_in_memory>(
        "maxTransferBytesOnMessageInMemory", "pull bytes from memory", {.unit = "bytes", .min = 1}),
    config_row<&C::max_transfer_count_on_message_in_disk>("maxTransferCountOnMessageInDisk",
                                                          "pull messages from disk", {.min = 1}),
    config_row<&C::max_transfer_count_on_message_in_memory>(
        "maxTransferCountOnMessageInMemory", "pull messages from memory", {.min = 1}),
    config_row<&C::message_delay_level>("messageDelayLevel", "delay level table"),
    config_row<&C::message_index_enable>("messageIndexEnable", "build index files"),
    config_row<&C::message_index_safe>("messageIndexSafe",
                                       "let recovery also respect the index time"),
    config_row<&C::os_page_cache_busy_time_out_mills>("osPageCacheBusyTimeOutMills",
                                                      "append lock time that means busy, ms",
                                                      {.unit = "ms", .min = 1}),
    config_row<&C::store_path_commit_log>("storePathCommitLog",
                                          "CommitLog folder; empty = <storePathRootDir>/commitlog"),
    config_row<&C::store_path_root_dir>("storePathRootDir", "store folder",
                                        {.default_shown = "<user.home>/store"}),
    config_row<&C::sync_flush_timeout>("syncFlushTimeout", "sync flush wait, ms",
                                       {.unit = "ms", .min = 1}),
    config_row<&C::timer_congest_num_each_slot>(
        "timerCongestNumEachSlot", "messages of one timer slot before sends are refused",
        {.min = 0}),
    config_row<&C::timer_flush_interval_ms>("timerFlushIntervalMs", "timer flush period, ms",
                                            {.unit = "ms", .min = 10}),
    config_row<&C::timer_max_delay_sec>("timerMaxDelaySec", "longest delay of a timer message",
                                        {.unit = "s", .min = 0, .java_default = "259200"}),
    config_row<&C::timer_precision_ms>(
        "timerPrecisionMs",
        "length of a timer slot: 100, 200, 500 or 1000, others cut to them; never change on "
        "existing data",
        {.unit = "ms"}),
    config_row<&C::timer_roll_window_slot>(
        "timerRollWindowSlot",
        "slots ahead after which a timer message is stored anew, at most two thirds of "
        "fileReservedTime"),
    config_row<&C::timer_skip_unknown_error>("timerSkipUnknownError",
                                             "drop a timer message on an unknown put error"),
    config_row<&C::timer_stop_enqueue>("timerStopEnqueue", "stop taking timer messages in"),
    config_row<&C::timer_wheel_enable>("timerWheelEnable", "timer messages (POP needs it)"),
    config_row<&C::total_replicas>("totalReplicas", "replicas of this broker, itself included",
                                   {.min = 1}),
    config_row<&C::travel_cq_file_num_when_get_message>(
        "travelCqFileNumWhenGetMessage", "queue files one pull may cross", {.min = 1}),
    config_row<&C::wake_flush_when_put_message>(
        "wakeFlushWhenPutMessage", "wake the async flusher on put, unless flushCommitLogTimed"),
};

}  // namespace

bool parse_config(std::string_view text, FlushDiskType& value) {
    for (const auto candidate : {FlushDiskType::ASYNC_FLUSH, FlushDiskType::SYNC_FLUSH}) {
        if (text == config_text(candidate)) {
            value = candidate;
            return true;
        }
    }
    return false;
}

bool parse_config(std::string_view text, BrokerRole& value) {
    for (const auto candidate :
         {BrokerRole::ASYNC_MASTER, BrokerRole::SYNC_MASTER, BrokerRole::SLAVE}) {
        if (text == config_text(candidate)) {
            value = candidate;
            return true;
        }
    }
    return false;
}

std::string config_text(FlushDiskType value) {
    return value == FlushDiskType::SYNC_FLUSH ? "SYNC_FLUSH" : "ASYNC_FLUSH";
}

std::string config_text(BrokerRole value) {
    switch (value) {
        case BrokerRole::ASYNC_MASTER:
            return "ASYNC_MASTER";
        case BrokerRole::SYNC_MASTER:
            return "SYNC_MASTER";
        case BrokerRole::SLAVE:
            return "SLAVE";
    }
    return "";
}

void bind_config(Configuration& configuration, MessageStoreConfig& config) {
    configuration.bind({"MessageStoreConfig", kRows}, config);
    bind_known_config(configuration);
}

}  // namespace rmq::store

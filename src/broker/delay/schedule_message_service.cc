// SPDX-License-Identifier: Apache-2.0
#include "broker/delay/schedule_message_service.h"

#include "broker/message_copy.h"
#include "broker/topic/topic_validator.h"
#include "common/lenient_json.h"
#include "common/log.h"
#include "common/message/message_properties.h"
#include "common/message/message_record.h"
#include "common/parse_number.h"
#include "common/persistent_file.h"
#include "remoting/protocol/body/json_fields.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace rmq::broker {

namespace {

// Deliveries of one level before the others have their turn.
constexpr int kDeliveriesPerTurn = 256;
// After a refused put. Source: ScheduleMessageService.DELAY_FOR_A_WHILE.
constexpr std::int64_t kRetryMs = 100;
// The longest sleep, so that a step of the wall clock is noticed.
constexpr std::int64_t kSleepMaxMs = 1000;

Logger& logger() {
    static Logger& instance = log_of("broker");
    return instance;
}

}  // namespace

ScheduleMessageService::ScheduleMessageService(std::unique_ptr<DelayStore> store,
                                               const Clock& clock, Options options)
    : store_(std::move(store)),
      clock_(clock),
      options_(std::move(options)),
      table_(static_cast<std::size_t>(options_.levels.max_level())),
      next_persist_ms_(clock.monotonic_ms() + options_.flush_interval_ms) {}

ScheduleMessageService::~ScheduleMessageService() {
    stop();
}

Status ScheduleMessageService::load() {
    const auto object = load_json_object(options_.path);
    if (!object) {
        return object.error().code == Errc::kNotFound ? Status{} : Status(object.error());
    }
    std::lock_guard lock(mutex_);
    data_version_ = parse_data_version(json_member(*object, "dataVersion"));
    const auto& offsets = json_member(*object, "offsetTable");
    if (!offsets.is_object()) {
        return {};
    }
    for (const auto& [key, value] : offsets.items()) {
        const auto level = parse_number<std::int32_t>(key);
        if (!level || *level < 1 || *level > options_.levels.max_level()) {
            logger().warn("delay_position_ignored level={}", key);
            continue;
        }
        auto& entry = table_[static_cast<std::size_t>(*level - 1)];
        const QueueOffset position{json_int64(offsets, key.c_str(), 0)};
        entry.next = within_queue(*level - 1, position);
        entry.has_position = true;
        if (entry.next != position) {
            logger().error("delay_position_corrected level={} from={} to={}", *level,
                           position.value, entry.next.value);
            changed_ = true;
        }
    }
    return {};
}

QueueOffset ScheduleMessageService::within_queue(std::int32_t queue_id,
                                                 QueueOffset position) const {
    const QueueOffset min = store_->min_offset(queue_id);
    const QueueOffset max = store_->max_offset(queue_id);
    return min.value < 0 ? position : std::clamp(position, min, std::max(min, max));
}

void ScheduleMessageService::advance(Level& level, QueueOffset next) {
    std::lock_guard lock(mutex_);
    level.next = next;
    level.has_position = true;
    if (!std::exchange(changed_, true)) {
        data_version_.next_version(clock_.now_ms());
    }
}

std::int64_t ScheduleMessageService::run_once() {
    std::int64_t wait = kIdle;
    for (std::int32_t level = 1; level <= options_.levels.max_level(); ++level) {
        wait = std::min(wait, run_level(level));
    }
    if (clock_.monotonic_ms() >= next_persist_ms_) {
        next_persist_ms_ = clock_.monotonic_ms() + options_.flush_interval_ms;
        if (const auto written = persist(); !written) {
            logger().error("delay_positions_not_persisted error=\"{}\"", written.error().remark);
        }
    }
    return wait;
}

std::int64_t ScheduleMessageService::run_level(std::int32_t level_number) {
    Level& level = table_[static_cast<std::size_t>(level_number - 1)];
    const std::int32_t queue_id = level_number - 1;
    for (int turn = 0; turn < kDeliveriesPerTurn; ++turn) {
        const std::int64_t now = clock_.now_ms();
        if (now < level.retry_at_ms && level.retry_at_ms - now <= kRetryMs) {
            return level.retry_at_ms - now;
        }
        const auto entry = store_->entry(queue_id, level.next);
        if (!entry) {
            const QueueOffset corrected = within_queue(queue_id, level.next);
            if (corrected == level.next) {
                return kIdle;
            }
            logger().error("delay_position_corrected level={} from={} to={}", level_number,
                           level.next.value, corrected.value);
            advance(level, corrected);
            continue;
        }
        // A due time beyond the level's delay comes from a clock that stepped back: due now.
        const std::int64_t left = entry->due_ms - now;
        if (left > 0 && left <= options_.levels.delay_ms(level_number)) {
            if (!level.has_position) {
                advance(level, level.next);  // the original's file names the levels in use
            }
            return left;
        }
        if (!deliver(*entry)) {
            level.retry_at_ms = clock_.now_ms() + kRetryMs;
            return kRetryMs;
        }
        advance(level, level.next + 1);
    }
    return 0;
}

bool ScheduleMessageService::deliver(const DelayEntry& entry) {
    const auto slice = store_->record(entry.physical_offset);
    const auto record = slice ? decode_message(slice->bytes) : Error{Errc::kNotFound, "gone"};
    if (!record) {
        logger().warn("delayed_message_skipped physical_offset={} error=\"{}\"",
                      entry.physical_offset.value, record.error().remark);
        return true;
    }
    const auto topic = find_property(record->properties, property::kRealTopic);
    const auto queue = find_property(record->properties, property::kRealQueueId);
    const auto queue_id = queue ? parse_number<std::int32_t>(*queue) : std::nullopt;
    if (!topic || !queue_id || *topic == topic_name::kTransHalf) {
        logger().error("delayed_message_discarded physical_offset={} real_topic={}",
                       entry.physical_offset.value, topic.value_or("none"));
        return true;
    }
    // DELAY, REAL_TOPIC and REAL_QID stay in the stored text, as the original leaves them there.
    auto message = message_copy(*record);
    message.topic = *topic;
    message.queue_id = *queue_id;
    const auto status = store_->put(message);
    if (status != store::PutMessageStatus::PUT_OK) {
        static LogLimiter limiter(10'000);
        if (const auto admission = limiter.admit(clock_.monotonic_ms()); admission.admitted) {
            logger().warn("delayed_delivery_refused topic={} status={} suppressed={}", *topic,
                          store::put_message_status_name(status), admission.suppressed);
        }
        return false;
    }
    if (delivered_) {
        const auto moved = static_cast<std::int64_t>(topic->size()) -
                           static_cast<std::int64_t>(record->topic.size());
        delivered_({*topic, *queue_id, record->total_size + moved});
    }
    return true;
}

void ScheduleMessageService::on_arrivals(std::span<const store::MessageArrival> arrivals) {
    const std::int64_t asleep_until = asleep_until_ms_.load(std::memory_order_acquire);
    for (const auto& arrival : arrivals) {
        if (arrival.topic == topic_name::kSchedule && arrival.tags_code < asleep_until) {
            thread_.wake();
            return;
        }
    }
}

void ScheduleMessageService::start() {
    thread_.start([this] {
        // Before looking: an arrival that the look misses then finds the thread "asleep" and wakes
        // it, so that none is slept through.
        asleep_until_ms_.store(INT64_MAX, std::memory_order_seq_cst);
        const std::int64_t wait = std::min(run_once(), kSleepMaxMs);
        asleep_until_ms_.store(clock_.now_ms() + wait, std::memory_order_seq_cst);
        return wait;
    });
}

void ScheduleMessageService::stop() {
    if (!thread_.stop()) {
        return;
    }
    if (const auto written = persist(); !written) {
        logger().error("delay_positions_not_persisted error=\"{}\"", written.error().remark);
    }
}

Status ScheduleMessageService::persist() {
    {
        std::lock_guard lock(mutex_);
        if (!std::exchange(changed_, false)) {
            return {};
        }
    }
    const auto written = replace_with_backup(options_.path, encode());
    if (!written) {
        std::lock_guard lock(mutex_);
        changed_ = true;
    }
    return written;
}

std::string ScheduleMessageService::encode() const {
    auto offsets = nlohmann::json::object();
    std::lock_guard lock(mutex_);
    for (std::size_t index = 0; index < table_.size(); ++index) {
        if (table_[index].has_position) {
            offsets[std::to_string(index + 1)] = table_[index].next.value;
        }
    }
    return dump_json({{"dataVersion", to_json(data_version_)}, {"offsetTable", offsets}});
}

void ScheduleMessageService::add_runtime_info(
    std::map<std::string, std::string, std::less<>>& table) const {
    std::lock_guard lock(mutex_);
    for (std::size_t index = 0; index < table_.size(); ++index) {
        if (table_[index].has_position) {
            table["scheduleMessageOffset_" + std::to_string(index + 1)] =
                std::to_string(table_[index].next.value) + "," +
                std::to_string(store_->max_offset(static_cast<std::int32_t>(index)).value);
        }
    }
}

}  // namespace rmq::broker

// SPDX-License-Identifier: Apache-2.0
#include "broker/stats/broker_stats_manager.h"

#include "common/light_queue.h"

#include <atomic>
#include <ctime>
#include <functional>
#include <set>
#include <unordered_map>
#include <utility>

namespace rmq::broker {

namespace {

// Queues beyond this number are counted with their topic only.
constexpr std::size_t kQueuesMax = 16'384;

// Written by one thread, read by any.
class Counter {
public:
    void add(std::int64_t value, std::int64_t times = 1) {
        value_.store(value_.load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
        times_.store(times_.load(std::memory_order_relaxed) + times, std::memory_order_relaxed);
    }
    StatsValue read() const {
        return {value_.load(std::memory_order_relaxed), times_.load(std::memory_order_relaxed)};
    }

private:
    std::atomic<std::int64_t> value_{0};
    std::atomic<std::int64_t> times_{0};
};

struct QueuePuts {
    Counter nums, size, latency;
};
struct TopicCounters {
    bool is_system = false;
    Counter nums, size;
    std::vector<std::unique_ptr<QueuePuts>> queues;  // by queueId
};
struct QueueGets {
    Counter nums, size, latency;
};
struct GroupCounters {
    bool is_system = false;  // its topic
    Counter nums, size, send_back, dead_letter;
    std::vector<std::unique_ptr<QueueGets>> queues;  // by queueId
};

using TopicGroup = std::pair<std::string_view, std::string_view>;
struct TopicGroupHash {
    using is_transparent = void;
    std::size_t operator()(const TopicGroup& key) const {
        const std::hash<std::string_view> hash;
        return hash(key.first) * 31 + hash(key.second);
    }
    std::size_t operator()(const std::pair<std::string, std::string>& key) const {
        return (*this)(TopicGroup(key.first, key.second));
    }
};
struct TopicGroupEqual {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
        return std::string_view(a.first) == std::string_view(b.first) &&
               std::string_view(a.second) == std::string_view(b.second);
    }
};
struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
        return std::hash<std::string_view>{}(text);
    }
};

std::int64_t next_midnight_after(std::int64_t now_ms) {
    const auto seconds = static_cast<std::time_t>(now_ms / 1000);
    std::tm local{};
    ::localtime_r(&seconds, &local);
    local.tm_hour = local.tm_min = local.tm_sec = 0;
    ++local.tm_mday;
    local.tm_isdst = -1;
    return static_cast<std::int64_t>(std::mktime(&local)) * 1000;
}

std::uint64_t next_id() {
    static std::atomic<std::uint64_t> last{0};
    return ++last;
}

using Totals = std::map<std::string_view, std::map<std::string, StatsValue>>;

}  // namespace

// The counters of one thread. Only that thread changes the structure, and then under mutex_; it may
// look without it. Everybody else looks under mutex_.
class BrokerStatsManager::ThreadTable {
public:
    Counter broker_puts, broker_gets, broker_puts_no_system, broker_gets_no_system;

    explicit ThreadTable(const Options& options) : options_(options) {}

    TopicCounters& topic(std::string_view name) {
        drop_deleted();
        const auto found = topics_.find(name);
        if (found != topics_.end()) {
            return found->second;
        }
        std::lock_guard lock(mutex_);
        auto& made = topics_[std::string(name)];
        made.is_system = is_system(name);
        return made;
    }

    GroupCounters& group(std::string_view topic, std::string_view group) {
        drop_deleted();
        const auto found = groups_.find(TopicGroup(topic, group));
        if (found != groups_.end()) {
            return found->second;
        }
        std::lock_guard lock(mutex_);
        auto& made = groups_[{std::string(topic), std::string(group)}];
        made.is_system = is_system(topic);
        return made;
    }

    template <class Queue>
    Queue* queue(std::vector<std::unique_ptr<Queue>>& queues, std::int32_t queue_id) {
        const auto index = static_cast<std::size_t>(queue_id);
        if (queue_id < 0 || index >= kQueuesMax) {
            return nullptr;
        }
        if (index >= queues.size() || !queues[index]) {
            std::lock_guard lock(mutex_);
            if (index >= queues.size()) {
                queues.resize(index + 1);
            }
            queues[index] = std::make_unique<Queue>();
        }
        return queues[index].get();
    }

    // From any thread: forget counters before the next one is counted or read.
    void remove_topic(std::string_view topic) {
        std::lock_guard lock(mutex_);
        deleted_topics_.emplace(topic);
        has_deleted_.store(true, std::memory_order_release);
    }
    void remove_group(std::string_view group) {
        std::lock_guard lock(mutex_);
        deleted_groups_.emplace(group);
        has_deleted_.store(true, std::memory_order_release);
    }

    void add_to(Totals& totals) const;

private:
    void drop_deleted() {
        if (!has_deleted_.load(std::memory_order_acquire)) {
            return;
        }
        std::lock_guard lock(mutex_);
        std::erase_if(topics_, [&](const auto& item) { return is_deleted(item.first); });
        std::erase_if(groups_, [&](const auto& item) {
            return is_deleted(item.first.first) || deleted_groups_.contains(item.first.second);
        });
        deleted_topics_.clear();
        deleted_groups_.clear();
        has_deleted_.store(false, std::memory_order_relaxed);
    }
    bool is_system(std::string_view topic) const {
        return options_.is_system_topic && options_.is_system_topic(topic);
    }
    bool is_deleted(const std::string& topic) const { return deleted_topics_.contains(topic); }

    const Options& options_;
    mutable std::mutex mutex_;
    std::unordered_map<std::string, TopicCounters, TextHash, std::equal_to<>> topics_;
    std::unordered_map<std::pair<std::string, std::string>, GroupCounters, TopicGroupHash,
                       TopicGroupEqual>
        groups_;
    std::set<std::string, std::less<>> deleted_topics_;  // guarded by mutex_
    std::set<std::string, std::less<>> deleted_groups_;  // guarded by mutex_
    std::atomic<bool> has_deleted_{false};
};

void BrokerStatsManager::ThreadTable::add_to(Totals& totals) const {
    const auto add = [&](std::string_view name, std::string key, const Counter& counter) {
        const StatsValue total = counter.read();
        if (total.value != 0 || total.times != 0) {
            totals[name][std::move(key)] += total;
        }
    };
    std::lock_guard lock(mutex_);
    for (const auto& [topic, counters] : topics_) {
        if (is_deleted(topic)) {
            continue;
        }
        add(stats_name::kTopicPutNums, topic, counters.nums);
        add(stats_name::kTopicPutSize, topic, counters.size);
        for (std::size_t id = 0; id < counters.queues.size(); ++id) {
            if (const auto* queue = counters.queues[id].get()) {
                const std::string number = std::to_string(id);
                add(stats_name::kQueuePutNums, topic + "@" + number, queue->nums);
                add(stats_name::kQueuePutSize, topic + "@" + number, queue->size);
                add(stats_name::kTopicPutLatency, number + "@" + topic, queue->latency);
            }
        }
    }
    for (const auto& [key, counters] : groups_) {
        const auto& [topic, group] = key;
        if (is_deleted(topic) || deleted_groups_.contains(group)) {
            continue;
        }
        const std::string pair = topic + "@" + group;
        add(stats_name::kGroupGetNums, pair, counters.nums);
        add(stats_name::kGroupGetSize, pair, counters.size);
        add(stats_name::kSndbckPutNums, pair, counters.send_back);
        add(stats_name::kDlqPutNums, pair, counters.dead_letter);
        for (std::size_t id = 0; id < counters.queues.size(); ++id) {
            if (const auto* queue = counters.queues[id].get()) {
                const std::string number = std::to_string(id);
                const std::string queue_key = topic + "@" + number + "@" + group;
                add(stats_name::kQueueGetNums, queue_key, queue->nums);
                add(stats_name::kQueueGetSize, queue_key, queue->size);
                add(stats_name::kGroupGetLatency, number + "@" + pair, queue->latency);
            }
        }
    }
}

BrokerStatsManager::BrokerStatsManager(Options options, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      id_(next_id()),
      next_midnight_ms_(next_midnight_after(clock.now_ms())) {}

BrokerStatsManager::~BrokerStatsManager() = default;

BrokerStatsManager::ThreadTable& BrokerStatsManager::mine() {
    // Ids are never reused, so an entry of a manager that is gone is never found again.
    thread_local std::uint64_t last_id = 0;
    thread_local ThreadTable* last = nullptr;
    thread_local std::map<std::uint64_t, ThreadTable*> known;
    if (last_id != id_) {
        auto& table = known[id_];
        if (table == nullptr) {
            std::lock_guard lock(mutex_);
            tables_.push_back(std::make_unique<ThreadTable>(options_));
            table = tables_.back().get();
        }
        last_id = id_;
        last = table;
    }
    return *last;
}

void BrokerStatsManager::on_put(const Put& put) {
    auto& table = mine();
    auto& topic = table.topic(put.topic);
    topic.nums.add(put.messages);
    topic.size.add(put.bytes);
    if (options_.enable_queue_stat) {
        if (auto* queue = table.queue(topic.queues, put.queue_id)) {
            queue->nums.add(put.messages);
            queue->size.add(put.bytes);
            queue->latency.add(put.latency_ms);
        }
    }
    table.broker_puts.add(put.messages, 0);
    if (!topic.is_system) {
        table.broker_puts_no_system.add(put.messages, 0);
    }
}

void BrokerStatsManager::on_get(const Get& get) {
    auto& table = mine();
    const bool folds = options_.folds_light_queues;
    auto& group = table.group(folds && is_light_queue(get.topic) ? kLightQueuePrefix : get.topic,
                              folds && is_light_queue(get.group) ? kLightQueuePrefix : get.group);
    group.nums.add(get.messages);
    group.size.add(get.bytes);
    if (options_.enable_queue_stat) {
        if (auto* queue = table.queue(group.queues, get.queue_id)) {
            queue->nums.add(get.messages);
            queue->size.add(get.bytes);
            queue->latency.add(get.latency_ms);
        }
    }
    table.broker_gets.add(get.messages, 0);
    if (!group.is_system) {
        table.broker_gets_no_system.add(get.messages, 0);
    }
}

void BrokerStatsManager::on_send_back(std::string_view group, std::string_view topic) {
    mine().group(topic, group).send_back.add(1);
}

void BrokerStatsManager::on_dead_letter(std::string_view group, std::string_view topic) {
    mine().group(topic, group).dead_letter.add(1);
}

BrokerStatsManager::BrokerTotals BrokerStatsManager::broker_totals() const {
    BrokerTotals totals;
    for (const auto& table : tables_) {
        totals.puts += table->broker_puts.read().value;
        totals.gets += table->broker_gets.read().value;
        totals.puts_no_system += table->broker_puts_no_system.read().value;
        totals.gets_no_system += table->broker_gets_no_system.read().value;
    }
    return totals;
}

void BrokerStatsManager::run_once() {
    const std::int64_t now = clock_.now_ms();
    std::lock_guard lock(mutex_);
    for (const auto window : {StatsItem::kMinute, StatsItem::kHour, StatsItem::kDay}) {
        auto& next = next_sample_ms_[window];
        // A clock that stepped far back must not stop the sampling.
        if (now >= next || next - now > sample_period_ms(window)) {
            next = now + sample_period_ms(window);
            sample(window, now);
        }
    }
    if (now >= next_midnight_ms_) {
        next_midnight_ms_ = next_midnight_after(now);
        const auto totals = broker_totals();
        yesterday_morning_ = std::exchange(today_morning_, totals);
    }
}

void BrokerStatsManager::sample(StatsItem::Window window, std::int64_t now_ms) {
    Totals totals;
    for (const auto& table : tables_) {
        table->add_to(totals);
    }
    const auto broker = broker_totals();
    const std::string& cluster = options_.cluster_name;
    totals[stats_name::kBrokerPutNums][cluster] = {broker.puts, 0};
    totals[stats_name::kBrokerGetNums][cluster] = {broker.gets, 0};
    totals[stats_name::kBrokerPutNumsWithoutSystemTopic][cluster] = {broker.puts_no_system, 0};
    totals[stats_name::kBrokerGetNumsWithoutSystemTopic][cluster] = {broker.gets_no_system, 0};
    for (const auto& [name, values] : totals) {
        auto items = items_.find(name);
        if (items == items_.end()) {
            items = items_.emplace(std::string(name), StatsItemSet()).first;
        }
        for (const auto& [key, value] : values) {
            items->second[key].sample(window, now_ms, value);
        }
    }
}

void BrokerStatsManager::forget(const std::function<bool(const KeyParts&)>& is_gone) {
    for (auto& [name, items] : items_) {
        if (name.starts_with("BROKER_")) {
            continue;
        }
        std::erase_if(items, [&, &stats_name = name](const auto& item) {
            return is_gone(split_key(stats_name, item.first));
        });
    }
}

// Topic and group of a key; the number of a queue stands before or between them.
BrokerStatsManager::KeyParts BrokerStatsManager::split_key(std::string_view name,
                                                           std::string_view key) {
    const bool number_first =
        name == stats_name::kTopicPutLatency || name == stats_name::kGroupGetLatency;
    if (number_first) {
        key.remove_prefix(std::min(key.find('@') + 1, key.size()));
    }
    const auto end = key.find('@');
    if (end == std::string_view::npos) {
        return {key, {}};
    }
    const bool has_group = name.starts_with("GROUP_") || name == stats_name::kSndbckPutNums ||
                           name == stats_name::kDlqPutNums || name.starts_with("QUEUE_GET_");
    return {key.substr(0, end), has_group ? key.substr(key.rfind('@') + 1) : std::string_view()};
}

void BrokerStatsManager::on_topic_deleted(std::string_view topic) {
    std::lock_guard lock(mutex_);
    for (const auto& table : tables_) {
        table->remove_topic(topic);
    }
    forget([&](const KeyParts& key) { return key.topic == topic; });
}

void BrokerStatsManager::on_group_deleted(std::string_view group) {
    std::lock_guard lock(mutex_);
    for (const auto& table : tables_) {
        table->remove_group(group);
    }
    forget([&](const KeyParts& key) { return !key.group.empty() && key.group == group; });
}

const StatsItem* BrokerStatsManager::find(std::string_view name, std::string_view key) const {
    const auto items = items_.find(name);
    if (items == items_.end()) {
        return nullptr;
    }
    const auto item = items->second.find(key);
    return item == items->second.end() ? nullptr : &item->second;
}

std::optional<BrokerStatsData> BrokerStatsManager::item(std::string_view name,
                                                        std::string_view key) const {
    std::lock_guard lock(mutex_);
    const auto* found = find(name, key);
    return found != nullptr ? std::optional(found->data()) : std::nullopt;
}

double BrokerStatsManager::tps_topic_put_nums(std::string_view topic) const {
    std::lock_guard lock(mutex_);
    const auto* found = find(stats_name::kTopicPutNums, topic);
    return found != nullptr ? found->over(StatsItem::kMinute).tps : 0;
}

double BrokerStatsManager::tps_group_get_nums(std::string_view group,
                                              std::string_view topic) const {
    const std::string key = std::string(topic) + "@" + std::string(group);
    std::lock_guard lock(mutex_);
    const auto* found = find(stats_name::kGroupGetNums, key);
    return found != nullptr ? found->over(StatsItem::kMinute).tps : 0;
}

void BrokerStatsManager::add_runtime_info(Table& table) const {
    std::lock_guard lock(mutex_);
    const auto now = broker_totals();
    table["msgPutTotalYesterdayMorning"] = std::to_string(yesterday_morning_.puts_no_system);
    table["msgPutTotalTodayMorning"] = std::to_string(today_morning_.puts_no_system);
    table["msgPutTotalTodayNow"] = std::to_string(now.puts_no_system);
    table["msgGetTotalYesterdayMorning"] = std::to_string(yesterday_morning_.gets_no_system);
    table["msgGetTotalTodayMorning"] = std::to_string(today_morning_.gets_no_system);
    table["msgGetTotalTodayNow"] = std::to_string(now.gets_no_system);
}

}  // namespace rmq::broker

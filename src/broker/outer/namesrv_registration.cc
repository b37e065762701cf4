// SPDX-License-Identifier: Apache-2.0
#include "broker/outer/namesrv_registration.h"

#include "broker/broker_config.h"
#include "common/log.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace rmq::broker {

namespace {

// Source: BrokerController.startService.
constexpr std::int64_t kFirstRegisterMs = 10'000;
constexpr std::int64_t kPeriodMinMs = 10'000;
constexpr std::int64_t kPeriodMaxMs = 60'000;
// Source: BrokerController.registerSingleTopicAll.
constexpr std::chrono::milliseconds kSingleTopicTimeout{3000};
constexpr int kRepeatsMax = 3;

}  // namespace

NamesrvRegistration::NamesrvRegistration(Collaborators with)
    : with_(std::move(with)), next_register_ms_(with_.clock.monotonic_ms() + kFirstRegisterMs) {
    refresh_namesrv_addrs();
}

void NamesrvRegistration::refresh_namesrv_addrs() {
    with_.outer.update_namesrv_addrs(split_namesrv_addr(with_.config.namesrv_addr.get()));
    next_refresh_ms_ = with_.clock.monotonic_ms() + with_.config.update_name_server_addr_period;
}

RegisterOptions NamesrvRegistration::options() const {
    const auto& config = with_.config;
    RegisterOptions options;
    options.timeout = std::chrono::milliseconds(config.register_broker_timeout_mills);
    options.compressed = config.compressed_register;
    options.enable_acting_master = config.enable_slave_acting_master;
    if (config.enable_slave_acting_master) {
        options.heartbeat_timeout_millis = config.broker_not_active_timeout_millis;
    }
    return options;
}

TopicConfig NamesrvRegistration::masked(TopicConfig config) const {
    constexpr auto kReadWrite = perm::kRead | perm::kWrite;
    const std::int32_t allowed = with_.config.broker_permission;
    if ((allowed & kReadWrite) != kReadWrite) {
        config.perm &= allowed;
    }
    return config;
}

BrokerOuterApi::RegisterDone NamesrvRegistration::report() {
    return [on_answer = with_.on_answer](const std::vector<RegisterAnswer>& answers) {
        for (const auto& answer : answers) {
            if (on_answer) {
                on_answer(answer);
            }
        }
    };
}

void NamesrvRegistration::UnderWay::begin() {
    const std::lock_guard lock(mutex);
    ++count;
}

void NamesrvRegistration::UnderWay::end() {
    const std::lock_guard lock(mutex);
    if (--count == 0) {
        none.notify_all();
    }
}

// A topic that changed between the reading of the table and its sending may have been registered
// first: the table must not be the last word then.
void NamesrvRegistration::register_all(BrokerOuterApi::RegisterDone done) {
    auto before = changes_.load();
    register_table(std::move(done));
    for (int i = 0; i < kRepeatsMax && changes_ != before; ++i) {
        before = changes_;
        register_table(report());
    }
}

void NamesrvRegistration::register_table(BrokerOuterApi::RegisterDone done) {
    RegisterBrokerBody body;
    body.topic_config_serialize_wrapper = with_.all_topics();
    for (auto& [name, topic] : body.topic_config_serialize_wrapper.topic_config_table) {
        topic = masked(std::move(topic));
    }
    with_.outer.register_broker_all(with_.self, body, options(), std::move(done));
}

int NamesrvRegistration::register_now_and_wait(std::chrono::milliseconds wait) {
    struct Waiting {
        std::mutex mutex;
        std::condition_variable done;
        int accepted = -1;  // guarded by mutex; negative while waiting
    };
    auto waiting = std::make_shared<Waiting>();
    register_all([waiting, tell = std::make_shared<BrokerOuterApi::RegisterDone>(report())](
                     std::vector<RegisterAnswer> answers) {
        const int accepted = static_cast<int>(answers.size());
        (*tell)(std::move(answers));
        std::lock_guard lock(waiting->mutex);
        waiting->accepted = accepted;
        waiting->done.notify_all();
    });
    std::unique_lock lock(waiting->mutex);
    waiting->done.wait_for(lock, wait, [&] { return waiting->accepted >= 0; });
    return std::max(0, waiting->accepted);
}

void NamesrvRegistration::run_once() {
    if (stopped_) {
        return;
    }
    const std::int64_t now = with_.clock.monotonic_ms();
    if (now >= next_refresh_ms_) {
        refresh_namesrv_addrs();
    }
    if (now < next_register_ms_) {
        return;
    }
    next_register_ms_ = now + std::clamp<std::int64_t>(with_.config.register_name_server_period,
                                                       kPeriodMinMs, kPeriodMaxMs);
    if (with_.config.force_register) {
        register_all(report());
        return;
    }
    // The table is read again after the answer, so that nothing that changed meanwhile is missed.
    with_.outer.need_register(with_.self, with_.all_topics().data_version, options().timeout,
                              [this](bool needed) {
                                  if (needed && !stopped_) {
                                      register_all(report());
                                  }
                              });
}

void NamesrvRegistration::send_heartbeat() {
    if (with_.config.enable_slave_acting_master && !stopped_) {
        with_.outer.send_heartbeat(with_.self);
    }
}

void NamesrvRegistration::on_topics_changed(const std::vector<TopicConfig>& changed,
                                            const DataVersion& version) {
    if (stopped_ || changed.empty()) {
        return;
    }
    ++changes_;
    if (with_.config.enable_single_topic_register) {
        for (const auto& topic : changed) {
            under_way_->begin();
            with_.outer.register_single_topic_all(with_.self.broker_name, masked(topic),
                                                  kSingleTopicTimeout,
                                                  [under_way = under_way_] { under_way->end(); });
        }
        return;
    }
    RegisterBrokerBody body;
    auto& wrapper = body.topic_config_serialize_wrapper;
    wrapper.data_version = version;
    for (const auto& topic : changed) {
        wrapper.topic_config_table.insert_or_assign(topic.topic_name, masked(topic));
    }
    under_way_->begin();
    with_.outer.register_broker_all(
        with_.self, body, options(),
        [under_way = under_way_, tell = report()](std::vector<RegisterAnswer> answers) mutable {
            tell(std::move(answers));
            under_way->end();
        });
}

void NamesrvRegistration::wait_for_changed_topics(std::chrono::milliseconds wait) {
    std::unique_lock lock(under_way_->mutex);
    under_way_->none.wait_for(lock, wait, [this] { return under_way_->count == 0; });
}

void NamesrvRegistration::unregister(std::chrono::milliseconds wait) {
    if (!stopped_.exchange(true)) {
        with_.outer.unregister_broker_all(with_.self, wait);
    }
}

}  // namespace rmq::broker

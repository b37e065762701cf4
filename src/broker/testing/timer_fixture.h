// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/timer/schedule_rewrite.h"
#include "broker/timer/timer_message_store.h"
#include "broker/timer/timer_store.h"
#include "common/testing/temp_dir.h"
#include "store/message_store_config.h"

#include <cstdint>
#include <deque>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::testing {

// The timer's topic, and what was delivered to others, in memory; outlives a "crash" of the timer.
struct TimerLogModel {
    struct Delivered {
        std::string topic;
        std::int32_t queue_id = 0;
        std::string body;
        std::string properties;
        std::int64_t at_ms = 0;
    };

    mutable std::mutex mutex;
    std::deque<std::string> records;   // stable addresses; a record's position is its index
    std::vector<std::int64_t> queue;   // of rmq_sys_wheel_timer
    std::vector<Delivered> delivered;  // in order
    int refusals = 0;                  // of the next puts
    int fatal_refusals = 0;
    std::int64_t queue_min = 0;
    const Clock* clock = nullptr;

    store::PutMessageStatus put(const store::MessageToPut& message);
};

std::unique_ptr<broker::TimerStore> make_timer_store(TimerLogModel& model);

// The timer over a model of the store, driven by hand.
struct TimerFixture {
    TimerFixture();

    TempDir dir;
    ManualClock clock{1'700'000'000'250};  // inside a second
    store::MessageStoreConfig config;
    store::FileOps ops;
    TimerLogModel model;
    broker::ScheduleRewrite rewrite{{.config = config, .clock = clock}};
    std::unique_ptr<broker::TimerMessageStore> timer;

    // Another process takes the directory; what was not flushed is as a kill leaves it.
    void restart();
    // As a send: "T" queue 3, UNIQ_KEY "id-<body>", and these properties.
    store::PutMessageStatus send(const std::string& body,
                                 std::initializer_list<std::string_view> properties);
    store::PutMessageStatus send_in(const std::string& body, std::int64_t delay_ms);
    // A marker as RecallMessageProcessor puts it.
    store::PutMessageStatus recall(const std::string& body, std::int64_t deliver_ms);
    // Until there is nothing to do now.
    void run();
    // Runs at each of the times up to `ms` from now at which the timer wants to.
    void advance(std::int64_t ms);
    // Of what was delivered, separated by blanks.
    std::string bodies() const;
    std::string property(std::size_t delivered, std::string_view name) const;
    std::int64_t at(std::int64_t from_start_ms) const { return start_ms + from_start_ms; }

    const std::int64_t start_ms = clock.now_ms();
};

}  // namespace rmq::testing

// SPDX-License-Identifier: Apache-2.0
#include "common/service_thread.h"

#include "common/thread_name.h"

#include <utility>

namespace rmq {

void ServiceThread::start(Turn turn) {
    thread_ = std::thread([this, turn = std::move(turn)] {
        set_thread_name(name_);
        run(turn);
    });
}

void ServiceThread::run(const Turn& turn) {
    while (!is_stopping()) {
        if (const std::int64_t wait_ms = turn(); wait_ms > 0) {
            wakeup_.wait(wait_ms);
        }
    }
}

bool ServiceThread::stop() {
    is_stopping_ = true;
    wake();
    if (!thread_.joinable()) {
        return false;
    }
    thread_.join();
    return true;
}

}  // namespace rmq

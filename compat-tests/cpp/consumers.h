// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wire.h"

#include <map>
#include <mutex>
#include <string>

// Push and pull consumers. Thread safety: any thread.
class Consumers {
public:
    explicit Consumers(std::string namesrv) : namesrv_(std::move(namesrv)) {}

    // Carries out one `push.` or `pull.` request; throws std::exception when the client reports a
    // failure.
    Json run(const std::string& op, const Json& request);

private:
    Json start_push(const Json& request);
    Json start_pull(const Json& request);

    const std::string namesrv_;
    std::mutex mutex_;
    std::map<std::string, CPushConsumer*> push_;  // guarded by mutex_
    std::map<std::string, CPullConsumer*> pull_;  // guarded by mutex_
};

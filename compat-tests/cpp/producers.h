// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wire.h"

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

// Everything that sends. Thread safety: any thread.
class Producers {
public:
    explicit Producers(std::string namesrv) : namesrv_(std::move(namesrv)) {}

    // Carries out one `producer.` request; throws std::exception when the client reports a failure.
    Json run(const std::string& op, const Json& request);

private:
    struct Entry {
        CProducer* producer;
        std::atomic<bool> stopped{false};
    };

    Json start(const Json& request);
    Entry& entry(const Json& request);

    const std::string namesrv_;
    std::mutex mutex_;
    std::map<std::string, std::unique_ptr<Entry>> entries_;  // guarded by mutex_
};

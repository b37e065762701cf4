// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/properties_file.h"
#include "common/result.h"

#include <cstdint>
#include <memory>

namespace rmq::store {
struct MessageStoreConfig;
}

namespace rmq::broker {

struct BrokerConfig;

// One broker: the composition root. It builds the store, the tables, the processors and the two
// listeners in order, and is the only place that makes threads for them.
// Thread safety: all members from one thread (main's).
// Lifecycle: construct, start(), stop(); not restartable. A failed start() leaves nothing running.
// Source: BrokerController.
class Broker {
public:
    // `settings`: what the file and the command line set, already applied to both structs. The
    // broker binds its own Configuration to its copies of the structs (broker::bind_config,
    // store::bind_config) and loads `settings` into it, so that administrators get back also the
    // keys that are only known, and updates are written to brokerConfigPath as these plus the
    // changes (Configuration::explicit_values).
    Broker(BrokerConfig config, store::MessageStoreConfig store_config, Properties settings = {});
    ~Broker();
    Broker(const Broker&) = delete;
    Broker& operator=(const Broker&) = delete;

    // Takes the store directory, recovers, listens on listenPort and listenPort - 2 (listenPort 0:
    // any free one, no second listener), starts all threads and registers with the NameServers.
    // Errors: kBusy (store locked by another process), kAlreadyExists (port taken),
    // kPermissionDenied, kIo, kInvalidArgument, kMalformed (a state file cannot be read); the
    // remark names the cause and the cure. Blocks, after a crash for as long as recovery takes.
    Status start();

    // The main listener's port. Valid after start().
    std::uint16_t port() const;
    // That of /metrics; 0 while there is no exporter. Valid after start().
    std::uint16_t metrics_port() const;

    // Unregisters, closes the intake, answers what is in flight, stops all threads in the reverse
    // order of their start, and persists every table. Idempotent.
    void stop();

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace rmq::broker

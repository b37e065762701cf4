// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/properties_file.h"
#include "common/result.h"
#include "namesrv/namesrv_config.h"

#include <cstdint>
#include <memory>

namespace rmq::namesrv {

// One NameServer: the composition root. Owns the io threads, the listener, the routing tables, the
// KV configuration and the scan for silent brokers. NameServers do not know of each other.
// Thread safety: all members from one thread (main's).
// Lifecycle: construct, start(), stop(); not restartable. A failed start() leaves nothing running.
// Source: NamesrvController.
class Namesrv {
public:
    // `settings`: what the file and the command line set, already applied to `config`; kept so that
    // administrators get back also the keys that are only known.
    explicit Namesrv(NamesrvConfig config, Properties settings = {});
    ~Namesrv();
    Namesrv(const Namesrv&) = delete;
    Namesrv& operator=(const Namesrv&) = delete;

    // Reads kvConfig.json and listens on listenPort (0: any free one). Errors: kAlreadyExists (port
    // taken), kPermissionDenied, kInvalidArgument (bad address), kMalformed, kIo (kvConfig.json);
    // the remark names the cause and the cure.
    Status start();
    // Valid after start().
    std::uint16_t port() const;
    // Closes the intake, answers what is in flight, stops all threads. Idempotent.
    void stop();

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace rmq::namesrv

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"
#include "common/unique_function.h"
#include "remoting/io_pool.h"
#include "remoting/protocol/response.h"
#include "remoting/request_registry.h"

#include <chrono>
#include <memory>
#include <string>

namespace rmq {

// Sends requests to other servers (broker to NameServer, tools to both) over one connection per
// address, opened on first use and reopened after a failure. Host names are resolved.
// Thread safety: any thread; `done` runs on io thread 0 of the pool.
class RemotingClient {
public:
    static constexpr std::chrono::milliseconds kConnectTimeout{3000};  // Source: NettyClientConfig

    // `registry`, when given, serves requests that the peer sends over these connections. An
    // address that does not let us in within `connect_timeout` counts as kUnavailable.
    explicit RemotingClient(IoPool& pool, const RequestRegistry* registry = nullptr,
                            std::chrono::milliseconds connect_timeout = kConnectTimeout);
    ~RemotingClient();
    RemotingClient(const RemotingClient&) = delete;
    RemotingClient& operator=(const RemotingClient&) = delete;

    // `address` is "host:port". Calls done exactly once: the answer (whatever its code), or
    // kTimeout, kConnectionClosed, kUnavailable (cannot connect), kInvalidArgument (bad address).
    void invoke(const std::string& address, OutboundCommand command,
                std::chrono::milliseconds timeout,
                UniqueFunction<void(Result<InboundResponse>)> done);

    // The same, waiting. Never call it on an io thread (asserted).
    Result<InboundResponse> invoke_sync(const std::string& address, OutboundCommand command,
                                        std::chrono::milliseconds timeout);

    void send_oneway(const std::string& address, OutboundCommand command);

    // Closes all connections; pending calls end with kConnectionClosed.
    void stop();

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace rmq

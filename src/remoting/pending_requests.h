// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"
#include "common/unique_function.h"
#include "remoting/protocol/remoting_command.h"
#include "remoting/protocol/response.h"

#include <cstdint>
#include <unordered_map>

namespace rmq {

// Requests sent over one connection and not yet answered, by opaque. Each completion is called
// exactly once. Thread safety: none, belongs to the connection's io thread.
class PendingRequests {
public:
    using Done = UniqueFunction<void(Result<InboundResponse>)>;

    static constexpr std::int64_t kNoDeadline = INT64_MAX;

    bool full() const;
    bool empty() const { return pending_.empty(); }
    std::size_t size() const { return pending_.size(); }

    // Precondition: !full(); `opaque` is not pending.
    void add(std::int32_t opaque, std::int64_t deadline_ms, Done done);

    // False for an answer that nobody waits for (any more).
    bool complete(const RemotingCommand& answer);

    // Ends those past their deadline with kTimeout; returns the earliest deadline left.
    std::int64_t expire(std::int64_t now_ms);

    // Ends all.
    void fail_all(const Error& error);

private:
    struct Entry {
        std::int64_t deadline_ms;
        Done done;
    };
    std::unordered_map<std::int32_t, Entry> pending_;
};

}  // namespace rmq

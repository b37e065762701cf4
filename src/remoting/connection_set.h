// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/socket_connection.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace rmq {

// The open connections of one owner on one io thread. Thread safety: none, that thread only.
class ConnectionSet {
public:
    void add(std::shared_ptr<SocketConnection> connection) {
        connection->owner_index = connections_.size();
        connections_.push_back(std::move(connection));
    }

    void remove(const SocketConnection& connection) {
        const std::size_t index = connection.owner_index;
        connections_.back()->owner_index = index;
        connections_[index].swap(connections_.back());
        connections_.pop_back();
    }

    std::size_t size() const { return connections_.size(); }

    // Calls visit(SocketConnection&) on each; `visit` may close the connection it is given.
    template <class Visit>
    void for_each(Visit&& visit) {
        for (std::size_t i = connections_.size(); i-- > 0;) {
            const auto connection = connections_[i];
            visit(*connection);
        }
    }

    // Closes those silent since `idle_since_ms`; the others of a moment's rest give buffers back.
    // Returns how many were closed.
    std::size_t sweep(std::int64_t idle_since_ms, std::int64_t resting_since_ms) {
        std::size_t closed = 0;
        for_each([&](SocketConnection& connection) {
            if (connection.last_activity_ms() <= idle_since_ms) {
                ++closed;
                connection.close("idle");
            } else if (connection.last_activity_ms() <= resting_since_ms) {
                connection.release_memory();
            }
        });
        return closed;
    }

private:
    std::vector<std::shared_ptr<SocketConnection>> connections_;
};

}  // namespace rmq

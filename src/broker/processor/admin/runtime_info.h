// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/processor/admin/admin_handler.h"
#include "common/result.h"
#include "remoting/protocol/body/kv_table.h"
#include "remoting/request_registry.h"

#include <functional>
#include <vector>

namespace rmq {
class Configuration;
}

namespace rmq::store {
class MessageStore;
struct MessageStoreConfig;
}  // namespace rmq::store

namespace rmq::broker {

class StoreStatsService;

// Answers GET_BROKER_RUNTIME_INFO (28): one table of texts, the same keys as the original's, for
// operators and exporters. Runs on the blocking pool.
// Source: AdminBrokerProcessor.prepareRuntimeInfo, DefaultMessageStore.getRuntimeInfo (5.5.0).
class RuntimeInfo {
public:
    // Adds the entries of another service (message totals, delay positions); later ones win.
    using Contributor = std::function<void(decltype(KvTable::table)& table)>;

    struct Parts {
        const Configuration& configuration;
        const store::MessageStore& store;
        const store::MessageStoreConfig& store_config;
        const StoreStatsService& store_stats;
        std::vector<Contributor> contributors;
    };

    // The parts outlive this object.
    explicit RuntimeInfo(Parts parts) : parts_(std::move(parts)) {}

    void register_in(RequestRegistry& registry, const AdminQueue& queue);
    KvTable table() const;

private:
    void add_store(decltype(KvTable::table)& table) const;
    void add_queues(decltype(KvTable::table)& table) const;

    const Parts parts_;
};

}  // namespace rmq::broker

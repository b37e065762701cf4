// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"
#include "remoting/protocol/body/data_version.h"
#include "remoting/protocol/body/kv_table.h"
#include "remoting/protocol/body/lock_batch.h"
#include "remoting/protocol/body/register_broker.h"
#include "remoting/protocol/body/route_data.h"
#include "remoting/remoting_client.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::broker {

// "a:9876;b:9876" cut at semicolons, blanks and repetitions left out.
std::vector<std::string> split_namesrv_addr(std::string_view list);

// Who registers.
struct BrokerSelf {
    std::string cluster_name;
    std::string broker_name;
    std::string broker_addr;
    std::string ha_server_addr;
    std::int64_t broker_id = 0;
};

struct RegisterOptions {
    std::chrono::milliseconds timeout{24'000};
    bool compressed = false;
    bool enable_acting_master = false;
    std::optional<std::int64_t> heartbeat_timeout_millis;
};

// What one NameServer answered to a registration. Source: RegisterBrokerResult.
struct RegisterAnswer {
    std::string namesrv_addr;
    std::string master_addr;     // of a slave's live master; else empty
    std::string ha_server_addr;  // likewise
    std::optional<KvTable> order_topics;
};

// The broker's calls to all its NameServers. Each call goes to all of them in parallel; a
// NameServer that does not answer is logged and does not delay the others.
// Thread safety: every member from any thread. Completions run on io thread 0 of the client's pool.
// Source: BrokerOuterAPI.
class BrokerOuterApi {
public:
    // `client` outlives this object and is stopped before it goes.
    explicit BrokerOuterApi(RemotingClient& client) : client_(client) {}

    // Replaces the list; calls under way are not affected.
    void update_namesrv_addrs(std::vector<std::string> addresses);
    std::vector<std::string> namesrv_addrs() const;

    // Sends REGISTER_BROKER (103). `done` runs exactly once, when all have answered or failed,
    // with the answers of those that accepted.
    using RegisterDone = UniqueFunction<void(std::vector<RegisterAnswer>)>;
    void register_broker_all(const BrokerSelf& self, const RegisterBrokerBody& body,
                             const RegisterOptions& options, RegisterDone done);

    // Asks QUERY_DATA_VERSION (322); `done` gets true when any NameServer knows another version,
    // or did not answer. Source: BrokerOuterAPI.needRegister.
    void need_register(const BrokerSelf& self, const DataVersion& version,
                       std::chrono::milliseconds timeout, UniqueFunction<void(bool)> done);

    // REGISTER_TOPIC_IN_NAMESRV (217), for enableSingleTopicRegister. `done` runs exactly once,
    // when all have answered or failed.
    void register_single_topic_all(std::string_view broker_name, const TopicConfig& topic,
                                   std::chrono::milliseconds timeout, UniqueFunction<void()> done);

    // UNREGISTER_BROKER (104). Waits for all answers, up to the timeout; not on an io thread.
    void unregister_broker_all(const BrokerSelf& self, std::chrono::milliseconds timeout);

    // The addresses of the broker's replicas, its own left out: GET_BROKER_MEMBER_GROUP (901) of
    // the first NameServer that answers. `done` runs exactly once.
    void find_replicas(const BrokerSelf& self, UniqueFunction<void(std::vector<std::string>)> done);
    // LOCK_BATCH_MQ (41) of another broker: the queues won there, none when it does not answer.
    void lock_batch_mq(const std::string& address, const LockBatchRequestBody& request,
                       UniqueFunction<void(std::vector<MessageQueue>)> done);
    // UNLOCK_BATCH_MQ (42); a failure is only logged.
    void unlock_batch_mq(const std::string& address, const LockBatchRequestBody& request);

    // BROKER_HEARTBEAT (904), oneway.
    void send_heartbeat(const BrokerSelf& self);

private:
    RemotingClient& client_;
    mutable std::mutex mutex_;
    std::vector<std::string> addresses_;  // guarded by mutex_
};

}  // namespace rmq::broker

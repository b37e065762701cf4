// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/request_registry.h"

namespace rmq {
class BlockingPool;
class Configuration;
}  // namespace rmq

namespace rmq::namesrv {

struct NamesrvConfig;
class KvConfigManager;
class RouteInfoManager;

// What administrators ask of a NameServer: cluster and topic lists (106, 206, 224, 304, 311, 312,
// 313), deleting a topic (216), write permission (205, 327), KV configuration (100, 101, 102, 219)
// and the NameServer's own configuration (318, 319).
// Thread safety: all handlers from any io thread; those that write a file answer from `blocking`.
// Source: DefaultRequestProcessor (namesrv).
class AdminProcessor {
public:
    struct Collaborators {  // all outlive the processor
        const NamesrvConfig& config;
        Configuration& configuration;
        RouteInfoManager& routes;
        KvConfigManager& kv_configs;
        BlockingPool& blocking;
    };
    explicit AdminProcessor(Collaborators with) : with_(with) {}

    void add_to(RequestRegistry& registry);

private:
    void add_lists(RequestRegistry& registry);
    Response delete_topic(const Request& request);
    Response wipe_write_perm(const Request& request);
    Response add_write_perm(const Request& request);
    Response get_kv_config(const Request& request);
    Response kv_list(const Request& request);
    void put_kv_config(const Request& request, Responder responder);
    void delete_kv_config(const Request& request, Responder responder);
    void update_config(const Request& request, Responder responder);
    void persist_kv_configs(Responder responder);

    Collaborators with_;
};

}  // namespace rmq::namesrv

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/outer/namesrv_registration.h"
#include "common/result.h"
#include "common/socket_address.h"
#include "remoting/remoting_server.h"

#include <cstdint>
#include <string>
#include <vector>

namespace rmq::store {
struct MessageStoreConfig;
}

namespace rmq::broker {

struct BrokerConfig;

// What the composition root needs beside its parts: mostly what follows from settings.

unsigned io_threads(const BrokerConfig& config);
RemotingServerOptions server_options(const BrokerConfig& config, std::int32_t port);
// How the broker registers with NameServers.
BrokerSelf self_of(const BrokerConfig& config, const store::MessageStoreConfig& store_config);
// The address in stored messages: brokerIP1, which may be a host name, and the port. Blocks.
// Errors: kInvalidArgument.
Result<SocketAddress> store_host_of(const BrokerConfig& config);
// A file of the state directory.
std::string config_file(const store::MessageStoreConfig& config, const char* name);
// ERROR persist_failed, unless `persisted` is a success.
void log_failure(const char* table, const Status& persisted);
std::vector<std::string> names_of(const KvTable& table);

}  // namespace rmq::broker

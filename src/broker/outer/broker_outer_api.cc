// SPDX-License-Identifier: Apache-2.0
#include "broker/outer/broker_outer_api.h"

#include "common/clock.h"
#include "common/crc32.h"
#include "common/log.h"
#include "remoting/protocol/body/cluster_info.h"
#include "remoting/protocol/header/namesrv.h"
#include "remoting/protocol/header_codec.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <utility>

namespace rmq::broker {

namespace {

OutboundCommand identity_command(RequestCode code, const BrokerSelf& self) {
    OutboundCommand command(code);
    BrokerIdentityRequestHeader header;
    header.broker_name = self.broker_name;
    header.broker_addr = self.broker_addr;
    header.cluster_name = self.cluster_name;
    header.broker_id = self.broker_id;
    encode_header(header, command.ext);
    return command;
}

OutboundCommand register_command(const BrokerSelf& self, const RegisterBrokerBody& body,
                                 const RegisterOptions& options) {
    OutboundCommand command(RequestCode::REGISTER_BROKER);
    command.body = encode(body, options.compressed);
    RegisterBrokerRequestHeader header;
    header.broker_name = self.broker_name;
    header.broker_addr = self.broker_addr;
    header.cluster_name = self.cluster_name;
    header.ha_server_addr = self.ha_server_addr;
    header.broker_id = self.broker_id;
    header.heartbeat_timeout_millis = options.heartbeat_timeout_millis;
    header.enable_acting_master = options.enable_acting_master;
    header.compressed = options.compressed;
    header.body_crc32 = crc32_of(command.body);
    encode_header(header, command.ext);
    return command;
}

void log_failure(const char* event, const std::string& address, std::string_view why) {
    static LogLimiter limiter(10'000);
    static const SystemClock clock;
    if (const auto admission = limiter.admit(clock.monotonic_ms()); admission.admitted) {
        log_of("broker").warn("{} peer={} error=\"{}\" suppressed={}", event, address, why,
                              admission.suppressed);
    }
}

RegisterAnswer register_answer(const std::string& address, const InboundResponse& response) {
    RegisterAnswer answer;
    answer.namesrv_addr = address;
    answer.master_addr = response.ext_value("masterAddr");
    answer.ha_server_addr = response.ext_value("haServerAddr");
    if (!response.body.empty()) {
        if (auto table = decode_kv_table(response.body)) {
            answer.order_topics = std::move(*table);
        }
    }
    return answer;
}

// Source: AdminBrokerProcessor.lockBatchMQ.
constexpr std::chrono::milliseconds kReplicaTimeout{1000};

Status accepted(const Result<InboundResponse>& response) {
    if (!response) {
        return response.error();
    }
    if (response->code != 0) {
        return Error{Errc::kUnavailable, response->remark};
    }
    return {};
}

Result<std::vector<std::string>> replica_addresses(const Result<InboundResponse>& response,
                                                   std::int64_t own_id) {
    RMQ_CHECK(accepted(response));
    RMQ_TRY(const auto group, decode_broker_member_group(response->body));
    std::vector<std::string> addresses;
    for (const auto& [id, address] : group.broker_addrs) {
        if (id != own_id) {
            addresses.push_back(address);
        }
    }
    return addresses;
}

Result<std::vector<MessageQueue>> won_queues(const Result<InboundResponse>& response) {
    RMQ_CHECK(accepted(response));
    return parse_lock_batch_response(response->body);
}

}  // namespace

std::vector<std::string> split_namesrv_addr(std::string_view list) {
    std::vector<std::string> addresses;
    while (!list.empty()) {
        const auto end = std::min(list.find(';'), list.size());
        auto one = list.substr(0, end);
        list.remove_prefix(std::min(end + 1, list.size()));
        const auto begin = one.find_first_not_of(" \t");
        if (begin == std::string_view::npos) {
            continue;
        }
        one = one.substr(begin, one.find_last_not_of(" \t") - begin + 1);
        if (std::find(addresses.begin(), addresses.end(), one) == addresses.end()) {
            addresses.emplace_back(one);
        }
    }
    return addresses;
}

void BrokerOuterApi::update_namesrv_addrs(std::vector<std::string> addresses) {
    std::lock_guard lock(mutex_);
    if (addresses_ != addresses) {
        addresses_ = std::move(addresses);
        log_of("broker").info("namesrv_addrs count={}", addresses_.size());
    }
}

std::vector<std::string> BrokerOuterApi::namesrv_addrs() const {
    std::lock_guard lock(mutex_);
    return addresses_;
}

void BrokerOuterApi::register_broker_all(const BrokerSelf& self, const RegisterBrokerBody& body,
                                         const RegisterOptions& options, RegisterDone done) {
    // A call may also fail on this thread, hence the mutex.
    struct Gathering {
        std::mutex mutex;
        std::vector<RegisterAnswer> answers{};  // guarded by mutex
        std::atomic<std::size_t> left{0};
        RegisterDone done{};
    };
    const auto addresses = namesrv_addrs();
    if (addresses.empty()) {
        done({});
        return;
    }
    auto gathering = std::make_shared<Gathering>();
    gathering->left = addresses.size();
    gathering->done = std::move(done);
    const auto command = register_command(self, body, options);
    for (const auto& address : addresses) {
        client_.invoke(address, command, options.timeout,
                       [gathering, address](Result<InboundResponse> response) {
                           if (response && response->code == 0) {
                               std::lock_guard lock(gathering->mutex);
                               gathering->answers.push_back(register_answer(address, *response));
                           } else {
                               log_failure("register_failed", address,
                                           response ? response->remark : response.error().remark);
                           }
                           if (--gathering->left == 0) {
                               gathering->done(std::move(gathering->answers));
                           }
                       });
    }
}

void BrokerOuterApi::need_register(const BrokerSelf& self, const DataVersion& version,
                                   std::chrono::milliseconds timeout,
                                   UniqueFunction<void(bool)> done) {
    struct Gathering {
        std::atomic<std::size_t> left{0};
        std::atomic<bool> needed{false};
        UniqueFunction<void(bool)> done{};
    };
    auto command = identity_command(RequestCode::QUERY_DATA_VERSION, self);
    command.body = encode(version);
    const auto addresses = namesrv_addrs();
    if (addresses.empty()) {
        done(false);
        return;
    }
    auto gathering = std::make_shared<Gathering>();
    gathering->left = addresses.size();
    gathering->done = std::move(done);
    for (const auto& address : addresses) {
        client_.invoke(address, command, timeout, [gathering](Result<InboundResponse> response) {
            if (!response || response->code != 0 || response->ext_value("changed") != "false") {
                gathering->needed = true;
            }
            if (--gathering->left == 0) {
                gathering->done(gathering->needed);
            }
        });
    }
}

void BrokerOuterApi::register_single_topic_all(std::string_view broker_name,
                                               const TopicConfig& topic,
                                               std::chrono::milliseconds timeout,
                                               UniqueFunction<void()> done) {
    TopicRouteData route;
    route.queue_datas.push_back({.broker_name = std::string(broker_name),
                                 .read_queue_nums = topic.read_queue_nums,
                                 .write_queue_nums = topic.write_queue_nums,
                                 .perm = topic.perm,
                                 .topic_sys_flag = topic.topic_sys_flag});
    OutboundCommand command(RequestCode::REGISTER_TOPIC_IN_NAMESRV);
    command.ext.add("topic", topic.topic_name);
    command.body = encode(route, IntegerKeys::kQuoted);
    const auto addresses = namesrv_addrs();
    if (addresses.empty()) {
        done();
        return;
    }
    struct Gathering {
        std::atomic<std::size_t> left{0};
        UniqueFunction<void()> done{};
    };
    auto gathering = std::make_shared<Gathering>();
    gathering->left = addresses.size();
    gathering->done = std::move(done);
    for (const auto& address : addresses) {
        client_.invoke(address, command, timeout,
                       [gathering, address](const Result<InboundResponse>& response) {
                           if (!response || response->code != 0) {
                               log_failure("register_topic_failed", address,
                                           response ? response->remark : response.error().remark);
                           }
                           if (--gathering->left == 0) {
                               gathering->done();
                           }
                       });
    }
}

void BrokerOuterApi::unregister_broker_all(const BrokerSelf& self,
                                           std::chrono::milliseconds timeout) {
    struct Waiting {
        std::mutex mutex;
        std::condition_variable all_done;
        std::size_t left = 0;  // guarded by mutex
    };
    const auto addresses = namesrv_addrs();
    auto waiting = std::make_shared<Waiting>();
    waiting->left = addresses.size();
    const auto command = identity_command(RequestCode::UNREGISTER_BROKER, self);
    for (const auto& address : addresses) {
        client_.invoke(address, command, timeout, [waiting](const Result<InboundResponse>&) {
            std::lock_guard lock(waiting->mutex);
            if (--waiting->left == 0) {
                waiting->all_done.notify_all();
            }
        });
    }
    std::unique_lock lock(waiting->mutex);
    waiting->all_done.wait_for(lock, timeout, [&] { return waiting->left == 0; });
}

void BrokerOuterApi::send_heartbeat(const BrokerSelf& self) {
    OutboundCommand command(RequestCode::BROKER_HEARTBEAT);
    BrokerHeartbeatRequestHeader header;
    header.cluster_name = self.cluster_name;
    header.broker_addr = self.broker_addr;
    header.broker_name = self.broker_name;
    header.broker_id = self.broker_id;
    encode_header(header, command.ext);
    for (const auto& address : namesrv_addrs()) {
        client_.send_oneway(address, command);
    }
}

void BrokerOuterApi::find_replicas(const BrokerSelf& self,
                                   UniqueFunction<void(std::vector<std::string>)> done) {
    struct Asking {
        std::mutex mutex;
        std::size_t left = 0;                                   // guarded by mutex
        UniqueFunction<void(std::vector<std::string>)> done{};  // guarded by mutex; empty once run
    };
    const auto addresses = namesrv_addrs();
    if (addresses.empty()) {
        done({});
        return;
    }
    OutboundCommand command(RequestCode::GET_BROKER_MEMBER_GROUP);
    encode_header(GetBrokerMemberGroupRequestHeader{self.cluster_name, self.broker_name},
                  command.ext);
    auto asking = std::make_shared<Asking>();
    asking->left = addresses.size();
    asking->done = std::move(done);
    for (const auto& address : addresses) {
        client_.invoke(
            address, command, kReplicaTimeout,
            [asking, address, id = self.broker_id](const Result<InboundResponse>& response) {
                auto found = replica_addresses(response, id);
                if (!found) {
                    log_failure("member_group_unknown", address, found.error().remark);
                }
                UniqueFunction<void(std::vector<std::string>)> end;
                {
                    const std::lock_guard lock(asking->mutex);
                    if (--asking->left == 0 || found) {
                        end = std::exchange(asking->done, {});
                    }
                }
                if (end) {
                    end(found ? std::move(*found) : std::vector<std::string>());
                }
            });
    }
}

void BrokerOuterApi::lock_batch_mq(const std::string& address, const LockBatchRequestBody& request,
                                   UniqueFunction<void(std::vector<MessageQueue>)> done) {
    OutboundCommand command(RequestCode::LOCK_BATCH_MQ);
    command.body = encode_lock_batch_request(request);
    client_.invoke(address, std::move(command), kReplicaTimeout,
                   [address, done = std::move(done)](Result<InboundResponse> response) mutable {
                       auto won = won_queues(std::move(response));
                       if (!won) {
                           log_failure("replica_lock_failed", address, won.error().remark);
                       }
                       done(won ? std::move(*won) : std::vector<MessageQueue>());
                   });
}

void BrokerOuterApi::unlock_batch_mq(const std::string& address,
                                     const LockBatchRequestBody& request) {
    OutboundCommand command(RequestCode::UNLOCK_BATCH_MQ);
    command.body = encode_lock_batch_request(request);
    client_.invoke(address, std::move(command), kReplicaTimeout,
                   [address](const Result<InboundResponse>& response) {
                       if (!response) {
                           log_failure("replica_unlock_failed", address, response.error().remark);
                       }
                   });
}

}  // namespace rmq::broker

// SPDX-License-Identifier: Apache-2.0
#include "bench/targets.h"

#include "common/clock.h"
#include "common/environment.h"
#include "remoting/protocol/body/topic_config.h"
#include "remoting/protocol/header/topic.h"
#include "remoting/protocol/header_codec.h"

#include "admin/admin_client.h"
#include <nlohmann/json.hpp>

#include <poll.h>

namespace rmq::bench {

namespace {

constexpr std::int64_t kQueuesOfCreated = 4;
constexpr std::int64_t kRouteDeadlineMs = 60'000;
constexpr int kPollMs = 20;

std::string namesrv_of(const Options& options) {
    const std::string of_environment = environment("NAMESRV_ADDR");
    return !options.namesrv.empty()  ? options.namesrv
           : !of_environment.empty() ? of_environment
                                     : "127.0.0.1:9876";
}

Error no_topic(const std::string& topic, const std::string& where) {
    return {Errc::kNotFound, "topic " + topic + " does not exist at " + where +
                                 "; create it, or let --create do it"};
}

// Waiting for brokers to tell the NameServer of new topics.
Status await_route(admin::AdminClient& client, const std::string& topic) {
    const SystemClock clock;
    const std::int64_t deadline = clock.monotonic_ms() + kRouteDeadlineMs;
    while (true) {
        const auto route = client.route(topic);
        if (route || route.error().code != Errc::kNotFound || clock.monotonic_ms() > deadline) {
            return route ? Status{} : Status{route.error()};
        }
        ::poll(nullptr, 0, kPollMs);
    }
}

Status create_topics(admin::AdminClient& client, const std::string& broker,
                     const Options& options) {
    const auto queues =
        static_cast<std::int32_t>(options.queues > 0 ? options.queues : kQueuesOfCreated);
    for (std::int64_t i = 0; i < options.topics; ++i) {
        const std::string name = topic_name(options, i);
        CreateTopicRequestHeader header;
        header.topic = name;
        header.default_topic = "TBW102";
        header.read_queue_nums = queues;
        header.write_queue_nums = queues;
        header.perm = perm::kRead | perm::kWrite;
        header.topic_filter_type = topic_filter_type_name(TopicFilterType::SINGLE_TAG);
        header.topic_sys_flag = 0;
        OutboundCommand command(RequestCode::UPDATE_AND_CREATE_TOPIC);
        encode_header(header, command.ext);
        RMQ_CHECK(client.call(broker, std::move(command)));
    }
    return {};
}

Result<std::string> find_broker(admin::AdminClient& client, const Options& options) {
    if (!options.broker.empty()) {
        return options.broker;
    }
    if (options.create) {
        RMQ_TRY(const auto masters, client.masters(""));
        if (masters.empty()) {
            return Error{Errc::kUnavailable, "no broker is registered at " + namesrv_of(options) +
                                                 "; start one first, or name one with -b"};
        }
        return masters.front();
    }
    const std::string topic = topic_name(options, 0);
    const auto route = client.route(topic);
    if (!route) {
        return route.error().code == Errc::kNotFound ? no_topic(topic, namesrv_of(options))
                                                     : route.error();
    }
    for (const BrokerData& broker : route->broker_datas) {
        if (const auto master = broker.broker_addrs.find(kMasterId);
            master != broker.broker_addrs.end()) {
            return master->second;
        }
    }
    return Error{Errc::kUnavailable,
                 "topic " + topic + " has no master now; start it, or name a broker with -b"};
}

// The queues to use of each topic; how many there are is asked about the first. A server that does
// not know that request is taken at the word of --queues.
Result<std::int64_t> queues_of(admin::AdminClient& client, const std::string& broker,
                               const Options& options) {
    const std::string topic = topic_name(options, 0);
    TopicRequestHeader header;
    header.topic = topic;
    OutboundCommand command(RequestCode::GET_TOPIC_CONFIG);
    encode_header(header, command.ext);
    RMQ_TRY(const auto answer, client.ask(broker, std::move(command)));
    if (answer.code == static_cast<std::int32_t>(ResponseCode::TOPIC_NOT_EXIST)) {
        return no_topic(topic, broker);
    }
    const auto json = nlohmann::json::parse(answer.body, nullptr, false);
    if (answer.code != static_cast<std::int32_t>(ResponseCode::SUCCESS) || !json.is_object()) {
        if (options.queues > 0) {
            return options.queues;
        }
        return Error{Errc::kUnavailable, broker + " answered " + std::to_string(answer.code) +
                                             ": " + answer.remark + "; give --queues"};
    }
    RMQ_TRY(const TopicConfig config, parse_topic_config(json));
    const std::int64_t there = std::min(config.write_queue_nums, config.read_queue_nums);
    if (options.queues > there) {
        return Error{Errc::kInvalidArgument, "topic " + topic + " has " + std::to_string(there) +
                                                 " queues; lower --queues, or add some"};
    }
    return options.queues > 0 ? options.queues : there;
}

}  // namespace

Result<Targets> find_targets(const Options& options) {
    admin::AdminClient client(namesrv_of(options));
    Targets targets;
    for (std::int64_t i = 0; i < options.topics; ++i) {
        targets.topics.push_back(topic_name(options, i));
    }
    const std::string namesrv = namesrv_of(options);
    if (options.mode != Mode::kRoute || options.create) {
        RMQ_TRY(targets.address, find_broker(client, options));
    }
    if (options.create) {
        RMQ_CHECK(create_topics(client, targets.address, options));
    }
    if (options.mode == Mode::kRoute) {
        targets.address = namesrv.substr(0, namesrv.find(';'));
        RMQ_CHECK(options.create ? await_route(client, targets.topics.back()) : Status{});
        return targets;
    }
    RMQ_TRY(targets.queues, queues_of(client, targets.address, options));
    return targets;
}

Result<std::vector<std::int64_t>> max_offsets(const Targets& targets) {
    admin::AdminClient client("");
    std::vector<std::int64_t> offsets;
    for (std::int64_t target = 0; target < targets.size(); ++target) {
        OutboundCommand command(RequestCode::GET_MAX_OFFSET);
        command.ext.add("topic", targets.topic_of(target));
        command.ext.add("queueId", targets.queue_of(target));
        RMQ_TRY(const auto answer, client.call(targets.address, std::move(command)));
        RMQ_CHECK(parse_ext_value("offset", answer.ext_value("offset"), offsets.emplace_back()));
    }
    return offsets;
}

}  // namespace rmq::bench

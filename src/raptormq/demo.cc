// SPDX-License-Identifier: Apache-2.0
#include "raptormq/demo.h"

#include "common/clock.h"
#include "common/message/message_record.h"
#include "remoting/io_pool.h"
#include "remoting/protocol/body/route_data.h"
#include "remoting/protocol/header/pull_message.h"
#include "remoting/protocol/header/send_message.h"
#include "remoting/protocol/header_codec.h"
#include "remoting/remoting_client.h"

#include <array>
#include <chrono>
#include <cstdio>

namespace rmq {

namespace {

constexpr std::string_view kTopic = "RaptorMQDemo";
constexpr std::string_view kProducerGroup = "raptormq_demo_producer";
constexpr std::string_view kConsumerGroup = "raptormq_demo_consumer";
// The topic whose route stands in for topics that do not exist yet.
// Source: TopicValidator.AUTO_CREATE_TOPIC_KEY_TOPIC
constexpr std::string_view kDefaultTopic = "TBW102";
constexpr std::int32_t kQueues = 4;
constexpr std::int32_t kMessages = 8;
constexpr std::chrono::milliseconds kTimeout{5000};
constexpr std::chrono::milliseconds kHold{2000};

struct Sent {
    std::string body;
    std::string id;
    std::int32_t queue_id = 0;
    std::int64_t queue_offset = 0;
};

// A client for one broker, found through the NameServer.
class DemoClient {
public:
    DemoClient() : pool_(1, "demo"), client_(pool_) { pool_.start(); }
    ~DemoClient() {
        client_.stop();
        pool_.stop();
    }
    DemoClient(const DemoClient&) = delete;
    DemoClient& operator=(const DemoClient&) = delete;

    Status find_broker(const std::string& namesrv) {
        OutboundCommand command(RequestCode::GET_ROUTEINFO_BY_TOPIC);
        command.ext.add("topic", kDefaultTopic);
        RMQ_TRY(const auto answer, call(namesrv, std::move(command)));
        RMQ_TRY(const auto route, decode_topic_route_data(answer.body));
        for (const BrokerData& broker : route.broker_datas) {
            const auto master = broker.broker_addrs.find(kMasterId);
            if (master != broker.broker_addrs.end()) {
                name_ = broker.broker_name;
                address_ = master->second;
                return {};
            }
        }
        return Error{Errc::kUnavailable, "no master broker at " + namesrv + "; start one first"};
    }

    Result<Sent> send(std::int32_t number) {
        Sent sent;
        sent.body = "Hello RaptorMQ " + std::to_string(number);
        const std::string properties = std::string("TAGS\x01") + "demo\x02" + "KEYS\x01" + "key-" +
                                       std::to_string(number) + "\x02";
        SendMessageRequestHeaderV2 header;
        header.producer_group = kProducerGroup;
        header.topic = kTopic;
        header.default_topic = kDefaultTopic;
        header.default_topic_queue_nums = kQueues;
        header.queue_id = number % kQueues;
        header.born_timestamp = SystemClock().now_ms();
        header.properties = properties;
        OutboundCommand command(RequestCode::SEND_MESSAGE_V2);
        encode_header(header, command.ext);
        command.body = sent.body;
        RMQ_TRY(const auto answer, call(address_, std::move(command)));
        RMQ_CHECK(parse_ext_value("queueId", answer.ext_value("queueId"), sent.queue_id));
        RMQ_CHECK(
            parse_ext_value("queueOffset", answer.ext_value("queueOffset"), sent.queue_offset));
        sent.id = answer.ext_value("msgId");
        return sent;
    }

    // The body stored at this queue offset; the broker holds the pull until it is there.
    Result<std::string> receive(const Sent& sent) {
        PullMessageRequestHeader header;
        header.consumer_group = kConsumerGroup;
        header.topic = kTopic;
        header.queue_id = sent.queue_id;
        header.queue_offset = sent.queue_offset;
        header.max_msg_nums = 1;
        header.sys_flag = pull_sys_flag::kSuspend | pull_sys_flag::kSubscription;
        header.suspend_timeout_millis = kHold.count();
        header.subscription = "*";
        header.expression_type = "TAG";
        OutboundCommand command(RequestCode::PULL_MESSAGE);
        encode_header(header, command.ext);
        RMQ_TRY(const auto answer, call(address_, std::move(command)));
        RMQ_TRY(const auto record, decode_message(answer.body, VerifyCrc::kYes));
        return std::string(record.body);
    }

    const std::string& broker_name() const { return name_; }
    const std::string& broker_address() const { return address_; }

private:
    // An answer other than SUCCESS is kUnavailable with the server's words.
    Result<InboundResponse> call(const std::string& address, OutboundCommand command) {
        RMQ_TRY(auto answer, client_.invoke_sync(address, std::move(command), kTimeout));
        if (answer.code != static_cast<std::int32_t>(ResponseCode::SUCCESS)) {
            return Error{Errc::kUnavailable, address + " answered " + std::to_string(answer.code) +
                                                 ": " + answer.remark + "; see the server's log"};
        }
        return answer;
    }

    IoPool pool_;
    RemotingClient client_;
    std::string name_;
    std::string address_;
};

}  // namespace

Status run_demo(const std::string& namesrv_addr) {
    DemoClient client;
    RMQ_CHECK(client.find_broker(namesrv_addr.empty() ? "127.0.0.1:9876" : namesrv_addr));
    std::printf("broker %s at %s\n", client.broker_name().c_str(), client.broker_address().c_str());
    std::array<Sent, kMessages> all;
    for (std::int32_t number = 0; number < kMessages; ++number) {
        Sent& sent = all[static_cast<std::size_t>(number)];
        RMQ_TRY(sent, client.send(number));
        std::printf("sent      queue=%d offset=%lld id=%s\n", sent.queue_id,
                    static_cast<long long>(sent.queue_offset), sent.id.c_str());
    }
    for (const Sent& sent : all) {
        RMQ_TRY(const std::string body, client.receive(sent));
        if (body != sent.body) {
            return Error{Errc::kMalformed, "sent \"" + sent.body + "\" and received \"" + body +
                                               "\"; this is a fault of the program"};
        }
        std::printf("received  queue=%d offset=%lld body=%s\n", sent.queue_id,
                    static_cast<long long>(sent.queue_offset), body.c_str());
    }
    return {};
}

}  // namespace rmq

// SPDX-License-Identifier: Apache-2.0
// A whole Broker beside a whole NameServer, over real sockets.
#include "broker/broker.h"
#include "broker/broker_config.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"
#include "namesrv/namesrv.h"
#include "remoting/protocol/header/send_message.h"
#include "remoting/protocol/header_codec.h"
#include "remoting/remoting_client.h"
#include "remoting/testing/http_client.h"
#include "remoting/testing/open_sockets.h"
#include "store/message_store_config.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

using namespace rmq;

namespace {

constexpr std::chrono::milliseconds kTimeout{20'000};

namesrv::NamesrvConfig namesrv_config(const rmq::testing::TempDir& directory) {
    namesrv::NamesrvConfig config;
    config.bind_address = "127.0.0.1";
    config.listen_port = 0;
    config.kv_config_path = directory.file("kvConfig.json");
    config.config_store_path = directory.file("namesrv.properties");
    return config;
}

struct Fixture {
    rmq::testing::TempDir directory;
    namesrv::Namesrv namesrv{namesrv_config(directory)};
    IoPool pool{1, "client"};
    RemotingClient client{pool};
    std::unique_ptr<broker::Broker> broker;
    std::int32_t socket_buffer_bytes = 0;
    bool with_metrics = false;

    Fixture() {
        REQUIRE(namesrv.start());
        pool.start();
    }
    ~Fixture() {
        client.stop();
        pool.stop();
    }

    static std::string at(int port) { return "127.0.0.1:" + std::to_string(port); }

    Status start_at(std::int32_t port) {
        broker::BrokerConfig config;
        config.broker_name = "broker-a";
        config.broker_ip1 = "127.0.0.1";
        config.broker_ip2 = "127.0.0.1";
        config.bind_address = "127.0.0.1";
        config.listen_port = port;
        config.server_socket_snd_buf_size = socket_buffer_bytes;
        config.server_socket_rcv_buf_size = socket_buffer_bytes;
        config.namesrv_addr.set(at(namesrv.port()));
        if (with_metrics) {
            config.metrics_exporter_type = broker::MetricsExporterType::kProm;
            config.metrics_prom_exporter_port = 0;
        }
        store::MessageStoreConfig store_config;
        store_config.store_path_root_dir = directory.file("store");
        store_config.mapped_file_size_commit_log = 1024 * 1024;
        store_config.max_hash_slot_num = 1000;
        store_config.max_index_num = 4000;
        broker = std::make_unique<broker::Broker>(config, store_config);
        return broker->start();
    }
    void start() { REQUIRE(start_at(0)); }

    // With both listeners; tries ports until a pair is free.
    int start_with_fast_listener() {
        constexpr int kFirst = 21'000;
        constexpr int kTries = 2000;
        for (int i = 0; i < kTries; ++i) {
            const auto started = start_at(kFirst + 3 * i);
            if (started) {
                return kFirst + 3 * i;
            }
            REQUIRE(started.error().code == Errc::kAlreadyExists);
        }
        FAIL("no two free ports");
        return 0;
    }

    InboundResponse call(int port, const OutboundCommand& command) {
        auto response = client.invoke_sync(at(port), command, kTimeout);
        REQUIRE(response);
        return *response;
    }
    InboundResponse send(int port, const std::string& properties = "") {
        OutboundCommand command(RequestCode::SEND_MESSAGE_V2);
        SendMessageRequestHeaderV2 header;
        header.producer_group = "P";
        header.topic = "T";
        header.default_topic = "TBW102";
        header.default_topic_queue_nums = 4;
        header.properties = properties;
        encode_header(header, command.ext);
        command.body = "body";
        return call(port, command);
    }
    InboundResponse pull(int port) {
        OutboundCommand command(RequestCode::PULL_MESSAGE);
        for (const auto& [key, value] : {std::pair{"consumerGroup", "G"},
                                         {"topic", "T"},
                                         {"queueId", "0"},
                                         {"queueOffset", "0"},
                                         {"maxMsgNums", "32"},
                                         {"sysFlag", "4"},
                                         {"commitOffset", "0"},
                                         {"suspendTimeoutMillis", "0"},
                                         {"subscription", "*"},
                                         {"subVersion", "0"}}) {
            command.ext.add(key, value);
        }
        return call(port, command);
    }
    // Until the queue has `messages`; they become readable a moment after their acknowledgement.
    InboundResponse pull_when(const std::string& messages) {
        const auto deadline = std::chrono::steady_clock::now() + kTimeout;
        auto answer = pull(broker->port());
        while (answer.ext_value("maxOffset") != messages &&
               std::chrono::steady_clock::now() < deadline) {
            answer = pull(broker->port());
        }
        return answer;
    }
    InboundResponse offset(int port, RequestCode code, const char* commit = nullptr) {
        OutboundCommand command(code);
        command.ext.add("consumerGroup", "G");
        command.ext.add("topic", "T");
        command.ext.add("queueId", "0");
        if (commit != nullptr) {
            command.ext.add("commitOffset", commit);
        }
        return call(port, command);
    }
    InboundResponse route() {
        OutboundCommand command(RequestCode::GET_ROUTEINFO_BY_TOPIC);
        command.ext.add("topic", "T");
        return call(namesrv.port(), command);
    }
};

constexpr int kOk = static_cast<int>(ResponseCode::SUCCESS);
constexpr std::size_t kEntryBytes = 20;  // of a consume queue

std::string first_entry(const std::string& queue_file) {
    std::ifstream file(queue_file, std::ios::binary);
    std::string entry(kEntryBytes, '\0');
    file.read(entry.data(), kEntryBytes);
    return file ? entry : "";
}

}  // namespace

TEST_CASE("Broker: the second listener, two below the first, serves all but pulls",
          "[raptormq][broker][M-15]") {
    Fixture f;
    const int port = f.start_with_fast_listener();
    CHECK(f.send(port - 2).code == kOk);
    CHECK(f.send(port).ext_value("queueOffset") == "1");
    CHECK(f.pull(port - 2).code == static_cast<int>(ResponseCode::REQUEST_CODE_NOT_SUPPORTED));
    const auto pulled = f.pull_when("2");
    CHECK(pulled.code == kOk);
    CHECK(pulled.ext_value("maxOffset") == "2");
    CHECK(f.call(port - 2, OutboundCommand(RequestCode::GET_BROKER_RUNTIME_INFO)).code == kOk);
}

TEST_CASE("Broker: a stop takes it out of the routes and keeps messages and positions",
          "[raptormq][broker][A-06]") {
    Fixture f;
    f.start();
    CHECK(f.send(f.broker->port()).code == kOk);
    CHECK(f.pull_when("1").code == kOk);
    CHECK(f.offset(f.broker->port(), RequestCode::UPDATE_CONSUMER_OFFSET, "1").code == kOk);
    CHECK(f.route().code == kOk);
    f.broker->stop();
    CHECK(f.route().code == static_cast<int>(ResponseCode::TOPIC_NOT_EXIST));
    f.start();
    CHECK(f.route().code == kOk);
    CHECK(f.pull(f.broker->port()).ext_value("maxOffset") == "1");  // recovered, not caught up
    CHECK(f.offset(f.broker->port(), RequestCode::QUERY_CONSUMER_OFFSET).ext_value("offset") ==
          "1");
    CHECK(f.send(f.broker->port()).ext_value("queueOffset") == "1");
}

TEST_CASE("Broker: a delayed message whose queue entry is lost is not due sooner",
          "[raptormq][broker][D-01][K-03]") {
    Fixture f;
    f.start();
    CHECK(f.send(f.broker->port(),
                 "DELAY\x01"
                 "18\x02")
              .code == kOk);
    f.broker->stop();
    const std::string queues = f.directory.file("store/consumequeue");
    const std::string queue = queues + "/SCHEDULE_TOPIC_XXXX/17/00000000000000000000";
    const std::string before = first_entry(queue);
    REQUIRE(before.size() == kEntryBytes);
    CHECK(before.substr(kEntryBytes - 8) > std::string("\0\0\1", 3));  // a time, not a tag
    std::filesystem::remove_all(queues);
    REQUIRE(std::ofstream(f.directory.file("store/abort")));
    f.start();
    CHECK(first_entry(queue) == before);
}

TEST_CASE("Broker: /metrics shows what was sent and pulled", "[broker][metrics]") {
    Fixture fixture;
    fixture.with_metrics = true;
    fixture.start();
    fixture.send(fixture.broker->port());
    fixture.pull(fixture.broker->port());
    const auto answer = rmq::testing::ask_http(fixture.broker->metrics_port(), "GET /metrics");
    CHECK(answer.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n") !=
          std::string::npos);
    const std::string broker =
        "node_id=\"broker-a\",node_type=\"broker\",otel_scope_name=\"broker-meter\"";
    for (const auto& line :
         {"rocketmq_messages_in_total{cluster=\"DefaultCluster\",is_system=\"false\",message_type="
          "\"normal\"," +
              broker + ",topic=\"T\"} 1.0\n",
          "rocketmq_broker_permission{cluster=\"DefaultCluster\"," + broker + "} 6.0\n",
          std::string("raptormq_store_writeable{"), std::string("rocketmq_timer_dequeue_lag{"),
          std::string("rocketmq_pop_revive_lag_milliseconds{"),
          std::string("request_code=\"send_message_v2\",response_code=\"success\""),
          std::string("\ntarget_info 1\n")}) {
        INFO(line);
        CHECK(answer.find(line) != std::string::npos);
    }
    // Every name has one head.
    CHECK(answer.find("# TYPE rocketmq_topic_number gauge") ==
          answer.rfind("# TYPE rocketmq_topic_number gauge"));
    fixture.broker->stop();
    CHECK(rmq::testing::ask_http(fixture.broker->metrics_port(), "GET /metrics").empty());
}

TEST_CASE("Broker: a start that fails leaves the port and the directory free",
          "[raptormq][broker][A-06]") {
    Fixture f;
    f.start();
    Fixture other;
    broker::BrokerConfig config;
    config.broker_ip1 = "127.0.0.1";
    config.bind_address = "127.0.0.1";
    config.listen_port = 0;
    store::MessageStoreConfig store_config;
    store_config.store_path_root_dir = f.directory.file("store");
    {
        broker::Broker second(config, store_config);
        const auto started = second.start();
        REQUIRE_FALSE(started);
        CHECK(started.error().code == Errc::kBusy);
    }
    CHECK(f.send(f.broker->port()).code == kOk);
    config.listen_port = f.broker->port();
    store_config.store_path_root_dir = other.directory.file("store");
    {
        broker::Broker second(config, store_config);
        const auto started = second.start();
        REQUIRE_FALSE(started);
        CHECK(started.error().code == Errc::kAlreadyExists);
    }
    config.listen_port = 0;
    broker::Broker third(config, store_config);
    CHECK(third.start());
}

TEST_CASE("Broker: its clients' sockets have the configured buffers",
          "[raptormq][broker][config]") {
    Fixture f;
    f.socket_buffer_bytes = 74'321;
    f.start();
    CHECK(f.send(f.broker->port()).code == 0);
    // Linux doubles what it is asked for, to have room for its own records.
    CHECK(rmq::testing::open_sockets_with(SO_SNDBUF, 2 * 74'321) == 1);
    CHECK(rmq::testing::open_sockets_with(SO_RCVBUF, 2 * 74'321) == 1);
    f.broker->stop();
}

// SPDX-License-Identifier: Apache-2.0
#include "bench/options.h"

#include "common/testing/catch.h"

using namespace rmq::bench;

TEST_CASE("bench options: what is not said has its default", "[bench][options]") {
    const auto send = parse_options({"send", "-b", "127.0.0.1:10911"});
    CHECK(send.error.empty());
    CHECK(send.options.mode == Mode::kSend);
    CHECK(send.options.broker == "127.0.0.1:10911");
    CHECK(send.options.in_flight_max() == 64);
    CHECK(send.options.batch_size() == 1);
    CHECK(send.options.wait_stored);
    CHECK_FALSE(send.options.create);
    CHECK_FALSE(send.options.is_open_loop());
    const auto pull = parse_options({"pull"});
    CHECK(pull.options.in_flight_max() == 1);
    CHECK(pull.options.batch_size() == 32);
}

TEST_CASE("bench options: all are read", "[bench][options]") {
    const auto parsed = parse_options({"tail",        "-n",        "a:1;b:2",      "-t",
                                       "T",           "--topics",  "12",           "--queues",
                                       "8",           "--create",  "-c",           "3",
                                       "-i",          "5",         "-r",           "9000",
                                       "-s",          "100",       "--batch",      "2",
                                       "--keys",      "--no-wait", "-g",           "G",
                                       "--consumers", "6",         "--consume-ms", "7",
                                       "-d",          "20",        "--warm-up",    "0",
                                       "--count",     "11",        "--pid",        "13",
                                       "--json"});
    REQUIRE(parsed.error.empty());
    const Options& options = parsed.options;
    CHECK(options.namesrv == "a:1;b:2");
    CHECK(options.topics == 12);
    CHECK(options.queues == 8);
    CHECK(options.create);
    CHECK(options.connections == 3);
    CHECK(options.in_flight_max() == 5);
    CHECK(options.rate == 9000);
    CHECK(options.body_bytes == 100);
    CHECK(options.batch_size() == 2);
    CHECK(options.with_keys);
    CHECK_FALSE(options.wait_stored);
    CHECK(options.group == "G");
    CHECK(options.consumers == 6);
    CHECK(options.consume_ms == 7);
    CHECK(options.seconds == 20);
    CHECK(options.warm_up_seconds == 0);
    CHECK(options.count == 11);
    CHECK(options.server_pid == 13);
    CHECK(options.json);
}

TEST_CASE("bench options: an open loop has no bound in flight of its own", "[bench][options]") {
    CHECK(parse_options({"send", "-r", "10"}).options.in_flight_max() > 1'000'000);
    CHECK(parse_options({"send", "-r", "10", "-i", "4"}).options.in_flight_max() == 4);
}

TEST_CASE("bench options: what is wrong is one line with the cure", "[bench][options]") {
    const auto arguments = GENERATE(std::vector<std::string>{}, std::vector<std::string>{"shout"},
                                    std::vector<std::string>{"send", "--connections", "0"},
                                    std::vector<std::string>{"send", "--size", "big"},
                                    std::vector<std::string>{"send", "-x"},
                                    std::vector<std::string>{"tail", "--size", "8"},
                                    std::vector<std::string>{"pull", "--size", "8"},
                                    std::vector<std::string>{"send", "-c", "100000", "-i", "65536"},
                                    std::vector<std::string>{"route", "--create"},
                                    std::vector<std::string>{"route", "-b", "x"});
    const auto parsed = parse_options(arguments);
    CAPTURE(parsed.error);
    CHECK_FALSE(parsed.error.empty());
    CHECK(parsed.error.find('\n') == std::string::npos);
    CHECK(parsed.error.find("; ") != std::string::npos);
}

TEST_CASE("bench options: help is no error", "[bench][options]") {
    CHECK(parse_options({"--help"}).help.find("tail") != std::string::npos);
    const auto send = parse_options({"send", "--help"});
    CHECK(send.error.empty());
    CHECK(send.help.find("--in-flight") != std::string::npos);
    CHECK(send.help.find("--consumers") == std::string::npos);
}

TEST_CASE("bench options: names of many topics have one length", "[bench][options]") {
    Options options;
    options.topic = "T";
    CHECK(topic_name(options, 0) == "T");
    options.topics = 1000;
    CHECK(topic_name(options, 7) == "T_007");
    CHECK(topic_name(options, 999) == "T_999");
}

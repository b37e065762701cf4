// SPDX-License-Identifier: Apache-2.0
#include "raptormq/command_line.h"

#include "common/persistent_file.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"

#include "raptormq/settings.h"

#include <algorithm>

using namespace rmq;

namespace {

ParsedCommandLine parse(std::vector<std::string> arguments) {
    return parse_command_line(arguments);
}

}  // namespace

TEST_CASE("command line: the name it was called by picks the program", "[raptormq][A-01]") {
    CHECK(parse({"/opt/rmq/bin/mqnamesrv"}).command_line->program == Program::kNamesrv);
    CHECK(parse({"bin/mqbroker"}).command_line->program == Program::kBroker);
    CHECK(parse({"mqadmin", "topicList", "-n", "x:1"}).command_line->program == Program::kAdmin);
    CHECK(parse({"raptormq", "standalone"}).command_line->program == Program::kStandalone);
    CHECK(parse({"./raptormq", "namesrv"}).command_line->program == Program::kNamesrv);
}

TEST_CASE("command line: the originals' flags are understood", "[raptormq][A-01]") {
    const auto broker =
        parse({"mqbroker", "-n", "10.0.0.1:9876;10.0.0.2:9876", "-c", "b.conf", "-m"});
    REQUIRE(broker.command_line);
    CHECK(broker.command_line->namesrv_addr == "10.0.0.1:9876;10.0.0.2:9876");
    CHECK(broker.command_line->config_file == "b.conf");
    CHECK(broker.command_line->print_important);
    CHECK(parse({"mqbroker", "-p"}).command_line->print_all);
    const auto namesrv = parse({"mqnamesrv", "--configFile", "n.conf", "-n", "ignored:1", "-p"});
    REQUIRE(namesrv.command_line);
    CHECK(namesrv.command_line->config_file == "n.conf");
    const auto help = parse({"mqbroker", "-h"});
    CHECK_FALSE(help.command_line);
    CHECK(help.exit_status == 0);
    CHECK(help.text.find("--configFile") != std::string::npos);
}

TEST_CASE("command line: settings may be given as key=value", "[raptormq]") {
    const auto parsed = parse({"raptormq", "broker", "--set", "listenPort=0", "--set", "a=b=c"});
    REQUIRE(parsed.command_line);
    CHECK(parsed.command_line->overrides == Properties{{"listenPort", "0"}, {"a", "b=c"}});
}

TEST_CASE("command line: what it does not understand is one line and a status", "[raptormq]") {
    const auto arguments = GENERATE(
        std::vector<std::string>{"raptormq"}, std::vector<std::string>{"raptormq", "brokr"},
        std::vector<std::string>{"raptormq", "broker", "--frobnicate"},
        std::vector<std::string>{"mqbroker", "-c"}, std::vector<std::string>{"mqbroker", "stray"},
        std::vector<std::string>{"raptormq", "standalone", "--namesrv-port", "70000"},
        std::vector<std::string>{"raptormq", "broker", "--set", "listenPort"});
    const auto parsed = parse(arguments);
    CAPTURE(parsed.text);
    CHECK_FALSE(parsed.command_line);
    CHECK(parsed.exit_status != 0);
    CHECK(std::count(parsed.text.begin(), parsed.text.end(), '\n') == 0);
    CHECK(parsed.text.find("; see raptormq") + parsed.text.find("; see mqbroker") !=
          2 * std::string::npos);
}

TEST_CASE("settings: option beats --set beats file beats environment", "[raptormq][A-01]") {
    const testing::TempDir directory;
    const std::string file = directory.file("broker.conf");
    REQUIRE(write_file(file, "listenPort=11111\nnamesrvAddr=a:1\nbrokerName=from-file\n"));
    CommandLine line;
    line.program = Program::kBroker;
    line.config_file = file;
    line.overrides = {{"brokerName", "from-set"}};
    line.namesrv_addr = "b:2";
    line.store_directory = directory.path();
    BrokerSettings settings;
    REQUIRE(load_settings(line, settings));
    CHECK(settings.config.listen_port == 11111);
    CHECK(settings.config.broker_name == "from-set");
    CHECK(settings.config.namesrv_addr.get() == "b:2");
    CHECK(settings.store.store_path_root_dir == directory.path());
    CHECK(settings.config.broker_config_path == file);
    CHECK(important_text(settings).find("brokerName=from-set\n") != std::string::npos);
    CHECK(settings.explicit_values.at("listenPort") == "11111");

    NamesrvSettings namesrv;
    REQUIRE(load_settings(line, namesrv));
    CHECK(namesrv.config.config_store_path == file);
    CHECK_FALSE(namesrv.explicit_values.contains("configStorePath"));
    // The file of -c wins over a path that it names, as in the original.
    line.overrides = {{"configStorePath", "/elsewhere"}, {"brokerConfigPath", "/elsewhere"}};
    NamesrvSettings named;
    REQUIRE(load_settings(line, named));
    CHECK(named.config.config_store_path == file);
    CHECK(named.explicit_values.at("configStorePath") == file);
    BrokerSettings broker;
    REQUIRE(load_settings(line, broker));
    CHECK(broker.config.broker_config_path == file);
    CHECK(broker.explicit_values.at("brokerConfigPath") == file);
}

TEST_CASE("settings: a file that cannot be read names its path and the cure", "[raptormq]") {
    CommandLine line;
    line.config_file = "/nonexistent/broker.conf";
    BrokerSettings settings;
    const auto status = load_settings(line, settings);
    REQUIRE_FALSE(status);
    CHECK(status.error().code == Errc::kNotFound);
    CHECK(status.error().remark.find("/nonexistent/broker.conf") != std::string::npos);
    CHECK(status.error().remark.find("; name a readable properties file") != std::string::npos);
}

TEST_CASE("settings: values that no server could start with are refused", "[raptormq]") {
    const auto [key, value] =
        GENERATE(table<std::string, std::string>({{"namesrvAddr", "localhost"},
                                                  {"namesrvAddr", "h:0"},
                                                  {"namesrvAddr", "h:1;:2"},
                                                  {"defaultsProfile", "strict"}}));
    CommandLine line;
    line.overrides = {{key, value}};
    BrokerSettings settings;
    CAPTURE(key, value);
    const auto status = load_settings(line, settings);
    REQUIRE_FALSE(status);
    CHECK(status.error().remark.find(value) != std::string::npos);
    CHECK(check_namesrv_addr("127.0.0.1:9876;h:1;"));
}

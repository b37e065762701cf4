// SPDX-License-Identifier: Apache-2.0
#include "raptormq/command_line.h"

#include <CLI/CLI.hpp>

namespace rmq {

namespace {

constexpr const char* kVersion = "RaptorMQ " RMQ_VERSION;

std::string program_name(const std::string& path) {
    return path.substr(path.find_last_of('/') + 1);
}

void add_server_options(CLI::App& app, CommandLine& line, std::vector<std::string>& sets) {
    app.add_option("-c,--configFile", line.config_file, "properties file, as the original's");
    app.add_flag("-p,--printConfigItem", line.print_all, "print all settings and exit");
    app.add_option("--set", sets, "key=value, stronger than the file; may be repeated")
        ->take_all()
        ->allow_extra_args(false);
    app.add_flag("--dump-config-docs", line.dump_config_docs,
                 "print the settings as Markdown tables and exit");
}

void add_namesrv_option(CLI::App& app, CommandLine& line) {
    app.add_option("-n,--namesrvAddr", line.namesrv_addr,
                   "NameServer list, as 10.0.0.1:9876;10.0.0.2:9876");
}

void add_namesrv(CLI::App& app, CommandLine& line, std::vector<std::string>& sets) {
    add_server_options(app, line, sets);
    add_namesrv_option(app, line);  // accepted and unused, as by the original
}

void add_broker(CLI::App& app, CommandLine& line, std::vector<std::string>& sets) {
    add_server_options(app, line, sets);
    add_namesrv_option(app, line);
    app.add_flag("-m,--printImportantConfig", line.print_important,
                 "print the important settings and exit");
}

void add_standalone(CLI::App& app, CommandLine& line, std::vector<std::string>& sets) {
    add_server_options(app, line, sets);
    app.add_option("--store", line.store_directory, "store directory (default: $HOME/store)");
    app.add_option("--namesrv-port", line.namesrv_port, "NameServer port (default: 9876)")
        ->check(CLI::Range(0, 65535));
}

std::optional<std::string> read_sets(const std::vector<std::string>& sets, CommandLine& line) {
    for (const std::string& set : sets) {
        const auto equals = set.find('=');
        if (equals == std::string::npos || equals == 0) {
            return "--set " + set + " is not key=value";
        }
        line.overrides[set.substr(0, equals)] = set.substr(equals + 1);
    }
    return std::nullopt;
}

ParsedCommandLine refuse(const std::string& cause, const std::string& help_of) {
    return {std::nullopt, "raptormq: " + cause + "; see " + help_of + " --help", 1};
}

// Parses the options of one program with CLI11, which reports by exceptions.
ParsedCommandLine parse_program(Program program, const std::string& name,
                                std::vector<std::string> options) {
    CommandLine line;
    line.program = program;
    std::vector<std::string> sets;
    CLI::App app("", name);
    switch (program) {
        case Program::kStandalone:
            app.description("NameServer and Broker in one process");
            add_standalone(app, line, sets);
            break;
        case Program::kNamesrv:
            app.description("NameServer");
            add_namesrv(app, line, sets);
            break;
        case Program::kBroker:
            app.description("Broker");
            add_broker(app, line, sets);
            break;
        case Program::kDemo:
            app.description("Sends messages through running servers and receives them");
            add_namesrv_option(app, line);
            break;
        case Program::kAdmin:
        case Program::kStore:
        case Program::kBench:
            line.command = std::move(options);
            return {line, "", 0};
    }
    try {
        std::reverse(options.begin(), options.end());  // CLI11 takes them from the back
        app.parse(options);
    } catch (const CLI::CallForHelp&) {
        return {std::nullopt, app.help(), 0};
    } catch (const CLI::ParseError& error) {
        return refuse(error.what(), name);
    }
    if (const auto cause = read_sets(sets, line)) {
        return refuse(*cause, name);
    }
    return {line, "", 0};
}

constexpr const char* kUsage =
    "usage: raptormq standalone|namesrv|broker|demo|admin|store|bench [options]\n"
    "  standalone   NameServer and Broker in one process, no configuration needed\n"
    "  namesrv      NameServer only (also called mqnamesrv)\n"
    "  broker       Broker only (also called mqbroker)\n"
    "  demo         sends messages through running servers and receives them\n"
    "  admin        administration (also called mqadmin)\n"
    "  store        checks, repairs, shows and exports a store directory\n"
    "  bench        measures any RocketMQ server under load\n"
    "raptormq PROGRAM --help lists the options of a program.\n";

std::optional<Program> program_called(const std::string& name) {
    if (name == "standalone") {
        return Program::kStandalone;
    }
    if (name == "namesrv" || name == "mqnamesrv") {
        return Program::kNamesrv;
    }
    if (name == "broker" || name == "mqbroker") {
        return Program::kBroker;
    }
    if (name == "admin" || name == "mqadmin") {
        return Program::kAdmin;
    }
    if (name == "store") {
        return Program::kStore;
    }
    if (name == "bench") {
        return Program::kBench;
    }
    return name == "demo" ? std::optional(Program::kDemo) : std::nullopt;
}

}  // namespace

ParsedCommandLine parse_command_line(const std::vector<std::string>& arguments) {
    const std::string called = arguments.empty() ? "raptormq" : program_name(arguments[0]);
    if (called.starts_with("mq")) {
        if (const auto program = program_called(called)) {
            return parse_program(*program, called, {arguments.begin() + 1, arguments.end()});
        }
    }
    if (arguments.size() < 2) {
        return {std::nullopt, std::string("raptormq: no program named; see raptormq --help"), 1};
    }
    const std::string& first = arguments[1];
    if (first == "-h" || first == "--help") {
        return {std::nullopt, kUsage, 0};
    }
    if (first == "-v" || first == "--version") {
        return {std::nullopt, kVersion, 0};
    }
    const auto program = program_called(first);
    if (!program) {
        return refuse("unknown program " + first, "raptormq");
    }
    return parse_program(*program, "raptormq " + first, {arguments.begin() + 2, arguments.end()});
}

}  // namespace rmq

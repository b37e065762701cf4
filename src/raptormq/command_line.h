// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/properties_file.h"

#include <optional>
#include <string>
#include <vector>

namespace rmq {

enum class Program { kStandalone, kNamesrv, kBroker, kAdmin, kStore, kBench, kDemo };

// What the operator asked for. Options that a program does not have stay at their defaults.
struct CommandLine {
    Program program = Program::kStandalone;
    std::string config_file;   // -c
    std::string namesrv_addr;  // -n, else the file, else NAMESRV_ADDR
    Properties overrides;      // --set key=value, stronger than the file
    std::string store_directory;
    int namesrv_port = -1;  // standalone; -1: the file or the default
    bool print_all = false;
    bool print_important = false;
    bool dump_config_docs = false;
    std::vector<std::string> command;  // admin, store, bench: COMMAND and its options
};

// Either a command line to act on, or a text to print and a status to exit with.
struct ParsedCommandLine {
    std::optional<CommandLine> command_line;
    std::string text;
    int exit_status = 0;
};

// Picks the program by the name it was called by (mqnamesrv, mqbroker, mqadmin) or by the first
// argument. Flags are those of the original's scripts. Source: NamesrvStartup, BrokerStartup.
ParsedCommandLine parse_command_line(const std::vector<std::string>& arguments);

}  // namespace rmq

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <functional>
#include <iosfwd>
#include <span>
#include <string>
#include <vector>

namespace CLI {
class App;
}  // namespace CLI

namespace rmq::admin {

class AdminClient;

// What a command does once its options are read. Prints to the stream; an error ends the program
// with a line that names it.
using Action = std::function<Status(AdminClient&, std::ostream&)>;

struct Command {
    const char* name;
    const char* summary;  // one line
    // Declares the options, and gives what to run when they have been parsed.
    Action (*declare)(CLI::App& app);
};

// Every command of `raptormq admin`, in the order of its help.
std::span<const Command> commands();

struct Outcome {
    int exit_status = 0;
    std::string error;  // one line, when the status is not 0
};

// Runs `arguments` = COMMAND [-n NAMESRV] [options]; -h and --help print the help. Without -n the
// environment's NAMESRV_ADDR counts, then 127.0.0.1:9876.
Outcome run_command(const std::vector<std::string>& arguments, std::ostream& out);

}  // namespace rmq::admin

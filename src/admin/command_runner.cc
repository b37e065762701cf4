// SPDX-License-Identifier: Apache-2.0
#include "admin/command_runner.h"

#include "admin/admin_client.h"
#include "admin/dead_letter_commands.h"
#include "admin/timer_commands.h"
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdlib>
#include <ostream>

namespace rmq::admin {

namespace {

constexpr const char* kDefaultNamesrv = "127.0.0.1:9876";

constexpr Command kCommands[] = {
    {"resendDeadLetters", "sends dead letters of a group again", declare_resend_dead_letters},
    {"exportDeadLetters", "writes dead letters of a group as JSON lines or CSV",
     declare_export_dead_letters},
    {"timerList", "scheduled messages of a topic, earliest first", declare_timer_list},
    {"timerCancel", "takes scheduled messages back, and says whether in time",
     declare_timer_cancel},
};

std::string help() {
    std::string text =
        "usage: raptormq admin COMMAND [-n host:port;host:port] [options]\n"
        "Commands that the stock mqadmin does not have; everything else it does against this "
        "server too.\n";
    for (const Command& command : commands()) {
        text += "  " + std::string(command.name);
        text.append(22 - std::min<std::size_t>(21, std::string_view(command.name).size()), ' ');
        text += std::string(command.summary) + "\n";
    }
    return text + "raptormq admin COMMAND --help lists the options of a command.\n";
}

Outcome refuse(std::string cause) {
    return {1, std::move(cause)};
}

Outcome run(const Command& command, std::vector<std::string> options, std::ostream& out) {
    const char* const from_environment = std::getenv("NAMESRV_ADDR");
    std::string namesrv = from_environment != nullptr ? from_environment : kDefaultNamesrv;
    CLI::App app(command.summary, std::string("raptormq admin ") + command.name);
    app.add_option("-n,--namesrvAddr", namesrv, "NameServer list, as 10.0.0.1:9876;10.0.0.2:9876");
    const Action action = command.declare(app);
    try {
        std::reverse(options.begin(), options.end());  // CLI11 takes them from the back
        app.parse(options);
    } catch (const CLI::CallForHelp&) {
        out << app.help();
        return {};
    } catch (const CLI::ParseError& error) {
        return refuse(std::string(error.what()) + "; see raptormq admin " + command.name +
                      " --help");
    }
    AdminClient client(namesrv);
    if (const Status status = action(client, out); !status) {
        std::string cause = status.error().remark;
        std::replace(cause.begin(), cause.end(), '\n', ' ');
        return refuse(std::move(cause));
    }
    return {};
}

}  // namespace

std::span<const Command> commands() {
    return kCommands;
}

Outcome run_command(const std::vector<std::string>& arguments, std::ostream& out) {
    if (arguments.empty()) {
        return refuse("no admin command named; see raptormq admin --help");
    }
    const std::string& name = arguments.front();
    if (name == "-h" || name == "--help") {
        out << help();
        return {};
    }
    for (const Command& command : commands()) {
        if (name == command.name) {
            return run(command, {arguments.begin() + 1, arguments.end()}, out);
        }
    }
    return refuse("unknown admin command " + name +
                  "; see raptormq admin --help, or use the stock tool: mqadmin " + name +
                  " -n NAMESRV:9876 works against this server");
}

}  // namespace rmq::admin

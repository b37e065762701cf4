// SPDX-License-Identifier: Apache-2.0
#include "admin/command_runner.h"

#include "common/testing/catch.h"

#include <sstream>

using namespace rmq::admin;

TEST_CASE("admin: help names every command", "[admin]") {
    std::ostringstream out;
    CHECK(run_command({"--help"}, out).exit_status == 0);
    for (const Command& command : commands()) {
        CAPTURE(command.name);
        CHECK(out.str().find(command.name) != std::string::npos);
        std::ostringstream own;
        CHECK(run_command({command.name, "--help"}, own).exit_status == 0);
        CHECK(own.str().find("--namesrvAddr") != std::string::npos);
    }
}

TEST_CASE("admin: what cannot be understood is refused in one line", "[admin]") {
    std::ostringstream out;
    const auto refusal = [&](const std::vector<std::string>& arguments) {
        const auto outcome = run_command(arguments, out);
        CHECK(outcome.exit_status != 0);
        return outcome.error;
    };
    CHECK(refusal({}) == "no admin command named; see raptormq admin --help");
    CHECK(refusal({"noSuchCommand"}).find("noSuchCommand") != std::string::npos);
    CHECK(refusal({"resendDeadLetters"}).find("--group is required") != std::string::npos);
    CHECK(refusal({"resendDeadLetters", "-g", "g", "--rate", "0"}).find("--rate") !=
          std::string::npos);
    CHECK(refusal({"resendDeadLetters", "-g", "g"}).find("--all") != std::string::npos);
    CHECK(refusal({"timerCancel", "-t", "T"}).find("--key is required") != std::string::npos);
    CHECK(refusal({"timerList", "-t", "T", "-m", "1001"}).find("--max") != std::string::npos);
    // Nobody listens on port 1.
    CHECK(refusal({"exportDeadLetters", "-g", "g", "-n", "127.0.0.1:1"}).find("127.0.0.1:1") !=
          std::string::npos);
}

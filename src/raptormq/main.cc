// SPDX-License-Identifier: Apache-2.0
#include "common/log.h"

#include "admin/command_runner.h"
#include "bench/bench_command.h"
#include "raptormq/command_line.h"
#include "raptormq/demo.h"
#include "raptormq/serve.h"
#include "raptormq/settings.h"
#include "storetool/store_command.h"

#include <cstdio>
#include <exception>
#include <iostream>

#include <unistd.h>

namespace rmq {
namespace {

void print(const std::string& text) {
    std::fputs(text.c_str(), stdout);
    if (!text.empty() && text.back() != '\n') {
        std::fputc('\n', stdout);
    }
}

int fail(const std::string& line) {
    log_shutdown();
    std::fprintf(stderr, "raptormq: %s\n", line.c_str());
    return 1;
}

int finish(const Status& status) {
    if (!status) {
        return fail(one_line(status.error()));
    }
    log_shutdown();
    return 0;
}

// -p, -m and --dump-config-docs.
template <class Settings>
Status print_settings(const CommandLine& line) {
    Settings settings;
    RMQ_CHECK(load_settings(line, settings));
    for (const std::string& warning : settings.warnings) {
        std::fprintf(stderr, "raptormq: %s\n", warning.c_str());
    }
    if (line.dump_config_docs) {
        print(settings.configuration.markdown());
    } else if constexpr (std::is_same_v<Settings, BrokerSettings>) {
        print(line.print_all ? settings.configuration.text() : important_text(settings));
    } else {
        print(settings.configuration.text());
    }
    return {};
}

int run(const CommandLine& line) {
    if (line.program == Program::kAdmin) {
        std::ostream& out = std::cout;  // NOLINT(tidy): a command's output may be long
        const auto outcome = admin::run_command(line.command, out);
        out.flush();
        return outcome.exit_status == 0 ? 0 : fail(outcome.error);
    }
    if (line.program == Program::kStore) {
        std::ostream& out = std::cout;       // NOLINT(tidy): a command's output may be long
        std::ostream& progress = std::cerr;  // NOLINT(tidy): for whoever waits
        const auto outcome =
            storetool::run_store_command(line.command, out, ::isatty(2) == 1 ? &progress : nullptr);
        out.flush();
        if (!outcome.error.empty()) {
            fail(outcome.error);
        }
        return outcome.exit_status;
    }
    if (line.program == Program::kBench) {
        std::ostream& out = std::cout;       // NOLINT(tidy): a command's output may be long
        std::ostream& progress = std::cerr;  // NOLINT(tidy): for whoever waits
        const auto outcome =
            bench::run_bench_command(line.command, out, ::isatty(2) == 1 ? &progress : nullptr);
        out.flush();
        return outcome.exit_status == 0 ? 0 : fail(outcome.error);
    }
    if (line.program == Program::kDemo) {
        return finish(run_demo(line.namesrv_addr));
    }
    if (line.print_all || line.print_important || line.dump_config_docs) {
        return finish(line.program == Program::kNamesrv ? print_settings<NamesrvSettings>(line)
                                                        : print_settings<BrokerSettings>(line));
    }
    return finish(serve(line));
}

}  // namespace
}  // namespace rmq

int main(int argc, char** argv) {
    try {
        const auto parsed = rmq::parse_command_line({argv, argv + argc});
        if (parsed.command_line) {
            return rmq::run(*parsed.command_line);
        }
        if (parsed.exit_status == 0) {
            rmq::print(parsed.text);
        } else {
            std::fprintf(stderr, "%s\n", parsed.text.c_str());
        }
        return parsed.exit_status;
    } catch (const std::exception& error) {
        return rmq::fail(std::string(error.what()) + "; this is a fault of the program");
    }
}

// SPDX-License-Identifier: Apache-2.0
#include "storetool/store_command.h"

#include "common/clock.h"
#include "common/message/message_json.h"
#include "store/store_lock.h"

#include "storetool/check_store.h"
#include "storetool/dump.h"
#include "storetool/repair.h"
#include <CLI/CLI.hpp>

#include <algorithm>
#include <fstream>
#include <ostream>

namespace rmq::storetool {

namespace {

constexpr int kDamageFound = 2;

constexpr const char* kUsage =
    "usage: raptormq store COMMAND DIRECTORY [options]\n"
    "DIRECTORY is a storePathRootDir, ours or the original's; its broker should be stopped.\n"
    "  check    verifies every record, queue, index and configuration file\n"
    "  repair   mends what check finds; shows what it would do unless --apply is given\n"
    "  dump     shows records, one line each\n"
    "  export   writes messages as JSON, one object a line\n"
    "raptormq store COMMAND --help lists the options of a command.\n";

struct Options {
    StoreDirectory::Paths paths;
    Selection selection;
    bool skip_crc = false;
    bool is_json = false;
    bool is_applied = false;
    std::string backup;
    std::string file;
};

const char* name_of(Severity severity) {
    switch (severity) {
        case Severity::kNote:
            return "note";
        case Severity::kWarning:
            return "warning";
        case Severity::kDamage:
            return "DAMAGE";
    }
    return "";
}

void print(const CheckResult& result, std::ostream& out) {
    for (const Finding& finding : result.findings.all()) {
        out << name_of(finding.severity) << ": " << finding.where << ": " << finding.what
            << "\n    " << finding.meaning << '\n';
    }
    out << "log " << result.log.begin.value << " to " << result.log.end.value << ", "
        << result.log.records << " records in " << result.log.queues.size() << " queues; "
        << result.queue_entries << " queue entries, " << result.index_entries << " index entries, "
        << result.config_files << " configuration files\n"
        << result.findings.count(Severity::kDamage) << " damaged, "
        << result.findings.count(Severity::kWarning) << " warnings, "
        << result.findings.count(Severity::kNote) << " notes\n";
}

CheckOptions check_options(const Options& options, std::ostream* progress) {
    CheckOptions check;
    check.check_crc = !options.skip_crc;
    if (progress != nullptr) {
        check.progress = [progress](std::int64_t done, std::int64_t total) {
            *progress << "\rlog " << done * 100 / std::max<std::int64_t>(1, total) << " %"
                      << std::flush;
        };
    }
    return check;
}

Outcome failed(const Error& error) {
    return {1, error.remark};
}

Outcome check(const Options& options, std::ostream& out, std::ostream* progress) {
    const auto store = StoreDirectory::open(options.paths);
    if (!store) {
        return failed(store.error());
    }
    const auto result = check_store(*store, check_options(options, progress));
    print(result, out);
    return {result.findings.count(Severity::kDamage) > 0 ? kDamageFound : 0, ""};
}

Outcome repair(const Options& options, std::ostream& out, std::ostream* progress) {
    store::StoreLock lock;  // a server that runs on the directory has it
    if (options.is_applied) {
        if (const Status status = lock.acquire(options.paths.root); !status) {
            return failed(status.error());
        }
    }
    const auto store = StoreDirectory::open(options.paths);
    if (!store) {
        return failed(store.error());
    }
    const auto steps = plan_repair(*store, check_store(*store, check_options(options, progress)));
    const std::string backup = options.backup.empty() ? options.paths.root + "/repair-backup-" +
                                                            std::to_string(SystemClock().now_ms())
                                                      : options.backup;
    for (const RepairStep& step : steps) {
        out << (options.is_applied ? "" : "would ") << step.text << '\n';
        if (options.is_applied) {
            if (const Status status = step.apply(backup); !status) {
                return failed(status.error());
            }
        }
    }
    if (steps.empty()) {
        out << "nothing to repair\n";
    } else if (options.is_applied) {
        out << "what was there before is in " << backup << '\n';
    } else {
        out << "nothing was changed; --apply does it and keeps what is there now in " << backup
            << '\n';
    }
    return {};
}

Outcome show(const Options& options, bool is_json, std::ostream& out) {
    const auto store = StoreDirectory::open(options.paths);
    if (!store) {
        return failed(store.error());
    }
    std::ofstream file;
    if (!options.file.empty()) {
        file.open(options.file);
    }
    std::ostream& target = options.file.empty() ? out : file;
    const Status status = select_records(*store, options.selection, [&](const auto& record) {
        if (is_json) {
            write_message_json(record, target);
        } else {
            target << describe(record) << '\n';
        }
    });
    target.flush();
    if (!status) {
        return failed(status.error());
    }
    if (!target) {
        return {1, "cannot write " + (options.file.empty() ? "the output" : options.file)};
    }
    return {};
}

void declare_selection(CLI::App& app, Selection& selection) {
    app.add_option("-o,--offset", selection.physical_offset, "from this CommitLog position on");
    app.add_option("-t,--topic", selection.topic, "only this topic");
    app.add_option("-q,--queueId", selection.queue_id,
                   "only this queue; with --topic, by its entries");
    app.add_option("-i,--queueOffset", selection.queue_offset, "from this queue offset on");
    app.add_option("-k,--key", selection.key, "only with this key or unique id");
    app.add_option("-b,--begin", selection.begin_ms, "stored since, epoch ms");
    app.add_option("-e,--end", selection.end_ms, "stored until, epoch ms");
    app.add_option("-c,--count", selection.max, "at most so many")->check(CLI::PositiveNumber);
}

void declare(const std::string& command, CLI::App& app, Options& options) {
    app.add_option("directory", options.paths.root, "storePathRootDir")->required();
    app.add_option("--commitLog", options.paths.commit_log,
                   "storePathCommitLog, if not <directory>/commitlog");
    if (command == "check" || command == "repair") {
        app.add_flag("--skipCrc", options.skip_crc, "do not verify the checksums of bodies");
    }
    if (command == "repair") {
        app.add_flag("--apply", options.is_applied, "do it");
        app.add_option("--backup", options.backup,
                       "where to keep what is changed, on the same file system");
    }
    if (command == "dump" || command == "export") {
        declare_selection(app, options.selection);
        app.add_option("-f,--file", options.file, "file to write (default: standard output)");
    }
    if (command == "dump") {
        app.add_flag("-j,--json", options.is_json, "JSON, one object a line");
    }
}

}  // namespace

Outcome run_store_command(const std::vector<std::string>& arguments, std::ostream& out,
                          std::ostream* progress) {
    const std::string command = arguments.empty() ? "" : arguments.front();
    if (command == "-h" || command == "--help") {
        out << kUsage;
        return {};
    }
    if (command != "check" && command != "repair" && command != "dump" && command != "export") {
        return {1, (command.empty() ? std::string("no store command named")
                                    : "unknown store command " + command) +
                       "; see raptormq store --help"};
    }
    Options options;
    CLI::App app("", "raptormq store " + command);
    declare(command, app, options);
    try {
        std::vector<std::string> rest(arguments.rbegin(), arguments.rend() - 1);
        app.parse(rest);
    } catch (const CLI::CallForHelp&) {
        out << app.help();
        return {};
    } catch (const CLI::ParseError& error) {
        return {1, std::string(error.what()) + "; see raptormq store " + command + " --help"};
    }
    if (command == "check") {
        return check(options, out, progress);
    }
    if (command == "repair") {
        return repair(options, out, progress);
    }
    return show(options, options.is_json || command == "export", out);
}

}  // namespace rmq::storetool

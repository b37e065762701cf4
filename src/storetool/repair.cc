// SPDX-License-Identifier: Apache-2.0
#include "storetool/repair.h"

#include "common/descriptor.h"
#include "common/lenient_json.h"
#include "common/message/message_layout.h"
#include "common/persistent_file.h"

#include "storetool/log_scan.h"
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>

#include <fcntl.h>

namespace rmq::storetool {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kBridgeTopic = "RMQ_SYS_REPAIRED_STRETCH";

Status moved(const std::string& root, const std::string& path, const std::string& backup) {
    const std::string target = backup + "/" + fs::relative(path, root).string();
    RMQ_CHECK(create_directories(fs::path(target).parent_path().string()));
    std::error_code error;
    fs::rename(path, target, error);
    if (error) {
        return Error{Errc::kIo, "cannot move " + path + " to " + target + ": " + error.message()};
    }
    return {};
}

Status copied(const std::string& root, const std::string& path, const std::string& backup) {
    const std::string target = backup + "/" + fs::relative(path, root).string();
    RMQ_CHECK(create_directories(fs::path(target).parent_path().string()));
    std::error_code error;
    if (fs::exists(target, error)) {
        return {};  // an earlier step kept it as it was
    }
    fs::copy_file(path, target, error);
    if (error) {
        return Error{Errc::kIo, "cannot copy " + path + " to " + target + ": " + error.message()};
    }
    return {};
}

Status overwrite(const std::string& path, std::int64_t at, const std::string& bytes) {
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file) {
        return errno_error("cannot open " + path);
    }
    RMQ_CHECK(write_at(file, path, at, bytes));
    return sync_data(file, path);
}

std::int64_t bridge_overhead() {
    return layout::kFixedBytes + static_cast<std::int64_t>(kBridgeTopic.size());
}

// A record of `size` bytes that is never delivered and never indexed: a roll back.
std::string bridge(PhysicalOffset at, std::int64_t size, std::int64_t store_timestamp) {
    const std::string body(static_cast<std::size_t>(size - bridge_overhead()), '\0');
    MessageRecord record;
    record.topic = kBridgeTopic;
    record.body = body;
    record.sys_flag = sys_flag::kTransactionRollback;
    record.physical_offset = at;
    record.store_timestamp = store_timestamp;
    record.born_timestamp = store_timestamp;
    std::string bytes(static_cast<std::size_t>(size), '\0');
    encode_message(record, bytes.data());
    return bytes;
}

// Closes a file `left` bytes before its end: readers go on with the next one.
std::string blank(std::int64_t left) {
    std::string bytes(static_cast<std::size_t>(layout::kBlankBytes), '\0');
    const auto put = [&bytes](std::size_t at, std::int32_t value) {
        for (std::size_t i = 0; i < 4; ++i) {
            bytes[at + i] = static_cast<char>(static_cast<std::uint32_t>(value) >> (24 - 8 * i));
        }
    };
    put(0, static_cast<std::int32_t>(left));
    put(4, layout::kBlankMagic);
    return bytes;
}

// What covers [begin, end) of one file. Empty when that is too short. A file begins with a record,
// so that recovery takes it for one of the log.
std::string cover(const Segment& file, std::int64_t begin, std::int64_t end,
                  std::int64_t store_timestamp) {
    const std::int64_t size = end - begin;
    const std::int64_t least = bridge_overhead();
    if (end < file.end()) {
        return size >= least ? bridge({begin}, size, store_timestamp) : std::string();
    }
    if (begin > file.start) {
        return size >= layout::kBlankBytes ? blank(size) : std::string();
    }
    return bridge({begin}, least, store_timestamp) + blank(size - least);
}

void plan_bridges(const StoreDirectory& store, const CheckResult& result,
                  std::vector<RepairStep>& steps) {
    std::int64_t last_timestamp = std::max<std::int64_t>(1, result.log.first_store_timestamp);
    scan_log(
        store.log(), result.log.begin, true,
        [&](const MessageRecord& record) {
            last_timestamp = record.store_timestamp;
            return true;
        },
        [&](const DamagedStretch& stretch) {
            for (const Segment& file : store.log().files()) {
                const std::int64_t begin = std::max(stretch.begin.value, file.start);
                const std::int64_t end = std::min(stretch.end.value, file.end());
                if (begin >= end) {
                    continue;
                }
                const std::string bytes = cover(file, begin, end, last_timestamp);
                if (bytes.empty()) {
                    continue;
                }
                steps.push_back(
                    {"bridge " + file.file.path() + " from " + std::to_string(begin) + " to " +
                         std::to_string(end) + ": its records cannot be read, those behind it can",
                     [root = store.root(), path = file.file.path(), at = begin - file.start,
                      bytes](const std::string& backup) -> Status {
                         RMQ_CHECK(copied(root, path, backup));
                         return overwrite(path, at, bytes);
                     }});
            }
        });
}

bool is_below(const Finding& finding, std::string_view part) {
    return finding.where.find(part) != std::string::npos;
}

void plan_rebuild(const StoreDirectory& store, const CheckResult& result, bool is_bridged,
                  std::vector<RepairStep>& steps) {
    const auto& all = result.findings.all();
    const bool is_needed =
        is_bridged || std::any_of(all.begin(), all.end(), [](const Finding& each) {
            return (is_below(each, "consumequeue/") && each.severity == Severity::kDamage) ||
                   (is_below(each, "/index/") && each.severity == Severity::kWarning);
        });
    if (!is_needed) {
        return;
    }
    const std::string& root = store.root();
    for (const char* const name :
         {"/consumequeue", "/batchconsumequeue", "/index", "/checkpoint"}) {
        const std::string path = root + name;
        std::error_code error;
        if (fs::exists(path, error)) {
            steps.push_back(
                {"move " + path + " away: the next start makes it anew from the log",
                 [root, path](const std::string& backup) { return moved(root, path, backup); }});
        }
    }
    steps.push_back({"leave " + root + "/abort: the next start recovers from the whole log",
                     [root](const std::string&) { return write_file(root + "/abort", ""); }});
}

bool is_readable(const std::string& path) {
    const auto text = read_file(path);
    return text && !text->empty() && parse_lenient_json(*text);
}

void plan_configs(const StoreDirectory& store, std::vector<RepairStep>& steps) {
    std::error_code error;
    for (fs::directory_iterator it(store.root() + "/config", error), end; !error && it != end;
         it.increment(error)) {
        const std::string path = it->path().string();
        const std::string backup_of_server = path + ".bak";
        if (!path.ends_with(".json") || is_readable(path) || !is_readable(backup_of_server)) {
            continue;
        }
        steps.push_back(
            {"put " + backup_of_server + " in the place of " + path + ": it can be read",
             [root = store.root(), path, backup_of_server](const std::string& backup) -> Status {
                 RMQ_CHECK(moved(root, path, backup));
                 RMQ_TRY(const std::string text, read_file(backup_of_server));
                 return write_file(path, text);
             }});
    }
}

}  // namespace

std::vector<RepairStep> plan_repair(const StoreDirectory& store, const CheckResult& result) {
    std::vector<RepairStep> steps;
    plan_bridges(store, result, steps);
    plan_rebuild(store, result, !steps.empty(), steps);
    plan_configs(store, steps);
    return steps;
}

}  // namespace rmq::storetool

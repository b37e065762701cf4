// SPDX-License-Identifier: Apache-2.0
#include "common/bytes.h"
#include "common/lenient_json.h"
#include "common/parse_number.h"
#include "common/persistent_file.h"
#include "store/checkpoint.h"

#include "storetool/check_store.h"
#include <nlohmann/json.hpp>

#include <filesystem>
#include <optional>

namespace rmq::storetool {

namespace fs = std::filesystem;

namespace {

bool exists(const std::string& path) {
    std::error_code error;
    return fs::exists(path, error);
}

// The object in a configuration file; nothing, with a finding, when there is none.
std::optional<nlohmann::json> read_object(const std::string& path, Severity severity,
                                          const char* meaning, Findings& findings) {
    const auto text = read_file(path);
    if (!text) {
        findings.add({severity, path, text.error().remark, meaning});
        return std::nullopt;
    }
    if (text->empty()) {
        findings.add({Severity::kNote, path, "is empty", "the file beside it with .bak is read"});
        return std::nullopt;
    }
    auto parsed = parse_lenient_json(*text);
    if (!parsed) {
        findings.add({severity, path, parsed.error().remark, meaning});
        return std::nullopt;
    }
    if (!parsed->is_object()) {
        findings.add({severity, path, "is no JSON object", meaning});
        return std::nullopt;
    }
    return std::move(*parsed);
}

void check_topics(const nlohmann::json& object, const std::string& path, const LogSummary& log,
                  Findings& findings) {
    const auto table = object.find("topicConfigTable");
    if (table == object.end() || !table->is_object()) {
        findings.add({Severity::kDamage, path, "has no topicConfigTable",
                      "the broker starts without its topics"});
        return;
    }
    Repeated missing(Severity::kNote, path,
                     "deleted topics leave records in the log until retention takes them");
    std::string last;
    for (const auto& [key, queue] : log.queues) {
        if (key.first != last && !table->contains(key.first)) {
            missing.add("topic " + key.first + " of the log is not in the table");
        }
        last = key.first;
    }
    missing.report(findings);
}

// "topic@group" -> {queueId: offset}.
void check_offsets(const nlohmann::json& object, const std::string& path, const LogSummary& log,
                   Findings& findings) {
    const auto table = object.find("offsetTable");
    if (table == object.end() || !table->is_object()) {
        findings.add(
            {Severity::kDamage, path, "has no offsetTable",
             "every group starts anew: at the end or at the beginning, as its members want"});
        return;
    }
    Repeated beyond(
        Severity::kWarning, path,
        "after a crash that lost the end of the log this is expected: the group goes on "
        "at the end of the queue");
    for (const auto& [name, queues] : table->items()) {
        const std::string topic = name.substr(0, name.find('@'));
        if (!queues.is_object()) {
            continue;
        }
        for (const auto& [id, offset] : queues.items()) {
            const auto queue_id = parse_number<std::int32_t>(id);
            const auto queue = log.queues.find({topic, queue_id.value_or(-1)});
            if (queue != log.queues.end() && offset.is_number_integer() &&
                offset.get<std::int64_t>() > queue->second.end) {
                beyond.add(name + " queue " + id + " at " + offset.dump() + ", the queue ends at " +
                           std::to_string(queue->second.end));
            }
        }
    }
    beyond.report(findings);
}

void check_checkpoint(const StoreDirectory& store, const LogSummary& log, Findings& findings) {
    const std::string path = store.root() + "/checkpoint";
    const char* const rescan = "the next start after a crash reads the whole log again";
    if (!exists(path)) {
        if (log.records > 0) {
            findings.add({Severity::kWarning, path, "is missing", rescan});
        }
        return;
    }
    const auto file = ReadOnlyFile::open(path);
    if (!file) {
        findings.add({Severity::kWarning, path, file.error().remark, rescan});
        return;
    }
    if (file->bytes().size() < store::StoreCheckpoint::kFieldCount * 8) {
        findings.add(
            {Severity::kWarning, path, "has " + std::to_string(file->size()) + " bytes", rescan});
        return;
    }
    const auto field = [&](store::StoreCheckpoint::Field which) {
        return load_be<std::int64_t>(file->bytes().data() + which * 8);
    };
    const auto queued_to = field(store::StoreCheckpoint::kLogicsPhysicalOffset);
    if (queued_to > log.end.value) {
        findings.add({Severity::kWarning, path,
                      "says queues are written up to " + std::to_string(queued_to) +
                          ", the log ends at " + std::to_string(log.end.value),
                      "the end of the log was lost after the checkpoint was written"});
    }
}

void check_one(const std::string& path, const LogSummary& log, Findings& findings) {
    const bool is_backup = path.ends_with(".bak");
    const auto object =
        read_object(path, is_backup ? Severity::kWarning : Severity::kDamage,
                    is_backup ? "the file without .bak is used as long as it is there"
                              : "the broker does not start, or starts without this table; if the "
                                "file with .bak is whole, raptormq store repair puts it in place",
                    findings);
    const std::string name = fs::path(path).filename().string();
    if (object && name == "topics.json") {
        check_topics(*object, path, log, findings);
    } else if (object && name == "consumerOffset.json") {
        check_offsets(*object, path, log, findings);
    }
}

}  // namespace

std::int64_t check_config(const StoreDirectory& store, const LogSummary& log, Findings& findings) {
    std::int64_t count = 0;
    std::error_code error;
    for (fs::directory_iterator it(store.root() + "/config", error), end; !error && it != end;
         it.increment(error)) {
        const std::string path = it->path().string();
        if (path.ends_with(".json") || path.ends_with(".json.bak")) {
            check_one(path, log, findings);
            ++count;
        }
    }
    check_checkpoint(store, log, findings);
    if (exists(store.root() + "/abort")) {
        findings.add({Severity::kNote, store.root() + "/abort", "is there",
                      "a broker runs on this directory, or its last one did not stop cleanly; the "
                      "next start recovers"});
    }
    return count;
}

}  // namespace rmq::storetool

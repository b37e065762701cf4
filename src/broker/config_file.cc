// SPDX-License-Identifier: Apache-2.0
#include "broker/config_file.h"

#include "common/lenient_json.h"
#include "common/log.h"
#include "common/persistent_file.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <utility>

namespace rmq::broker {

ConfigFile::ConfigFile(std::string path, std::function<std::string()> encode)
    : path_(std::move(path)), encode_(std::move(encode)) {}

Result<nlohmann::json> ConfigFile::load() const {
    if (const auto text = read_file(path_); text && !text->empty()) {
        auto parsed = parse_lenient_json(*text);
        if (parsed) {
            return parsed;
        }
        log_of("broker").warn("config_file_unreadable path={} cause=\"{}\" using=bak", path_,
                              parsed.error().remark);
    } else if (!text && text.error().code != Errc::kNotFound) {
        return text.error();
    }
    const std::string backup_path = path_ + ".bak";
    const auto backup = read_file(backup_path);
    if (!backup) {
        return backup.error();
    }
    if (backup->empty()) {
        return Error{Errc::kNotFound, backup_path + " is empty"};
    }
    auto parsed = parse_lenient_json(*backup);
    if (!parsed) {
        return Error{Errc::kMalformed,
                     "neither " + path_ + " nor " + backup_path +
                         " is JSON; restore one of them from a copy: " + parsed.error().remark};
    }
    return parsed;
}

void ConfigFile::write() {
    const std::lock_guard lock(mutex_);
    is_dirty_ = true;
    const std::string text = encode_();
    std::error_code failure;
    std::filesystem::rename(path_, path_ + ".bak", failure);
    if (failure && failure != std::errc::no_such_file_or_directory) {
        log_of("broker").error("config_file_not_written path={} cause=\"{}\"", path_,
                               failure.message());
        return;
    }
    if (const auto written = write_file(path_, text); !written) {
        log_of("broker").error("config_file_not_written path={} cause=\"{}\"", path_,
                               written.error().remark);
    }
}

void ConfigFile::mark_dirty() {
    const std::lock_guard lock(mutex_);
    is_dirty_ = true;
}

Status ConfigFile::sync() {
    const std::lock_guard lock(mutex_);
    if (!is_dirty_) {
        return {};
    }
    RMQ_CHECK(replace_with_backup(path_, encode_()));
    is_dirty_ = false;
    return {};
}

}  // namespace rmq::broker

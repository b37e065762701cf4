// SPDX-License-Identifier: Apache-2.0
#include "broker/config_file.h"

#include "common/lenient_json.h"
#include "common/log.h"
#include "common/persistent_file.h"

#include <nlohmann/json.hpp>

#include <utility>

namespace rmq::broker {

ConfigFile::ConfigFile(std::string path, std::function<std::string()> encode)
    : path_(std::move(path)), encode_(std::move(encode)) {}

Result<nlohmann::json> ConfigFile::load() const {
    return load_json_object(path_);
}

void ConfigFile::write() {
    {
        const std::lock_guard lock(mutex_);
        is_dirty_ = true;
        const auto written =
            replace_with_backup(path_, encode_(), {.keeps_current = !is_unsynced_, .syncs = false});
        is_newest_ = static_cast<bool>(written);
        is_unsynced_ = is_unsynced_ || is_newest_;
        if (!written) {
            log_of("broker").error("config_file_not_written path={} cause=\"{}\"", path_,
                                   written.error().remark);
        }
    }
    if (on_written_) {
        on_written_();
    }
}

void ConfigFile::mark_dirty() {
    const std::lock_guard lock(mutex_);
    is_dirty_ = true;
    is_newest_ = false;
}

Status ConfigFile::sync() {
    const std::lock_guard lock(mutex_);
    if (!is_dirty_) {
        return {};
    }
    if (is_unsynced_ && is_newest_) {
        RMQ_CHECK(sync_file(path_));
    } else {
        RMQ_CHECK(replace_with_backup(path_, encode_(), {.keeps_current = !is_unsynced_}));
    }
    is_dirty_ = false;
    is_unsynced_ = false;
    return {};
}

}  // namespace rmq::broker

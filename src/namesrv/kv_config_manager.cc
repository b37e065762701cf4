// SPDX-License-Identifier: Apache-2.0
#include "namesrv/kv_config_manager.h"

#include "common/lenient_json.h"
#include "common/persistent_file.h"
#include "remoting/protocol/body/json_fields.h"

#include <nlohmann/json.hpp>

#include <utility>

namespace rmq::namesrv {

Status KvConfigManager::load() {
    const auto object = load_json_object(path_);
    if (!object) {
        return object.error().code == Errc::kNotFound ? Status{} : Status(object.error());
    }
    std::lock_guard lock(mutex_);
    if (const auto& namespaces = json_member(*object, "configTable"); namespaces.is_object()) {
        for (const auto& [name, members] : namespaces.items()) {
            auto& table = config_table_[name];
            for (const auto& [key, value] : members.items()) {
                table.insert_or_assign(key, json_scalar_text(value));
            }
        }
    }
    return {};
}

void KvConfigManager::put(std::string_view config_namespace, std::string_view key,
                          std::optional<std::string_view> value) {
    std::lock_guard lock(mutex_);
    auto& table = config_table_[std::string(config_namespace)];
    if (value) {
        table.insert_or_assign(std::string(key), std::string(*value));
    }
}

void KvConfigManager::remove(std::string_view config_namespace, std::string_view key) {
    std::lock_guard lock(mutex_);
    const auto table = config_table_.find(config_namespace);
    if (table == config_table_.end()) {
        return;
    }
    if (const auto entry = table->second.find(key); entry != table->second.end()) {
        table->second.erase(entry);
    }
}

Status KvConfigManager::persist() {
    std::lock_guard writer(persist_mutex_);
    std::string text;
    {
        std::lock_guard lock(mutex_);
        text = dump_json({{"configTable", nlohmann::json(config_table_)}});
    }
    return replace_with_backup(path_, text);
}

std::optional<std::string> KvConfigManager::get(std::string_view config_namespace,
                                                std::string_view key) const {
    std::lock_guard lock(mutex_);
    const auto table = config_table_.find(config_namespace);
    if (table == config_table_.end()) {
        return std::nullopt;
    }
    const auto entry = table->second.find(key);
    return entry == table->second.end() ? std::nullopt : std::optional(entry->second);
}

std::optional<KvConfigManager::Table> KvConfigManager::list(
    std::string_view config_namespace) const {
    std::lock_guard lock(mutex_);
    const auto table = config_table_.find(config_namespace);
    return table == config_table_.end() ? std::nullopt : std::optional(table->second);
}

}  // namespace rmq::namesrv

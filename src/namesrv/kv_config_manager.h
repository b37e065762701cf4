// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace rmq::namesrv {

// Source: NamesrvUtil.NAMESPACE_ORDER_TOPIC_CONFIG.
inline constexpr std::string_view kOrderTopicConfigNamespace = "ORDER_TOPIC_CONFIG";

// Small texts by namespace and key that administrators keep in the NameServer, persisted as
// {"configTable":{"namespace":{"key":"value"}}} with a .bak beside it.
// Thread safety: every member from any thread. get() and list() never wait for the disk; persist()
// does, call it on a thread that may block.
// Source: KVConfigManager.
class KvConfigManager {
public:
    using Table = std::map<std::string, std::string, std::less<>>;

    explicit KvConfigManager(std::string path) : path_(std::move(path)) {}

    // A missing file is an empty table. Errors: kMalformed, kPermissionDenied, kIo; the remark
    // names the path.
    Status load();
    // Without a value only the namespace is made.
    void put(std::string_view config_namespace, std::string_view key,
             std::optional<std::string_view> value);
    // The namespace stays, even when it is empty.
    void remove(std::string_view config_namespace, std::string_view key);
    // Writes all to the file. Errors: kIo, kResourceExhausted, kPermissionDenied.
    Status persist();

    std::optional<std::string> get(std::string_view config_namespace, std::string_view key) const;
    // Nothing for an unknown namespace.
    std::optional<Table> list(std::string_view config_namespace) const;

private:
    const std::string path_;
    std::mutex persist_mutex_;  // one writer of the file; taken before mutex_
    mutable std::mutex mutex_;
    std::map<std::string, Table, std::less<>> config_table_;  // guarded by mutex_
};

}  // namespace rmq::namesrv

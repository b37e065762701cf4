// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/config_file.h"
#include "common/result.h"
#include "common/snapshot.h"
#include "remoting/protocol/body/assignment.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace rmq::broker {

// Which groups read which topics by pop, as administrators set it: config/messageRequestMode.json.
// Thread safety: every member from any thread; reads take a snapshot. A setting is in the file's
// page cache when set() returns, and is synced by the next run_once().
// Source: MessageRequestModeManager (5.5.0).
class MessageRequestModeManager {
public:
    // `path` is <store>/config/messageRequestMode.json.
    explicit MessageRequestModeManager(std::string path);
    MessageRequestModeManager(const MessageRequestModeManager&) = delete;
    MessageRequestModeManager& operator=(const MessageRequestModeManager&) = delete;

    // No file is a first start. Errors: kMalformed, kIo, kPermissionDenied.
    Status load();

    // Nothing when nobody set it.
    std::optional<MessageRequestModeSetting> find(std::string_view topic,
                                                  std::string_view group) const;
    void set(MessageRequestModeSetting setting);

    // {"messageRequestModeMap":{topic:{group:{…}}}}: the file and the answer to 402.
    std::string encode() const;
    // Syncs what changed since the last turn. May block on the disk.
    Status run_once() { return file_.sync(); }

private:
    template <class Value>
    using ByName = std::map<std::string, Value, std::less<>>;
    using Table = ByName<ByName<MessageRequestModeSetting>>;  // topic, group

    Snapshot<Table> table_;
    ConfigFile file_;
};

}  // namespace rmq::broker

// SPDX-License-Identifier: Apache-2.0
#include "broker/pop/message_request_mode_manager.h"

#include "remoting/protocol/body/json_fields.h"

#include <nlohmann/json.hpp>

#include <utility>

namespace rmq::broker {

namespace {

constexpr const char* kMapMember = "messageRequestModeMap";

}  // namespace

MessageRequestModeManager::MessageRequestModeManager(std::string path)
    : file_(std::move(path), [this] { return encode(); }) {}

Status MessageRequestModeManager::load() {
    const auto stored = file_.load();
    if (!stored) {
        return stored.error().code == Errc::kNotFound ? Status() : stored.error();
    }
    Table table;
    const auto& topics = json_member(*stored, kMapMember);
    for (const auto& [topic, groups] : topics.items()) {
        if (!groups.is_object()) {
            return Error{Errc::kMalformed, file_.path() + ": no groups of topic " + topic};
        }
        for (const auto& [group, value] : groups.items()) {
            RMQ_TRY(table[topic][group], parse_message_request_mode_setting(value));
        }
    }
    table_.update([&](Table& to) { to = std::move(table); });
    return {};
}

std::optional<MessageRequestModeSetting> MessageRequestModeManager::find(
    std::string_view topic, std::string_view group) const {
    const auto table = table_.get();
    const auto groups = table->find(topic);
    if (groups == table->end()) {
        return std::nullopt;
    }
    const auto found = groups->second.find(group);
    return found == groups->second.end() ? std::nullopt : std::optional(found->second);
}

void MessageRequestModeManager::set(MessageRequestModeSetting setting) {
    table_.update([&](Table& table) {
        const auto topic = setting.topic;
        const auto group = setting.consumer_group;
        table[topic][group] = std::move(setting);
    });
    file_.write();
}

std::string MessageRequestModeManager::encode() const {
    auto topics = nlohmann::json::object();
    for (const auto& [topic, groups] : *table_.get()) {
        auto& object = topics[topic];
        for (const auto& [group, setting] : groups) {
            object[group] = to_json(setting);
        }
    }
    return dump_json({{kMapMember, std::move(topics)}});
}

}  // namespace rmq::broker

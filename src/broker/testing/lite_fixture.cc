// SPDX-License-Identifier: Apache-2.0
#include "broker/testing/lite_fixture.h"

#include "common/testing/catch.h"

#include <nlohmann/json.hpp>

namespace rmq::testing {

using nlohmann::json;

LiteFixture::LiteFixture(const Ext& group_attributes, const Ext& topic_attributes) {
    TopicConfig parent;
    parent.topic_name = "P";
    parent.attributes = {{"+message.type", "LITE"}};
    parent.attributes.insert(topic_attributes.begin(), topic_attributes.end());
    REQUIRE(topics->update(parent));
    add_group("lg", group_attributes);
}

void LiteFixture::add_group(const std::string& name, const Ext& attributes) {
    auto group = make_subscription_group(name);
    group.attributes = {{"+lite.bind.topic", "P"}};
    group.attributes.insert(attributes.begin(), attributes.end());
    REQUIRE(groups->update(group));
}

void LiteFixture::put_lite(const std::string& lite_topic, const std::string& body) {
    put(queue(lite_topic), body);
}

Response LiteFixture::subscribe(const std::string& client_id, const Names& lite_topics,
                                const std::string& action) {
    return subscribe(client_id, lite_topics, action, json::object());
}

Response LiteFixture::subscribe(const std::string& client_id, const Names& lite_topics,
                                const std::string& action, const json& more) {
    json change{{"action", action}, {"clientId", client_id}, {"group", "lg"},
                {"topic", "P"},     {"version", 1},          {"liteTopicSet", lite_topics}};
    change.update(more);
    return ask(RequestCode::LITE_SUBSCRIPTION_CTL, {}, json{{"subscriptionSet", {change}}}.dump());
}

PopFixture::Ext LiteFixture::lite_header(const std::string& client_id, const Ext& changes) {
    Ext ext{{"clientId", client_id},   {"consumerGroup", "lg"}, {"topic", "P"},
            {"maxMsgNum", "32"},       {"pollTime", "0"},       {"bornTime", "0"},
            {"invisibleTime", "10000"}};
    for (const auto& [key, value] : changes) {
        ext[key] = value;
    }
    return ext;
}

std::vector<PoppedMessage> LiteFixture::pop_lite(const std::string& client_id, const Ext& changes) {
    const auto response = ask(RequestCode::POP_LITE_MESSAGE, lite_header(client_id, changes));
    last_order_counts = ext_value(response, "orderCountInfo");
    if (response.code == ResponseCode::POLLING_TIMEOUT) {
        return {};
    }
    REQUIRE(response.code == ResponseCode::SUCCESS);
    return popped_lite(response);
}

std::vector<PoppedMessage> LiteFixture::popped_lite(const Response& response) const {
    std::vector<PoppedMessage> messages;
    for (const auto& slice : response.slices) {
        for_each_record(slice.bytes, [&](const MessageRecord& record) {
            PoppedMessage message;
            message.body = record.body;
            message.topic = std::string(record.topic).substr(queue({}).size());
            message.offset = record.queue_offset.value;
            const auto offset = std::to_string(message.offset);
            message.handle = offset + " " + ext_value(response, "popTime") + " " +
                             ext_value(response, "invisibleTime") + " " +
                             ext_value(response, "reviveQid") + " 0 broker-a 0 " + offset;
            messages.push_back(std::move(message));
        });
    }
    return messages;
}

LiteFixture::Names LiteFixture::bodies_of(const std::string& client_id, const Ext& changes) {
    Names bodies;
    for (const auto& message : pop_lite(client_id, changes)) {
        bodies.push_back(message.body);
    }
    return bodies;
}

Response LiteFixture::ack_lite(const PoppedMessage& message, const Ext& changes) {
    Ext ext{{"consumerGroup", "lg"},
            {"topic", "P"},
            {"queueId", "0"},
            {"extraInfo", message.handle},
            {"liteTopic", message.topic},
            {"offset", std::to_string(message.offset)}};
    for (const auto& [key, value] : changes) {
        ext[key] = value;
    }
    return ask(RequestCode::ACK_MESSAGE, ext);
}

Response LiteFixture::change_lite(const PoppedMessage& message, std::int64_t invisible_ms,
                                  const Ext& changes) {
    Ext ext{{"consumerGroup", "lg"},
            {"topic", "P"},
            {"queueId", "0"},
            {"extraInfo", message.handle},
            {"liteTopic", message.topic},
            {"offset", std::to_string(message.offset)},
            {"invisibleTime", std::to_string(invisible_ms)}};
    for (const auto& [key, value] : changes) {
        ext[key] = value;
    }
    return ask(RequestCode::CHANGE_MESSAGE_INVISIBLETIME, ext);
}

json LiteFixture::ask_json(RequestCode code, const Ext& ext) {
    const auto response = ask(code, ext);
    REQUIRE(response.code == ResponseCode::SUCCESS);
    return json::parse(response.body);
}

}  // namespace rmq::testing

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/lite/lite_services.h"
#include "broker/testing/pop_fixture.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace rmq::testing {

// Lite topics of parent P over PopFixture, with group lg bound to it. A message is put into the
// lite topic's queue only.
class LiteFixture : public PopFixture {
public:
    explicit LiteFixture(const Ext& group_attributes = {}, const Ext& topic_attributes = {});

    static std::string queue(const std::string& lite_topic) { return "%LMQ%$P$" + lite_topic; }
    void add_group(const std::string& name, const Ext& attributes);
    void put_lite(const std::string& lite_topic, const std::string& body);

    using Names = std::vector<std::string>;
    Response subscribe(const std::string& client_id, const Names& lite_topics,
                       const std::string& action = "PARTIAL_ADD");
    // With members that replace those of the change.
    Response subscribe(const std::string& client_id, const Names& lite_topics,
                       const std::string& action, const nlohmann::json& more);

    static Ext lite_header(const std::string& client_id, const Ext& changes = {});
    // One pop that must not wait.
    std::vector<PoppedMessage> pop_lite(const std::string& client_id, const Ext& changes = {});
    // Those of an answer; messages are acknowledged under the lite topic in their record.
    std::vector<PoppedMessage> popped_lite(const Response& response) const;
    Names bodies_of(const std::string& client_id, const Ext& changes = {});
    Response ack_lite(const PoppedMessage& message, const Ext& changes = {});
    Response change_lite(const PoppedMessage& message, std::int64_t invisible_ms,
                         const Ext& changes = {});
    nlohmann::json ask_json(RequestCode code, const Ext& ext);

    std::string last_order_counts;  // of the last pop_lite()
};

}  // namespace rmq::testing

// SPDX-License-Identifier: Apache-2.0
#include "broker/client/subscription_conflicts.h"

#include "common/testing/catch.h"
#include "remoting/protocol/body/heartbeat_data.h"

using namespace rmq;
using namespace rmq::broker;

namespace {

SubscriptionData tag(const std::string& topic, const std::string& expression) {
    return *build_subscription_data(topic, expression);
}

SubscriptionData sql(const std::string& topic, const std::string& expression) {
    SubscriptionData data;
    data.topic = topic;
    data.sub_string = expression;
    data.expression_type = kExpressionTypeSql92;
    return data;
}

const SubscriptionConflicts::Member kOne{1, "c1@10.0.0.1:1"};
const SubscriptionConflicts::Member kTwo{2, "c2@10.0.0.2:2"};
const SubscriptionConflicts::Member kThree{3, "c3@10.0.0.3:3"};

}  // namespace

TEST_CASE("SubscriptionConflicts: names both clients of two expressions, once",
          "[broker][client][C-06]") {
    SubscriptionConflicts conflicts;
    CHECK(!conflicts.declare("g", kOne, {tag("T", "a || b"), tag("%RETRY%g", "*")}));
    CHECK(!conflicts.declare("g", kTwo, {tag("T", "b||a")}));
    const auto found = conflicts.declare("g", kThree, {sql("T", "x > 1")});
    REQUIRE(found);
    CHECK(found->group == "g");
    CHECK(found->client == "c3@10.0.0.3:3");
    CHECK(found->other_client == "c1@10.0.0.1:1");
    CHECK(found->topic == "T");
    CHECK(found->wish == "SQL92 x > 1");
    CHECK(found->other_wish == "TAG a || b");
    CHECK(!conflicts.declare("g", kThree, {sql("T", "x > 1")}));
    CHECK(!conflicts.declare("g", kOne, {tag("T", "a || b")}));
    CHECK(conflicts.total() == 1);
}

TEST_CASE("SubscriptionConflicts: finds topics that only one member wants",
          "[broker][client][C-06]") {
    SubscriptionConflicts conflicts;
    CHECK(!conflicts.declare("g", kOne, {tag("A", "*"), tag("B", "*")}));
    const auto found = conflicts.declare("g", kTwo, {tag("B", "*"), tag("C", "*")});
    REQUIRE(found);
    CHECK(found->topic == "A");
    CHECK(found->wish == "nothing");
    CHECK(found->other_wish == "TAG *");
    CHECK(!conflicts.declare("other group", kThree, {tag("D", "*")}));
}

TEST_CASE("SubscriptionConflicts: is over when members agree or leave", "[broker][client][C-06]") {
    SubscriptionConflicts conflicts;
    const auto disagree = [&] {
        CHECK(!conflicts.declare("g", kOne, {tag("T", "a")}));
        CHECK(conflicts.declare("g", kTwo, {tag("T", "b")}));
        CHECK(conflicts.current(10).size() == 1);
    };
    disagree();
    CHECK(!conflicts.declare("g", kTwo, {tag("T", "a")}));
    CHECK(conflicts.current(10).empty());
    CHECK(conflicts.declare("g", kTwo, {tag("T", "b")}));
    conflicts.leave("g", kTwo.connection_id);
    CHECK(conflicts.current(10).empty());
    conflicts.on_connection_closed(kOne.connection_id);
    disagree();
    conflicts.on_connection_closed(kOne.connection_id);
    CHECK(conflicts.current(10).empty());
    CHECK(conflicts.total() == 3);
}

TEST_CASE("SubscriptionConflicts: brokerStatus shows who disagrees", "[broker][client][C-06]") {
    SubscriptionConflicts conflicts;
    std::map<std::string, std::string, std::less<>> table;
    conflicts.add_runtime_info(table);
    CHECK(table.empty());
    conflicts.declare("g", kOne, {tag("T", "a")});
    conflicts.declare("g", kTwo, {tag("T", "b")});
    conflicts.add_runtime_info(table);
    CHECK(table["subscriptionConflictTotal"] == "1");
    CHECK(table["subscriptionConflicts"] ==
          "g: c1@10.0.0.1:1 wants TAG a of T, c2@10.0.0.2:2 wants TAG b");
    conflicts.leave("g", kTwo.connection_id);
    conflicts.add_runtime_info(table);
}

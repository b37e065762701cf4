// SPDX-License-Identifier: Apache-2.0
#include "broker/client/subscription_conflicts.h"

#include "broker/topic/topic_validator.h"
#include "remoting/protocol/body/heartbeat_data.h"

#include <algorithm>
#include <utility>

namespace rmq::broker {
namespace {

constexpr std::size_t kShownMax = 16;
constexpr std::size_t kWishShownMax = 128;

std::string wish_of(const SubscriptionData& subscription) {
    if (is_tag_type(subscription.expression_type)) {
        // The order of tags says nothing.
        auto tags = subscription.tags;
        if (tags.empty()) {
            return "TAG " + (subscription.sub_string.empty() ? "*" : subscription.sub_string);
        }
        std::sort(tags.begin(), tags.end());
        std::string text = "TAG";
        for (const auto& tag : tags) {
            text += (text.size() > 3 ? " || " : " ") + tag;
        }
        return text;
    }
    return subscription.expression_type + " " + subscription.sub_string;
}

std::string shown(const std::map<std::string, std::string>& wishes, const std::string& topic) {
    const auto found = wishes.find(topic);
    return found == wishes.end() ? "nothing" : found->second.substr(0, kWishShownMax);
}

}  // namespace

std::optional<SubscriptionConflict> SubscriptionConflicts::declare(
    std::string_view group, const Member& member,
    const std::vector<SubscriptionData>& subscriptions) {
    Declared declared{member.client, {}};
    for (const auto& subscription : subscriptions) {
        if (!subscription.topic.starts_with(topic_name::kRetryPrefix)) {
            declared.wishes[subscription.topic] = wish_of(subscription);
        }
    }
    const std::lock_guard lock(mutex_);
    auto found = groups_.find(group);
    if (found == groups_.end()) {
        found = groups_.emplace(std::string(group), Members{}).first;
    }
    auto& known = found->second[member.connection_id];
    if (!known.client.empty() && known.wishes == declared.wishes) {
        return std::nullopt;
    }
    known = std::move(declared);
    for (const auto& [connection_id, other] : found->second) {
        if (connection_id == member.connection_id) {
            continue;
        }
        if (auto conflict = compare(group, known, other)) {
            ++total_;
            return conflict;
        }
    }
    return std::nullopt;
}

std::optional<SubscriptionConflict> SubscriptionConflicts::compare(std::string_view group,
                                                                   const Declared& one,
                                                                   const Declared& other) {
    if (one.wishes == other.wishes) {
        return std::nullopt;
    }
    SubscriptionConflict conflict;
    conflict.group = group;
    conflict.client = one.client;
    conflict.other_client = other.client;
    const auto [a, b] = std::mismatch(one.wishes.begin(), one.wishes.end(), other.wishes.begin(),
                                      other.wishes.end());
    const bool is_a = b == other.wishes.end() || (a != one.wishes.end() && a->first <= b->first);
    conflict.topic = is_a ? a->first : b->first;
    conflict.wish = shown(one.wishes, conflict.topic);
    conflict.other_wish = shown(other.wishes, conflict.topic);
    return conflict;
}

void SubscriptionConflicts::leave(std::string_view group, std::uint64_t connection_id) {
    const std::lock_guard lock(mutex_);
    const auto found = groups_.find(group);
    if (found != groups_.end() && found->second.erase(connection_id) > 0 && found->second.empty()) {
        groups_.erase(found);
    }
}

void SubscriptionConflicts::on_connection_closed(std::uint64_t connection_id) {
    const std::lock_guard lock(mutex_);
    for (auto& [group, members] : groups_) {
        members.erase(connection_id);
    }
    std::erase_if(groups_, [](const auto& item) { return item.second.empty(); });
}

std::vector<SubscriptionConflict> SubscriptionConflicts::current(std::size_t max) const {
    std::vector<SubscriptionConflict> conflicts;
    const std::lock_guard lock(mutex_);
    for (const auto& [group, members] : groups_) {
        if (conflicts.size() >= max) {
            break;
        }
        for (auto next = std::next(members.begin()); next != members.end(); ++next) {
            if (auto conflict = compare(group, members.begin()->second, next->second)) {
                conflicts.push_back(std::move(*conflict));
                break;
            }
        }
    }
    return conflicts;
}

std::int64_t SubscriptionConflicts::total() const {
    const std::lock_guard lock(mutex_);
    return total_;
}

void SubscriptionConflicts::add_runtime_info(
    std::map<std::string, std::string, std::less<>>& table) const {
    const auto count = total();
    if (count == 0) {
        return;
    }
    table["subscriptionConflictTotal"] = std::to_string(count);
    auto& text = table["subscriptionConflicts"];
    for (const auto& conflict : current(kShownMax)) {
        text += (text.empty() ? "" : "; ") + conflict.group + ": " + conflict.client + " wants " +
                conflict.wish + " of " + conflict.topic + ", " + conflict.other_client + " wants " +
                conflict.other_wish;
    }
}

}  // namespace rmq::broker

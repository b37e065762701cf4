// SPDX-License-Identifier: Apache-2.0
#include "broker/pop/topic_route_info_manager.h"

#include "remoting/protocol/body/route_data.h"

#include <utility>

namespace rmq::broker {

namespace {

// Source: MQClientInstance.topicRouteData2TopicSubscribeInfo.
std::set<MessageQueue> readable_queues(const std::string& topic, const TopicRouteData& route) {
    std::set<MessageQueue> queues;
    for (const auto& data : route.queue_datas) {
        const auto count = (data.perm & perm::kRead) != 0 ? data.read_queue_nums : 0;
        for (std::int32_t queue_id = 0; queue_id < count; ++queue_id) {
            queues.insert({topic, data.broker_name, queue_id});
        }
    }
    return queues;
}

}  // namespace

void TopicRouteInfoManager::find_queues(std::string topic, Found done) {
    if (auto queues = known(topic, c_.clock.monotonic_ms() - kFreshMs)) {
        done(std::move(queues));
        return;
    }
    ask(c_.namesrv_addrs(), std::move(topic), std::move(done));
}

void TopicRouteInfoManager::ask(std::vector<std::string> addresses, std::string topic, Found done) {
    if (addresses.empty()) {
        done(known(topic, INT64_MIN));
        return;
    }
    const auto address = std::move(addresses.back());
    addresses.pop_back();
    OutboundCommand command(RequestCode::GET_ROUTEINFO_BY_TOPIC);
    command.ext.add("topic", topic);
    command.ext.add("acceptStandardJsonOnly", true);
    c_.invoke(address, std::move(command),
              [this, addresses = std::move(addresses), topic = std::move(topic),
               done = std::move(done)](Result<InboundResponse> answer) mutable {
                  if (!answer) {
                      ask(std::move(addresses), std::move(topic), std::move(done));
                      return;
                  }
                  Queues queues;
                  if (answer->code == static_cast<std::int32_t>(ResponseCode::SUCCESS)) {
                      if (const auto route = decode_topic_route_data(answer->body)) {
                          queues = readable_queues(topic, *route);
                      }
                  }
                  learn(topic, queues);
                  done(std::move(queues));
              });
}

TopicRouteInfoManager::Queues TopicRouteInfoManager::known(std::string_view topic,
                                                           std::int64_t not_before_ms) const {
    const std::lock_guard lock(mutex_);
    const auto found = topics_.find(topic);
    return found == topics_.end() || found->second.learned_ms <= not_before_ms
               ? std::nullopt
               : Queues(found->second.queues);
}

void TopicRouteInfoManager::learn(const std::string& topic, const Queues& queues) {
    const std::lock_guard lock(mutex_);
    if (!queues) {
        topics_.erase(topic);
        return;
    }
    if (topics_.size() >= kTopicsMax) {
        topics_.clear();
    }
    topics_[topic] = {*queues, c_.clock.monotonic_ms()};
}

}  // namespace rmq::broker

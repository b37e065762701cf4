// SPDX-License-Identifier: Apache-2.0
#include "consumers.h"

#include <cstring>
#include <memory>
#include <set>
#include <stdexcept>

#include <unistd.h>

namespace {

constexpr int kAccepted = 0;
constexpr int kRefused = 1;
constexpr int kBroadcasting = 0;

// What the listener of one consumer is told to do.
struct Script {
    std::string name;
    Json wanted_properties;
    int fail_below = 0;
    bool fail_first = false;
    std::mutex mutex;
    std::set<std::string> seen;  // guarded by mutex
};

// The client's callback carries only the consumer, so scripts are found by it.
std::mutex scripts_mutex;
std::map<CPushConsumer*, std::unique_ptr<Script>> scripts;  // guarded by scripts_mutex

int on_message(CPushConsumer* consumer, CMessageExt* message) {
    Script* script = nullptr;
    {
        const std::lock_guard lock(scripts_mutex);
        script = scripts.at(consumer).get();
    }
    write_line({{"event", "message"},
                {"consumer", script->name},
                {"at", now_ms()},
                {"message", shown_message(message, script->wanted_properties)}});
    if (GetMessageReconsumeTimes(message) < script->fail_below) {
        return kRefused;
    }
    const std::lock_guard lock(script->mutex);
    return script->fail_first && script->seen.insert(GetMessageId(message)).second ? kRefused
                                                                                   : kAccepted;
}

Json queues(CPullConsumer* consumer, const Json& request) {
    CMessageQueue* found = nullptr;
    int size = 0;
    check(FetchSubscriptionMessageQueues(consumer, request["topic"].get<std::string>().c_str(),
                                         &found, &size),
          "FetchSubscriptionMessageQueues");
    Json shown = Json::array();
    for (int i = 0; i < size; ++i) {
        shown.push_back({found[i].broker_name, found[i].queue_id});
    }
    ReleaseSubscriptionMessageQueue(found);
    return shown;
}

Json pull(CPullConsumer* consumer, const Json& request) {
    static constexpr const char* kStatuses[] = {"FOUND", "NO_NEW_MSG", "NO_MATCHED_MSG",
                                                "OFFSET_ILLEGAL", "BROKER_TIMEOUT"};
    CMessageQueue queue{};
    std::strncpy(queue.topic, request["topic"].get<std::string>().c_str(), sizeof queue.topic - 1);
    std::strncpy(queue.broker_name, request["broker"].get<std::string>().c_str(),
                 sizeof queue.broker_name - 1);
    queue.queue_id = request["queue"];
    const CPullResult result = Pull(consumer, &queue, request.value("expression", "*").c_str(),
                                    request["offset"].get<long long>(), request["max"].get<int>());
    Json messages = Json::array();
    for (int i = 0; i < result.size; ++i) {
        messages.push_back(shown_message(result.messages[i], Json::array()));
    }
    Json shown = {{"status", kStatuses[result.pull_status]},
                  {"next", result.next_begin_offset},
                  {"min", result.min_offset},
                  {"max", result.max_offset},
                  {"messages", messages}};
    ReleasePullResult(result);
    return shown;
}

}  // namespace

Json Consumers::run(const std::string& op, const Json& request) {
    if (op == "push.start") {
        return start_push(request);
    }
    if (op == "pull.start") {
        return start_pull(request);
    }
    const std::string name = request["name"];
    std::unique_lock lock(mutex_);
    if (op == "push.close") {
        CPushConsumer* consumer = push_.at(name);
        lock.unlock();
        check(ShutdownPushConsumer(consumer), "ShutdownPushConsumer");
        return nullptr;
    }
    CPullConsumer* consumer = pull_.at(name);
    lock.unlock();
    if (op == "pull.queues") {
        return queues(consumer, request);
    }
    if (op == "pull.pull") {
        return pull(consumer, request);
    }
    if (op == "pull.close") {
        check(ShutdownPullConsumer(consumer), "ShutdownPullConsumer");
        return nullptr;
    }
    throw std::invalid_argument("unknown op " + op);
}

Json Consumers::start_push(const Json& request) {
    const std::string name = request["name"];
    CPushConsumer* consumer = CreatePushConsumer(request["group"].get<std::string>().c_str());
    SetPushConsumerNameServerAddress(consumer, namesrv_.c_str());
    SetPushConsumerInstanceName(consumer, (std::to_string(getpid()) + "@" + name).c_str());
    SetPushConsumerMessageBatchMaxSize(consumer, 1);
    if (request.contains("threads")) {
        SetPushConsumerThreadCount(consumer, request["threads"]);
    }
    if (request.value("model", "") == "broadcasting") {
        SetPushConsumerMessageModel(consumer, kBroadcasting);
    }
    auto script = std::make_unique<Script>();
    script->name = name;
    script->wanted_properties = request.value("want_props", Json::array());
    script->fail_below = request.value("fail_below", 0);
    script->fail_first = request.value("fail_first", false);
    {
        const std::lock_guard lock(scripts_mutex);
        scripts[consumer] = std::move(script);
    }
    check(Subscribe(consumer, request["topic"].get<std::string>().c_str(),
                    request.value("expression", "*").c_str()),
          "Subscribe");
    check(request.value("orderly", false) ? RegisterMessageCallbackOrderly(consumer, on_message)
                                          : RegisterMessageCallback(consumer, on_message),
          "RegisterMessageCallback");
    check(StartPushConsumer(consumer), "StartPushConsumer");
    const std::lock_guard lock(mutex_);
    push_[name] = consumer;
    return nullptr;
}

Json Consumers::start_pull(const Json& request) {
    CPullConsumer* consumer = CreatePullConsumer(request["group"].get<std::string>().c_str());
    SetPullConsumerNameServerAddress(consumer, namesrv_.c_str());
    check(StartPullConsumer(consumer), "StartPullConsumer");
    const std::lock_guard lock(mutex_);
    pull_[request["name"].get<std::string>()] = consumer;
    return nullptr;
}

// SPDX-License-Identifier: Apache-2.0
#include "producers.h"

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <stdexcept>
#include <thread>
#include <vector>

#include <unistd.h>

namespace {

constexpr int kSenders = 16;
constexpr int kOrderedRetries = 3;
constexpr long long kRouteWaitMs = 3000;

struct MessageDeleter {
    void operator()(CMessage* message) const { DestroyMessage(message); }
};
using Message = std::unique_ptr<CMessage, MessageDeleter>;

Message built(const std::string& topic, const std::string& body) {
    Message message(CreateMessage(topic.c_str()));
    check(SetByteMessageBody(message.get(), body.data(), static_cast<int>(body.size())),
          "SetByteMessageBody");
    return message;
}

Message built(const Json& spec) {
    Message message = built(spec["topic"].get<std::string>(), spec["body"].get<std::string>());
    if (spec.contains("tags")) {
        check(SetMessageTags(message.get(), spec["tags"].get<std::string>().c_str()),
              "SetMessageTags");
    }
    if (spec.contains("keys")) {
        check(SetMessageKeys(message.get(), spec["keys"].get<std::string>().c_str()),
              "SetMessageKeys");
    }
    if (spec.contains("delay")) {
        check(SetDelayTimeLevel(message.get(), spec["delay"].get<int>()), "SetDelayTimeLevel");
    }
    const Json properties = spec.value("props", Json::object());
    for (const auto& [key, value] : properties.items()) {
        check(SetMessageProperty(message.get(), key.c_str(), value.get<std::string>().c_str()),
              "SetMessageProperty");
    }
    return message;
}

Json shown(const CSendResult& result) {
    return {{"status", result.send_status == 0 ? "SEND_OK" : std::to_string(result.send_status)},
            {"id", result.message_id},
            {"offset", result.offset}};
}

int by_shard(int queues, CMessage*, void* shard) {
    return *static_cast<int*>(shard) % queues;
}

// Calls send() until it answers something else than "No route info": the client gives up at once
// when another of its threads is asking for the route at that moment, and applications have to try
// again.
template <class Send>
CSendResult with_route(const char* what, Send send) {
    const long long deadline = now_ms() + kRouteWaitMs;
    while (true) {
        CSendResult result{};
        const int status = send(&result);
        if (status == 0) {
            return result;
        }
        const char* said = GetLatestErrorMessage();
        if (std::strstr(said == nullptr ? "" : said, "No route info") == nullptr ||
            now_ms() > deadline) {
            check(status, what);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

CSendResult send_sync(CProducer* producer, CMessage* message) {
    return with_route("SendMessageSync", [&](CSendResult* result) {
        return SendMessageSync(producer, message, result);
    });
}

CSendResult send_ordered(CProducer* producer, CMessage* message, int shard) {
    return with_route("SendMessageOrderly", [&](CSendResult* result) {
        return SendMessageOrderly(producer, message, by_shard, &shard, kOrderedRetries, result);
    });
}

// The client's callbacks carry no user pointer, so one asynchronous request at a time collects
// here.
struct AsyncResults {
    std::mutex mutex;
    std::condition_variable changed;
    Json results = Json::array();
    std::string failure;
} async_results;

void on_sent(CSendResult result) {
    const std::lock_guard lock(async_results.mutex);
    async_results.results.push_back(shown(result));
    async_results.changed.notify_all();
}

void on_failed(CMQException failure) {
    const std::lock_guard lock(async_results.mutex);
    async_results.failure = failure.message;
    async_results.changed.notify_all();
}

Json send_async(CProducer* producer, const Json& specs) {
    {
        const std::lock_guard lock(async_results.mutex);
        async_results.results = Json::array();
        async_results.failure.clear();
    }
    for (const auto& spec : specs) {
        check(SendMessageAsync(producer, built(spec).get(), on_sent, on_failed),
              "SendMessageAsync");
    }
    std::unique_lock lock(async_results.mutex);
    const bool all = async_results.changed.wait_for(lock, std::chrono::seconds(20), [&] {
        return async_results.results.size() == specs.size() || !async_results.failure.empty();
    });
    if (!all || !async_results.failure.empty()) {
        throw std::runtime_error(all ? async_results.failure : "callbacks are missing");
    }
    return async_results.results;
}

Json send_batch(CProducer* producer, const Json& specs) {
    CBatchMessage* batch = CreateBatchMessage();
    std::vector<Message> messages;
    for (const auto& spec : specs) {
        messages.push_back(built(spec));
        check(AddMessage(batch, messages.back().get()), "AddMessage");
    }
    CSendResult result{};
    const int status = SendBatchMessage(producer, batch, &result);
    DestroyBatchMessage(batch);
    check(status, "SendBatchMessage");
    return Json::array({shown(result)});
}

Json send(CProducer* producer, const Json& request) {
    const std::string mode = request["mode"];
    const Json& specs = request["messages"];
    if (mode == "async") {
        return send_async(producer, specs);
    }
    if (mode == "batch") {
        return send_batch(producer, specs);
    }
    Json results = Json::array();
    for (const auto& spec : specs) {
        const Message message = built(spec);
        if (mode == "oneway") {
            check(SendMessageOneway(producer, message.get()), "SendMessageOneway");
        } else if (mode == "ordered") {
            results.push_back(
                shown(send_ordered(producer, message.get(), spec["shard"].get<int>())));
        } else {
            results.push_back(shown(send_sync(producer, message.get())));
        }
    }
    return results;
}

// Numbered bodies from several threads, because the client's asynchronous results cannot be told
// apart.
Json send_many(CProducer* producer, const Json& request) {
    const int count = request["count"], first = request["first"], size = request["size"];
    const std::string topic = request["topic"];
    std::vector<Json> acked(static_cast<size_t>(count));
    std::atomic<int> next{0};
    std::mutex mutex;
    std::string failure;  // guarded by mutex
    std::vector<std::jthread> senders;
    for (int i = 0; i < kSenders; ++i) {
        senders.emplace_back([&] {
            for (int index = next++; index < count; index = next++) {
                const Message message = built(topic, numbered_body(first + index, size));
                try {
                    const CSendResult result = send_sync(producer, message.get());
                    acked[static_cast<size_t>(index)] = {first + index, nullptr, nullptr,
                                                         result.offset};
                } catch (const std::exception& refused) {
                    const std::lock_guard lock(mutex);
                    failure = refused.what();
                }
            }
        });
    }
    senders.clear();
    if (!failure.empty()) {
        throw std::runtime_error(failure);
    }
    return acked;
}

Json loop(CProducer* producer, const Json& request, const std::atomic<bool>& stopped) {
    const std::string topic = request["topic"];
    const int size = request["size"], shards = request["shards"];
    Json acked = Json::array();
    int errors = 0;
    for (int sequence = request["first"]; !stopped; ++sequence) {
        try {
            const Message message = built(topic, numbered_body(sequence, size));
            const CSendResult result = send_ordered(producer, message.get(), sequence % shards);
            if (result.send_status != 0) {
                throw std::runtime_error("not stored as wanted");
            }
            acked.push_back({sequence, nullptr, sequence % shards, result.offset});
            write_line({{"event", "acked"}, {"sequence", sequence}});
        } catch (const std::exception&) {
            ++errors;
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
    }
    return {{"acked", acked}, {"errors", errors}};
}

}  // namespace

Json Producers::run(const std::string& op, const Json& request) {
    if (op == "producer.start") {
        return start(request);
    }
    Entry& wanted = entry(request);
    if (op == "producer.send") {
        return send(wanted.producer, request);
    }
    if (op == "producer.send_many") {
        return send_many(wanted.producer, request);
    }
    if (op == "producer.loop") {
        return loop(wanted.producer, request, wanted.stopped);
    }
    if (op == "producer.stop_loop") {
        wanted.stopped = true;
        return nullptr;
    }
    if (op == "producer.close") {
        check(ShutdownProducer(wanted.producer), "ShutdownProducer");
        return nullptr;
    }
    throw std::invalid_argument("unknown op " + op);
}

Json Producers::start(const Json& request) {
    const std::string name = request["name"];
    auto made = std::make_unique<Entry>();
    made->producer = CreateProducer(request["group"].get<std::string>().c_str());
    SetProducerNameServerAddress(made->producer, namesrv_.c_str());
    SetProducerInstanceName(made->producer, (std::to_string(getpid()) + "@" + name).c_str());
    SetProducerSendMsgTimeout(made->producer, request.value("timeout_ms", 5000));
    check(StartProducer(made->producer), "StartProducer");
    const std::lock_guard lock(mutex_);
    entries_[name] = std::move(made);
    return nullptr;
}

Producers::Entry& Producers::entry(const Json& request) {
    const std::lock_guard lock(mutex_);
    return *entries_.at(request["name"].get<std::string>());
}

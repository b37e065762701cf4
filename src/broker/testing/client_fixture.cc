// SPDX-License-Identifier: Apache-2.0
#include "broker/testing/client_fixture.h"

#include "common/message/message_properties.h"
#include "common/testing/catch.h"

#include <thread>

namespace rmq::testing {

namespace {

const SocketAddress kStoreHost = *parse_socket_address("127.0.0.1:10911");

}  // namespace

StoredMessage::StoredMessage(std::string_view text) : bytes(text) {
    const auto decoded = decode_message(bytes, VerifyCrc::kYes);
    REQUIRE(decoded);
    record = *decoded;
}

std::string StoredMessage::property(std::string_view name) const {
    return std::string(find_property(record.properties, name).value_or(std::string_view{}));
}

ClientFixture::ClientFixture(const StoreSetup& setup)
    : AdminFixture(setup),
      stats({.cluster_name = config.broker_cluster_name}, clock),
      locks(clock),
      replica_locks({.find_others =
                         [this](auto done) {
                             std::vector<std::string> others;
                             for (const auto& [address, queues] : replicas) {
                                 others.push_back(address);
                             }
                             done(others);
                         },
                     .lock =
                         [this](const auto& address, const auto& request, auto done) {
                             std::vector<MessageQueue> won;
                             for (const auto& queue : replicas.at(address)) {
                                 if (std::ranges::find(request.queues, queue) !=
                                     request.queues.end()) {
                                     won.push_back(queue);
                                 }
                             }
                             done(won);
                         },
                     .unlock = [this](const auto& address,
                                      const auto&) { replicas_unlocked.push_back(address); }}),
      filters(config, dir.path() + "/consumerFilter.json", clock),
      schedule({.config = store_config, .clock = clock}),
      flow(1, {.max_wait_ms = config.wait_time_mills_in_send_queue,
               .fast_failure_enable = config.broker_fast_failure_enable}),
      slow_consumers(config, *groups),
      cold_data(config, store_config, clock),
      notifier(std::make_unique<broker::ConsumerIdsNotifier>(config, clock)) {
    const auto post_task = [this](unsigned, UniqueFunction<void()> task) { post(std::move(task)); };
    holds = std::make_unique<broker::PullRequestHoldService>(
        1, broker::PullRequestHoldService::Collaborators{
               .clock = clock,
               .max_offset =
                   [this](std::string_view topic, std::int32_t queue_id) {
                       return store->max_offset(topic, queue_id).value;
                   },
               .post = post_task,
               .execute_woken =
                   [this](broker::PullRequest pull, Responder responder) {
                       processors->pull().execute_woken(std::move(pull), std::move(responder));
                   }});
    cold_holds = std::make_unique<broker::ColdPullHold>(
        1, clock, [this](broker::PullRequest pull, Responder responder) {
            processors->pull().execute_slowed(std::move(pull), std::move(responder));
        });
    transactions = std::make_unique<broker::TransactionalMessageService>(
        broker::TransactionalMessageService::Collaborators{.config = config,
                                                           .store_config = store_config,
                                                           .offsets = *offsets,
                                                           .producers = *producers,
                                                           .topics = *topics,
                                                           .stats = stats,
                                                           .clock = clock,
                                                           .store_host = kStoreHost},
        broker::make_transaction_store(*store), dir.path() + "/transactionMetrics");
    processors = std::make_unique<broker::ClientProcessors>(
        broker::ClientCollaborators{.config = config,
                                    .store_config = store_config,
                                    .clock = clock,
                                    .store = *store,
                                    .stats = stats,
                                    .topics = *topics,
                                    .groups = *groups,
                                    .offsets = *offsets,
                                    .consumers = *consumers,
                                    .filters = filters,
                                    .producers = *producers,
                                    .locks = locks,
                                    .replica_locks = replica_locks,
                                    .transactions = *transactions,
                                    .holds = *holds,
                                    .admission = *admission,
                                    .schedule = schedule,
                                    .flow = flow,
                                    .slow_consumers = slow_consumers,
                                    .cold_data = cold_data,
                                    .cold_holds = *cold_holds,
                                    .store_host = kStoreHost,
                                    .post = post_task});
    processors->register_in(registry);
    consumers->set_change_listener([this](std::string_view group, const auto& members) {
        notifier->on_change(group, members);
    });
    consumers->set_gone_listener([this](auto group) { filters.unregister_group(group); });
    set_arrival_listener([this](auto arrivals) { return holds->notify_arriving(arrivals); });
}

ClientFixture::~ClientFixture() {
    set_arrival_listener(nullptr);
    pool->stop();
    holds->drop_all(0);
    cold_holds->drop_all(0);
}

void ClientFixture::post(UniqueFunction<void()> task) {
    const std::lock_guard lock(tasks_mutex_);
    tasks_.push_back(std::move(task));
}

void ClientFixture::run_io_tasks() {
    for (;;) {
        UniqueFunction<void()> task;
        {
            const std::lock_guard lock(tasks_mutex_);
            if (tasks_.empty()) {
                return;
            }
            task = std::move(tasks_.front());
            tasks_.pop_front();
        }
        task();
    }
}

void ClientFixture::run_until(const std::function<bool()>& condition) {
    const SystemClock system;
    const auto deadline = system.monotonic_ms() + 30'000;
    for (;;) {
        run_io_tasks();
        if (condition()) {
            return;
        }
        if (system.monotonic_ms() > deadline) {
            FAIL("what was waited for did not happen");
        }
        std::this_thread::yield();
    }
}

void ClientFixture::request(const Client& client, RequestCode code, const ExtMap& ext,
                            std::string body, std::int32_t version) {
    FakeRequest(code, {ext.begin(), ext.end()}, std::move(body))
        .version(version)
        .send(client, [this](const Request& request, Responder responder) {
            registry.dispatch(request, std::move(responder));
        });
}

Response ClientFixture::reply_to(const Client& client) {
    std::vector<FakeConnection::Reply> replies;
    run_until([&] {
        replies = client->take_replies();
        return !replies.empty();
    });
    REQUIRE(replies.size() == 1);
    return std::move(replies[0].response);
}

Response ClientFixture::ask(const Client& client, RequestCode code, const ExtMap& ext,
                            std::string body, std::int32_t version) {
    request(client, code, ext, std::move(body), version);
    return reply_to(client);
}

std::unique_ptr<StoredMessage> ClientFixture::stored(std::string_view topic, std::int32_t queue_id,
                                                     std::int64_t offset) {
    run_until([&] { return store->max_offset(topic, queue_id).value > offset; });
    const auto entry = store->queue_entry(topic, queue_id, QueueOffset{offset});
    REQUIRE(entry);
    const auto bytes = store->record_at(entry->physical_offset);
    REQUIRE(bytes);
    return std::make_unique<StoredMessage>(bytes->bytes);
}

std::vector<std::string> bodies_of(const Response& response) {
    std::string all;
    for (const auto& slice : response.slices) {
        all += slice.bytes;
    }
    std::vector<std::string> bodies;
    for (std::string_view rest = all; !rest.empty();) {
        const auto record = decode_message(rest);
        REQUIRE(record);
        bodies.emplace_back(record->body);
        rest.remove_prefix(static_cast<std::size_t>(record->total_size));
    }
    return bodies;
}

std::string encode_pairs(std::initializer_list<std::string_view> pairs) {
    std::string encoded;
    for (auto it = pairs.begin(); it != pairs.end(); it += 2) {
        append_property(encoded, it[0], it[1]);
    }
    return encoded;
}

}  // namespace rmq::testing

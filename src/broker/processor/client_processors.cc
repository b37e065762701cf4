// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/client_processors.h"

namespace rmq::broker {

ClientProcessors::ClientProcessors(const ClientCollaborators& c)
    : flow_(c.flow),
      send_({.config = c.config,
             .store_config = c.store_config,
             .store = c.store,
             .topics = c.topics,
             .groups = c.groups,
             .locks = c.locks,
             .transactions = c.transactions,
             .stats = c.stats,
             .clock = c.clock,
             .schedule = c.schedule,
             .store_host = c.store_host}),
      end_transaction_({.config = c.config,
                        .store_config = c.store_config,
                        .store = c.store,
                        .transactions = c.transactions,
                        .admission = c.admission,
                        .stats = c.stats,
                        .clock = c.clock,
                        .schedule = c.schedule}),
      reply_({.config = c.config,
              .store = c.store,
              .topics = c.topics,
              .producers = c.producers,
              .stats = c.stats,
              .clock = c.clock,
              .store_host = c.store_host}),
      send_back_({.config = c.config,
                  .store_config = c.store_config,
                  .store = c.store,
                  .topics = c.topics,
                  .groups = c.groups,
                  .admission = c.admission,
                  .stats = c.stats,
                  .clock = c.clock,
                  .store_host = c.store_host,
                  .max_delay_level = c.max_delay_level}),
      pull_({.config = c.config,
             .store_config = c.store_config,
             .store = c.store,
             .topics = c.topics,
             .groups = c.groups,
             .consumers = c.consumers,
             .filters = c.filters,
             .offsets = c.offsets,
             .holds = c.holds,
             .admission = c.admission,
             .slow_consumers = c.slow_consumers,
             .cold_data = c.cold_data,
             .cold_holds = c.cold_holds,
             .stats = c.stats,
             .clock = c.clock,
             .post = c.post}),
      clients_({.config = c.config,
                .topics = c.topics,
                .groups = c.groups,
                .consumers = c.consumers,
                .producers = c.producers,
                .filters = c.filters}),
      consumers_({.config = c.config,
                  .store = c.store,
                  .topics = c.topics,
                  .groups = c.groups,
                  .consumers = c.consumers,
                  .offsets = c.offsets}),
      locks_(c.config, c.store_config, c.locks, c.replica_locks) {}

void ClientProcessors::register_in(RequestRegistry& registry, Listener listener) {
    const auto add = [&registry](RequestCode code, auto& processor, auto member) {
        registry.add(code, [&processor, member](const Request& request, Responder responder) {
            (processor.*member)(request, std::move(responder));
        });
    };
    for (const auto code : {RequestCode::SEND_MESSAGE, RequestCode::SEND_MESSAGE_V2,
                            RequestCode::SEND_BATCH_MESSAGE}) {
        registry.add(code, [this](const Request& request, Responder responder) {
            if (auto busy = flow_.admit(*request.connection)) {
                responder.send(ResponseCode::SYSTEM_BUSY, std::move(*busy));
                return;
            }
            send_.process(request, std::move(responder));
        });
    }
    add(RequestCode::END_TRANSACTION, end_transaction_, &EndTransactionProcessor::end_transaction);
    add(RequestCode::RESUME_CHECK_HALF_MESSAGE, end_transaction_,
        &EndTransactionProcessor::resume_check_half_message);
    add(RequestCode::SEND_REPLY_MESSAGE, reply_, &ReplyMessageProcessor::process);
    add(RequestCode::SEND_REPLY_MESSAGE_V2, reply_, &ReplyMessageProcessor::process);
    add(RequestCode::CONSUMER_SEND_MSG_BACK, send_back_, &SendBackProcessor::process);
    if (listener == Listener::kMain) {
        add(RequestCode::PULL_MESSAGE, pull_, &PullMessageProcessor::process);
        add(RequestCode::LITE_PULL_MESSAGE, pull_, &PullMessageProcessor::process);
    }
    add(RequestCode::HEART_BEAT, clients_, &ClientManageProcessor::heart_beat);
    add(RequestCode::UNREGISTER_CLIENT, clients_, &ClientManageProcessor::unregister_client);
    add(RequestCode::CHECK_CLIENT_CONFIG, clients_, &ClientManageProcessor::check_client_config);
    add(RequestCode::GET_CONSUMER_LIST_BY_GROUP, consumers_,
        &ConsumerManageProcessor::get_consumer_list_by_group);
    add(RequestCode::QUERY_CONSUMER_OFFSET, consumers_,
        &ConsumerManageProcessor::query_consumer_offset);
    add(RequestCode::UPDATE_CONSUMER_OFFSET, consumers_,
        &ConsumerManageProcessor::update_consumer_offset);
    add(RequestCode::LOCK_BATCH_MQ, locks_, &LockBatchMqProcessor::lock_batch_mq);
    add(RequestCode::UNLOCK_BATCH_MQ, locks_, &LockBatchMqProcessor::unlock_batch_mq);
}

}  // namespace rmq::broker

// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/query_message.h"

#include "broker/processor/admin/admin_handler.h"
#include "remoting/protocol/header/query_message.h"
#include "store/message_store.h"
#include "store/message_store_config.h"

#include <algorithm>

namespace rmq::broker {

namespace {

// Source: MixAll.UNIQUE_MSG_QUERY_FLAG.
constexpr std::string_view kUniqueKeyQuery = "_UNIQUE_KEY_QUERY";

}  // namespace

void QueryMessageProcessor::register_in(RequestRegistry& registry, const AdminQueue& queue) {
    registry.add(RequestCode::QUERY_MESSAGE, answer_on(queue, [this](const Request& request) {
                     return query_message(request);
                 }));
    registry.add(RequestCode::VIEW_MESSAGE_BY_ID, answer_on(queue, [this](const Request& request) {
                     return view_message_by_id(request);
                 }));
}

Result<Response> QueryMessageProcessor::query_message(const Request& request) {
    RMQ_TRY(const auto header, decode_header<QueryMessageRequestHeader>(request.ext()));
    const bool is_unique_key = request.ext().find(kUniqueKeyQuery) == "true";
    const int wanted = is_unique_key ? store_config_.default_query_max_num.get() : header.max_num;
    const int max = std::min<int>(wanted, store_config_.max_msgs_num_batch);
    auto found = store_.query_message(header.topic, header.key, max, header.begin_timestamp,
                                      header.end_timestamp);
    Response response = success_with_header(QueryMessageResponseHeader{
        found.index_last_update_timestamp, found.index_last_update_physical_offset.value});
    for (auto& slice : found.slices) {
        response.slices.push_back({std::move(slice.owner), slice.bytes});
    }
    if (response.slices.empty()) {
        response.code = ResponseCode::QUERY_NOT_FOUND;
        response.remark = "can not find message, maybe time range not correct";
    }
    return response;
}

Result<Response> QueryMessageProcessor::view_message_by_id(const Request& request) {
    RMQ_TRY(const auto header, decode_header<ViewMessageRequestHeader>(request.ext()));
    auto record = store_.record_at({header.offset});
    if (!record) {
        return Response(ResponseCode::SYSTEM_ERROR,
                        "can not find message by the offset, " + std::to_string(header.offset));
    }
    Response response(ResponseCode::SUCCESS);
    response.slices.push_back({std::move(record->owner), record->bytes});
    return response;
}

}  // namespace rmq::broker

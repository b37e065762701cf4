// SPDX-License-Identifier: Apache-2.0
#include "broker/filter/message_filter.h"

#include "broker/filter/consumer_filter_manager.h"
#include "common/message/message_properties.h"
#include "common/message/message_record.h"
#include "remoting/protocol/body/heartbeat_data.h"

#include "filter/sql_expression.h"

namespace rmq::broker {

struct MessageFilter::Retry {
    const ConsumerFilterManager& filters;
    std::string group;
};

MessageFilter::MessageFilter(const ConsumerFilterManager& filters, std::string_view group)
    : retry_(std::make_shared<const Retry>(Retry{filters, std::string(group)})) {}

bool MessageFilter::matches_properties(std::string_view properties) const {
    if (retry_ != nullptr) {
        const auto topic = find_property(properties, property::kRetryTopic);
        const auto known = retry_->filters.find(topic.value_or(std::string_view()), retry_->group);
        return !known || known->expression->matches(properties);
    }
    return expression_ == nullptr || expression_->matches(properties);
}

// A record that cannot be read has no properties for the original.
bool MessageFilter::matches_record(std::string_view record) const {
    if (!needs_properties()) {
        return true;
    }
    const auto decoded = decode_message(record);
    return matches_properties(decoded ? decoded->properties : std::string_view());
}

Result<SharedExpression> compile_expression(std::string_view expression_type,
                                            std::string_view expression) {
    if (expression_type != kExpressionTypeSql92) {
        return Error{Errc::kInvalidArgument,
                     "The expression type " + std::string(expression_type) + " is not known"};
    }
    RMQ_TRY(auto compiled, filter::SqlExpression::compile(expression));
    return std::make_shared<const filter::SqlExpression>(std::move(compiled));
}

Result<MessageFilter> make_message_filter(std::string_view topic, std::string_view expression_type,
                                          std::string_view expression) {
    if (is_tag_type(expression_type)) {
        if (expression.empty() || expression == kSubscribeAll) {
            return MessageFilter();
        }
        RMQ_TRY(const auto built, build_subscription_data(topic, expression));
        return MessageFilter(TagFilter(built.codes));
    }
    if (expression.empty()) {
        return Error{Errc::kInvalidArgument,
                     "Expression can't be null! " + std::string(expression_type)};
    }
    RMQ_TRY(auto compiled, compile_expression(expression_type, expression));
    return MessageFilter(std::move(compiled));
}

}  // namespace rmq::broker

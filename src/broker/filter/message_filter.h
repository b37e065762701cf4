// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/filter/tag_filter.h"
#include "common/result.h"
#include "store/get_message.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace rmq::filter {
class SqlExpression;
}  // namespace rmq::filter

namespace rmq::broker {

class ConsumerFilterManager;

using SharedExpression = std::shared_ptr<const filter::SqlExpression>;

// What a subscription lets through: tags, decided by the queue entry, or an SQL92 expression,
// decided by the properties of the message. A value; to copy it or to ask it allocates nothing
// (tags: for up to TagFilter::kInline). Thread safety: const members from any thread.
// Source: ExpressionMessageFilter, ExpressionForRetryMessageFilter.
class MessageFilter {
public:
    MessageFilter() = default;  // everything passes
    explicit MessageFilter(TagFilter tags) : tags_(std::move(tags)) {}
    explicit MessageFilter(SharedExpression expression) : expression_(std::move(expression)) {}
    // filterSupportRetry: messages of the group's retry topic are judged by the expression that the
    // group has for the topic they came from; they pass when it has none. `filters` outlives this.
    MessageFilter(const ConsumerFilterManager& filters, std::string_view group);

    // By the tag code of the queue entry. Expressions are not decided there: true.
    // Source: isMatchedByConsumeQueue.
    bool matches_tags_code(std::int64_t tags_code) const { return tags_.matches(tags_code); }
    bool matches_all_tags() const { return tags_.matches_all(); }
    // Whether properties have a say; when not, the next two are true.
    bool needs_properties() const { return expression_ != nullptr || retry_ != nullptr; }
    // By the encoded properties. Source: isMatchedByCommitLog.
    bool matches_properties(std::string_view properties) const;
    // By a stored record.
    bool matches_record(std::string_view record) const;

private:
    struct Retry;

    TagFilter tags_;
    SharedExpression expression_;
    std::shared_ptr<const Retry> retry_;
};

// A filter as the store asks it. Allocates nothing. `filter` outlives it, it outlives what is
// bound.
class StoreFilters {
public:
    explicit StoreFilters(const MessageFilter& filter)
        : filter_(filter),
          by_tag_([&filter](std::int64_t code) { return filter.matches_tags_code(code); }),
          by_record_([&filter](std::string_view record) { return filter.matches_record(record); }) {
    }
    StoreFilters(const StoreFilters&) = delete;
    StoreFilters& operator=(const StoreFilters&) = delete;

    // Leaves out what has no say.
    void bind(store::GetMessageRequest& request) const {
        request.tags_filter = filter_.matches_all_tags() ? nullptr : &by_tag_;
        request.record_filter = filter_.needs_properties() ? &by_record_ : nullptr;
    }

private:
    const MessageFilter& filter_;
    const store::TagsCodeFilter by_tag_;
    const store::RecordFilter by_record_;
};

// Compiles an expression of a type other than TAG. Errors: kInvalidArgument for a type that is not
// SQL92, and as SqlExpression::compile.
Result<SharedExpression> compile_expression(std::string_view expression_type,
                                            std::string_view expression);

// The filter of a request that brings its own subscription (pull with the subscription flag, POP):
// `expression_type` TAG or empty reads "a || b" or "*", others are compiled. Errors:
// kInvalidArgument, to be answered with SUBSCRIPTION_PARSE_FAILED. Whether expressions are allowed
// at all (enablePropertyFilter) is the caller's to check. Source: FilterAPI.build,
// ConsumerFilterManager.build.
Result<MessageFilter> make_message_filter(std::string_view topic, std::string_view expression_type,
                                          std::string_view expression);

}  // namespace rmq::broker

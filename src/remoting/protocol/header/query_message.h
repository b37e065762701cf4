// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace rmq {

// QUERY_MESSAGE (12). The extra field _UNIQUE_KEY_QUERY "true" makes `key` a unique id.
// Source: QueryMessageRequestHeader.
struct QueryMessageRequestHeader {
    std::string_view topic;
    std::string_view key;
    std::int32_t max_num = 0;
    std::int64_t begin_timestamp = 0;
    std::int64_t end_timestamp = 0;

    template <class Visitor>
    void visit(Visitor& v) {
        v("topic", topic);
        v("key", key);
        v("maxNum", max_num);
        v("beginTimestamp", begin_timestamp);
        v("endTimestamp", end_timestamp);
    }
};

// Source: QueryMessageResponseHeader.
struct QueryMessageResponseHeader {
    std::int64_t index_last_update_timestamp = 0;
    std::int64_t index_last_update_physical_offset = 0;

    template <class Visitor>
    void visit(Visitor& v) {
        v("indexLastUpdateTimestamp", index_last_update_timestamp);
        v("indexLastUpdatePhyoffset", index_last_update_physical_offset);
    }
};

// VIEW_MESSAGE_BY_ID (33). `offset` is a CommitLog offset. Source: ViewMessageRequestHeader.
struct ViewMessageRequestHeader {
    std::int64_t offset = 0;

    template <class Visitor>
    void visit(Visitor& v) {
        v("offset", offset);
    }
};

}  // namespace rmq

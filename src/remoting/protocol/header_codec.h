// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"
#include "remoting/protocol/ext_fields.h"
#include "remoting/protocol/response.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

namespace rmq {

// A request or response header is a plain struct of std::string_view, bool, integers and
// std::optional of those, with one member template that names its fields in wire order:
//
//   struct GetMaxOffsetRequestHeader {
//       std::string_view topic;
//       std::int32_t queue_id = 0;
//       std::optional<bool> committed;
//       template <class Visitor> void visit(Visitor& v) {
//           v("topic", topic); v("queueId", queue_id); v("committed", committed);
//       }
//   };
//
// A field that is not std::optional is mandatory. As the original only logs a missing field and
// fails later on the null, a missing mandatory field here is kInvalidArgument with its name, which
// the caller answers with SYSTEM_ERROR. Numbers must be whole decimal int32/int64 text; booleans
// are true only for "true" in any case. Source: RemotingCommand.decodeCommandCustomHeader.

// Parsers of single values; kInvalidArgument names the field.
Status parse_ext_value(std::string_view field, std::string_view text, std::int32_t& out);
Status parse_ext_value(std::string_view field, std::string_view text, std::int64_t& out);
Status parse_ext_value(std::string_view field, std::string_view text, bool& out);
Status parse_ext_value(std::string_view field, std::string_view text, std::string_view& out);
Error missing_ext_field(std::string_view field);

namespace detail {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

class HeaderDecoder {
public:
    explicit HeaderDecoder(const ExtFields& ext) : ext_(ext) {}

    template <class T>
    void operator()(std::string_view name, T& field) {
        if (!status_) {
            return;
        }
        const auto text = ext_.find(name);
        if constexpr (is_optional<T>) {
            if (text && (!text->empty() || std::is_same_v<T, std::optional<std::string_view>>)) {
                status_ = parse_ext_value(name, *text, field.emplace());
            }
        } else if (!text) {
            status_ = missing_ext_field(name);
        } else {
            status_ = parse_ext_value(name, *text, field);
        }
    }

    Status take_status() { return std::move(status_); }

private:
    const ExtFields& ext_;
    Status status_;
};

class HeaderEncoder {
public:
    explicit HeaderEncoder(ExtWriter& out) : out_(out) {}

    template <class T>
    void operator()(std::string_view name, const T& field) {
        if constexpr (is_optional<T>) {
            if (field) {
                out_.add(name, *field);
            }
        } else {
            out_.add(name, field);
        }
    }

private:
    ExtWriter& out_;
};

}  // namespace detail

// Errors: kInvalidArgument naming the first bad or missing field. No allocation on success.
template <class Header>
Result<Header> decode_header(const ExtFields& ext) {
    Header header;
    detail::HeaderDecoder decoder(ext);
    header.visit(decoder);
    RMQ_CHECK(decoder.take_status());
    return header;
}

template <class Header>
void encode_header(Header header, ExtWriter& out) {
    detail::HeaderEncoder encoder(out);
    header.visit(encoder);
}

}  // namespace rmq

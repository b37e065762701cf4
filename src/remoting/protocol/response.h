// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/protocol/remoting_command.h"
#include "remoting/protocol/request_code.h"
#include "remoting/protocol/response_code.h"

#include <boost/container/small_vector.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace rmq {

// Collects extFields as JSON text ("key":"value",…), every value a string, as Go and C++ clients
// need. The first kInlineBytes cost no allocation.
class ExtWriter {
public:
    static constexpr std::size_t kInlineBytes = 384;

    void add(std::string_view key, std::string_view value);  // escapes the value
    void add(std::string_view key, const char* value) { add(key, std::string_view(value)); }
    void add(std::string_view key, bool value) {
        add(key, value ? std::string_view("true") : std::string_view("false"));
    }
    void add(std::string_view key, std::int32_t value) { add(key, std::int64_t{value}); }
    void add(std::string_view key, std::int64_t value);

    bool empty() const { return text_.empty(); }
    // The members without braces: "a":"1","b":"2".
    std::string_view text() const { return {text_.data(), text_.size()}; }

private:
    void append(std::string_view bytes) { text_.insert(text_.end(), bytes.begin(), bytes.end()); }

    boost::container::small_vector<char, kInlineBytes> text_;
};

// Bytes of a reply body that somebody else owns, usually part of a mapped file: they leave in the
// same gathered write as the header and stay alive through `owner` until they are written.
struct BodySlice {
    std::shared_ptr<const void> owner;
    std::string_view bytes;
};

// A reply, before it is a frame. Either `body` or `slices` is used.
struct Response {
    Response() = default;
    explicit Response(ResponseCode with_code, std::string with_remark = {})
        : code(with_code), remark(std::move(with_remark)) {}

    ResponseCode code = ResponseCode::SUCCESS;
    std::string remark;  // empty: absent on the wire
    ExtWriter ext;
    std::string body;
    std::vector<BodySlice> slices;
};

// A request that this process sends: to a client over its connection, or to another server.
struct OutboundCommand {
    explicit OutboundCommand(RequestCode with_code) : code(with_code) {}

    RequestCode code;
    ExtWriter ext;
    std::string body;
};

// An answer to an OutboundCommand, owning its bytes.
struct InboundResponse {
    std::int32_t code = 0;
    std::int32_t version = 0;
    std::string remark;
    std::vector<std::pair<std::string, std::string>> ext;
    std::string body;

    std::string_view ext_value(std::string_view key) const;  // empty when absent
};

}  // namespace rmq

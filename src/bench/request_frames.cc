// SPDX-License-Identifier: Apache-2.0
#include "bench/request_frames.h"

#include "common/assert.h"
#include "common/bytes.h"

namespace rmq::bench {

namespace {

// Marks of the right width, replaced in every frame.
const std::string kOpaqueMark = "123456789";
const std::string kUniqueMark = "CAFEBABE";
const std::string kOffsetMark = "123456789012345678";
const std::string kBornMark = "1234567890123";
const std::string kTimeMark = "<-time->";
constexpr std::size_t kUniqueDigits = 8;

// Java's separators of properties, as bytes and as its JSON writes them.
struct PropertyText {
    const char* name_end;
    const char* value_end;
};
constexpr PropertyText kPlain{"\x01", "\x02"};
constexpr PropertyText kEscaped{"\\u0001", "\\u0002"};

std::string request(int code, const std::string& fields) {
    return R"({"code":)" + std::to_string(code) + R"(,"extFields":{)" + fields +
           R"(},"flag":0,"language":"JAVA","opaque":)" + kOpaqueMark +
           R"(,"serializeTypeCurrentRPC":"JSON","version":513})";
}

std::string properties(const Options& options, const PropertyText& text) {
    const auto one = [&text](const std::string& name, const std::string& value) {
        return name + text.name_end + value + text.value_end;
    };
    return (options.with_keys ? one("KEYS", "key-" + kUniqueMark) : "") +
           one("UNIQ_KEY", "7F00000100002A139A550000" + kUniqueMark) +
           one("WAIT", options.wait_stored ? "true" : "false");
}

std::string body_of(const Options& options, Mode kind, std::uint64_t run_mark) {
    std::string body(static_cast<std::size_t>(options.body_bytes), 'x');
    if (kind == Mode::kTail) {
        store_be(body.data(), run_mark);
        body.replace(sizeof run_mark, kTimeMark.size(), kTimeMark);
    }
    return body;
}

void append_be32(std::string& out, std::size_t value) {
    char bytes[4];
    store_be(bytes, static_cast<std::uint32_t>(value));
    out.append(bytes, sizeof bytes);
}

// The body of SEND_BATCH_MESSAGE. Source: MessageDecoder.encodeMessage
std::string batch_of(std::int64_t messages, const std::string& body,
                     const std::string& properties) {
    std::string one;
    append_be32(one, 4 * 5 + body.size() + 2 + properties.size());
    append_be32(one, 0);  // magic
    append_be32(one, 0);  // CRC of the body, which the broker makes
    append_be32(one, 0);  // flag
    append_be32(one, body.size());
    one += body;
    one += static_cast<char>(properties.size() >> 8);
    one += static_cast<char>(properties.size() & 0xFF);
    one += properties;
    std::string all;
    for (std::int64_t i = 0; i < messages; ++i) {
        all += one;
    }
    return all;
}

void put_decimal(char* to, std::size_t width, std::uint64_t value) {
    for (std::size_t i = width; i-- > 0;) {
        to[i] = static_cast<char>('0' + value % 10);
        value /= 10;
    }
}

void put_hex(char* to, std::size_t width, std::uint64_t value) {
    for (std::size_t i = width; i-- > 0;) {
        to[i] = "0123456789ABCDEF"[value % 16];
        value /= 16;
    }
}

}  // namespace

RequestFrames::RequestFrames(const Options& options, Mode kind, std::int64_t queues,
                             std::uint64_t run_mark)
    : topic_mark_(topic_name(options, 0).size(), '@'),
      queue_mark_(std::to_string(queues > 0 ? queues - 1 : 0).size(), '#') {
    switch (kind) {
        case Mode::kSend:
        case Mode::kTail:
            build_send(options, kind, run_mark);
            break;
        case Mode::kPull:
            build_pull(options);
            break;
        case Mode::kRoute:
            build_route();
            break;
    }
    opaque_at_ = find("\"opaque\":" + kOpaqueMark) + 9;
    topic_at_ = find(topic_mark_);
}

std::size_t RequestFrames::find(const std::string& mark) const {
    const auto at = frame_.find(mark);
    RMQ_ASSERT(at != std::string::npos, "the frame holds every mark");
    return at;
}

std::vector<std::size_t> RequestFrames::find_all(const std::string& mark) const {
    std::vector<std::size_t> found;
    for (auto at = frame_.find(mark); at != std::string::npos; at = frame_.find(mark, at + 1)) {
        found.push_back(at);
    }
    return found;
}

void RequestFrames::build_frame(const std::string& header, const std::string& body) {
    frame_.assign(8, '\0');
    frame_ += header;
    frame_ += body;
    store_be(frame_.data(), static_cast<std::uint32_t>(frame_.size() - 4));
    store_be(frame_.data() + 4, static_cast<std::uint32_t>(header.size()));
}

void RequestFrames::build_send(const Options& options, Mode kind, std::uint64_t run_mark) {
    const bool is_batch = options.batch_size() > 1;
    // The default topic does not exist, so that a broker which makes topics on demand makes none.
    const std::string fields = R"("a":"rmq_bench_producer","b":")" + topic_mark_ +
                               R"(","c":"rmq_bench_none","d":"4","e":")" + queue_mark_ +
                               R"(","f":"0","g":")" + kBornMark + R"(","h":"0","i":")" +
                               properties(options, kEscaped) + R"(","j":"0","k":"false","m":")" +
                               (is_batch ? "true" : "false") + R"(","n":"broker-a")";
    const std::string body = body_of(options, kind, run_mark);
    build_frame(
        request(is_batch ? 320 : 310, fields),
        is_batch ? batch_of(options.batch_size(), body, properties(options, kPlain)) : body);
    unique_at_ = find_all(kUniqueMark);
    time_at_ = find_all(kTimeMark);
    queue_at_ = find("\"" + queue_mark_ + "\"") + 1;
    born_at_ = find(kBornMark);
}

void RequestFrames::build_pull(const Options& options) {
    // sysFlag: the request carries its subscription (4), so that no heartbeat is needed; a tail may
    // wait for messages (2).
    const bool may_wait = options.mode == Mode::kTail;
    build_frame(
        request(11, R"("queueId":")" + queue_mark_ + R"(","maxMsgNums":")" +
                        std::to_string(may_wait ? 32 : options.batch_size()) + R"(","sysFlag":")" +
                        (may_wait ? "6" : "4") + R"(","commitOffset":"0","topic":")" + topic_mark_ +
                        R"(","queueOffset":")" + kOffsetMark + R"(","consumerGroup":")" +
                        options.group +
                        R"(","suspendTimeoutMillis":"15000","subVersion":"0",)"
                        R"("subscription":"*","expressionType":"TAG")"),
        "");
    offset_at_ = find(kOffsetMark);
    queue_at_ = find("\"" + queue_mark_ + "\"") + 1;
}

void RequestFrames::build_route() {
    build_frame(request(105, R"("acceptStandardJsonOnly":"false","topic":")" + topic_mark_ + "\""),
                "");
}

void RequestFrames::append(const RequestParts& parts, std::string& out) {
    RMQ_ASSERT(parts.topic.size() == topic_mark_.size(), "names of topics have one length");
    char* const frame = frame_.data();
    put_decimal(frame + opaque_at_, kOpaqueMark.size(),
                static_cast<std::uint64_t>(kFirstOpaque + parts.opaque));
    frame_.replace(topic_at_, parts.topic.size(), parts.topic);
    if (queue_at_ != 0) {
        put_decimal(frame + queue_at_, queue_mark_.size(), static_cast<std::uint64_t>(parts.queue));
    }
    if (offset_at_ != 0) {
        put_decimal(frame + offset_at_, kOffsetMark.size(),
                    static_cast<std::uint64_t>(parts.offset));
    }
    if (born_at_ != 0) {
        put_decimal(frame + born_at_, kBornMark.size(), static_cast<std::uint64_t>(parts.now_ms));
    }
    // A key and the UNIQ_KEY of one message differ in their last digits, which harms nobody.
    for (const std::size_t at : unique_at_) {
        put_hex(frame + at, kUniqueDigits, next_unique_++);
    }
    for (const std::size_t at : time_at_) {
        store_be(frame + at, static_cast<std::uint64_t>(parts.intended_ns));
    }
    out += frame_;
}

TailMark read_tail_mark(std::string_view body) {
    if (body.size() < 16) {
        return {};
    }
    return {load_be<std::uint64_t>(body.data()),
            static_cast<std::int64_t>(load_be<std::uint64_t>(body.data() + 8))};
}

}  // namespace rmq::bench

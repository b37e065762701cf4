// SPDX-License-Identifier: Apache-2.0
#include "bench/request_template.h"

#include "common/assert.h"
#include "common/bytes.h"

#include <chrono>

namespace rmq::bench {

namespace {

// Marks of the right width, replaced in every frame.
const std::string kOpaqueMark = "123456789";
const std::string kQueueMark = "\"7\"";
const std::string kUniqueMark = "CAFEBABE";
const std::string kOffsetMark = "123456789012345678";
constexpr std::uint32_t kFirstOpaque = 100'000'000;

const std::string kTail = R"(,"flag":0,"language":"JAVA","opaque":123456789,)"
                          R"("serializeTypeCurrentRPC":"JSON","version":513})";

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

std::int64_t wall_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

}  // namespace

RequestTemplate::RequestTemplate(const LoadOptions& options) {
    if (options.kind == Kind::kSend) {
        build_send(options);
    } else {
        build_pull(options);
    }
    opaque_at_ = find("\"opaque\":" + kOpaqueMark) + 9;
    queue_at_ = find(kQueueMark) + 1;
}

std::size_t RequestTemplate::find(const std::string& mark) const {
    const auto at = frame_.find(mark);
    RMQ_ASSERT(at != std::string::npos, "the template holds every mark");
    return at;
}

void RequestTemplate::build_frame(const std::string& header, std::size_t body_bytes) {
    frame_.assign(8, '\0');
    frame_ += header;
    frame_.append(body_bytes, 'x');
    store_be(frame_.data(), static_cast<std::uint32_t>(frame_.size() - 4));
    store_be(frame_.data() + 4, static_cast<std::uint32_t>(header.size()));
}

void RequestTemplate::build_send(const LoadOptions& options) {
    build_frame(R"({"code":310,"extFields":{"a":"rmq_bench_producer","b":")" + options.topic +
                    R"(","c":"TBW102","d":"4","e":"7","f":"0","g":")" + std::to_string(wall_ms()) +
                    R"(","h":"0","i":"UNIQ_KEY\u00017F00000100002A139A550000)" + kUniqueMark +
                    R"(\u0002WAIT\u0001true\u0002","j":"0","k":"false","m":"false",)" +
                    R"("n":"broker-a"})" + kTail,
                static_cast<std::size_t>(options.body_bytes));
    unique_at_ = find(kUniqueMark);
}

void RequestTemplate::build_pull(const LoadOptions& options) {
    // sysFlag 4: the request carries its subscription, so that no heartbeat is needed.
    build_frame(R"({"code":11,"extFields":{"queueId":"7","maxMsgNums":")" +
                    std::to_string(options.pull_batch) +
                    R"(","sysFlag":"4","commitOffset":"0","topic":")" + options.topic +
                    R"(","queueOffset":")" + kOffsetMark +
                    R"(","consumerGroup":"rmq_bench_consumer","suspendTimeoutMillis":"15000",)"
                    R"("subVersion":"0","subscription":"*","expressionType":"TAG"})" +
                    kTail,
                0);
    offset_at_ = find(kOffsetMark);
}

void RequestTemplate::append(std::int64_t queue, std::int64_t offset, std::string& out) {
    const std::uint32_t number = next_++;
    put_decimal(frame_.data() + opaque_at_, 9, kFirstOpaque + number % 800'000'000);
    put_decimal(frame_.data() + queue_at_, 1, static_cast<std::uint64_t>(queue));
    if (unique_at_ != 0) {
        put_hex(frame_.data() + unique_at_, 8, number);
    }
    if (offset_at_ != 0) {
        put_decimal(frame_.data() + offset_at_, 18, static_cast<std::uint64_t>(offset));
    }
    out += frame_;
}

}  // namespace rmq::bench

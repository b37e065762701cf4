// SPDX-License-Identifier: Apache-2.0
#include "common/parse_number.h"
#include "remoting/protocol/header/pull_message.h"
#include "remoting/protocol/header/send_message.h"
#include "remoting/protocol/header_codec.h"
#include "remoting/remoting_server.h"

#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

#include <unistd.h>

namespace rmq {
namespace {

constexpr const char* kUsage = "usage: rmq_null_server PORT [IO_THREADS [BODY_BYTES]]";

struct Options {
    std::uint16_t port = 10911;
    unsigned io_threads = 1;
    std::size_t body_bytes = 1024;  // of each message in a pull's answer
};

void answer_send(const Request& request, Responder responder) {
    const auto header = decode_header<SendMessageRequestHeaderV2>(request.ext());
    if (!header) {
        responder.send(ResponseCode::SYSTEM_ERROR, header.error().remark);
        return;
    }
    SendMessageResponseHeader answer;
    answer.msg_id = "7F00000100002A9F0000000000000000";
    answer.queue_id = header->queue_id;
    Response response;
    encode_header(answer, response.ext);
    response.ext.add("MSG_REGION", "DefaultRegion");
    response.ext.add("TRACE_ON", "true");
    responder.send(std::move(response));
}

// Sends and pulls with the real remoting layer and nothing behind it, so that the cost of remoting
// alone can be measured. Runs until SIGINT or SIGTERM.
Status serve(const Options& options) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);

    IoPool pool(options.io_threads);
    RequestRegistry registry;
    registry.add(RequestCode::SEND_MESSAGE_V2, answer_send);
    const auto messages = std::make_shared<const std::string>(32 * (options.body_bytes + 180), 'm');
    registry.add(RequestCode::PULL_MESSAGE,
                 [messages](const Request& request, Responder responder) {
                     const auto header = decode_header<PullMessageRequestHeader>(request.ext());
                     if (!header) {
                         responder.send(ResponseCode::SYSTEM_ERROR, header.error().remark);
                         return;
                     }
                     Response response;
                     response.ext.add("suggestWhichBrokerId", std::int64_t{0});
                     response.ext.add("nextBeginOffset", header->queue_offset + 32);
                     response.ext.add("minOffset", std::int64_t{0});
                     response.ext.add("maxOffset", std::int64_t{1'000'000'000});
                     response.slices.push_back({messages, *messages});
                     responder.send(std::move(response));
                 });
    RemotingServer server(pool, registry, {.bind_address = "127.0.0.1", .port = options.port});
    RMQ_CHECK(server.listen());
    pool.start();
    std::printf("null_server port=%u pid=%d\n", server.port(), static_cast<int>(::getpid()));
    std::fflush(stdout);
    int signal = 0;
    sigwait(&signals, &signal);
    server.stop(std::chrono::seconds(1));
    return {};
}

}  // namespace
}  // namespace rmq

int main(int argc, char** argv) {
    rmq::Options options;
    const auto number = [&](int at, auto otherwise) {
        return argc > at ? rmq::parse_number<decltype(otherwise)>(argv[at])
                         : std::optional(otherwise);
    };
    const auto port = number(1, options.port);
    const auto io_threads = number(2, options.io_threads);
    const auto body_bytes = number(3, options.body_bytes);
    if (argc < 2 || !port || !io_threads || !body_bytes) {
        std::fprintf(stderr, "%s\n", rmq::kUsage);
        return 2;
    }
    const auto status = rmq::serve({*port, *io_threads, *body_bytes});
    if (!status) {
        std::fprintf(stderr, "rmq_null_server: %s\n", status.error().remark.c_str());
    }
    return status ? 0 : 1;
}

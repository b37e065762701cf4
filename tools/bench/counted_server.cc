// SPDX-License-Identifier: Apache-2.0
// NameServer and Broker in one process that counts what requests cost: instructions by Valgrind,
// which runs it, and allocations by itself. tools/bench/gate.py sends the requests.
#include "broker/broker.h"
#include "common/log.h"
#include "common/parse_number.h"
#include "namesrv/namesrv.h"
#include "remoting/protocol/frame.h"

#include "raptormq/command_line.h"
#include "raptormq/settings.h"
#include <valgrind/callgrind.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <new>
#include <string>
#include <string_view>

#include <sys/prctl.h>

namespace {

std::atomic<std::int64_t> allocations{0};
std::int64_t planted = 0;             // instructions and allocations added to each request
std::atomic<std::int64_t> kept_busy;  // so that the added work is not optimized away

// Whether the calling thread works for requests: an io thread or the dispatcher, by its name, which
// it may get after its first allocations.
bool is_counted_thread() {
    constexpr int kTries = 100;
    thread_local int tries = 0;
    thread_local bool is_counted = false;
    if (!is_counted && tries < kTries) {
        char name[16] = {};
        ::prctl(PR_GET_NAME, name);
        is_counted =
            std::string_view(name).starts_with("io-") || std::string_view(name) == "dispatch";
        ++tries;
    }
    return is_counted;
}

}  // namespace

// Every allocation of C++ in the threads that count, ours and the libraries'. Never inlined, or gcc
// finds fault with a free() behind a call of new.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
    allocations.fetch_add(is_counted_thread() ? 1 : 0, std::memory_order_relaxed);
    if (void* const memory = std::malloc(bytes == 0 ? 1 : bytes)) {
        return memory;
    }
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

// The linker puts this in the place of FrameDecoder::decode (--wrap), which every request passes:
// with --planted it costs more, and the gate has to notice.
#define RMQ_DECODE                                                                \
    "_ZN3rmq12FrameDecoder6decodeESt17basic_string_viewIcSt11char_traitsIcEERNS_" \
    "15RemotingCommandE"
rmq::Status real_decode(rmq::FrameDecoder* decoder, std::string_view frame,
                        rmq::RemotingCommand& command) __asm__("__real_" RMQ_DECODE);
rmq::Status wrapped_decode(rmq::FrameDecoder* decoder, std::string_view frame,
                           rmq::RemotingCommand& command) __asm__("__wrap_" RMQ_DECODE);

rmq::Status wrapped_decode(rmq::FrameDecoder* decoder, std::string_view frame,
                           rmq::RemotingCommand& command) {
    if (planted > 0) {
        const auto box = std::make_unique<std::atomic<std::int64_t>>(0);
        for (std::int64_t i = 0; i < planted; ++i) {
            kept_busy.store(box->load(std::memory_order_relaxed) + i, std::memory_order_relaxed);
        }
    }
    return real_decode(decoder, frame, command);
}

namespace rmq {
namespace {

Status serve(const std::string& directory) {
    CommandLine line;
    line.overrides = {{"listenPort", "0"},
                      {"bindAddress", "127.0.0.1"},
                      {"brokerIP1", "127.0.0.1"},
                      {"kvConfigPath", directory + "/kvConfig.json"},
                      {"configStorePath", directory + "/namesrv.properties"},
                      {"mappedFileSizeCommitLog", "67108864"},
                      {"waitTimeMillsInSendQueue", "600000"},  // Valgrind is slow
                      {"storePathRootDir", directory + "/store"}};
    NamesrvSettings namesrv_settings;
    RMQ_CHECK(load_settings(line, namesrv_settings));
    namesrv::Namesrv namesrv(namesrv_settings.config);
    RMQ_CHECK(namesrv.start());
    line.namesrv_addr = "127.0.0.1:" + std::to_string(namesrv.port());
    BrokerSettings settings;
    RMQ_CHECK(load_settings(line, settings));
    broker::Broker broker(settings.config, settings.store, settings.explicit_values);
    RMQ_CHECK(broker.start());
    std::printf("ready namesrv=%u broker=%u\n", namesrv.port(), broker.port());
    std::fflush(stdout);
    // Each line of input is a point in the run: what it cost since the one before is written by
    // Valgrind into a file of its own.
    for (std::string point; std::getline(std::cin, point);) {
        const std::int64_t since_start = allocations.load();
        CALLGRIND_DUMP_STATS_AT(point.c_str());
        std::printf("%s allocations=%lld\n", point.c_str(), static_cast<long long>(since_start));
        std::fflush(stdout);
    }
    broker.stop();
    namesrv.stop();
    return {};
}

}  // namespace
}  // namespace rmq

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: rmq_counted_server DIRECTORY [PLANTED]\n");
        return 2;
    }
    planted = argc > 2 ? rmq::parse_number<std::int64_t>(argv[2]).value_or(0) : 0;
    const auto status = rmq::serve(argv[1]);
    rmq::log_shutdown();
    if (!status) {
        std::fprintf(stderr, "rmq_counted_server: %s\n", status.error().remark.c_str());
    }
    return status ? 0 : 1;
}

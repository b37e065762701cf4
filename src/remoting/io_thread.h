// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/event_loop.h"
#include "remoting/io_pool.h"
#include "remoting/protocol/frame.h"

#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace rmq {

// What all connections of one io thread share, so that an idle connection owns next to nothing:
// the loop, the buffer that sockets are read into, and the decoder.
struct IoThread {
    static constexpr std::size_t kReadBufferBytes = 128U * 1024;

    explicit IoThread(unsigned index)
        : loop(index), read_buffer(std::make_unique_for_overwrite<char[]>(kReadBufferBytes)) {}

    EventLoop loop;
    std::unique_ptr<char[]> read_buffer;
    FrameDecoder decoder;
    RemotingCommand command;
};

struct IoPool::Impl {
    std::string thread_name;
    std::vector<std::unique_ptr<IoThread>> lanes;
    std::vector<std::thread> threads;
    bool running = false;
};

}  // namespace rmq

// SPDX-License-Identifier: Apache-2.0
#include "remoting/read_buffer.h"

#include "common/assert.h"
#include "common/limits.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace rmq {

namespace {

constexpr std::size_t kSmallestBytes = 2048;
// A buffer beyond this size is given back as soon as it is empty.
constexpr std::size_t kKeptBytes = 64U * 1024;

// Capacity of the buffers of all connections.
std::atomic<std::size_t> total_bytes{0};

}  // namespace

ReadBuffer::~ReadBuffer() {
    total_bytes.fetch_sub(capacity_, std::memory_order_relaxed);
}

bool ReadBuffer::may_reserve(std::size_t capacity) const {
    return capacity <= kKeptBytes ||
           total_bytes.load(std::memory_order_relaxed) + capacity - capacity_ <=
               limits::kUnfinishedFramesMaxBytes;
}

void ReadBuffer::reserve(std::size_t capacity) {
    auto data = std::make_unique_for_overwrite<char[]>(capacity);
    if (size_ > 0) {
        std::memcpy(data.get(), data_.get(), size_);
    }
    data_ = std::move(data);
    total_bytes.fetch_add(capacity - capacity_, std::memory_order_relaxed);
    capacity_ = capacity;
}

void ReadBuffer::assign(std::string_view bytes) {
    if (bytes.size() > capacity_) {
        size_ = 0;
        reserve(std::max(bytes.size(), kSmallestBytes));
    }
    if (!bytes.empty()) {
        std::memmove(data_.get(), bytes.data(), bytes.size());
    }
    size_ = bytes.size();
    if (size_ == 0 && capacity_ > kKeptBytes) {
        release_memory();
    }
}

void ReadBuffer::append(std::string_view bytes) {
    if (size_ + bytes.size() > capacity_) {
        reserve(size_ + bytes.size());
    }
    if (!bytes.empty()) {
        std::memcpy(data_.get() + size_, bytes.data(), bytes.size());
        size_ += bytes.size();
    }
}

char* ReadBuffer::grow_towards(std::size_t wanted_size, std::size_t& room) {
    RMQ_ASSERT(wanted_size > size_, "a connection that holds a whole frame is not read");
    if (capacity_ < wanted_size && size_ * 2 > capacity_) {
        const std::size_t capacity = std::min(wanted_size, std::max(size_ * 2, kSmallestBytes));
        if (!may_reserve(capacity)) {
            return nullptr;
        }
        reserve(capacity);
    }
    room = std::min(capacity_, wanted_size) - size_;
    return data_.get() + size_;
}

void ReadBuffer::release_memory() {
    if (size_ == 0 && capacity_ > 0) {
        total_bytes.fetch_sub(capacity_, std::memory_order_relaxed);
        data_.reset();
        capacity_ = 0;
    }
}

}  // namespace rmq

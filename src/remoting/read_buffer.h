// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

namespace rmq {

// The unfinished input of one connection between two reads. Usually empty: sockets are read into
// the buffer of the io thread, and only the cut-off frame at its end comes here. A large frame
// collects here, in a buffer that doubles as bytes arrive; what the peer announces reserves
// nothing. Thread safety: none, belongs to the connection's io thread.
class ReadBuffer {
public:
    ~ReadBuffer();

    std::string_view view() const { return {data_.get(), size_}; }
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }

    // Makes `bytes`, which may be part of view(), the whole content.
    void assign(std::string_view bytes);

    // Room behind the content: at least one byte, at most up to `wanted_size`, growing to at most
    // twice the content. nullptr when all unfinished frames of the process together hold
    // limits::kUnfinishedFramesMaxBytes. Precondition: wanted_size > size().
    char* grow_towards(std::size_t wanted_size, std::size_t& room);
    void append(std::string_view bytes);
    void add(std::size_t bytes) { size_ += bytes; }

    // Gives the memory back when there is no content.
    void release_memory();

private:
    bool may_reserve(std::size_t capacity) const;
    // Precondition: capacity > capacity_.
    void reserve(std::size_t capacity);

    std::unique_ptr<char[]> data_;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

}  // namespace rmq

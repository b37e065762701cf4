// SPDX-License-Identifier: Apache-2.0
#include "remoting/write_queue.h"

#include "remoting/protocol/frame.h"

#include <array>
#include <cerrno>

#include <sys/socket.h>
#include <sys/uio.h>

namespace rmq {

namespace {

// A body up to this size is copied behind its head: cheaper than one more slice and its owner.
constexpr std::size_t kCopiedBodyMaxBytes = 4096;
// Buffers beyond these sizes are given back as soon as they are empty.
constexpr std::size_t kKeptBytes = 64U * 1024;
constexpr std::size_t kKeptSegments = 256;
constexpr std::size_t kSlicesPerWrite = 128;

ssize_t write_slices(int fd, iovec* slices, std::size_t count) {
    constexpr int kFlags = MSG_NOSIGNAL | MSG_DONTWAIT;
    if (count == 1) {
        return ::send(fd, slices->iov_base, slices->iov_len, kFlags);
    }
    msghdr message{};
    message.msg_iov = slices;
    message.msg_iovlen = count;
    return ::sendmsg(fd, &message, kFlags);
}

}  // namespace

void WriteQueue::push_response(Response&& response, std::int32_t opaque) {
    std::size_t body_bytes = response.body.size();
    for (const BodySlice& slice : response.slices) {
        body_bytes += slice.bytes.size();
    }
    const std::size_t before = copied_.size();
    encode_response_head(response, opaque, body_bytes, copied_);
    if (response.body.size() <= kCopiedBodyMaxBytes) {
        copied_ += response.body;
        copied(before);
    } else {
        copied(before);
        auto owner = std::make_shared<const std::string>(std::move(response.body));
        const std::string_view bytes = *owner;
        push_external(bytes, std::move(owner));
    }
    for (BodySlice& slice : response.slices) {
        push_external(slice.bytes, std::move(slice.owner));
    }
}

void WriteQueue::push_bytes(std::string_view bytes) {
    const std::size_t before = copied_.size();
    copied_ += bytes;
    copied(before);
}

// Makes what was appended to copied_ part of the queue.
void WriteQueue::copied(std::size_t bytes_before) {
    const std::size_t size = copied_.size() - bytes_before;
    unsent_bytes_ += size;
    if (first_ < segments_.size() && segments_.back().external == nullptr) {
        segments_.back().size += size;
    } else {
        segments_.push_back({nullptr, copied_base_ + bytes_before, size, nullptr});
    }
}

void WriteQueue::push_external(std::string_view bytes, std::shared_ptr<const void> owner) {
    if (!bytes.empty()) {
        unsent_bytes_ += bytes.size();
        segments_.push_back({bytes.data(), 0, bytes.size(), std::move(owner)});
    }
}

WriteQueue::Outcome WriteQueue::flush(int fd) {
    while (unsent_bytes_ > 0) {
        std::array<iovec, kSlicesPerWrite> slices;
        std::size_t count = 0;
        std::size_t offered = 0;
        for (std::size_t i = first_; i < segments_.size() && count < slices.size(); ++i) {
            const Segment& segment = segments_[i];
            const char* const data = segment.external != nullptr
                                         ? segment.external
                                         : copied_.data() + (segment.position - copied_base_);
            slices[count++] = {const_cast<char*>(data), segment.size};
            offered += segment.size;
        }
        const ssize_t sent = write_slices(fd, slices.data(), count);
        if (sent < 0) {
            if (errno == EINTR) {
                continue;
            }
            compact();
            return errno == EAGAIN || errno == EWOULDBLOCK ? Outcome::kBlocked : Outcome::kFailed;
        }
        consume(static_cast<std::size_t>(sent));
        if (static_cast<std::size_t>(sent) < offered) {
            compact();
            return Outcome::kBlocked;
        }
    }
    return Outcome::kDone;
}

void WriteQueue::consume(std::size_t bytes) {
    unsent_bytes_ -= bytes;
    if (unsent_bytes_ == 0) {
        clear();
        return;
    }
    while (bytes > 0) {
        Segment& segment = segments_[first_];
        const std::size_t taken = bytes < segment.size ? bytes : segment.size;
        bytes -= taken;
        segment.size -= taken;
        if (segment.external != nullptr) {
            segment.external += taken;
        } else {
            segment.position += taken;
        }
        if (segment.size == 0) {
            segment.owner.reset();
            ++first_;
        }
    }
}

// Drops what is written from the front, so that a queue that never runs empty stays bounded.
void WriteQueue::compact() {
    if (first_ > kKeptSegments && first_ > segments_.size() / 2) {
        segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(first_));
        first_ = 0;
    }
    std::uint64_t oldest = copied_base_ + copied_.size();
    for (std::size_t i = first_; i < segments_.size(); ++i) {
        if (segments_[i].external == nullptr) {
            oldest = segments_[i].position;
            break;
        }
    }
    const auto written = static_cast<std::size_t>(oldest - copied_base_);
    if (written > kKeptBytes && written > copied_.size() / 2) {
        copied_.erase(0, written);
        copied_base_ += written;
    }
}

void WriteQueue::clear() {
    copied_base_ += copied_.size();
    unsent_bytes_ = 0;
    first_ = 0;
    copied_.clear();
    segments_.clear();
    if (copied_.capacity() > kKeptBytes || segments_.capacity() > kKeptSegments) {
        release_memory();
    }
}

void WriteQueue::release_memory() {
    if (empty()) {
        std::string().swap(copied_);
        std::vector<Segment>().swap(segments_);
    }
}

}  // namespace rmq

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"
#include "store/file_ops.h"
#include "store/get_message.h"
#include "store/mapped_region.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace rmq::store {

// One CommitLog file, mapped whole, with all its disk blocks allocated before it is touched: a
// store to the mapping can then not meet a full disk (SIGBUS). Positions are bytes from the start
// of the file; `start()` is where the file begins in the queue of files.
//
// Shared ownership: the queue of files and every slice handed out hold a reference, so that
// retention can unlink the file while replies are still being written from it; the mapping goes
// with the last reference.
// Invariant: 0 <= flushed_position <= wrote_position <= size; bytes below wrote_position never
// change; bytes behind it are zero or blank fill, once recovery has run.
// Thread safety: one writer at a time (bytes behind wrote_position, publish); one flusher; readers
// anywhere. No descriptor stays open. Source: DefaultMappedFile (5.5.0).
class MappedFile : public std::enable_shared_from_this<MappedFile> {
public:
    struct Spec {
        std::string path;
        std::int64_t start = 0;  // position of the first byte in the queue of files
        std::int64_t size = 0;   // bytes
    };

    // Makes the file with its full length, blocks allocated, all zero, nothing written. On failure
    // no file is left behind. Errors: kAlreadyExists, kResourceExhausted, kPermissionDenied, kIo.
    static Result<std::shared_ptr<MappedFile>> create(const Spec& spec, FileOps& ops);
    // Maps an existing file; it counts as fully written and flushed until recovery says otherwise.
    // Errors: kMalformed when its length is not spec.size, kNotFound, kPermissionDenied, kIo.
    static Result<std::shared_ptr<MappedFile>> open(const Spec& spec, FileOps& ops);
    ~MappedFile();
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;

    const std::string& path() const { return spec_.path; }
    std::int64_t start() const { return spec_.start; }
    std::int64_t size() const { return spec_.size; }
    std::int64_t end() const { return spec_.start + spec_.size; }

    std::int64_t wrote_position() const { return wrote_.load(std::memory_order_acquire); }
    std::int64_t flushed_position() const { return flushed_.load(std::memory_order_acquire); }
    bool is_full() const { return wrote_position() == size(); }

    // For the one writer: where to put bytes behind wrote_position().
    char* writable(std::int64_t position) { return data_ + position; }
    // Makes everything below `wrote` readable (release).
    void publish(std::int64_t wrote) { wrote_.store(wrote, std::memory_order_release); }
    // Recovery: what is written and on the disk.
    void set_positions(std::int64_t position);

    // The bytes [position, position + bytes), clipped to the file, not to what is written.
    std::string_view bytes(std::int64_t position, std::int64_t bytes) const;
    // The same, clipped to wrote_position(), and keeping this file mapped.
    MappedSlice slice(std::int64_t position, std::int64_t bytes) const;

    // Forces what is written to the disk and moves flushed_position(). Errors: kIo; the state of
    // the bytes on the disk is then unknown, and the caller stops writing. Blocks.
    Status flush();
    // Recovery: forces [0, wrote_position) whatever flushed_position says. Errors: kIo. Blocks.
    Status flush_whole() { return wrote_position() == 0 ? Status{} : sync(0); }
    // Recovery: clears [position, size) without writing a gigabyte of zeros where the file system
    // can do that, keeps the blocks allocated, and forces it to the disk. Errors:
    // kResourceExhausted, kIo. Blocks.
    Status zero_from(std::int64_t position);
    // Faults in [begin, end) for writing, so that an append does not have to. A hint.
    void prefault(std::int64_t begin, std::int64_t end);
    // Removes the name; slices stay valid. A missing file is a success. Errors: kIo.
    Status unlink();
    // Time of the last write as the file system has it, ms since the epoch; -1 when unknown.
    std::int64_t last_modified_ms() const;

private:
    MappedFile(Spec spec, FileOps& ops, char* data, std::int64_t position);
    Status sync(std::int64_t from);
    static Result<std::shared_ptr<MappedFile>> map(const Spec& spec, FileOps& ops, int fd,
                                                   std::int64_t position);

    const Spec spec_;
    FileOps& ops_;
    char* const data_;
    std::atomic<std::int64_t> wrote_;
    std::atomic<std::int64_t> flushed_;
};

}  // namespace rmq::store

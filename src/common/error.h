// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

namespace rmq {

// What went wrong, as far as a caller may want to act on it. The broker maps these to response
// codes at its edge, in one switch without a default (broker/response_mapping.cc).
enum class Errc {
    kInvalidArgument,    // the caller's value is out of its documented range
    kMalformed,          // bytes from the network or the disk do not have the promised form
    kNotFound,           // the named thing does not exist
    kAlreadyExists,      // the named thing exists and may not be replaced
    kUnsupported,        // a well-formed request for something this program does not do
    kTooLarge,           // a size is over its bound
    kResourceExhausted,  // a bounded queue, table or the disk is full
    kPermissionDenied,   // the operating system or a permission bit refuses
    kUnavailable,        // the service is shutting down, not started or read-only
    kTimeout,            // a deadline passed; the effect of the operation is unknown
    kConnectionClosed,   // the peer is gone
    kIo,                 // a system call failed; the remark carries errno's text
    kBusy,               // locked by another process, or flow control
};

// A failure: a code to branch on and a sentence for people that names the cause and, where the
// cause is in their hands, the cure.
struct Error {
    Errc code = Errc::kIo;
    std::string remark;
};

// Makes an Error from the current errno: "<what>: <strerror>". Call it on the line of the failing
// system call, before anything else can change errno.
Error errno_error(const std::string& what);
// The same from a value that errno had, or that a function like posix_fallocate returned.
Error errno_error(const std::string& what, int error);

const char* errc_name(Errc code);

}  // namespace rmq

// SPDX-License-Identifier: Apache-2.0
#include "common/error.h"

#include <cerrno>
#include <system_error>

namespace rmq {

namespace {

Errc errc_of_errno(int err) {
    switch (err) {
        case ENOSPC:
        case EDQUOT:
        case EFBIG:
        case EMFILE:
        case ENFILE:
        case ENOMEM:
            return Errc::kResourceExhausted;
        case EACCES:
        case EPERM:
        case EROFS:
            return Errc::kPermissionDenied;
        case ENOENT:
            return Errc::kNotFound;
        case EEXIST:
            return Errc::kAlreadyExists;
        default:
            return Errc::kIo;
    }
}

}  // namespace

Error errno_error(const std::string& what) {
    return errno_error(what, errno);
}

Error errno_error(const std::string& what, int error) {
    return Error{errc_of_errno(error), what + ": " + std::generic_category().message(error)};
}

const char* errc_name(Errc code) {
    switch (code) {
        case Errc::kInvalidArgument:
            return "INVALID_ARGUMENT";
        case Errc::kMalformed:
            return "MALFORMED";
        case Errc::kNotFound:
            return "NOT_FOUND";
        case Errc::kAlreadyExists:
            return "ALREADY_EXISTS";
        case Errc::kUnsupported:
            return "UNSUPPORTED";
        case Errc::kTooLarge:
            return "TOO_LARGE";
        case Errc::kResourceExhausted:
            return "RESOURCE_EXHAUSTED";
        case Errc::kPermissionDenied:
            return "PERMISSION_DENIED";
        case Errc::kUnavailable:
            return "UNAVAILABLE";
        case Errc::kTimeout:
            return "TIMEOUT";
        case Errc::kConnectionClosed:
            return "CONNECTION_CLOSED";
        case Errc::kIo:
            return "IO";
        case Errc::kBusy:
            return "BUSY";
    }
    return "UNKNOWN";
}

}  // namespace rmq

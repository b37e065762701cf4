// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <fmt/core.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace spdlog {
class logger;
}

namespace rmq {

// Writes the lines of one library. A front to spdlog whose calls are formatted in one place: every
// source that logged through spdlog itself compiled fmt's whole formatter (6 s each).
// Thread safety: any thread.
class Logger {
public:
    explicit Logger(std::shared_ptr<spdlog::logger> behind);

    template <typename... Args>
    void debug(fmt::format_string<Args...> format, Args&&... args) {
        write(Level::kDebug, format, fmt::make_format_args(args...));
    }
    template <typename... Args>
    void info(fmt::format_string<Args...> format, Args&&... args) {
        write(Level::kInfo, format, fmt::make_format_args(args...));
    }
    template <typename... Args>
    void warn(fmt::format_string<Args...> format, Args&&... args) {
        write(Level::kWarn, format, fmt::make_format_args(args...));
    }
    template <typename... Args>
    void error(fmt::format_string<Args...> format, Args&&... args) {
        write(Level::kError, format, fmt::make_format_args(args...));
    }
    // Nothing more is written, for programs whose input is noise.
    void silence();

private:
    enum class Level { kDebug, kInfo, kWarn, kError };
    void write(Level level, fmt::string_view format, fmt::format_args args);

    std::shared_ptr<spdlog::logger> behind_;
};

// One logger per library ("common", "remoting", "store", "namesrv", "broker"). Lines are
// `event_name key=value key=value`, UTC. Before log_to() they go to standard error, warnings and
// above. The reference stays valid for the life of the process. However often a peer causes a line,
// the log gets LogFloodGuard's share of it; "raptormq", the program itself, is exempt.
// Thread safety: any thread; writing never blocks on the disk once log_to() was called.
Logger& log_of(const char* library);

struct LogOptions {
    std::string path;            // a file; empty keeps standard error
    std::string level = "info";  // trace, debug, info, warn, error
};

// Sends all loggers to the place asked for, through one bounded queue and thread. Errors: kIo when
// the file cannot be opened, kInvalidArgument for an unknown level. Call once, from main.
Status log_to(const LogOptions& options);

// Writes what is queued and stops the logging thread. Called by main on the way out.
void log_shutdown();

// Lets one line through per interval and counts the rest, for events that hostile or broken peers
// can cause at will. `if (auto n = limiter.admit(now)) log.warn("… suppressed={}", *n)`.
// Thread safety: any thread.
class LogLimiter {
public:
    explicit LogLimiter(std::int64_t interval_ms = 10'000) : interval_ms_(interval_ms) {}

    struct Admission {
        bool admitted = false;
        std::int64_t suppressed = 0;  // lines dropped since the last admitted one
    };
    Admission admit(std::int64_t monotonic_ms);

private:
    const std::int64_t interval_ms_;
    std::atomic<std::int64_t> next_ms_{INT64_MIN};
    std::atomic<std::int64_t> suppressed_{0};
};

}  // namespace rmq

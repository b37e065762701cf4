// SPDX-License-Identifier: Apache-2.0
#include "common/log.h"

#include "common/log_flood_guard.h"

#include <spdlog/async.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <chrono>
#include <map>
#include <mutex>

namespace rmq {

namespace {

constexpr const char* kPattern = "%Y-%m-%dT%H:%M:%S.%eZ %l %n %v";
constexpr std::size_t kQueueLines = 8192;

// Loggers live until exit and are never replaced, so references to them stay valid; only the sink
// behind them changes.
struct Loggers {
    struct Entry {
        std::shared_ptr<spdlog::logger> behind;
        std::unique_ptr<Logger> front;
    };
    std::mutex mutex;
    std::map<std::string, Entry> by_library;                // guarded by mutex
    std::shared_ptr<spdlog::details::thread_pool> pool;     // guarded by mutex
    std::shared_ptr<spdlog::sinks::sink> sink;              // guarded by mutex
    spdlog::level::level_enum level = spdlog::level::warn;  // guarded by mutex
};

Loggers& loggers() {
    static auto* instance = std::make_unique<Loggers>().release();
    return *instance;
}

// Hands each line to whatever sink is current, so that log_to() can redirect existing loggers.
class RedirectSink final : public spdlog::sinks::sink {
public:
    void log(const spdlog::details::log_msg& message) override { current()->log(message); }
    void flush() override { current()->flush(); }
    void set_pattern(const std::string&) override {}
    void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

private:
    static std::shared_ptr<spdlog::sinks::sink> current() {
        auto& state = loggers();
        std::lock_guard lock(state.mutex);
        if (!state.sink) {
            state.sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
            state.sink->set_formatter(std::make_unique<spdlog::pattern_formatter>(
                kPattern, spdlog::pattern_time_type::utc));
        }
        return state.sink;
    }
};

std::string_view text_of(const spdlog::details::log_msg& message) {
    return {message.payload.data(), message.payload.size()};
}

// Writes through the pool once there is one; synchronously before. Lines that peers can cause at
// will are bounded in number and length; debug lines, which somebody asked for, and those of the
// program itself, which name every wrong setting, in length only.
class QueueSink final : public spdlog::sinks::sink {
public:
    void log(const spdlog::details::log_msg& message) override {
        std::shared_ptr<spdlog::logger> behind;
        LogFloodGuard::Verdict verdict{.admitted = true};
        {
            auto& state = loggers();
            std::lock_guard lock(state.mutex);
            if (message.level >= spdlog::level::info && message.logger_name != "raptormq") {
                const auto since = message.time.time_since_epoch();
                verdict = guard_.admit(
                    text_of(message),
                    std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
            }
            if (!verdict.admitted) {
                return;
            }
            behind = async_;
            if (!behind && state.pool) {
                behind = async_ = std::make_shared<spdlog::async_logger>(
                    std::string(message.logger_name.data(), message.logger_name.size()),
                    std::make_shared<RedirectSink>(), state.pool,
                    spdlog::async_overflow_policy::overrun_oldest);
                async_->set_level(spdlog::level::trace);
                async_->flush_on(spdlog::level::info);
            }
        }
        std::string line = printable_line(text_of(message));
        if (verdict.suppressed > 0) {
            line += " lines_suppressed=" + std::to_string(verdict.suppressed);
        }
        if (behind) {
            behind->log(message.time, message.source, message.level, line);
        } else {
            direct_.log({message.time, message.source, message.logger_name, message.level, line});
        }
    }
    void flush() override { direct_.flush(); }
    void set_pattern(const std::string&) override {}
    void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

private:
    RedirectSink direct_;
    std::shared_ptr<spdlog::logger> async_;
    LogFloodGuard guard_;  // guarded by Loggers::mutex
};

}  // namespace

Logger::Logger(std::shared_ptr<spdlog::logger> behind) : behind_(std::move(behind)) {}

void Logger::silence() {
    behind_->set_level(spdlog::level::off);
}

void Logger::write(Level level, fmt::string_view format, fmt::format_args args) {
    static constexpr std::array kLevels = {spdlog::level::debug, spdlog::level::info,
                                           spdlog::level::warn, spdlog::level::err};
    const auto behind_level = kLevels[static_cast<std::size_t>(level)];
    if (behind_->should_log(behind_level)) {
        behind_->log(behind_level, fmt::vformat(format, args));
    }
}

Logger& log_of(const char* library) {
    auto& state = loggers();
    std::lock_guard lock(state.mutex);
    auto& entry = state.by_library[library];
    if (!entry.front) {
        entry.behind = std::make_shared<spdlog::logger>(library, std::make_shared<QueueSink>());
        entry.behind->set_level(state.level);
        entry.front = std::make_unique<Logger>(entry.behind);
    }
    return *entry.front;
}

Status log_to(const LogOptions& options) {
    const auto level = spdlog::level::from_str(options.level);
    if (level == spdlog::level::off && options.level != "off") {
        return Error{Errc::kInvalidArgument, "unknown log level \"" + options.level + "\""};
    }
    std::shared_ptr<spdlog::sinks::sink> sink;
    if (options.path.empty()) {
        sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    } else {
        try {
            sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.path);
        } catch (const spdlog::spdlog_ex& failure) {
            return Error{Errc::kIo, "cannot open the log file: " + std::string(failure.what())};
        }
    }
    sink->set_formatter(
        std::make_unique<spdlog::pattern_formatter>(kPattern, spdlog::pattern_time_type::utc));
    auto& state = loggers();
    std::lock_guard lock(state.mutex);
    state.sink = std::move(sink);
    state.level = level;
    if (!state.pool) {
        state.pool = std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1U);
    }
    for (auto& [name, entry] : state.by_library) {
        entry.behind->set_level(level);
    }
    return {};
}

void log_shutdown() {
    auto& state = loggers();
    std::shared_ptr<spdlog::details::thread_pool> pool;
    {
        std::lock_guard lock(state.mutex);
        pool = std::move(state.pool);
    }
    pool.reset();
}

LogLimiter::Admission LogLimiter::admit(std::int64_t monotonic_ms) {
    std::int64_t next = next_ms_.load(std::memory_order_relaxed);
    if (monotonic_ms < next ||
        !next_ms_.compare_exchange_strong(next, monotonic_ms + interval_ms_)) {
        suppressed_.fetch_add(1, std::memory_order_relaxed);
        return {};
    }
    return {true, suppressed_.exchange(0, std::memory_order_relaxed)};
}

}  // namespace rmq

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <utility>

namespace rmq {

// A setting that may be changed while the program runs: a copyable relaxed atomic. Reads give the
// old or the new value; nothing else is ordered by them. Thread safety: any thread.
template <class T>
class Live {
public:
    // Conversions are the point of the type: a Live<bool> reads and assigns like a bool.
    Live(T value = T{}) : value_(value) {}  // NOLINT(google-explicit-constructor): see above
    Live(const Live& other) : value_(other.get()) {}
    Live& operator=(const Live& other) {
        value_.store(other.get(), std::memory_order_relaxed);
        return *this;
    }
    Live& operator=(T value) {
        value_.store(value, std::memory_order_relaxed);
        return *this;
    }

    T get() const { return value_.load(std::memory_order_relaxed); }
    operator T() const { return get(); }  // NOLINT(google-explicit-constructor): see above

private:
    std::atomic<T> value_;
};

// The same for text: get() copies under a mutex. Thread safety: any thread.
class LiveString {
public:
    LiveString() = default;
    LiveString(std::string value)
        : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor): like std::string
    LiveString(const char* value)
        : value_(value) {}  // NOLINT(google-explicit-constructor): like std::string
    LiveString(const LiveString& other) : value_(other.get()) {}
    LiveString& operator=(const LiveString& other) {
        if (this != &other) {
            set(other.get());
        }
        return *this;
    }
    ~LiveString() = default;

    std::string get() const {
        const std::lock_guard lock(mutex_);
        return value_;
    }
    void set(std::string value) {
        const std::lock_guard lock(mutex_);
        value_ = std::move(value);
    }

private:
    mutable std::mutex mutex_;
    std::string value_;  // guarded by mutex_
};

}  // namespace rmq

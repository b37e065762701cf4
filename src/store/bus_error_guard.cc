// SPDX-License-Identifier: Apache-2.0
#include "store/bus_error_guard.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>

#include <sys/mman.h>

namespace rmq::store {

namespace {

constexpr std::uintptr_t kGuardedPageBytes = 4096;
// More lost pages than this are a lost device: the signal then ends the process.
constexpr std::int64_t kLostMax = 4096;

// Written by the signal handler, so without locks. 0: a place of which the mapping is gone.
std::array<std::atomic<std::uintptr_t>, kLostMax> lost_pages;
std::atomic<std::int64_t> lost_count{0};
static_assert(std::atomic<std::uintptr_t>::is_always_lock_free);

// Async-signal-safe; errno is not touched, as nothing here fails into it and goes on.
extern "C" void on_bus_error(int signal, siginfo_t* info, void* /*context*/) {
    const std::uintptr_t page =
        reinterpret_cast<std::uintptr_t>(info->si_addr) / kGuardedPageBytes * kGuardedPageBytes;
    const bool is_device = info->si_code > 0 && info->si_code != BUS_ADRALN;
    const std::int64_t index = is_device ? lost_count.load() : kLostMax;
    if (index >= kLostMax ||
        ::mmap(reinterpret_cast<void*>(page), kGuardedPageBytes, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
        std::signal(signal, SIG_DFL);  // the instruction is tried again, and ends the process
        return;
    }
    const std::int64_t mine = lost_count.fetch_add(1);
    if (mine < kLostMax) {
        lost_pages[static_cast<std::size_t>(mine)].store(page);
    }
}

template <class Visit>
void for_each_in(const void* begin, std::size_t bytes, Visit&& visit) {
    const auto first =
        reinterpret_cast<std::uintptr_t>(begin) / kGuardedPageBytes * kGuardedPageBytes;
    const auto end = reinterpret_cast<std::uintptr_t>(begin) + bytes;
    const std::int64_t count = std::min(lost_count.load(std::memory_order_acquire), kLostMax);
    for (std::int64_t i = 0; i < count; ++i) {
        auto& page = lost_pages[static_cast<std::size_t>(i)];
        const std::uintptr_t at = page.load();
        if (at >= first && at < end && at != 0) {
            visit(page);
        }
    }
}

}  // namespace

void install_bus_error_guard() {
    struct sigaction action {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    ::sigaction(SIGBUS, &action, nullptr);
}

std::int64_t lost_page_count() {
    return lost_count.load(std::memory_order_acquire);
}

bool has_lost_pages(const void* begin, std::size_t bytes) {
    bool is_lost = false;
    for_each_in(begin, bytes, [&](const auto&) { is_lost = true; });
    return is_lost;
}

void forget_lost_pages(const void* begin, std::size_t bytes) {
    for_each_in(begin, bytes, [](auto& page) { page.store(0); });
}

}  // namespace rmq::store

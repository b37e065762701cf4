// SPDX-License-Identifier: Apache-2.0
// Any bytes as the files of a consume queue, of a queue of batches and of a timer log. The first
// byte says which.

#include "common/assert.h"
#include "common/log.h"
#include "common/persistent_file.h"
#include "common/testing/temp_dir.h"
#include "store/consume_queue.h"
#include "store/mapped_file_queue.h"
#include "store/timer/timer_log.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace {

using namespace rmq;
using namespace rmq::store;

constexpr std::int64_t kUnitsPerFile = 8;
constexpr std::int64_t kFiles = 2;
constexpr std::int64_t kTimerFileBytes = 256;

// Cuts `bytes` into files of `file_bytes` bytes, the last of which is filled with zeros.
void write_files(const std::string& directory, std::string_view bytes, std::int64_t file_bytes) {
    std::filesystem::remove_all(directory);
    RMQ_ASSERT(create_directories(directory), "the temporary directory can be written");
    for (std::int64_t i = 0; i < kFiles; ++i) {
        std::string file(bytes.substr(0, static_cast<std::size_t>(file_bytes)));
        bytes.remove_prefix(file.size());
        file.resize(static_cast<std::size_t>(file_bytes), '\0');
        RMQ_ASSERT(write_file(directory + "/" + mapped_file_name(i * file_bytes), file),
                   "the temporary directory can be written");
    }
}

void check_bounds(const ConsumeQueue& queue) {
    RMQ_ASSERT(queue.min_offset().value >= 0 || queue.type() == QueueType::kBatch,
               "numbers begin at 0");
    for (const std::int64_t number : {INT64_MIN, std::int64_t{-1}, queue.min_offset().value,
                                      queue.max_offset().value, INT64_MAX}) {
        const auto window = queue.read({number});
        RMQ_ASSERT(window.bytes.size() % static_cast<std::size_t>(window.unit_bytes()) == 0,
                   "whole units");
        RMQ_ASSERT(
            window.bytes.size() <= static_cast<std::size_t>(kUnitsPerFile * window.unit_bytes()),
            "of one file");
    }
    (void)queue.batch_offset_at(1'700'000'000'000, BoundaryType::LOWER);
}

void check_queue(const std::string& root, QueueType type, std::string_view bytes) {
    const bool is_batch = type == QueueType::kBatch;
    ConsumeQueueOptions options{root, kUnitsPerFile, root, kUnitsPerFile, {}, nullptr};
    options.is_batch_topic = [is_batch](std::string_view) { return is_batch; };
    write_files(root + "/T/0", bytes,
                kUnitsPerFile * (is_batch ? BatchQueueUnit::kBytes : ConsumeQueueEntry::kBytes));
    ConsumeQueue queue(options, "T", 0);
    RMQ_ASSERT(queue.load(type) && queue.recover(), "bytes never fail a start");
    check_bounds(queue);
    RMQ_ASSERT(queue.truncate({100'000}), "it can be cut");
    RMQ_ASSERT(queue.max_physical_offset().value <= INT64_C(100'000) + INT32_MAX,
               "no entry lies behind the end of the log");
    queue.finish_recovery({1000});
    check_bounds(queue);
    // What a server puts next is there and is the last.
    const PhysicalOffset at{std::max<std::int64_t>(queue.max_physical_offset().value, 100'000)};
    const QueueOffset number = queue.max_offset();
    if (number.value < 0 || number.value > INT64_C(1) << 48) {
        return;
    }
    const auto put = queue.put({at, 100, 7}, number);
    RMQ_ASSERT(put && *put == ConsumeQueue::PutOutcome::kWritten, "an intact end is written to");
    RMQ_ASSERT(queue.max_offset() == number + 1, "by one message");
    const auto entry = queue.entry(number);
    RMQ_ASSERT(entry && entry->physical_offset == at && entry->size == 100, "it is found");
}

void check_timer_log(const std::string& directory, std::string_view bytes) {
    write_files(directory, bytes, kTimerFileBytes);
    FileOps ops;
    TimerLog log(directory, kTimerFileBytes, ops);
    RMQ_ASSERT(log.load(), "files of the right length are taken");
    std::int64_t previous = -1;
    const std::int64_t end = log.for_each(0, [&](std::int64_t position, const TimerUnit& unit) {
        RMQ_ASSERT(position > previous && unit.size > 0 && unit.slot_time_ms() >= 0,
                   "units come in their order");
        const auto same = log.at(position);
        RMQ_ASSERT(same && same->slot_time_ms() == unit.slot_time_ms(),
                   "and can be read one by one");
        previous = position;
        return true;
    });
    RMQ_ASSERT(end > previous && end <= kFiles * kTimerFileBytes, "the end lies behind them");
    RMQ_ASSERT(log.truncate(end), "it can be cut");
    TimerUnit unit;
    unit.write_time_ms = 1'700'000'000'000;
    unit.size = 100;
    const auto put = log.append(unit);
    RMQ_ASSERT(put && log.at(*put)->size == 100, "and written to");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const rmq::testing::TempDir dir;
    log_of("store").silence();
    std::string_view input(reinterpret_cast<const char*>(data), size);
    const char kind = input.empty() ? 'c' : input.front();
    input.remove_prefix(input.empty() ? 0 : 1);
    switch (kind % 3) {
        case 0:
            check_queue(dir.file("queues"), QueueType::kSimple, input);
            break;
        case 1:
            check_queue(dir.file("batches"), QueueType::kBatch, input);
            break;
        default:
            check_timer_log(dir.file("timerlog"), input);
            break;
    }
    return 0;
}

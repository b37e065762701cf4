// SPDX-License-Identifier: Apache-2.0
// Any bytes as an index file: searched, cut as after a crash, written to.

#include "common/assert.h"
#include "common/persistent_file.h"
#include "common/testing/temp_dir.h"
#include "store/index_file.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace rmq;
using namespace rmq::store;

constexpr IndexFileShape kShape{4, 16};
constexpr std::int64_t kNow = 1'700'000'000'000;

bool contains(const std::vector<PhysicalOffset>& found, PhysicalOffset wanted) {
    return std::find(found.begin(), found.end(), wanted) != found.end();
}

// Every search ends, and gives no more than was asked for or is there.
void search_all(const IndexFile& file) {
    for (std::int32_t hash = 0; hash < 2 * kShape.slots; ++hash) {
        for (const std::size_t max : {std::size_t{1}, std::size_t{100}}) {
            std::vector<PhysicalOffset> found;
            file.select(hash, max, INT64_MIN, INT64_MAX, found);
            RMQ_ASSERT(found.size() <= max, "no more than was asked for");
            RMQ_ASSERT(static_cast<std::int64_t>(found.size()) <= kShape.entries,
                       "no entry is found twice");
            found.clear();
            file.select(hash, max, kNow, kNow + 1000, found);
        }
    }
    (void)file.is_time_matched(kNow, kNow);
}

void write(IndexFile& file) {
    const std::int64_t before = file.count();
    if (file.is_full()) {
        return;
    }
    RMQ_ASSERT(file.put(3, {12345}, kNow), "there is room, so it is written");
    RMQ_ASSERT(file.count() == before + 1, "one more entry");
    std::vector<PhysicalOffset> found;
    file.select(3, 1, INT64_MIN, INT64_MAX, found);
    RMQ_ASSERT(contains(found, {12345}), "what was put is found first");
    RMQ_ASSERT(file.end_offset() == PhysicalOffset{12345} && file.end_timestamp() == kNow,
               "the header names the last record");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const rmq::testing::TempDir dir;
    static const std::string path = dir.file("20230101000000000");
    std::string bytes(reinterpret_cast<const char*>(data), size);
    bytes.resize(static_cast<std::size_t>(kShape.file_bytes()), '\0');
    RMQ_ASSERT(write_file(path, bytes), "the temporary directory can be written");
    const auto opened = IndexFile::open(path, kShape);
    RMQ_ASSERT(opened, "a file of the right length opens");
    IndexFile& file = **opened;
    RMQ_ASSERT(file.count() >= 1 && file.count() <= kShape.entries, "entries lie in the file");
    search_all(file);
    if (size % 2 == 0) {
        const std::int64_t before = file.count();
        const auto is_kept = file.keep_before(kNow);
        RMQ_ASSERT(is_kept && file.count() <= before, "a cut makes nothing");
        search_all(file);
        if (!*is_kept) {
            return 0;  // the service deletes it
        }
    }
    write(file);
    return 0;
}

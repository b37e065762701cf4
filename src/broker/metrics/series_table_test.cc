// SPDX-License-Identifier: Apache-2.0
#include "broker/metrics/series_table.h"

#include "common/testing/catch.h"

#include <array>
#include <string>
#include <thread>
#include <vector>

namespace rmq::broker {

TEST_CASE("SeriesTable: what many threads count is added up by label values", "[broker][metrics]") {
    SeriesTable table(2, 100);
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
        threads.emplace_back([&table] {
            for (int i = 0; i < 500; ++i) {
                table.add({"T", "G" + std::to_string(i % 2)}, {{0, 1}, {1, 10}});
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    const auto rows = table.rows();
    REQUIRE(rows.size() == 2);
    for (const auto& row : rows) {
        CHECK(row.value(0) == "T");
        CHECK(row.numbers == std::vector<std::int64_t>{2000, 20'000});
    }
    CHECK(rows[0].value(1) == "G0");
    CHECK(rows[1].value(1) == "G1");
}

TEST_CASE("SeriesTable: an absent value is not an empty one", "[broker][metrics]") {
    SeriesTable table(1, 100);
    table.add({"T", std::string_view()}, {{0, 1}});
    table.add({"T", ""}, {{0, 2}});
    table.add({"T\x1f", "x"}, {{0, 4}});  // a separator in a value
    const auto rows = table.rows();
    REQUIRE(rows.size() == 3);
    CHECK(rows[0].value(1).data() == nullptr);
    CHECK(rows[0].numbers[0] == 1);
    CHECK((rows[1].value(1).data() != nullptr && rows[1].value(1).empty()));
    CHECK(rows[2].value(0) == "T?");
    CHECK(rows[2].numbers[0] == 4);
}

TEST_CASE("SeriesTable: label sets beyond the bound share one row", "[broker][metrics]") {
    SeriesTable table(1, 4);
    for (int round = 0; round < 2; ++round) {
        std::thread([&table] {
            for (int i = 0; i < 10; ++i) {
                table.add({std::to_string(i)}, {{0, 1}});
            }
        }).join();
    }
    const auto rows = table.rows();
    REQUIRE(rows.size() == 4);
    std::int64_t named = 0;
    for (const auto& row : rows) {
        if (row.is_overflow) {
            CHECK(row.numbers[0] == 14);
        } else {
            CHECK(row.numbers[0] == 2);
            ++named;
        }
    }
    CHECK(named == 3);
}

TEST_CASE("SeriesTable: a value belongs to the first bucket whose bound it does not exceed",
          "[broker][metrics]") {
    const std::array bounds{1.0, 10.0};
    CHECK(bucket_of(bounds, 0) == 0);
    CHECK(bucket_of(bounds, 1) == 0);
    CHECK(bucket_of(bounds, 2) == 1);
    CHECK(bucket_of(bounds, 10) == 1);
    CHECK(bucket_of(bounds, 11) == 2);
}

}  // namespace rmq::broker

// SPDX-License-Identifier: Apache-2.0
#include "common/persistent_file.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"

#include "storetool/store_command.h"
#include "storetool/testing/sample_store.h"
#include <nlohmann/json.hpp>

#include <sstream>

using namespace rmq;
using namespace rmq::storetool;
using rmq::testing::TempDir;
using storetool::testing::SampleStore;

namespace {

std::vector<std::string> lines_of(const std::vector<std::string>& arguments) {
    std::ostringstream out;
    const auto outcome = run_store_command(arguments, out, nullptr);
    INFO(outcome.error);
    CHECK(outcome.exit_status == 0);
    std::istringstream in(out.str());
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) {
        lines.push_back(line);
    }
    return lines;
}

}  // namespace

TEST_CASE("store dump: records by place, time, topic and key", "[storetool][K-01]") {
    const TempDir dir;
    const SampleStore sample(dir.path(), 200);
    CHECK(lines_of({"dump", dir.path()}).size() == 200);
    const auto by_key = lines_of({"dump", dir.path(), "--key", "key17"});
    REQUIRE(by_key.size() == 1);
    CHECK(by_key[0].find("Topic/1@8 ") != std::string::npos);
    CHECK(by_key[0].find("TAGS=other") != std::string::npos);
    CHECK(by_key[0].find("\"body 17\"") != std::string::npos);

    const auto by_queue = lines_of(
        {"dump", dir.path(), "-t", "Topic", "-q", "0", "--queueOffset", "95", "--count", "3"});
    REQUIRE(by_queue.size() == 3);
    CHECK(by_queue[0].find("\"body 190\"") != std::string::npos);
    CHECK(by_queue[2].find("\"body 194\"") != std::string::npos);

    const auto from =
        lines_of({"dump", dir.path(), "--offset", std::to_string(sample.positions[198])});
    CHECK(from.size() == 2);
    CHECK(lines_of({"dump", dir.path(), "--end", "1"}).empty());
    CHECK(lines_of({"dump", dir.path(), "-t", "Other"}).empty());

    std::ostringstream out;
    const auto outcome =
        run_store_command({"dump", dir.path(), "-t", "Topic", "-q", "7"}, out, nullptr);
    CHECK(outcome.exit_status == 1);
    CHECK(outcome.error.find("no queue 7 of topic Topic") != std::string::npos);
}

TEST_CASE("store export: messages as JSON lines", "[storetool]") {
    const TempDir dir;
    const SampleStore sample(dir.path(), 5);
    lines_of({"export", dir.path(), "--file", dir.file("out.json")});
    std::istringstream in(*read_file(dir.file("out.json")));
    int count = 0;
    for (std::string line; std::getline(in, line); ++count) {
        const auto object = nlohmann::json::parse(line);
        CHECK(object["body"] == "body " + std::to_string(count));
        CHECK(object["properties"]["KEYS"] == "key" + std::to_string(count));
        CHECK(object["physicalOffset"] == sample.positions[static_cast<std::size_t>(count)]);
    }
    CHECK(count == 5);
}

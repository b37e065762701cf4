// SPDX-License-Identifier: Apache-2.0
#include "broker/config_file.h"

#include "broker/maintenance.h"
#include "common/clock.h"
#include "common/persistent_file.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"

#include <nlohmann/json.hpp>

#include <future>
#include <string>

using namespace rmq;
using namespace rmq::broker;

namespace {

struct Fixture {
    testing::TempDir dir;
    std::string path = dir.file("config/topics.json");
    std::string text = "{}";
    ConfigFile file{path, [this] { return text; }};

    void write(const std::string& with) {
        text = with;
        file.write();
    }
    std::string current() const { return *read_file(path); }
    std::string backup() const { return *read_file(path + ".bak"); }
};

}  // namespace

TEST_CASE("ConfigFile: what is written is there for the next start", "[broker][K-01]") {
    Fixture f;
    CHECK(f.file.load().error().code == Errc::kNotFound);
    f.write(R"({"a":1})");
    CHECK((*f.file.load())["a"] == 1);
    f.write(R"({"a":2})");
    CHECK((*f.file.load())["a"] == 2);
}

TEST_CASE("ConfigFile: a text that was synced is never replaced as .bak by one that was not",
          "[broker][K-03]") {
    Fixture f;
    f.write(R"({"a":1})");
    REQUIRE(f.file.sync());
    f.write(R"({"a":2})");
    CHECK(f.backup() == R"({"a":1})");
    f.write(R"({"a":3})");
    CHECK(f.current() == R"({"a":3})");
    CHECK(f.backup() == R"({"a":1})");

    // The machine fails: what was not synced is torn.
    REQUIRE(write_file(f.path, std::string(7, '\0')));
    CHECK((*f.file.load())["a"] == 1);

    // What was only marked is written too.
    f.text = R"({"a":3,"b":1})";
    f.file.mark_dirty();
    // A sync makes the newest text safe, and only the write after it moves that to .bak.
    REQUIRE(f.file.sync());
    CHECK(f.current() == R"({"a":3,"b":1})");
    CHECK(f.backup() == R"({"a":1})");
    f.write(R"({"a":4})");
    CHECK(f.backup() == R"({"a":3,"b":1})");
    REQUIRE(f.file.sync());
    f.write(R"({"a":5})");
    CHECK(f.backup() == R"({"a":4})");
}

TEST_CASE("ConfigFile: a directory that cannot be written is an error of sync, with its path",
          "[broker][K-03]") {
    Fixture f;
    REQUIRE(write_file(f.dir.file("config"), "a file where the directory belongs"));
    f.write(R"({"a":1})");
    const auto synced = f.file.sync();
    REQUIRE_FALSE(synced);
    CHECK(synced.error().remark.find(f.dir.file("config")) != std::string::npos);
}

TEST_CASE("Maintenance: prompt jobs run when hurried, others when they are due", "[broker]") {
    const ManualClock clock;  // no period ever ends
    Fixture f;
    Maintenance maintenance(clock);
    std::promise<std::string> saved;
    bool was_periodic = false;
    maintenance.every(std::chrono::milliseconds(1000), [&] { was_periodic = true; });
    maintenance.promptly(std::chrono::milliseconds(1000), [&] {
        if (f.file.sync()) {
            saved.set_value(f.current());
        }
    });
    f.file.set_write_listener([&] { maintenance.hurry(); });
    maintenance.start();
    f.write(R"({"a":1})");
    CHECK(saved.get_future().get() == R"({"a":1})");
    maintenance.stop();
    CHECK_FALSE(was_periodic);
}

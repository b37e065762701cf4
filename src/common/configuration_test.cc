// SPDX-License-Identifier: Apache-2.0
#include "common/configuration.h"

#include "common/environment.h"
#include "common/testing/catch.h"

#include <algorithm>

using namespace rmq;

namespace {

enum class Colour { RED, BLUE };
bool parse_config(std::string_view text, Colour& value) {
    value = text == "BLUE" ? Colour::BLUE : Colour::RED;
    return text == "BLUE" || text == "RED";
}
std::string config_text(Colour value) {
    return value == Colour::BLUE ? "BLUE" : "RED";
}

struct Sample {
    Live<bool> enabled{true};
    Live<std::int32_t> count{8};
    std::int64_t period_ms = 30000;
    double share = 0.8;
    std::string name;
    LiveString addresses;
    Colour colour = Colour::RED;
};

constexpr ConfigRow kRows[] = {
    config_row<&Sample::enabled>("enabled", "a switch", {.java_default = "false"}),
    config_row<&Sample::count>("count", "a number", {.min = 1, .max = 100}),
    config_row<&Sample::period_ms>("period", "a time", {.min = 10, .max = 60000, .clamped = true}),
    config_row<&Sample::share>("share", "a share"),
    config_row<&Sample::name>("name", "a name"),
    config_row<&Sample::addresses>("addresses", "a list"),
    config_row<&Sample::colour>("colour", "a colour"),
    known_row("future", ConfigType::kInt, "5", "not honoured"),
    known_row("unset", ConfigType::kString, nullptr, "not honoured"),
};

constexpr ConfigRow kHiddenRows[] = {
    known_row("hidden", ConfigType::kInt, "1", "of a class that is not printed"),
    known_row("hiddenToo", ConfigType::kInt, "2", "of a class that is not printed"),
};
constexpr ConfigRow kRenamedRows[] = {
    known_row("odd", ConfigType::kBoolean, "false", "a flag", {.printed_key = "isOdd"}),
};

// Configuration is not movable: other threads may hold it.
struct Fixture {
    Sample sample;
    Configuration configuration;
    Fixture() { configuration.bind({"Sample", kRows}, sample); }
};

bool mentions(const std::vector<std::string>& lines, const std::string& part) {
    return std::any_of(lines.begin(), lines.end(),
                       [&](const auto& line) { return line.find(part) != std::string::npos; });
}

}  // namespace

TEST_CASE("Configuration: values reach the struct by their Java type", "[common][config][A-01]") {
    Fixture f;
    const auto warnings = f.configuration.load({{"enabled", "FALSE"},
                                                {"count", "+16"},
                                                {"period", "1000"},
                                                {"share", "0.5"},
                                                {"name", "b-1"},
                                                {"addresses", "h:1;h:2"},
                                                {"colour", "BLUE"}});
    CHECK(warnings.empty());
    CHECK_FALSE(f.sample.enabled.get());
    CHECK(f.sample.count.get() == 16);
    CHECK(f.sample.period_ms == 1000);
    CHECK(f.sample.share == 0.5);
    CHECK(f.sample.name == "b-1");
    CHECK(f.sample.addresses.get() == "h:1;h:2");
    CHECK(f.sample.colour == Colour::BLUE);
}

TEST_CASE("Configuration: what Java would not parse keeps the default, with a warning by name",
          "[common][config][A-01]") {
    const auto [key, text] = GENERATE(table<std::string, std::string>({{"count", "eight"},
                                                                       {"count", " 9"},
                                                                       {"count", "9 "},
                                                                       {"count", ""},
                                                                       {"count", "1.5"},
                                                                       {"count", "99999999999"},
                                                                       {"count", "0"},
                                                                       {"count", "+-5"},
                                                                       {"colour", "GREEN"},
                                                                       {"share", "half"},
                                                                       {"future", "soon"}}));
    Fixture f;
    const Properties before = f.configuration.values();
    const auto warnings = f.configuration.load({{key, text}});
    CAPTURE(key, text);
    REQUIRE(warnings.size() == 1);
    CHECK(mentions(warnings, key));
    CHECK(mentions(warnings, "keeping " + key + "="));
    CHECK(f.configuration.values() == before);
}

TEST_CASE("Configuration: a clamped number takes the nearest bound", "[common][config]") {
    Fixture f;
    CHECK(f.configuration.load({{"period", "1"}}).size() == 1);
    CHECK(f.sample.period_ms == 10);
    f.configuration.load({{"period", "3600000"}});
    CHECK(f.sample.period_ms == 60000);
}

TEST_CASE("Configuration: a known key that is not honoured is kept and warned about",
          "[common][config][A-01]") {
    Fixture f;
    CHECK(f.configuration.load({{"future", "5"}}).empty());
    const auto warnings = f.configuration.load({{"future", "6"}, {"unset", "x"}});
    CHECK(mentions(warnings, "future=6 is known but not honoured"));
    CHECK(mentions(warnings, "unset=x is known but not honoured"));
    CHECK(f.configuration.value("future") == "6");
    CHECK(mentions(f.configuration.load({{"nonsense", "1"}}), "nonsense is not a key"));
}

TEST_CASE("Configuration: text lists every key with a value, sorted", "[common][config][A-02]") {
    Fixture f;
    f.configuration.load({{"name", "n"}});
    CHECK(f.configuration.text() ==
          "colour=RED\ncount=8\nenabled=true\nfuture=5\nname=n\nperiod=30000\nshare=0.8\n");
}

TEST_CASE("Configuration: keys of a class that is not printed appear once they are set",
          "[common][config][A-02]") {
    Configuration configuration;
    configuration.bind({"Hidden", kHiddenRows, false});
    CHECK(configuration.text().empty());
    configuration.load({{"hidden", "3"}});
    CHECK(configuration.text() == "hidden=3\n");
}

TEST_CASE("Configuration: a field is printed under its own name, set under its setter's",
          "[common][config][A-02]") {
    Configuration configuration;
    configuration.bind({"Renamed", kRenamedRows});
    configuration.update({{"odd", "true"}});
    CHECK(configuration.text() == "isOdd=true\n");
    CHECK(configuration.explicit_values() == Properties{{"odd", "true"}});
}

TEST_CASE("Configuration: defaultsProfile=java takes Java's defaults, explicit values win",
          "[common][config]") {
    Fixture f;
    f.configuration.load({{"defaultsProfile", "java"}});
    CHECK_FALSE(f.sample.enabled.get());
    Fixture g;
    g.configuration.load({{"defaultsProfile", "java"}, {"enabled", "true"}});
    CHECK(g.sample.enabled.get());
}

TEST_CASE("Configuration: an update changes live settings at once and keeps the rest for later",
          "[common][config][A-02]") {
    Fixture f;
    const auto update = f.configuration.update(
        {{"count", "9"}, {"name", "later"}, {"enabled", "true"}, {"nonsense", "1"}});
    CHECK(update.changed == std::vector<std::string>{"count", "name"});
    CHECK(f.sample.count.get() == 9);
    CHECK(f.sample.name.empty());
    CHECK(f.configuration.value("name") == "later");
    CHECK(mentions(update.warnings, "name takes effect at the next start"));
    CHECK(mentions(update.warnings, "nonsense"));
    CHECK(f.configuration.version() == 1);
    CHECK(f.configuration.explicit_values() == Properties{{"count", "9"}, {"name", "later"}});

    const auto refused = f.configuration.update({{"count", "many"}, {"colour", "GREEN"}});
    CHECK(refused.changed.empty());
    CHECK(refused.warnings.size() == 2);
    CHECK(f.configuration.version() == 1);
    CHECK(f.configuration.value("colour") == "RED");
}

TEST_CASE("Configuration: protected keys are recognised", "[common][config][A-02]") {
    CHECK(Configuration::is_protected({{"b", "1"}}, "a;b"));
    CHECK_FALSE(Configuration::is_protected({{"c", "1"}}, "a;b"));
    CHECK_FALSE(Configuration::is_protected({{"", "1"}}, ""));
}

TEST_CASE("Configuration: the document shows default, range and effect", "[common][config]") {
    Fixture f;
    const std::string text = f.configuration.markdown();
    CHECK(text.find("| `count` | int | 8 |  | 1..100 | live | a number |") != std::string::npos);
    CHECK(text.find("| `enabled` | boolean | true (java: false) |") != std::string::npos);
    CHECK(text.find("| `future` | int | 5 |  |  | known only | not honoured |") !=
          std::string::npos);
}

TEST_CASE("machine_default: Java's thread formulas become numbers", "[common][config]") {
    CHECK(machine_default("plain") == "plain");
    CHECK(std::stoi(machine_default("16+2*cpus")) >= 18);
}

TEST_CASE("environment: host, home and address are never empty", "[common]") {
    CHECK_FALSE(host_name("x").empty());
    CHECK(home_path("store").ends_with("/store"));
    CHECK_FALSE(first_local_address().empty());
    CHECK(environment("RMQ_SURELY_UNSET").empty());
}

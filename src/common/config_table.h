// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/config_value.h"

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace rmq {

// When a changed setting takes effect. kKnownOnly: a key of the original that this program accepts,
// keeps and returns, but does not act on.
enum class ConfigEffect { kLive, kRestart, kKnownOnly };

// The parameter type of the original's setter; decides what text is accepted.
enum class ConfigType { kBoolean, kInt, kLong, kDouble, kString };

// What a row may say beyond its key and meaning.
struct ConfigNotes {
    const char* unit = "";
    // Accepted range of a number, inclusive.
    std::int64_t min = std::numeric_limits<std::int64_t>::min();
    std::int64_t max = std::numeric_limits<std::int64_t>::max();
    // A number out of range becomes the nearest bound, as the original does for this key;
    // otherwise the value is refused and the one before it kept.
    bool clamped = false;
    // The original's default where ours differs; taken with defaultsProfile=java.
    const char* java_default = nullptr;
    // Shown in documents instead of a default that depends on the machine.
    const char* default_shown = nullptr;
    // The key under which the original prints it, where its field and its setter differ in name.
    const char* printed_key = nullptr;
    // An empty text is the original's default, and printed; otherwise it stands for Java's null.
    bool prints_empty = false;
};

// One setting. Honoured rows point at a struct member through set/get; known-only rows without a
// member carry their default as text.
struct ConfigRow {
    const char* key = "";
    ConfigType type = ConfigType::kString;
    ConfigEffect effect = ConfigEffect::kKnownOnly;
    const char* meaning = "";
    ConfigNotes notes;
    const char* text_default = "";  // nullptr: unset, as Java's null
    // Whether a text is a value of the member; nullptr for rows without one.
    bool (*accepts)(std::string_view text) = nullptr;
    // Precondition: accepts(text).
    void (*set)(void* object, std::string_view text) = nullptr;
    std::string (*get)(const void* object) = nullptr;
};

// Text to value as the original's properties2Object does: Boolean.parseBoolean (anything but
// "true" is false), Integer.parseInt and Long.parseLong (no blanks), Double.parseDouble. False
// when Java would throw and keep the old value.
bool parse_config(std::string_view text, bool& value);
bool parse_config(std::string_view text, std::int32_t& value);
bool parse_config(std::string_view text, std::int64_t& value);
bool parse_config(std::string_view text, double& value);
bool parse_config(std::string_view text, std::string& value);

// Value to text as Java prints it.
std::string config_text(bool value);
std::string config_text(std::int32_t value);
std::string config_text(std::int64_t value);
std::string config_text(double value);
std::string config_text(const std::string& value);

namespace detail {

template <class T>
struct ConfigValue {
    using type = T;
};
template <class T>
struct ConfigValue<Live<T>> {
    using type = T;
};
template <>
struct ConfigValue<LiveString> {
    using type = std::string;
};

template <class Value>
constexpr ConfigType config_type() {
    if constexpr (std::is_same_v<Value, bool>) {
        return ConfigType::kBoolean;
    } else if constexpr (std::is_same_v<Value, std::int32_t>) {
        return ConfigType::kInt;
    } else if constexpr (std::is_same_v<Value, std::int64_t>) {
        return ConfigType::kLong;
    } else if constexpr (std::is_same_v<Value, double>) {
        return ConfigType::kDouble;
    } else {
        return ConfigType::kString;  // text, or an enumeration with parse_config and config_text
    }
}

template <class Class, class Field, Field Class::*Member>
struct ConfigAccess {
    using Value = typename ConfigValue<Field>::type;
    static constexpr bool kIsLive = !std::is_same_v<Value, Field>;

    static bool accepts(std::string_view text) {
        Value value{};
        return parse_config(text, value);
    }
    static void set(void* object, std::string_view text) {
        Value value{};
        if (!parse_config(text, value)) {
            return;
        }
        Field& field = static_cast<Class*>(object)->*Member;
        if constexpr (std::is_same_v<Field, LiveString>) {
            field.set(value);
        } else {
            field = value;
        }
    }
    static std::string get(const void* object) {
        const Field& field = static_cast<const Class*>(object)->*Member;
        if constexpr (kIsLive) {
            return config_text(field.get());
        } else {
            return config_text(field);
        }
    }
};

template <auto Member>
struct ConfigMember;
template <class Class, class Field, Field Class::*Member>
struct ConfigMember<Member> : ConfigAccess<Class, Field, Member> {};

}  // namespace detail

// A row for a member that the program acts on: Live<> members take effect at once, others at the
// next start.
template <auto Member>
constexpr ConfigRow config_row(const char* key, const char* meaning, ConfigNotes notes = {}) {
    using Access = detail::ConfigMember<Member>;
    return {key,
            detail::config_type<typename Access::Value>(),
            Access::kIsLive ? ConfigEffect::kLive : ConfigEffect::kRestart,
            meaning,
            notes,
            "",
            &Access::accepts,
            &Access::set,
            &Access::get};
}

// A row for a key that is only known. `text_default` as Java prints it, nullptr for null, or one
// of the formulas of machine_default().
constexpr ConfigRow known_row(const char* key, ConfigType type, const char* text_default,
                              const char* meaning, ConfigNotes notes = {}) {
    return {key, type, ConfigEffect::kKnownOnly, meaning, notes, text_default};
}

// Resolves the formulas that the original uses for thread counts ("16+2*cpus", …) for this machine;
// any other text is returned as it is.
std::string machine_default(std::string_view text);

// The rows of one of the original's configuration classes.
struct ConfigTable {
    const char* name = "";  // the original's class name
    std::span<const ConfigRow> rows;
    // False for classes whose defaults the original does not print in the program at hand; what
    // was set explicitly is printed.
    bool printed = true;
};

const char* config_type_name(ConfigType type);
const char* config_effect_name(ConfigEffect effect);

}  // namespace rmq

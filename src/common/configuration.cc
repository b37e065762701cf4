// SPDX-License-Identifier: Apache-2.0
#include "common/configuration.h"

#include <algorithm>
#include <cctype>

namespace rmq {

namespace {

constexpr std::string_view kProfileKey = "defaultsProfile";
constexpr const char* kUnknown = " is not a key of this program, ignored";
constexpr const char* kNotHonoured = " is known but not honoured by RaptorMQ";

bool is_number(ConfigType type) {
    return type == ConfigType::kInt || type == ConfigType::kLong;
}

// Whether Java's setter would take the text; for rows without a member.
bool parses(ConfigType type, std::string_view text) {
    switch (type) {
        case ConfigType::kBoolean: {
            bool value = false;
            return parse_config(text, value);
        }
        case ConfigType::kInt: {
            std::int32_t value = 0;
            return parse_config(text, value);
        }
        case ConfigType::kLong: {
            std::int64_t value = 0;
            return parse_config(text, value);
        }
        case ConfigType::kDouble: {
            double value = 0;
            return parse_config(text, value);
        }
        case ConfigType::kString:
            return true;
    }
    return false;
}

bool is_false(std::string_view text) {
    constexpr std::string_view kFalse = "false";
    return std::equal(text.begin(), text.end(), kFalse.begin(), kFalse.end(), [](char a, char b) {
        return std::tolower(static_cast<unsigned char>(a)) == b;
    });
}

struct Checked {
    bool accepted = false;
    std::string text;     // what to keep
    std::string warning;  // empty when there is nothing to say
};

std::string range_text(const ConfigNotes& notes) {
    const bool low = notes.min != std::numeric_limits<std::int64_t>::min();
    const bool high = notes.max != std::numeric_limits<std::int64_t>::max();
    if (!low && !high) {
        return "";
    }
    return (low ? std::to_string(notes.min) : std::string("…")) + ".." +
           (high ? std::to_string(notes.max) : std::string("…"));
}

// Judges a value against the row's type and range.
Checked check(const ConfigRow& row, const std::string& text) {
    const std::string what = std::string(row.key) + "=" + text;
    if (!(row.accepts != nullptr ? row.accepts(text) : parses(row.type, text))) {
        const bool named = row.type == ConfigType::kString;
        return {false, "",
                what + (named ? " is not a known value" : " is not a ") +
                    (named ? "" : config_type_name(row.type))};
    }
    if (is_number(row.type)) {
        std::int64_t value = 0;
        parse_config(text, value);
        if (value < row.notes.min || value > row.notes.max) {
            const std::string out = what + " is outside " + range_text(row.notes);
            if (!row.notes.clamped) {
                return {false, "", out};
            }
            const std::int64_t bound = value < row.notes.min ? row.notes.min : row.notes.max;
            return {true, std::to_string(bound), out + ", using " + std::to_string(bound)};
        }
    }
    if (row.type == ConfigType::kBoolean) {
        bool value = false;
        parse_config(text, value);
        const bool plain = value || is_false(text);
        return {true, config_text(value), plain ? "" : what + " is taken as false"};
    }
    return {true, text, ""};
}

std::string default_of(const ConfigRow& row) {
    return row.text_default == nullptr ? std::string() : machine_default(row.text_default);
}

std::string shown_default(const ConfigRow& row, const std::string& fallback) {
    if (row.notes.default_shown != nullptr) {
        return row.notes.default_shown;
    }
    return row.get == nullptr && row.text_default != nullptr ? row.text_default : fallback;
}

// A cell of a Markdown table.
std::string cell(std::string text) {
    for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) {
        text.insert(at, "\\");
    }
    return text;
}

}  // namespace

void Configuration::bind_erased(const ConfigTable& table, void* object) {
    const std::lock_guard lock(mutex_);
    Bound bound{table, object, {}};
    for (const ConfigRow& row : table.rows) {
        if (row.get == nullptr && row.text_default != nullptr) {
            bound.kept[row.key] = default_of(row);
        }
    }
    bound_.push_back(std::move(bound));
}

std::string Configuration::current(const Bound& bound, const ConfigRow& row) {
    const auto kept = bound.kept.find(row.key);
    if (kept != bound.kept.end()) {
        return kept->second;
    }
    return row.get == nullptr ? std::string() : row.get(bound.object);
}

std::string Configuration::kept_text(const Bound& bound, const ConfigRow& row,
                                     const std::string& why) {
    return why + ", keeping " + row.key + "=" + current(bound, row);
}

template <class Visit>
bool Configuration::for_rows(std::string_view key, Visit visit) {
    bool found = false;
    for (Bound& bound : bound_) {
        for (const ConfigRow& row : bound.table.rows) {
            if (key == row.key) {
                visit(bound, row);
                found = true;
            }
        }
    }
    return found;
}

void Configuration::apply_profile(const Properties& properties) {
    const auto profile = properties.find(kProfileKey);
    if (profile == properties.end() || profile->second != "java") {
        return;
    }
    for (Bound& bound : bound_) {
        for (const ConfigRow& row : bound.table.rows) {
            if (row.notes.java_default == nullptr) {
                continue;
            }
            if (row.set != nullptr) {
                row.set(bound.object, row.notes.java_default);
            } else {
                bound.kept[row.key] = row.notes.java_default;
            }
        }
    }
}

void Configuration::load_row(Bound& bound, const ConfigRow& row, const std::string& text,
                             std::vector<std::string>& warnings) {
    const Checked checked = check(row, text);
    if (!checked.accepted) {
        warnings.push_back(kept_text(bound, row, checked.warning));
        return;
    }
    const bool changes = checked.text != current(bound, row);
    if (row.set != nullptr) {
        row.set(bound.object, checked.text);
    } else {
        bound.kept[row.key] = checked.text;
    }
    if (!checked.warning.empty()) {
        warnings.push_back(checked.warning);
    } else if (row.effect == ConfigEffect::kKnownOnly && changes) {
        warnings.push_back(std::string(row.key) + "=" + text + kNotHonoured);
    }
}

std::vector<std::string> Configuration::load(const Properties& properties) {
    const std::lock_guard lock(mutex_);
    apply_profile(properties);
    std::vector<std::string> warnings;
    for (const auto& [key, text] : properties) {
        std::vector<std::string> said;
        if (!for_rows(key, [&, &value = text](Bound& bound, const ConfigRow& row) {
                load_row(bound, row, value, said);
            })) {
            warnings.push_back(key + kUnknown);
            continue;
        }
        explicit_[key] = text;
        if (!said.empty()) {
            warnings.push_back(said.front());  // one line per key, though two classes may have it
        }
    }
    return warnings;
}

bool Configuration::update_row(Bound& bound, const ConfigRow& row, const std::string& text,
                               std::string& warning) {
    const Checked checked = check(row, text);
    if (!checked.accepted) {
        warning = kept_text(bound, row, checked.warning);
        return false;
    }
    const bool changes = current(bound, row) != checked.text;
    warning = checked.warning;
    if (row.effect == ConfigEffect::kLive) {
        row.set(bound.object, checked.text);
        return changes;
    }
    bound.kept[row.key] = checked.text;
    if (changes) {
        warning = row.key + std::string(row.effect == ConfigEffect::kRestart
                                            ? " takes effect at the next start"
                                            : kNotHonoured);
    }
    return changes;
}

Configuration::Update Configuration::update(const Properties& properties) {
    const std::lock_guard lock(mutex_);
    Update result;
    for (const auto& [key, text] : properties) {
        bool changed = false;
        std::string warning;
        if (!for_rows(key, [&, &value = text](Bound& bound, const ConfigRow& row) {
                changed = update_row(bound, row, value, warning) || changed;
            })) {
            warning = key + kUnknown;
        }
        if (!warning.empty()) {
            result.warnings.push_back(warning);
        }
        if (changed) {
            explicit_[key] = text;
            result.changed.push_back(key);
        }
    }
    version_ += result.changed.empty() ? 0 : 1;
    return result;
}

bool Configuration::is_protected(const Properties& properties, std::string_view black_list) {
    while (!black_list.empty()) {
        const auto end = black_list.find(';');
        if (properties.contains(black_list.substr(0, end))) {
            return true;
        }
        black_list = end == std::string_view::npos ? "" : black_list.substr(end + 1);
    }
    return false;
}

Properties Configuration::values() const {
    const std::lock_guard lock(mutex_);
    Properties values;
    for (const Bound& bound : bound_) {
        for (const ConfigRow& row : bound.table.rows) {
            const std::string text = current(bound, row);
            // Java's null is not printed.
            const bool unset = row.get == nullptr ? !bound.kept.contains(row.key)
                                                  : text.empty() && !row.notes.prints_empty;
            if ((bound.table.printed || explicit_.contains(row.key)) && !unset) {
                const char* printed = row.notes.printed_key;
                values.emplace(printed == nullptr ? row.key : printed, text);
            }
        }
    }
    return values;
}

std::string Configuration::value(std::string_view key) const {
    const std::lock_guard lock(mutex_);
    for (const Bound& bound : bound_) {
        for (const ConfigRow& row : bound.table.rows) {
            if (key == row.key) {
                return current(bound, row);
            }
        }
    }
    return "";
}

Properties Configuration::explicit_values() const {
    const std::lock_guard lock(mutex_);
    return explicit_;
}

std::int64_t Configuration::version() const {
    const std::lock_guard lock(mutex_);
    return version_;
}

std::string Configuration::markdown() const {
    const std::lock_guard lock(mutex_);
    std::string out;
    for (const Bound& bound : bound_) {
        out += "\n### " + std::string(bound.table.name) + "\n\n";
        out += "| key | type | default | unit | range | effect | meaning |\n";
        out += "|---|---|---|---|---|---|---|\n";
        for (const ConfigRow& row : bound.table.rows) {
            std::string shown = shown_default(row, current(bound, row));
            if (shown.find('<') != std::string::npos) {
                shown = "`" + shown + "`";  // not markup
            }
            if (row.notes.java_default != nullptr) {
                shown += " (java: " + std::string(row.notes.java_default) + ")";
            }
            out += "| `" + std::string(row.key) + "` | " + config_type_name(row.type) + " | " +
                   cell(shown) + " | " + row.notes.unit + " | " + range_text(row.notes) + " | " +
                   config_effect_name(row.effect) + " | " + cell(row.meaning) + " |\n";
        }
    }
    return out;
}

}  // namespace rmq

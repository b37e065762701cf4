// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/config_table.h"
#include "common/properties_file.h"

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace rmq {

// All settings of one program: tables bound to the structs they describe. One properties file is
// applied to every table; a key found in two tables sets both.
// Source: org.apache.rocketmq.remoting.Configuration, MixAll.properties2Object.
//
// Thread safety: bind() and load() before other threads start; the rest from any thread. The
// structs must outlive this object. Members that are not Live<> are written by load() only.
class Configuration {
public:
    // What update() did, by key.
    struct Update {
        std::vector<std::string> changed;   // new text kept, live ones already in effect
        std::vector<std::string> warnings;  // one line each: unknown, refused, or needs a restart
    };

    template <class Struct>
    void bind(const ConfigTable& table, Struct& object) {
        bind_erased(table, &object);
    }
    // A table whose rows are all known-only.
    void bind(const ConfigTable& table) { bind_erased(table, nullptr); }

    // Applies defaultsProfile and then every entry. Returns one line per key that deserves a
    // warning: unknown, not understood, out of range, or known but not honoured and set to another
    // value than the default. Nothing here is an error, as in the original.
    std::vector<std::string> load(const Properties& properties);

    // Changes settings at run time. Unknown keys are ignored with a warning; restart-only and
    // known-only ones keep the new text for values() and the file. Whether a key is protected is
    // the caller's question, see is_protected().
    Update update(const Properties& properties);

    // Whether `properties` names a key of the semicolon list `black_list`.
    static bool is_protected(const Properties& properties, std::string_view black_list);

    // Every printed key that has a value, sorted.
    Properties values() const;
    // "key=value\n" per entry: the body of a configuration answer.
    std::string text() const { return format_properties(values()); }
    // Text of one key; empty when unknown or unset.
    std::string value(std::string_view key) const;
    // What was set explicitly, by file or update: the contents of the file to write back.
    Properties explicit_values() const;
    // update() calls that changed something, the counter of the answer's data version.
    std::int64_t version() const;

    // docs/configuration.md's tables: one section per bound table.
    std::string markdown() const;

private:
    struct Bound {
        ConfigTable table;
        void* object = nullptr;
        Properties kept;  // text by key: known-only, and restart-only after an update
    };

    void bind_erased(const ConfigTable& table, void* object);
    void apply_profile(const Properties& properties);
    static std::string current(const Bound& bound, const ConfigRow& row);
    static std::string kept_text(const Bound& bound, const ConfigRow& row, const std::string& why);
    template <class Visit>
    bool for_rows(std::string_view key, Visit visit);
    static void load_row(Bound& bound, const ConfigRow& row, const std::string& text,
                         std::vector<std::string>& warnings);
    static bool update_row(Bound& bound, const ConfigRow& row, const std::string& text,
                           std::string& warning);

    mutable std::mutex mutex_;
    std::vector<Bound> bound_;  // guarded by mutex_
    Properties explicit_;       // guarded by mutex_
    std::int64_t version_ = 0;  // guarded by mutex_
};

}  // namespace rmq

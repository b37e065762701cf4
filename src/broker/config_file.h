// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <mutex>
#include <string>
#include <utility>

namespace rmq::broker {

// One of the broker's JSON configuration files with its .bak.
//
// write() replaces the file and waits for the disk only while sync() does, so it may be called on a
// network thread; the text then survives a crash of the process but not of the machine, until
// sync() has written and synced it. Whatever moment the machine fails at, a text is read back that
// is as new as the last sync() or newer: what was synced stays as .bak until the next is. Thread
// safety: any thread. Source: ConfigManager (5.5.0), which syncs inline.
class ConfigFile {
public:
    // `encode` gives the text to write; called by write() and sync(), with no lock held but this
    // file's own.
    ConfigFile(std::string path, std::function<std::string()> encode);

    // Parsed contents of the file or, when it is missing, empty or not JSON, of its .bak. Errors:
    // kNotFound when there is neither; kMalformed, kIo, kPermissionDenied.
    Result<nlohmann::json> load() const;

    // Called after each write(), on its thread and outside this file's lock: it has sync() called
    // soon. Before threads start.
    void set_write_listener(std::function<void()> listener) { on_written_ = std::move(listener); }

    // A failure is logged and left to the next sync().
    void write();
    // Marks the file to be written by the next sync() only.
    void mark_dirty();
    // Writes and syncs when there is something new. May block.
    Status sync();

    const std::string& path() const { return path_; }

private:
    const std::string path_;
    const std::function<std::string()> encode_;
    std::function<void()> on_written_;
    std::mutex mutex_;
    bool is_dirty_ = false;     // guarded by mutex_; the disk has not the newest text
    bool is_unsynced_ = false;  // guarded by mutex_; the current file was written and not synced
    bool is_newest_ = false;    // guarded by mutex_; nothing changed since it was written
};

}  // namespace rmq::broker

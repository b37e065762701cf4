// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <mutex>
#include <string>

namespace rmq::broker {

// One of the broker's JSON configuration files with its .bak.
//
// write() moves the current file to .bak and writes the new text without waiting for the disk, so
// it may be called on a network thread; the text then survives a crash of the process but not of
// the machine, until sync() has written and synced it. Whatever moment the machine fails at, the
// new or the former text is read back. Thread safety: any thread.
// Source: ConfigManager (5.5.0), which syncs inline.
class ConfigFile {
public:
    // `encode` gives the text to write; called by write() and sync(), with no lock held but this
    // file's own.
    ConfigFile(std::string path, std::function<std::string()> encode);

    // Parsed contents of the file or, when it is missing, empty or not JSON, of its .bak. Errors:
    // kNotFound when there is neither; kMalformed, kIo, kPermissionDenied.
    Result<nlohmann::json> load() const;

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
    std::mutex mutex_;
    bool is_dirty_ = false;  // guarded by mutex_
};

}  // namespace rmq::broker

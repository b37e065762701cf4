// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <functional>
#include <string>
#include <string_view>

namespace rmq {

// Whole contents of a file. Errors: kNotFound, kPermissionDenied, kIo; the remark names the path.
Result<std::string> read_file(const std::string& path);

// Creates the directory and its parents. Success when it exists. Errors: kPermissionDenied, kIo,
// kResourceExhausted.
Status create_directories(const std::string& path);

struct Replacement {
    // The current file becomes `<path>.bak`. Not wanted when it was never synced and .bak was: a
    // loss of power could then spoil both.
    bool keeps_current = true;
    // File and directory are synced before the call returns, which may block on the disk.
    bool syncs = true;
};

// Replaces a configuration file the way the original does: the text goes to `<path>.tmp`, the
// current file becomes `<path>.bak`, the new one takes its name. Whenever the process dies
// load_with_backup() gives the old or the new text, and whenever the machine does, if one of them
// was synced. Source: MixAll.string2File / ConfigManager.persist.
// Errors: kIo, kResourceExhausted, kPermissionDenied; the current file is then still there.
Status replace_with_backup(const std::string& path, std::string_view text, Replacement how = {});

// Text of `path`, or of `<path>.bak` when the file is missing, empty or not `is_readable`. Neither
// there: kNotFound. Neither readable: kMalformed, with what to do. For JSON see lenient_json.h.
Result<std::string> load_with_backup(const std::string& path,
                                     const std::function<bool(const std::string&)>& is_readable);

// Overwrites without a backup and without a sync. For `abort` and like files.
Status write_file(const std::string& path, std::string_view text);

// Writes `bytes` over the start of the file, which is made when it is missing, and syncs it. For
// small files whose former contents may be torn: nothing is moved away. May block on the disk.
// Errors: kIo, kResourceExhausted, kPermissionDenied.
Status overwrite_file(const std::string& path, std::string_view bytes);

// Syncs a file and its name. Errors: kNotFound, kPermissionDenied, kIo, kResourceExhausted.
Status sync_file(const std::string& path);

// Syncs a directory, so that names created in it survive a power loss.
Status sync_directory(const std::string& path);

}  // namespace rmq

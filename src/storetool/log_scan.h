// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/message/message_record.h"

#include "storetool/store_directory.h"

#include <functional>

namespace rmq::storetool {

// A part of the CommitLog in which no record could be read, with readable ones behind it.
struct DamagedStretch {
    PhysicalOffset begin;
    PhysicalOffset end;
};

struct LogScan {
    PhysicalOffset end;        // behind the last readable record, or the blank of its file
    bool has_remains = false;  // bytes other than zero behind the end
    // Returns false to stop the scan.
    using OnRecord = std::function<bool(const MessageRecord&)>;
    using OnDamage = std::function<void(const DamagedStretch&)>;
};

// Reads the records from `from` on (the start of a record or of a file). Damage is stepped over: to
// the next position at which a record says that it lies there, in this file or a later one.
LogScan scan_log(const Segments& log, PhysicalOffset from, bool check_crc,
                 const LogScan::OnRecord& on_record, const LogScan::OnDamage& on_damage);

}  // namespace rmq::storetool

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "admin/command_runner.h"

namespace rmq::admin {

// Dead letters of a group, all of them, of a time range, or with a key: sent again to the topic
// they came from, at a bounded rate, or only listed (dry run); or written to a file. Reads the
// positions as they are at the start, so that what dies again meanwhile is left alone. A message
// that is sent again stays among the dead letters: running the command twice sends it twice.
Action declare_resend_dead_letters(CLI::App& app);
Action declare_export_dead_letters(CLI::App& app);

}  // namespace rmq::admin

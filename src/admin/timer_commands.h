// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "admin/command_runner.h"

namespace rmq::admin {

// Scheduled messages of a topic: those that wait, earliest first; and taking them back by message
// id or key, with an answer that says whether it was in time and is the same however often it is
// asked. An error when something was too late or nothing was found. See docs/timers.md.
Action declare_timer_list(CLI::App& app);
Action declare_timer_cancel(CLI::App& app);

}  // namespace rmq::admin

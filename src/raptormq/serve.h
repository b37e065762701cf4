// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include "raptormq/command_line.h"

namespace rmq {

// Runs the servers that `line` names until SIGTERM, SIGINT or SIGHUP, then stops them in the
// reverse order. Prints one line "raptormq_ready role=… port=… ms=…" per server on standard output
// when it serves. Call from main's thread before any other thread exists: it blocks the signals
// for all threads. Errors: settings that cannot be read, and those of the servers' start(); the
// remark names cause and cure.
Status serve(const CommandLine& line);

// The remark of a failed start with a cure, should it have none, and without line breaks.
std::string one_line(const Error& error);

}  // namespace rmq

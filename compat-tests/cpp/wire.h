// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rocketmq_c.h"
#include <nlohmann/json.hpp>

#include <string>

using Json = nlohmann::json;

// Writes one JSON line to the runner. Thread safety: any thread.
void write_line(const Json& line);

// The numbered body of README.md: eight digits, '|' and filler up to size bytes.
std::string numbered_body(long long sequence, int size);

// A received message as the runner wants it; `wanted` names the properties to show, since the
// client lists none.
Json shown_message(CMessageExt* message, const Json& wanted);

// Milliseconds since the epoch.
long long now_ms();

// Throws std::runtime_error with the client's own words unless status is 0.
void check(int status, const char* what);

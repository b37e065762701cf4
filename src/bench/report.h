// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/load.h"
#include "bench/options.h"

#include <string>

namespace rmq::bench {

// A dozen lines for people, each with a newline.
std::string text_report(const Options& options, const LoadResult& result);

// The same and the whole histogram, as one JSON object: docs/benchmarking.md names its members.
std::string json_report(const Options& options, const LoadResult& result);

// One line without a newline, to overwrite the one before it.
std::string progress_line(const Options& options, const LoadProgress& progress);

}  // namespace rmq::bench

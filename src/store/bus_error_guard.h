// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace rmq::store {

// A mapped page that the device cannot give (a bad sector, a file cut short by somebody else)
// raises SIGBUS, which would end the process. With the guard the page is lost instead: zeros take
// its place in memory, where no check takes them for a record, and what is written to it reaches no
// disk, which writers find out here before they promise anything.
// Thread safety: all from any thread.

// Once for the process; repeating is harmless.
void install_bus_error_guard();
// Pages lost since the start of the process. Costs one load.
std::int64_t lost_page_count();
// Whether a page of these bytes is lost. Costs one load while none is.
bool has_lost_pages(const void* begin, std::size_t bytes);
// The mapping goes: other bytes may come to the same place.
void forget_lost_pages(const void* begin, std::size_t bytes);

}  // namespace rmq::store

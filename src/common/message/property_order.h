// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

namespace rmq {

// Slots of the map that the original parses properties into. Source:
// MessageDecoder.string2messageProperties.
inline constexpr std::size_t kParsedPropertySlots = 128;
// Slots of the map of a message that the original makes itself. Source: java.util.HashMap.
inline constexpr std::size_t kMadePropertySlots = 16;

// Slots of such a map after `count` pairs were put into it from another map.
// Source: HashMap.putMapEntries.
std::size_t copied_property_slots(std::size_t count);

// Puts encoded properties into the order in which the original writes them, so that its files and
// ours are the same: that of a java.util.HashMap of `slots` slots, which grows when it is three
// quarters full. Leaves out what the original leaves out: pairs that it cannot read, and of equal
// names all values but the last. Nothing reads a meaning out of the order.
void order_properties(std::string& encoded, std::size_t slots = kParsedPropertySlots);

}  // namespace rmq

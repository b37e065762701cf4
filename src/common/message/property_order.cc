// SPDX-License-Identifier: Apache-2.0
#include "common/message/property_order.h"

#include "common/java_string.h"
#include "common/message/message_properties.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <tuple>
#include <vector>

namespace rmq {

namespace {

struct Pair {
    PropertyView view;
    std::uint32_t hash;
    std::uint32_t index;  // in the order of insertion
};

// Names of one hash that are compared with each other; beyond, all of them are kept.
constexpr std::size_t kComparedMax = 32;

// Source: HashMap.hash.
std::uint32_t spread_hash(std::string_view name) {
    const auto hash = static_cast<std::uint32_t>(java_string_hash(name));
    return hash ^ (hash >> 16);
}

// A name given again keeps its place and takes the new value.
void join_equal_names(std::vector<Pair>& pairs) {
    std::sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) {
        return std::tie(a.hash, a.index) < std::tie(b.hash, b.index);
    });
    std::size_t kept = 0;
    std::size_t run = 0;  // where the pairs of this hash begin
    for (const Pair& pair : pairs) {
        if (kept > 0 && pairs[run].hash != pair.hash) {
            run = kept;
        }
        const auto first = pairs.begin() + static_cast<std::ptrdiff_t>(run);
        const auto last = pairs.begin() + static_cast<std::ptrdiff_t>(kept);
        const auto same =
            kept - run > kComparedMax ? last : std::find_if(first, last, [&](const Pair& other) {
                return other.view.name == pair.view.name;
            });
        if (same != last) {
            same->view.value = pair.view.value;
        } else {
            pairs[kept++] = pair;
        }
    }
    pairs.resize(kept);
}

std::size_t grown(std::size_t slots, std::size_t count) {
    while (count > slots / 4 * 3) {
        slots *= 2;
    }
    return slots;
}

}  // namespace

std::size_t copied_property_slots(std::size_t count) {
    // What is asked for is count / 0.75 + 1, in floating point and cut.
    return std::bit_ceil(count * 4 / 3 + 1);
}

void order_properties(std::string& encoded, std::size_t slots) {
    thread_local std::vector<Pair> pairs;
    thread_local std::string ordered;
    pairs.clear();
    PropertyCursor cursor(encoded);
    while (const auto view = cursor.next()) {
        pairs.push_back({*view, spread_hash(view->name), static_cast<std::uint32_t>(pairs.size())});
    }
    join_equal_names(pairs);
    const auto mask = static_cast<std::uint32_t>(grown(slots, pairs.size()) - 1);
    std::sort(pairs.begin(), pairs.end(), [mask](const Pair& a, const Pair& b) {
        return std::tuple(a.hash & mask, a.index) < std::tuple(b.hash & mask, b.index);
    });
    ordered.clear();
    for (const Pair& pair : pairs) {
        append_property(ordered, pair.view.name, pair.view.value);
    }
    encoded.assign(ordered);
}

}  // namespace rmq

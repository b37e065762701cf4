// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace rmq {

struct ExtField {
    std::string_view key;
    std::string_view value;  // numbers and booleans as their JSON text
};

// The extFields of one header, in wire order. Views point into the frame (or the reader's string
// buffer) and die with it. Reused from frame to frame, so that decoding does not allocate.
// Thread safety: none, belongs to one connection's thread.
class ExtFields {
public:
    void clear() {
        fields_.clear();
        next_ = 0;
        seen_ = 0;
    }
    // Appends, or replaces the value of a key that is there already (the last one wins, as in a
    // Java map). False when limits::kExtFieldsMax is reached.
    bool add(std::string_view key, std::string_view value);

    // The value of `key`, or nothing. Consecutive look-ups in wire order cost one comparison each.
    // An empty value is returned as such.
    std::optional<std::string_view> find(std::string_view key) const;

    bool empty() const { return fields_.empty(); }
    std::size_t size() const { return fields_.size(); }
    const ExtField* begin() const { return fields_.data(); }
    const ExtField* end() const { return fields_.data() + fields_.size(); }

private:
    std::size_t index_of(std::string_view key) const;

    std::vector<ExtField> fields_;
    std::uint64_t seen_ = 0;        // one bit per key hash, so that most absences cost no search
    mutable std::size_t next_ = 0;  // where the last look-up left off
};

}  // namespace rmq

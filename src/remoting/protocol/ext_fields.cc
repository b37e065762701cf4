// SPDX-License-Identifier: Apache-2.0
#include "remoting/protocol/ext_fields.h"

#include "common/limits.h"

namespace rmq {

namespace {

// Different for all single letters and, in practice, for the names within one header.
std::uint64_t seen_bit(std::string_view key) {
    if (key.empty()) {
        return 1;
    }
    const auto first = static_cast<unsigned char>(key.front());
    const auto last = static_cast<unsigned char>(key.back());
    return std::uint64_t{1} << ((first + 5U * (last ^ first) + 11U * (key.size() - 1)) & 63U);
}

}  // namespace

std::size_t ExtFields::index_of(std::string_view key) const {
    for (std::size_t i = next_; i < fields_.size(); ++i) {
        if (fields_[i].key == key) {
            return i;
        }
    }
    for (std::size_t i = 0; i < next_; ++i) {
        if (fields_[i].key == key) {
            return i;
        }
    }
    return fields_.size();
}

bool ExtFields::add(std::string_view key, std::string_view value) {
    const std::uint64_t bit = seen_bit(key);
    if ((seen_ & bit) != 0) {
        const std::size_t index = index_of(key);
        if (index < fields_.size()) {
            fields_[index].value = value;
            return true;
        }
    }
    if (fields_.size() >= limits::kExtFieldsMax) {
        return false;
    }
    seen_ |= bit;
    fields_.push_back({key, value});
    return true;
}

std::optional<std::string_view> ExtFields::find(std::string_view key) const {
    if ((seen_ & seen_bit(key)) == 0) {
        return std::nullopt;
    }
    const std::size_t index = index_of(key);
    if (index == fields_.size()) {
        return std::nullopt;
    }
    next_ = index + 1;
    return fields_[index].value;
}

}  // namespace rmq

// SPDX-License-Identifier: Apache-2.0
#include "common/message/message_properties.h"

#include <algorithm>

namespace rmq {

std::optional<PropertyView> PropertyCursor::next() {
    constexpr std::size_t kShortestPair = 3;
    while (!rest_.empty()) {
        const auto end = rest_.find(kPropertySeparator);
        const std::string_view pair = rest_.substr(0, end);
        rest_ = end == std::string_view::npos ? std::string_view() : rest_.substr(end + 1);
        if (pair.size() < kShortestPair) {
            continue;
        }
        const auto separator = pair.find(kNameValueSeparator);
        if (separator == std::string_view::npos || separator == 0 || separator + 1 == pair.size()) {
            continue;
        }
        return PropertyView{pair.substr(0, separator), pair.substr(separator + 1)};
    }
    return std::nullopt;
}

std::optional<std::string_view> find_property(std::string_view encoded, std::string_view name) {
    std::optional<std::string_view> found;
    PropertyCursor cursor(encoded);
    while (const auto pair = cursor.next()) {
        if (pair->name == name) {
            found = pair->value;
        }
    }
    return found;
}

std::optional<std::string_view> KeyCursor::next() {
    while (!rest_.empty()) {
        const auto end = std::min(rest_.find(' '), rest_.size());
        const auto key = rest_.substr(0, end);
        rest_.remove_prefix(std::min(end + 1, rest_.size()));
        if (!key.empty()) {
            return key;
        }
    }
    return std::nullopt;
}

bool has_key(std::string_view encoded, std::string_view wanted) {
    if (find_property(encoded, property::kUniqKey) == wanted) {
        return true;
    }
    KeyCursor keys(find_property(encoded, property::kKeys).value_or(std::string_view{}));
    while (const auto key = keys.next()) {
        if (*key == wanted) {
            return true;
        }
    }
    return false;
}

void append_property(std::string& encoded, std::string_view name, std::string_view value) {
    if (!encoded.empty() && encoded.back() != kPropertySeparator) {
        encoded += kPropertySeparator;
    }
    encoded += name;
    encoded += kNameValueSeparator;
    encoded += value;
    encoded += kPropertySeparator;
}

void remove_property(std::string& encoded, std::string_view name) {
    std::size_t at = 0;
    while (at < encoded.size()) {
        const auto found = encoded.find(kPropertySeparator, at);
        const std::size_t end = found == std::string::npos ? encoded.size() : found + 1;
        const std::string_view pair = std::string_view(encoded).substr(at, end - at);
        if (pair.size() > name.size() && pair.starts_with(name) &&
            pair[name.size()] == kNameValueSeparator) {
            encoded.erase(at, end - at);
        } else {
            at = end;
        }
    }
}

void set_property(std::string& encoded, std::string_view name, std::string_view value) {
    remove_property(encoded, name);
    append_property(encoded, name, value);
}

std::map<std::string, std::string> decode_properties(std::string_view encoded) {
    std::map<std::string, std::string> properties;
    PropertyCursor cursor(encoded);
    while (const auto pair = cursor.next()) {
        properties[std::string(pair->name)] = pair->value;
    }
    return properties;
}

}  // namespace rmq

// SPDX-License-Identifier: Apache-2.0
#include "common/properties_file.h"

#include "common/persistent_file.h"

namespace rmq {

namespace {

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\f';
}

void append_utf8(std::string& out, std::uint32_t unit) {
    if (unit < 0x80) {
        out += static_cast<char>(unit);
    } else if (unit < 0x800) {
        out += static_cast<char>(0xC0 | unit >> 6);
        out += static_cast<char>(0x80 | (unit & 0x3F));
    } else {
        out += static_cast<char>(0xE0 | unit >> 12);
        out += static_cast<char>(0x80 | (unit >> 6 & 0x3F));
        out += static_cast<char>(0x80 | (unit & 0x3F));
    }
}

// Joins continued lines and drops comments; what is left is one logical line per entry.
class LogicalLines {
public:
    explicit LogicalLines(std::string_view text) : text_(text) {}

    bool next(std::string& line) {
        line.clear();
        while (at_ < text_.size()) {
            std::string_view natural = natural_line();
            while (!natural.empty() && is_blank(natural.front())) {
                natural.remove_prefix(1);
            }
            const bool comment = !natural.empty() && (natural[0] == '#' || natural[0] == '!');
            if (line.empty() && (natural.empty() || comment)) {
                continue;
            }
            if (!ends_in_odd_backslashes(natural)) {
                line += natural;
                return true;
            }
            line += natural.substr(0, natural.size() - 1);
        }
        return !line.empty();
    }

private:
    std::string_view natural_line() {
        const auto end = text_.find_first_of("\r\n", at_);
        const std::string_view line = text_.substr(at_, end - at_);
        at_ = end == std::string_view::npos ? text_.size() : end + 1;
        return line;
    }

    static bool ends_in_odd_backslashes(std::string_view line) {
        std::size_t count = 0;
        while (count < line.size() && line[line.size() - 1 - count] == '\\') {
            ++count;
        }
        return count % 2 == 1;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

Result<std::string> unescape(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\' || i + 1 == text.size()) {
            out += text[i];
            continue;
        }
        const char escaped = text[++i];
        switch (escaped) {
            case 't':
                out += '\t';
                break;
            case 'n':
                out += '\n';
                break;
            case 'r':
                out += '\r';
                break;
            case 'f':
                out += '\f';
                break;
            case 'u': {
                const std::string digits(text.substr(i + 1, 4));
                char* end = nullptr;
                const auto unit = std::strtoul(digits.c_str(), &end, 16);
                if (digits.size() != 4 || end != digits.c_str() + 4) {
                    return Error{Errc::kMalformed, "malformed \\uxxxx escape: \\u" + digits};
                }
                append_utf8(out, static_cast<std::uint32_t>(unit));
                i += 4;
                break;
            }
            default:
                out += escaped;
        }
    }
    return out;
}

// The end of the key: the first unescaped separator or blank.
std::size_t key_end(std::string_view line) {
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (line[i] == '\\') {
            ++i;
        } else if (line[i] == '=' || line[i] == ':' || is_blank(line[i])) {
            return i;
        }
    }
    return line.size();
}

}  // namespace

Result<Properties> parse_properties(std::string_view text) {
    Properties properties;
    LogicalLines lines(text);
    std::string line;
    while (lines.next(line)) {
        const std::size_t end = key_end(line);
        std::size_t value = end;
        bool separated = false;
        while (
            value < line.size() &&
            (is_blank(line[value]) || (!separated && (line[value] == '=' || line[value] == ':')))) {
            separated = separated || !is_blank(line[value]);
            ++value;
        }
        const std::string_view view = line;
        RMQ_TRY(std::string key, unescape(view.substr(0, end)));
        RMQ_TRY(properties[std::move(key)], unescape(view.substr(value)));
    }
    return properties;
}

std::string format_properties(const Properties& properties) {
    std::string text;
    for (const auto& [key, value] : properties) {
        text += key;
        text += '=';
        text += value;
        text += '\n';
    }
    return text;
}

Result<Properties> load_properties_file(const std::string& path) {
    RMQ_TRY(const std::string text, read_file(path));
    auto properties = parse_properties(text);
    if (!properties) {
        return Error{properties.error().code, path + ": " + properties.error().remark};
    }
    return properties;
}

}  // namespace rmq

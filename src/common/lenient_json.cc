// SPDX-License-Identifier: Apache-2.0
#include "common/lenient_json.h"

#include "common/limits.h"
#include "common/persistent_file.h"

#include <nlohmann/json.hpp>

#include <string>
#include <utility>

namespace rmq {

namespace {

// A recursive-descent parser that fills nlohmann values; depth is bounded, so the recursion is too.
class Parser {
public:
    explicit Parser(std::string_view text) : text_(text) {}

    Result<nlohmann::json> parse_document() {
        RMQ_TRY(nlohmann::json value, parse_value(0));
        skip_blanks();
        if (at_ != text_.size()) {
            return fail("unexpected text after the value");
        }
        return done(std::move(value));
    }

private:
    // Says which of json's many implicit conversions is meant.
    static Result<nlohmann::json> done(nlohmann::json value) {
        return Result<nlohmann::json>(boost::system::in_place_value, std::move(value));
    }

    Error fail(const char* what) const {
        return Error{Errc::kMalformed,
                     "JSON: " + std::string(what) + " at byte " + std::to_string(at_)};
    }

    void skip_blanks() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' ||
                                      text_[at_] == '\n' || text_[at_] == '\r')) {
            ++at_;
        }
    }

    bool take(char expected) {
        skip_blanks();
        if (at_ < text_.size() && text_[at_] == expected) {
            ++at_;
            return true;
        }
        return false;
    }

    Result<nlohmann::json> parse_value(std::size_t depth) {
        if (depth > limits::kJsonDepthMax) {
            return fail("nested too deeply");
        }
        skip_blanks();
        if (at_ == text_.size()) {
            return fail("unexpected end");
        }
        if (text_[at_] == '{') {
            return parse_object(depth);
        }
        if (text_[at_] == '[') {
            return parse_array(depth);
        }
        return parse_scalar();
    }

    // The text of one scalar, handed to nlohmann, which checks its grammar and decodes escapes.
    Result<nlohmann::json> parse_scalar() {
        const std::size_t begin = at_;
        if (text_[at_] == '"') {
            for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
                if (text_[at_] == '\\') {
                    ++at_;
                }
            }
            if (at_ >= text_.size()) {
                at_ = begin;
                return fail("unterminated string");
            }
            ++at_;
        } else {
            at_ = std::min(text_.find_first_of(",:]} \t\r\n", at_), text_.size());
        }
        auto value = nlohmann::json::parse(text_.substr(begin, at_ - begin), nullptr, false);
        if (value.is_discarded()) {
            at_ = begin;
            return fail("bad value");
        }
        return done(std::move(value));
    }

    Result<std::string> parse_key(std::size_t depth) {
        skip_blanks();
        if (at_ == text_.size()) {
            return fail("unexpected end");
        }
        if (text_[at_] == '{') {
            // Each level of keys in keys would double the escapes of the text.
            if (std::exchange(is_in_key_, true)) {
                return fail("an object key in an object key");
            }
            RMQ_TRY(const nlohmann::json object, parse_object(depth + 1));
            is_in_key_ = false;
            return object.dump();
        }
        RMQ_TRY(const nlohmann::json key, parse_scalar());
        if (key.is_string()) {
            return key.get<std::string>();
        }
        if (key.is_number_integer()) {
            return key.dump();
        }
        return fail("bad key");
    }

    Result<nlohmann::json> parse_object(std::size_t depth) {
        nlohmann::json object = nlohmann::json::object();
        ++at_;
        if (depth > limits::kJsonDepthMax) {
            return fail("nested too deeply");
        }
        if (take('}')) {
            return done(std::move(object));
        }
        do {
            RMQ_TRY(std::string key, parse_key(depth));
            if (!take(':')) {
                return fail("expected ':'");
            }
            RMQ_TRY(nlohmann::json value, parse_value(depth + 1));
            object[std::move(key)] = std::move(value);
        } while (take(','));
        if (!take('}')) {
            return fail("expected ',' or '}'");
        }
        return done(std::move(object));
    }

    Result<nlohmann::json> parse_array(std::size_t depth) {
        nlohmann::json array = nlohmann::json::array();
        ++at_;
        if (take(']')) {
            return done(std::move(array));
        }
        do {
            RMQ_TRY(nlohmann::json element, parse_value(depth + 1));
            array.push_back(std::move(element));
        } while (take(','));
        if (!take(']')) {
            return fail("expected ',' or ']'");
        }
        return done(std::move(array));
    }

    std::string_view text_;
    std::size_t at_ = 0;
    bool is_in_key_ = false;
};

}  // namespace

Result<nlohmann::json> parse_lenient_json(std::string_view text) {
    return Parser(text).parse_document();
}

Result<nlohmann::json> load_json_object(const std::string& path) {
    nlohmann::json object;
    RMQ_CHECK(load_with_backup(path, [&object](const std::string& text) {
        auto parsed = parse_lenient_json(text);
        if (parsed && parsed->is_object()) {
            object = std::move(*parsed);
        }
        return object.is_object();
    }));
    return Result<nlohmann::json>(boost::system::in_place_value, std::move(object));
}

}  // namespace rmq

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/protocol/ext_fields.h"

#include <cstdint>
#include <string_view>

namespace rmq {

// Source: SerializeType.
enum class SerializeType : std::uint8_t { kJson = 0, kRocketmq = 1 };

// Source: LanguageCode. An unknown name decodes to kOther.
enum class LanguageCode : std::uint8_t {
    kJava = 0,
    kCpp = 1,
    kDotnet = 2,
    kPython = 3,
    kDelphi = 4,
    kErlang = 5,
    kRuby = 6,
    kOther = 7,
    kHttp = 8,
    kGo = 9,
    kPhp = 10,
    kOms = 11,
    kRust = 12,
    kNodeJs = 13,
};
const char* language_name(LanguageCode language);  // "JAVA", "CPP", …
LanguageCode language_of(std::string_view name);

// Ordinals of MQVersion that change behaviour. Source: MQVersion.
namespace mq_version {
inline constexpr std::int32_t kV3_0_7_SNAPSHOT = 28;
inline constexpr std::int32_t kV3_0_11 = 37;
inline constexpr std::int32_t kV3_1_8_SNAPSHOT = 62;
inline constexpr std::int32_t kV3_4_9 = 121;
inline constexpr std::int32_t kV4_9_4 = 401;
inline constexpr std::int32_t kV5_0_0 = 413;
inline constexpr std::int32_t kV5_3_1 = 475;
inline constexpr std::int32_t kV5_5_0 = 513;
inline constexpr std::int32_t kCurrent = kV5_5_0;  // what this server says of itself
inline constexpr const char* kCurrentName = "V5_5_0";
}  // namespace mq_version

inline constexpr std::int32_t kFlagResponse = 1;
inline constexpr std::int32_t kFlagOneway = 2;

// A decoded frame. All views die with the frame: keep bytes, not views.
// Source: RemotingCommand.
struct RemotingCommand {
    std::int32_t code = 0;
    LanguageCode language = LanguageCode::kOther;
    std::int32_t version = 0;
    std::int32_t opaque = 0;
    std::int32_t flag = 0;
    SerializeType serialize_type = SerializeType::kJson;
    std::string_view remark;
    ExtFields ext;
    bool has_ext = false;  // Java 4.9 and Go send some requests without any
    std::string_view body;

    bool is_response() const { return (flag & kFlagResponse) != 0; }
    bool is_oneway() const { return (flag & kFlagOneway) != 0; }
};

}  // namespace rmq

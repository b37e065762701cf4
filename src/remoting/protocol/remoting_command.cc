// SPDX-License-Identifier: Apache-2.0
#include "remoting/protocol/remoting_command.h"

#include <array>

namespace rmq {

namespace {

constexpr std::array<std::string_view, 14> kNames = {"JAVA",   "CPP",  "DOTNET", "PYTHON", "DELPHI",
                                                     "ERLANG", "RUBY", "OTHER",  "HTTP",   "GO",
                                                     "PHP",    "OMS",  "RUST",   "NODE_JS"};
static_assert(kNames.size() == static_cast<std::size_t>(LanguageCode::kNodeJs) + 1);

}  // namespace

const char* language_name(LanguageCode language) {
    const auto index = static_cast<std::size_t>(language);
    return index < kNames.size() ? kNames[index].data() : "OTHER";
}

LanguageCode language_of(std::string_view name) {
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        if (name == kNames[i]) {
            return static_cast<LanguageCode>(i);
        }
    }
    return LanguageCode::kOther;
}

}  // namespace rmq

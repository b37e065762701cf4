// SPDX-License-Identifier: Apache-2.0
#include "wire.h"

#include <zlib.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <mutex>
#include <stdexcept>

void write_line(const Json& line) {
    static std::mutex mutex;
    const std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    const std::lock_guard lock(mutex);
    std::cout << text << std::flush;
}

std::string numbered_body(long long sequence, int size) {
    char head[16];
    std::snprintf(head, sizeof head, "%08lld|", sequence);
    std::string body(static_cast<size_t>(size), static_cast<char>('a' + sequence % 26));
    return body.replace(0, 9, head);
}

Json shown_message(CMessageExt* message, const Json& wanted) {
    constexpr size_t kShownBody = 256;
    const auto text = [](const char* value) { return std::string(value == nullptr ? "" : value); };
    const std::string body = text(GetMessageBody(message));
    Json properties = Json::object();
    for (const auto& name : wanted) {
        properties[name.get<std::string>()] =
            text(GetMessageProperty(message, name.get<std::string>().c_str()));
    }
    return {{"topic", text(GetMessageTopic(message))},
            {"queue", GetMessageQueueId(message)},
            {"offset", GetMessageQueueOffset(message)},
            {"id", text(GetMessageId(message))},
            {"tags", text(GetMessageTags(message))},
            {"keys", text(GetMessageKeys(message))},
            {"body", body.substr(0, kShownBody)},
            {"size", body.size()},
            {"crc",
             crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()))},
            {"reconsume", GetMessageReconsumeTimes(message)},
            {"born", GetMessageBornTimestamp(message)},
            {"stored", GetMessageStoreTimestamp(message)},
            {"props", properties}};
}

long long now_ms() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

void check(int status, const char* what) {
    if (status != 0) {
        const char* said = GetLatestErrorMessage();
        throw std::runtime_error(std::string(what) + " answered " + std::to_string(status) + ": " +
                                 (said == nullptr ? "" : said));
    }
}

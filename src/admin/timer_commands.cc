// SPDX-License-Identifier: Apache-2.0
#include "admin/timer_commands.h"

#include "remoting/protocol/body/json_fields.h"
#include "remoting/protocol/header/timer.h"
#include "remoting/protocol/header_codec.h"

#include "admin/admin_client.h"
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <array>
#include <cstdio>
#include <ctime>
#include <iomanip>
#include <memory>
#include <ostream>

namespace rmq::admin {

namespace {

struct TimerOptions {
    std::string topic;
    std::string key;
    std::int32_t max = 100;
};

// Local time, as mqadmin prints it.
std::string time_text(std::int64_t ms) {
    const std::time_t seconds = ms / 1000;
    std::tm local{};
    ::localtime_r(&seconds, &local);
    std::array<char, 32> day{};
    std::strftime(day.data(), day.size(), "%Y-%m-%d %H:%M:%S", &local);
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), "%s,%03d", day.data(), static_cast<int>(ms % 1000));
    return text.data();
}

// Asks each master that holds the topic; `show` gets its name and its answer.
template <class Header, class Show>
Status ask_masters(AdminClient& client, RequestCode code, const Header& header, Show show) {
    RMQ_TRY(const auto route, client.route(header.topic));
    for (const BrokerData& broker : route.broker_datas) {
        const auto master = broker.broker_addrs.find(kMasterId);
        if (master == broker.broker_addrs.end()) {
            continue;
        }
        OutboundCommand command(code);
        encode_header(header, command.ext);
        RMQ_TRY(const auto answer, client.call(master->second, std::move(command)));
        RMQ_TRY(const auto body, parse_body_json(answer.body));
        show(broker.broker_name, body);
    }
    return {};
}

Status list(AdminClient& client, const TimerOptions& options, std::ostream& out) {
    out << std::left << std::setw(24) << "#Broker" << ' ' << std::setw(34) << "#Message ID" << ' '
        << std::setw(24) << "#Deliver Time" << ' ' << std::setw(10) << "#Body Size"
        << " #Keys\n";
    std::int64_t total = 0;
    ListTimerMessagesRequestHeader header;
    header.topic = options.topic;
    header.max_num = options.max;
    RMQ_CHECK(ask_masters(client, RequestCode::LIST_TIMER_MESSAGES, header,
                          [&](const std::string& broker, const nlohmann::json& body) {
                              total += json_int64(body, "total", 0);
                              for (const auto& one : json_member(body, "messages")) {
                                  out << std::setw(24) << broker << ' ' << std::setw(34)
                                      << json_string(one, "msgId") << ' ' << std::setw(24)
                                      << time_text(json_int64(one, "deliverTime", 0)) << ' '
                                      << std::setw(10) << json_int64(one, "bodySize", 0) << ' '
                                      << json_string(one, "keys") << '\n';
                              }
                          }));
    out << total << " pending\n";
    return {};
}

Status cancel(AdminClient& client, const TimerOptions& options, std::ostream& out) {
    int found = 0;
    int too_late = 0;
    CancelTimerMessageRequestHeader header;
    header.topic = options.topic;
    header.key = options.key;
    RMQ_CHECK(ask_masters(client, RequestCode::CANCEL_TIMER_MESSAGE, header,
                          [&](const std::string& broker, const nlohmann::json& body) {
                              for (const auto& one : json_member(body, "messages")) {
                                  const std::string result = json_string(one, "result");
                                  ++found;
                                  too_late += result != "CANCELLED" ? 1 : 0;
                                  out << result << ' ' << json_string(one, "msgId")
                                      << " deliver_time=\""
                                      << time_text(json_int64(one, "deliverTime", 0))
                                      << "\" broker=" << broker << '\n';
                              }
                          }));
    if (found == 0) {
        return Error{Errc::kNotFound, "no scheduled message of " + options.topic +
                                          " has the id or "
                                          "key " +
                                          options.key};
    }
    if (too_late > 0) {
        return Error{Errc::kUnavailable,
                     std::to_string(too_late) + " of " + std::to_string(found) +
                         " messages were delivered before they could be cancelled"};
    }
    return {};
}

}  // namespace

Action declare_timer_list(CLI::App& app) {
    const auto options = std::make_shared<TimerOptions>();
    app.add_option("-t,--topic", options->topic, "topic to which the messages go")->required();
    app.add_option("-m,--max", options->max, "messages shown of each broker (default: 100)")
        ->check(CLI::Range(0, 1000));
    return
        [options](AdminClient& client, std::ostream& out) { return list(client, *options, out); };
}

Action declare_timer_cancel(CLI::App& app) {
    const auto options = std::make_shared<TimerOptions>();
    app.add_option("-t,--topic", options->topic, "topic to which the messages go")->required();
    app.add_option("-k,--key", options->key, "message id, or a key of the messages")->required();
    return
        [options](AdminClient& client, std::ostream& out) { return cancel(client, *options, out); };
}

}  // namespace rmq::admin

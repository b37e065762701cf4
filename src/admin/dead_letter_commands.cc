// SPDX-License-Identifier: Apache-2.0
#include "admin/dead_letter_commands.h"

#include "common/clock.h"
#include "common/message/message_json.h"
#include "common/message/message_properties.h"
#include "remoting/protocol/header/offset.h"
#include "remoting/protocol/header/pull_message.h"
#include "remoting/protocol/header/send_message.h"
#include "remoting/protocol/header_codec.h"

#include "admin/admin_client.h"
#include "admin/dead_letters.h"
#include <CLI/CLI.hpp>

#include <fstream>
#include <memory>
#include <ostream>
#include <thread>

namespace rmq::admin {

namespace {

constexpr std::string_view kDlqPrefix = "%DLQ%";
constexpr std::string_view kToolsGroup = "TOOLS_CONSUMER";            // Source: MixAll
constexpr std::string_view kProducerGroup = "CLIENT_INNER_PRODUCER";  // Source: MixAll
constexpr std::int32_t kPullMax = 32;

struct DeadLetterOptions {
    std::string group;
    DeadLetterFilter filter;
    bool is_all = false;
    bool is_dry_run = false;
    double rate = 100;  // a second
    std::string file;
    std::string format = "json";
};

void declare_filter(CLI::App& app, DeadLetterOptions& options) {
    app.add_option("-g,--group", options.group, "consumer group")->required();
    app.add_option("-k,--key", options.filter.key, "only this key or unique id");
    app.add_option("-b,--begin", options.filter.begin_ms, "only dead since this time, epoch ms");
    app.add_option("-e,--end", options.filter.end_ms, "only dead until this time, epoch ms");
}

using Visit = std::function<Status(const QueueOnBroker&, const MessageRecord&)>;

Result<QueueOffset> max_offset(AdminClient& client, const std::string& topic,
                               const QueueOnBroker& queue) {
    GetMaxOffsetRequestHeader header;
    header.topic = topic;
    header.queue_id = queue.queue_id;
    OutboundCommand command(RequestCode::GET_MAX_OFFSET);
    encode_header(header, command.ext);
    RMQ_TRY(const auto answer, client.call(queue.address, std::move(command)));
    QueueOffset offset;
    RMQ_CHECK(parse_ext_value("offset", answer.ext_value("offset"), offset.value));
    return offset;
}

Result<InboundResponse> pull(AdminClient& client, const std::string& topic,
                             const QueueOnBroker& queue, QueueOffset offset) {
    PullMessageRequestHeader header;
    header.consumer_group = kToolsGroup;
    header.topic = topic;
    header.queue_id = queue.queue_id;
    header.queue_offset = offset.value;
    header.max_msg_nums = kPullMax;
    header.sys_flag = pull_sys_flag::kSubscription;
    header.subscription = "*";
    header.expression_type = "TAG";
    OutboundCommand command(RequestCode::PULL_MESSAGE);
    encode_header(header, command.ext);
    return client.ask(queue.address, std::move(command));
}

Status visit_queue(AdminClient& client, const std::string& topic, const QueueOnBroker& queue,
                   const Visit& visit) {
    RMQ_TRY(const QueueOffset end, max_offset(client, topic, queue));
    for (QueueOffset offset; offset < end;) {
        RMQ_TRY(const auto answer, pull(client, topic, queue, offset));
        std::string_view rest = answer.body;
        while (!rest.empty()) {
            RMQ_TRY(const auto record, decode_message(rest, VerifyCrc::kYes));
            rest.remove_prefix(static_cast<std::size_t>(record.total_size));
            if (record.queue_offset < end) {
                RMQ_CHECK(visit(queue, record));
            }
        }
        QueueOffset next;
        RMQ_CHECK(
            parse_ext_value("nextBeginOffset", answer.ext_value("nextBeginOffset"), next.value));
        if (next <= offset) {
            return Error{
                Errc::kUnavailable,
                queue.address + " answered " + std::to_string(answer.code) + ": " + answer.remark};
        }
        offset = next;
    }
    return {};
}

Status visit_dead_letters(AdminClient& client, const DeadLetterOptions& options,
                          const Visit& visit) {
    const std::string topic = std::string(kDlqPrefix) + options.group;
    RMQ_TRY(const auto route, client.route(topic));
    for (const QueueOnBroker& queue : readable_queues(route)) {
        RMQ_CHECK(visit_queue(client, topic, queue, [&](const auto& where, const auto& record) {
            return matches(options.filter, record) ? visit(where, record) : Status{};
        }));
    }
    return {};
}

// To the broker that has the dead letter when it has the topic, else to another one.
Result<std::string> target_address(AdminClient& client, const std::string& topic,
                                   const QueueOnBroker& queue) {
    RMQ_TRY(const auto route, client.route(topic));
    std::string found;
    for (const QueueData& data : route.queue_datas) {
        for (const BrokerData& broker : route.broker_datas) {
            const auto master = broker.broker_addrs.find(kMasterId);
            if (data.broker_name != broker.broker_name || data.write_queue_nums <= 0 ||
                (data.perm & perm::kWrite) == 0 || master == broker.broker_addrs.end()) {
                continue;
            }
            if (broker.broker_name == queue.broker_name) {
                return master->second;
            }
            found = master->second;
        }
    }
    if (found.empty()) {
        return Error{Errc::kNotFound, "no broker takes messages of the topic " + topic};
    }
    return found;
}

Status send_again(AdminClient& client, const QueueOnBroker& queue, const MessageRecord& record,
                  const Resend& resend) {
    RMQ_TRY(const std::string address, target_address(client, resend.topic, queue));
    SendMessageRequestHeaderV2 header;
    header.producer_group = kProducerGroup;
    header.topic = resend.topic;
    header.default_topic = "TBW102";
    header.default_topic_queue_nums = 4;
    header.queue_id = -1;  // the broker picks
    header.sys_flag = resend.sys_flag;
    header.born_timestamp = SystemClock().now_ms();
    header.flag = record.flag;
    header.properties = resend.properties;
    OutboundCommand command(RequestCode::SEND_MESSAGE_V2);
    encode_header(header, command.ext);
    command.body = record.body;
    RMQ_CHECK(client.call(address, std::move(command)));
    return {};
}

Status resend(const DeadLetterOptions& options, AdminClient& client, std::ostream& out) {
    if (!options.is_all && options.filter.key.empty() && options.filter.begin_ms == 0 &&
        options.filter.end_ms == INT64_MAX) {
        return Error{Errc::kInvalidArgument,
                     "say which dead letters: --key, --begin and --end, or --all"};
    }
    const auto pause = std::chrono::duration<double>(1.0 / options.rate);
    std::int64_t sent = 0;
    std::int64_t skipped = 0;
    const auto visit = [&](const QueueOnBroker& queue, const MessageRecord& record) -> Status {
        const auto order = resend_of(record);
        const std::string where = queue.broker_name + " queue " + std::to_string(queue.queue_id) +
                                  " offset " + std::to_string(record.queue_offset.value);
        if (!order) {
            out << "skipped  " << where << ": " << order.error().remark << '\n';
            ++skipped;
            return {};
        }
        if (!options.is_dry_run) {
            RMQ_CHECK(send_again(client, queue, record, *order));
            std::this_thread::sleep_for(pause);  // NOLINT(tidy): the rate that was asked for
        }
        out << (options.is_dry_run ? "would send  " : "sent  ") << where << " to " << order->topic
            << " keys=\""
            << find_property(record.properties, property::kKeys).value_or(std::string_view{})
            << "\"\n";
        ++sent;
        return {};
    };
    const Status status = visit_dead_letters(client, options, visit);
    out << (options.is_dry_run ? "would send " : "sent ") << sent << ", skipped " << skipped
        << '\n';
    return status;
}

Status export_letters(const DeadLetterOptions& options, AdminClient& client, std::ostream& out) {
    std::ofstream file;
    if (!options.file.empty()) {
        file.open(options.file);
        if (!file) {
            return Error{Errc::kIo, "cannot write " + options.file};
        }
    }
    std::ostream& target = options.file.empty() ? out : file;
    const bool is_csv = options.format == "csv";
    std::int64_t count = 0;
    if (is_csv) {
        write_csv_header(target);
    }
    RMQ_CHECK(visit_dead_letters(client, options, [&](const auto&, const auto& record) -> Status {
        is_csv ? write_csv(record, target) : write_message_json(record, target);
        ++count;
        return {};
    }));
    target.flush();
    if (!target) {
        return Error{Errc::kIo, "cannot write " + options.file + "; is the disk full?"};
    }
    if (!options.file.empty()) {
        out << count << " dead letters in " << options.file << '\n';
    }
    return {};
}

}  // namespace

Action declare_resend_dead_letters(CLI::App& app) {
    const auto options = std::make_shared<DeadLetterOptions>();
    declare_filter(app, *options);
    app.add_flag("-a,--all", options->is_all, "all of them");
    app.add_flag("-d,--dryRun", options->is_dry_run, "only list what would be sent");
    app.add_option("-r,--rate", options->rate, "messages a second")
        ->check(CLI::Range(0.1, 1'000'000.0));
    return
        [options](AdminClient& client, std::ostream& out) { return resend(*options, client, out); };
}

Action declare_export_dead_letters(CLI::App& app) {
    const auto options = std::make_shared<DeadLetterOptions>();
    declare_filter(app, *options);
    app.add_option("-o,--output", options->file, "file to write (default: standard output)");
    app.add_option("-f,--format", options->format, "json (one object a line) or csv")
        ->check(CLI::IsMember({"json", "csv"}));
    return [options](AdminClient& client, std::ostream& out) {
        return export_letters(*options, client, out);
    };
}

}  // namespace rmq::admin

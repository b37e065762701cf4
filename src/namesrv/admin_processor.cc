// SPDX-License-Identifier: Apache-2.0
#include "namesrv/admin_processor.h"

#include "common/blocking_pool.h"
#include "common/configuration.h"
#include "common/log.h"
#include "common/persistent_file.h"
#include "namesrv/kv_config_manager.h"
#include "namesrv/namesrv_config.h"
#include "namesrv/route_info_manager.h"
#include "remoting/protocol/body/kv_table.h"
#include "remoting/protocol/header/namesrv.h"
#include "remoting/protocol/header_codec.h"

#include <string>
#include <utility>

namespace rmq::namesrv {

namespace {

// Keys that stay protected whatever configBlackList says.
// Source: DefaultRequestProcessor.initConfigBlackList.
constexpr std::string_view kAlwaysProtected =
    "configBlackList;configStorePath;kvConfigPath;rocketmqHome";

Response system_error(std::string remark) {
    return Response(ResponseCode::SYSTEM_ERROR, std::move(remark));
}

Response with_body(std::string body) {
    Response response;
    response.body = std::move(body);
    return response;
}

Response with_body(const TopicList& topics) {
    return with_body(encode(topics));
}

// Runs `work` with the Responder on the blocking pool, or answers that it is full.
void run_blocking(BlockingPool& pool, Responder responder, UniqueFunction<void(Responder)> work) {
    struct Task {
        Responder responder;
        UniqueFunction<void(Responder)> work;
    };
    auto task = std::make_shared<Task>(Task{std::move(responder), std::move(work)});
    UniqueFunction<void()> run = [task] { task->work(std::move(task->responder)); };
    if (!pool.post(run)) {
        task->responder.send(ResponseCode::SYSTEM_BUSY, "too many requests that write files");
    }
}

}  // namespace

void AdminProcessor::add_to(RequestRegistry& registry) {
    const auto add = [&](RequestCode code, Response (AdminProcessor::*handle)(const Request&)) {
        registry.add(code, [this, handle](const Request& request, Responder responder) {
            responder.send((this->*handle)(request));
        });
    };
    const auto add_slow = [&](RequestCode code,
                              void (AdminProcessor::*handle)(const Request&, Responder)) {
        registry.add(code, [this, handle](const Request& request, Responder responder) {
            (this->*handle)(request, std::move(responder));
        });
    };
    add(RequestCode::DELETE_TOPIC_IN_NAMESRV, &AdminProcessor::delete_topic);
    add(RequestCode::WIPE_WRITE_PERM_OF_BROKER, &AdminProcessor::wipe_write_perm);
    add(RequestCode::ADD_WRITE_PERM_OF_BROKER, &AdminProcessor::add_write_perm);
    add(RequestCode::GET_KV_CONFIG, &AdminProcessor::get_kv_config);
    add(RequestCode::GET_KVLIST_BY_NAMESPACE, &AdminProcessor::kv_list);
    add_slow(RequestCode::PUT_KV_CONFIG, &AdminProcessor::put_kv_config);
    add_slow(RequestCode::DELETE_KV_CONFIG, &AdminProcessor::delete_kv_config);
    add_slow(RequestCode::UPDATE_NAMESRV_CONFIG, &AdminProcessor::update_config);
    add_lists(registry);
}

void AdminProcessor::add_lists(RequestRegistry& registry) {
    // Each answers from its request, or "disable" when its switch is off.
    using List = Response (*)(const Collaborators&, const Request&);
    const auto add = [&](RequestCode code, const Live<bool>* enabled, List list) {
        registry.add(code, [this, enabled, list](const Request& request, Responder responder) {
            responder.send(enabled != nullptr && !*enabled ? system_error("disable")
                                                           : list(with_, request));
        });
    };
    const auto* all = &with_.config.enable_all_topic_list;
    const auto* some = &with_.config.enable_topic_list;
    add(RequestCode::GET_BROKER_CLUSTER_INFO, nullptr, [](const auto& with, const Request&) {
        return with_body(encode(with.routes.cluster_info(), IntegerKeys::kBare));
    });
    add(RequestCode::GET_NAMESRV_CONFIG, nullptr,
        [](const auto& with, const Request&) { return with_body(with.configuration.text()); });
    add(RequestCode::GET_SYSTEM_TOPIC_LIST_FROM_NS, nullptr,
        [](const auto& with, const Request&) { return with_body(with.routes.system_topics()); });
    add(RequestCode::GET_ALL_TOPIC_LIST_FROM_NAMESERVER, all,
        [](const auto& with, const Request&) { return with_body(with.routes.all_topics()); });
    add(RequestCode::GET_TOPICS_BY_CLUSTER, some, [](const auto& with, const Request& request) {
        const auto header = decode_header<GetTopicsByClusterRequestHeader>(request.ext());
        return header ? with_body(with.routes.topics_by_cluster(header->cluster))
                      : system_error(header.error().remark);
    });
    constexpr auto kUnit = topic_sys_flag::kUnit;
    constexpr auto kUnitSub = topic_sys_flag::kUnitSub;
    add(RequestCode::GET_UNIT_TOPIC_LIST, some, [](const auto& with, const Request&) {
        return with_body(with.routes.topics_by_sys_flag(kUnit, kUnit));
    });
    add(RequestCode::GET_HAS_UNIT_SUB_TOPIC_LIST, some, [](const auto& with, const Request&) {
        return with_body(with.routes.topics_by_sys_flag(kUnitSub, kUnitSub));
    });
    add(RequestCode::GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST, some,
        [](const auto& with, const Request&) {
            return with_body(with.routes.topics_by_sys_flag(kUnit | kUnitSub, kUnitSub));
        });
}

Response AdminProcessor::delete_topic(const Request& request) {
    const auto header = decode_header<NamesrvTopicRequestHeader>(request.ext());
    if (!header) {
        return system_error(header.error().remark);
    }
    const auto cluster = header->cluster_name.value_or("");
    if (cluster.empty()) {
        with_.routes.delete_topic(header->topic);
    } else {
        with_.routes.delete_topic(header->topic, cluster);
    }
    return Response();
}

Response AdminProcessor::wipe_write_perm(const Request& request) {
    const auto header = decode_header<BrokerNameRequestHeader>(request.ext());
    if (!header) {
        return system_error(header.error().remark);
    }
    Response response;
    const auto topics = with_.routes.wipe_write_perm_of_broker(header->broker_name);
    log_of("namesrv").info("wipe_write_perm broker={} topics={}", header->broker_name, topics);
    encode_header(WipeWritePermOfBrokerResponseHeader{topics}, response.ext);
    return response;
}

Response AdminProcessor::add_write_perm(const Request& request) {
    const auto header = decode_header<BrokerNameRequestHeader>(request.ext());
    if (!header) {
        return system_error(header.error().remark);
    }
    Response response;
    const auto topics = with_.routes.add_write_perm_of_broker(header->broker_name);
    log_of("namesrv").info("add_write_perm broker={} topics={}", header->broker_name, topics);
    encode_header(AddWritePermOfBrokerResponseHeader{topics}, response.ext);
    return response;
}

Response AdminProcessor::get_kv_config(const Request& request) {
    const auto header = decode_header<KVConfigKeyRequestHeader>(request.ext());
    if (!header) {
        return system_error(header.error().remark);
    }
    const auto value = with_.kv_configs.get(header->config_namespace, header->key);
    if (!value) {
        return Response(ResponseCode::QUERY_NOT_FOUND,
                        "No config item, Namespace: " + std::string(header->config_namespace) +
                            " Key: " + std::string(header->key));
    }
    Response response;
    encode_header(GetKVConfigResponseHeader{*value}, response.ext);
    return response;
}

Response AdminProcessor::kv_list(const Request& request) {
    const auto header = decode_header<GetKVListByNamespaceRequestHeader>(request.ext());
    if (!header) {
        return system_error(header.error().remark);
    }
    auto table = with_.kv_configs.list(header->config_namespace);
    if (!table) {
        return Response(ResponseCode::QUERY_NOT_FOUND,
                        "No config item, Namespace: " + std::string(header->config_namespace));
    }
    return with_body(encode(KvTable{std::move(*table)}));
}

void AdminProcessor::put_kv_config(const Request& request, Responder responder) {
    const auto header = decode_header<PutKVConfigRequestHeader>(request.ext());
    if (!header || !header->config_namespace || !header->key) {
        responder.send(ResponseCode::SYSTEM_ERROR, "namespace or key is null");
        return;
    }
    with_.kv_configs.put(*header->config_namespace, *header->key, header->value);
    persist_kv_configs(std::move(responder));
}

void AdminProcessor::delete_kv_config(const Request& request, Responder responder) {
    const auto header = decode_header<KVConfigKeyRequestHeader>(request.ext());
    if (!header) {
        responder.send(ResponseCode::SYSTEM_ERROR, header.error().remark);
        return;
    }
    with_.kv_configs.remove(header->config_namespace, header->key);
    persist_kv_configs(std::move(responder));
}

void AdminProcessor::persist_kv_configs(Responder responder) {
    run_blocking(with_.blocking, std::move(responder),
                 [&kv_configs = with_.kv_configs](Responder answer) {
                     if (const auto written = kv_configs.persist(); !written) {
                         log_of("namesrv").error("kv_config_not_persisted error=\"{}\"",
                                                 written.error().remark);
                         answer.send(ResponseCode::SYSTEM_ERROR, written.error().remark);
                         return;
                     }
                     answer.send(Response());
                 });
}

void AdminProcessor::update_config(const Request& request, Responder responder) {
    if (request.body().empty()) {
        responder.send(Response());
        return;
    }
    const auto properties = parse_properties(request.body());
    if (!properties) {
        responder.send(ResponseCode::SYSTEM_ERROR, "string2Properties error");
        return;
    }
    if (Configuration::is_protected(*properties, kAlwaysProtected) ||
        Configuration::is_protected(*properties, with_.config.config_black_list)) {
        responder.send(ResponseCode::NO_PERMISSION, "Can not update config in black list.");
        return;
    }
    for (const auto& warning : with_.configuration.update(*properties).warnings) {
        log_of("namesrv").warn("update_config {}", warning);
    }
    run_blocking(
        with_.blocking, std::move(responder),
        [path = with_.config.config_store_path,
         text = format_properties(with_.configuration.explicit_values())](Responder answer) {
            if (const auto written = replace_with_backup(path, text); !written) {
                log_of("namesrv").error("config_not_persisted error=\"{}\"",
                                        written.error().remark);
                answer.send(ResponseCode::SYSTEM_ERROR, written.error().remark);
                return;
            }
            answer.send(Response());
        });
}

}  // namespace rmq::namesrv

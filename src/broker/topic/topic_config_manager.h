// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/config_file.h"
#include "common/clock.h"
#include "common/result.h"
#include "common/snapshot.h"
#include "remoting/protocol/body/data_version.h"
#include "remoting/protocol/body/topic_config.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::broker {

struct BrokerConfig;

// What a send tells about the topic it needs. Source: SendMessageRequestHeader.
struct CreateTopicInSend {
    std::string_view topic;
    std::string_view default_topic;  // usually TBW102
    std::int32_t default_topic_queue_nums = 4;
    std::int32_t topic_sys_flag = 0;
};

// The topics of this broker: config/topics.json, their DataVersion and the topics every broker has.
// Thread safety: every member from any thread. Reads take a snapshot and never wait for a writer;
// writers are serialised. A change is in the file's page cache when the call returns, so that it
// survives a crash of the process; run_once() syncs it.
// Lifecycle: construct, set_change_listener(), load(), then use; run_once() from maintenance.
// Source: TopicConfigManager (5.5.0).
class TopicConfigManager {
public:
    using Table = std::map<std::string, std::shared_ptr<const TopicConfig>, std::less<>>;
    // Called after a topic was created or changed, outside all locks, on the changing thread: the
    // broker then registers just these topics with the NameServers. Must not block.
    using ChangeListener =
        std::function<void(const std::vector<TopicConfig>& changed, const DataVersion& version)>;

    // `path` is <store>/config/topics.json. `config` and `clock` outlive the manager.
    TopicConfigManager(const BrokerConfig& config, bool timer_wheel_enable, std::string path,
                       const Clock& clock);
    ~TopicConfigManager();
    TopicConfigManager(const TopicConfigManager&) = delete;
    TopicConfigManager& operator=(const TopicConfigManager&) = delete;

    void set_change_listener(ChangeListener listener);
    // Called after each change was written, to have run_once() called soon. Before threads start.
    void set_write_listener(std::function<void()> listener) {
        file_.set_write_listener(std::move(listener));
    }
    // From now on every name with %LMQ% is a topic of one queue, which is in no table and cannot be
    // changed (enableLmq). Before threads start. Source: LmqTopicConfigManager.
    void enable_light_queues() { has_light_queues_ = true; }

    // Puts the built-in topics, then what the file (or its .bak) says. No file is a first start.
    // Errors: kIo, kPermissionDenied; kMalformed when neither file can be read as JSON.
    Status load();

    // Null when there is no such topic. One snapshot and one look-up, for every send and pull.
    std::shared_ptr<const TopicConfig> select(std::string_view topic) const;
    bool contains(std::string_view topic) const { return select(topic) != nullptr; }
    std::shared_ptr<const Table> table() const;
    DataVersion data_version() const;

    // --- creation by clients --------------------------------------------------------------------
    // The topic, made from its default topic when that may be inherited (autoCreateTopicEnable for
    // TBW102): min(wished, default's write) queues, the default's perm without the inherit bit.
    // Null when it does not exist and may not be made.
    // Source: createTopicInSendMessageMethod.
    std::shared_ptr<const TopicConfig> create_in_send(const CreateTopicInSend& wish);
    // The topic, made with these numbers when absent: %RETRY%, %DLQ% and the like.
    // Source: createTopicInSendMessageBackMethod.
    std::shared_ptr<const TopicConfig> create_in_send_back(std::string_view topic,
                                                           std::int32_t queue_nums,
                                                           std::int32_t perm,
                                                           std::int32_t topic_sys_flag);

    // --- administration -------------------------------------------------------------------------
    // Creates or replaces. config.attributes holds the wanted changes ("+k"=v, "-k"); the stored
    // ones are changed by them. Errors: kInvalidArgument with the original's words for attributes.
    // Source: updateTopicConfig.
    Status update(TopicConfig config);
    // All or none, one version step per topic, one write. Source: updateTopicConfigList.
    Status update_all(std::vector<TopicConfig> configs);
    // False when there was none.
    bool remove(std::string_view topic);
    // Topics named in the NameServers' order configuration become ordered ones.
    // Source: updateOrderTopicConfig.
    void mark_ordered(const std::vector<std::string>& topics);
    // One version step without a change, so that everything is registered again (brokerPermission).
    void bump_data_version();

    // Names that only the broker itself may create or delete: the original's list, the prefix
    // rmq_sys_ and this broker's own built-in topics. Source: TopicValidator.isSystemTopic.
    bool is_system_topic(std::string_view topic) const;
    std::set<std::string> system_topics() const;

    // Body of GET_ALL_TOPIC_CONFIG and of registrations, with all topics.
    TopicConfigSerializeWrapper serialize() const;

    // Syncs what changed since the last turn. May block on the disk.
    Status run_once() { return file_.sync(); }

private:
    struct State {
        Table table;
        DataVersion version;
        // By topic: members of the file that this version does not interpret, as JSON text.
        std::map<std::string, std::string, std::less<>> other_members;
    };
    using Created = std::shared_ptr<const TopicConfig>;

    void put_built_in_topics();
    // The topic, or what make(const Table&) gives for it, if anything.
    template <class Make>
    Created create_if_absent(std::string_view topic, Make&& make);
    // After a published change: writes the file and tells the listener.
    void written(const std::vector<TopicConfig>& changed);
    std::string encode() const;

    const BrokerConfig& config_;
    const bool timer_wheel_enable_;
    const Clock& clock_;
    bool has_light_queues_ = false;                // set before threads start
    ChangeListener listener_;                      // set before threads start
    std::set<std::string, std::less<>> built_in_;  // system topics of this broker; set by load()
    Snapshot<State> state_;
    ConfigFile file_;
};

}  // namespace rmq::broker

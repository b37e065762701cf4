// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/admin/admin_processors.h"

#include <cstdint>
#include <limits>
#include <utility>

namespace rmq::broker {

AdminProcessors::AdminProcessors(AdminCollaborators c)
    : to_clients_(c.config, c.consumers, c.topics, c.offsets, c.store),
      topics_(c.config, c.topics, c.offsets, c.store),
      groups_(c.config, c.groups, c.offsets),
      offsets_({c.config, c.store_config, c.topics, c.groups, c.offsets, c.consumers, c.store,
                to_clients_, std::move(c.delay_offsets)}),
      stats_({c.config, c.topics, c.groups, c.offsets, c.consumers, c.store, c.clock,
              std::move(c.stats)}),
      connections_({c.config, c.consumers, c.producers, c.offsets, c.topics, c.groups, c.store,
                    to_clients_}),
      config_(c.configuration, c.config, c.topics, c.cold_data, c.clock, std::move(c.register_all)),
      store_(c.store, c.topics, c.consumers),
      runtime_({c.configuration, c.store, c.store_config, c.store_stats,
                std::move(c.runtime_contributors)}),
      query_(c.store, c.store_config) {
    topics_.set_change_barrier(std::move(c.wait_for_changed_topics));
    topics_.set_pre_deletion_listener(std::move(c.on_topic_deleting));
    topics_.set_deletion_listener(std::move(c.on_topic_deleted));
    groups_.set_deletion_listener(std::move(c.on_group_deleted));
}

void AdminProcessors::register_in(RequestRegistry& registry, const AdminQueue& queue) {
    topics_.register_in(registry, queue);
    groups_.register_in(registry, queue);
    offsets_.register_in(registry, queue);
    stats_.register_in(registry, queue);
    connections_.register_in(registry, queue);
    config_.register_in(registry, queue);
    store_.register_in(registry, queue);
    runtime_.register_in(registry, queue);
    // The original has a queue for these that nothing is ever cleaned from.
    static const Live<std::int64_t> kAnyWait{std::numeric_limits<std::int64_t>::max()};
    query_.register_in(registry, {queue.admission, kAnyWait});
}

}  // namespace rmq::broker

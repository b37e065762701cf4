// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/lite/lite_subscription_registry.h"
#include "remoting/request_registry.h"

namespace rmq::broker {

class LiteMetadata;

// LITE_SUBSCRIPTION_CTL (200071): what clients, or a proxy for them, subscribe to.
// Thread safety: any io thread. Source: LiteSubscriptionCtlProcessor (5.5.0).
class LiteSubscriptionCtlProcessor {
public:
    // Both outlive the processor.
    LiteSubscriptionCtlProcessor(const LiteMetadata& metadata, LiteSubscriptionRegistry& registry)
        : metadata_(metadata), registry_(registry) {}

    void process(const Request& request, Responder responder);

private:
    // The first refusal ends it; the changes before it hold.
    Response apply(const std::vector<LiteSubscriptionChange>& changes,
                   const std::shared_ptr<Connection>& connection);
    Status apply(const LiteSubscriptionChange& change,
                 const std::shared_ptr<Connection>& connection);

    const LiteMetadata& metadata_;
    LiteSubscriptionRegistry& registry_;
};

}  // namespace rmq::broker

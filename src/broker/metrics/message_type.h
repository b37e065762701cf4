// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace rmq::broker {

// What a message asks for by its properties. Source: TopicMessageType, BrokerMetricsManager.
enum class MessageType { kNormal, kFifo, kDelay, kTransaction };

}  // namespace rmq::broker

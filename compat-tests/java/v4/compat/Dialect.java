// SPDX-License-Identifier: Apache-2.0
package compat;

import java.util.Set;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.protocol.heartbeat.MessageModel;
import org.apache.rocketmq.common.subscription.SubscriptionGroupConfig;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/** The few calls whose types live in different packages in the 4.x clients. */
final class Dialect {
    private Dialect() {}

    static void setModel(DefaultMQPushConsumer consumer, String model) {
        consumer.setMessageModel(MessageModel.valueOf(model.toUpperCase()));
    }

    static void letBrokerRebalance(DefaultMQPushConsumer consumer, int invisibleMs) {
        throw new UnsupportedOperationException("only clients of 5.x let the broker assign queues");
    }

    static void createGroup(DefaultMQAdminExt admin, String broker, String group, int retryMaxTimes) throws Exception {
        SubscriptionGroupConfig config = new SubscriptionGroupConfig();
        config.setGroupName(group);
        config.setRetryMaxTimes(retryMaxTimes);
        admin.createAndUpdateSubscriptionGroupConfig(broker, config);
    }

    /** The group's retryMaxTimes, or null when the broker does not know the group. */
    static Integer groupRetryMaxTimes(DefaultMQAdminExt admin, String broker, String group) throws Exception {
        SubscriptionGroupConfig config =
            admin.getAllSubscriptionGroup(broker, 5000).getSubscriptionGroupTable().get(group);
        return config == null ? null : config.getRetryMaxTimes();
    }

    /** The 4.x client has no calls for delivery times; the properties can be set as any other. */
    static boolean setTimer(Message message, String key, String value) {
        return false;
    }

    static String recallHandle(SendResult result) {
        return null;
    }

    static String recall(DefaultMQProducer producer, String topic, String handle) {
        throw new UnsupportedOperationException("the 4.x client has no recall");
    }

    static void deleteTopicFromNameServers(DefaultMQAdminExt admin, Set<String> namesrvs, String topic)
        throws Exception {
        admin.deleteTopicInNameServer(namesrvs, topic, null);
    }
}

// SPDX-License-Identifier: Apache-2.0
package compat;

import java.util.Set;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.remoting.protocol.heartbeat.MessageModel;
import org.apache.rocketmq.remoting.protocol.subscription.SubscriptionGroupConfig;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/** The few calls whose types live in different packages in the 5.x clients. */
final class Dialect {
    private Dialect() {}

    static void setModel(DefaultMQPushConsumer consumer, String model) {
        consumer.setMessageModel(MessageModel.valueOf(model.toUpperCase()));
    }

    /** The broker assigns queues, and says whether they are pulled or popped. */
    static void letBrokerRebalance(DefaultMQPushConsumer consumer, int invisibleMs) {
        consumer.setClientRebalance(false);
        consumer.setPopInvisibleTime(invisibleMs);
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

    /** Whether `key` asks for a delivery time, and was set the way applications do it. */
    static boolean setTimer(Message message, String key, String value) {
        switch (key) {
            case "TIMER_DELAY_SEC": message.setDelayTimeSec(Long.parseLong(value)); return true;
            case "TIMER_DELAY_MS": message.setDelayTimeMs(Long.parseLong(value)); return true;
            case "TIMER_DELIVER_MS": message.setDeliverTimeMs(Long.parseLong(value)); return true;
            default: return false;
        }
    }

    static String recallHandle(SendResult result) {
        return result.getRecallHandle();
    }

    static String recall(DefaultMQProducer producer, String topic, String handle) throws Exception {
        return producer.recallMessage(topic, handle);
    }

    static void deleteTopicFromNameServers(DefaultMQAdminExt admin, Set<String> namesrvs, String topic)
        throws Exception {
        admin.deleteTopicInNameServer(namesrvs, topic);
    }
}

// SPDX-License-Identifier: Apache-2.0
package compat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.rocketmq.client.QueryResult;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/** The stock administration library: queries, topics, groups, positions, statistics, inspection. */
final class Admin {
    private final String namesrv;
    private DefaultMQAdminExt admin;

    Admin(String namesrv) {
        this.namesrv = namesrv;
    }

    private synchronized DefaultMQAdminExt admin() throws Exception {
        if (admin == null) {
            DefaultMQAdminExt started = new DefaultMQAdminExt(5000);
            started.setNamesrvAddr(namesrv);
            started.setInstanceName("admin@" + System.nanoTime());
            started.start();
            admin = started;
        }
        return admin;
    }

    Object run(String op, Request request) throws Exception {
        String topic = request.text("topic");
        String group = request.text("group");
        String broker = request.text("broker");
        switch (op) {
            case "admin.query_key": return queryKey(request);
            case "admin.view": return Wire.message(admin().viewMessage(topic, request.text("message_id")));
            case "admin.create_topic": return createTopic(request);
            case "admin.topic_queues": return topicQueues(broker, topic);
            case "admin.delete_topic":
                admin().deleteTopicInBroker(Collections.singleton(broker), topic);
                Dialect.deleteTopicFromNameServers(admin(), new HashSet<>(Arrays.asList(namesrv.split(";"))), topic);
                return null;
            case "admin.topics": return new ArrayList<>(admin().fetchAllTopicList().getTopicList());
            case "admin.create_group":
                Dialect.createGroup(admin(), broker, group, request.number("retry_max", 16));
                return null;
            case "admin.group": return Dialect.groupRetryMaxTimes(admin(), broker, group);
            case "admin.delete_group": admin().deleteSubscriptionGroup(broker, group, true); return null;
            case "admin.reset": return resetOffset(request);
            case "admin.lag": return admin().examineConsumeStats(group, topic).computeTotalDiff();
            case "admin.topic_total": return topicTotal(topic);
            case "admin.connections": return connections(group);
            case "admin.running_info":
                return admin().getConsumerRunningInfo(group, request.text("client"), false).getMqTable().size();
            case "admin.consume_directly":
                return admin().consumeMessageDirectly(group, request.text("client"), topic, request.text("message_id"))
                    .getConsumeResult().name();
            case "admin.runtime": return admin().fetchBrokerRuntimeStats(broker).getTable();
            case "admin.config": return admin().getBrokerConfig(broker).getProperty(request.text("key"));
            case "admin.set_config": return setConfig(request);
            case "admin.brokers": return new ArrayList<>(admin().examineBrokerClusterInfo().getBrokerAddrTable().keySet());
            default: throw new IllegalArgumentException("unknown op " + op);
        }
    }

    private Object queryKey(Request request) throws Exception {
        QueryResult result = admin().queryMessage(request.text("topic"), request.text("key"), request.number("max", 64),
            request.big("begin", 0), request.big("end", Long.MAX_VALUE));
        return Wire.messages(result.getMessageList());
    }

    private Object createTopic(Request request) throws Exception {
        TopicConfig config = new TopicConfig(request.text("topic"));
        config.setReadQueueNums(request.number("read", 4));
        config.setWriteQueueNums(request.number("write", 4));
        config.setPerm(request.number("perm", 6));
        admin().createAndUpdateTopicConfig(request.text("broker"), config);
        return null;
    }

    private Object topicQueues(String broker, String topic) throws Exception {
        TopicConfig config = admin().getAllTopicConfig(broker, 5000).getTopicConfigTable().get(topic);
        return config == null ? null
            : Arrays.asList(config.getReadQueueNums(), config.getWriteQueueNums(), config.getPerm());
    }

    private Object resetOffset(Request request) throws Exception {
        Map<MessageQueue, Long> table = admin().resetOffsetByTimestamp(request.text("topic"), request.text("group"),
            request.big("timestamp", 0), true);
        List<Object> shown = new ArrayList<>();
        table.forEach((queue, offset) -> shown.add(Arrays.asList(queue.getQueueId(), offset)));
        return shown;
    }

    private Object topicTotal(String topic) throws Exception {
        long[] total = {0};
        admin().examineTopicStats(topic).getOffsetTable()
            .forEach((queue, offsets) -> total[0] += offsets.getMaxOffset() - offsets.getMinOffset());
        return total[0];
    }

    private Object connections(String group) throws Exception {
        List<Object> ids = new ArrayList<>();
        admin().examineConsumerConnectionInfo(group).getConnectionSet()
            .forEach(connection -> ids.add(connection.getClientId()));
        return ids;
    }

    private Object setConfig(Request request) throws Exception {
        Properties properties = new Properties();
        properties.setProperty(request.text("key"), request.text("value"));
        admin().updateBrokerConfig(request.text("broker"), properties);
        return null;
    }
}

// SPDX-License-Identifier: Apache-2.0
package compat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.common.message.MessageQueue;

/** The classic pull consumer. */
@SuppressWarnings("deprecation")
final class PullConsumers {
    private final String namesrv;
    private final Map<String, DefaultMQPullConsumer> consumers = new ConcurrentHashMap<>();

    PullConsumers(String namesrv) {
        this.namesrv = namesrv;
    }

    Object run(String op, Request request) throws Exception {
        String name = request.text("name");
        DefaultMQPullConsumer consumer = consumers.get(name);
        switch (op) {
            case "pull.start": return start(name, request);
            case "pull.queues": return queues(consumer, request);
            case "pull.pull": return pull(consumer, request);
            case "pull.min": return consumer.minOffset(queue(request));
            case "pull.max": return consumer.maxOffset(queue(request));
            case "pull.search": return consumer.searchOffset(queue(request), request.big("timestamp", 0));
            case "pull.commit":
                consumer.getDefaultMQPullConsumerImpl().getOffsetStore()
                    .updateConsumeOffsetToBroker(queue(request), request.big("offset", 0), false);
                return null;
            case "pull.committed": return consumer.fetchConsumeOffset(queue(request), true);
            case "pull.close": consumers.remove(name).shutdown(); return null;
            default: throw new IllegalArgumentException("unknown op " + op);
        }
    }

    private Object start(String name, Request request) throws Exception {
        DefaultMQPullConsumer consumer = new DefaultMQPullConsumer(request.text("group"));
        consumer.setNamesrvAddr(namesrv);
        consumer.setInstanceName(Wire.instance(request));
        // Naming the topic makes the heartbeat carry a subscription, as applications are told to do.
        consumer.getRegisterTopics().add(request.text("topic"));
        consumer.start();
        consumers.put(name, consumer);
        return null;
    }

    private static MessageQueue queue(Request request) {
        return new MessageQueue(request.text("topic"), request.text("broker"), request.number("queue", 0));
    }

    private static Object queues(DefaultMQPullConsumer consumer, Request request) throws Exception {
        List<Object> shown = new ArrayList<>();
        for (MessageQueue queue : consumer.fetchSubscribeMessageQueues(request.text("topic"))) {
            shown.add(Arrays.asList(queue.getBrokerName(), queue.getQueueId()));
        }
        return shown;
    }

    private static Object pull(DefaultMQPullConsumer consumer, Request request) throws Exception {
        PullResult result = request.flag("block")
            ? consumer.pullBlockIfNotFound(queue(request), request.text("expression", "*"), request.big("offset", 0),
                request.number("max", 32))
            : consumer.pull(queue(request), request.selector(), request.big("offset", 0),
                request.number("max", 32));
        return Wire.map("status", result.getPullStatus().name(), "next", result.getNextBeginOffset(), "min",
            result.getMinOffset(), "max", result.getMaxOffset(), "messages", Wire.messages(result.getMsgFoundList()));
    }
}

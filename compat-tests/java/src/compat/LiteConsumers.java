// SPDX-License-Identifier: Apache-2.0
package compat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.MessageQueue;

/** The lite pull consumer, in its subscribe and its assign mode. */
final class LiteConsumers {
    private final String namesrv;
    private final Map<String, DefaultLitePullConsumer> consumers = new ConcurrentHashMap<>();

    LiteConsumers(String namesrv) {
        this.namesrv = namesrv;
    }

    Object run(String op, Request request) throws Exception {
        String name = request.text("name");
        DefaultLitePullConsumer consumer = consumers.get(name);
        switch (op) {
            case "lite.start": return start(name, request);
            case "lite.queues": return queues(consumer, request);
            case "lite.assign": consumer.assign(consumer.fetchMessageQueues(request.text("topic"))); return null;
            case "lite.poll": return Wire.messages(consumer.poll(request.big("timeout_ms", 1000)));
            case "lite.seek": consumer.seek(queue(request), request.big("offset", 0)); return null;
            case "lite.seek_begin": consumer.seekToBegin(queue(request)); return null;
            case "lite.seek_end": consumer.seekToEnd(queue(request)); return null;
            case "lite.timestamp": return consumer.offsetForTimestamp(queue(request), request.big("timestamp", 0));
            case "lite.commit": consumer.commitSync(); return null;
            case "lite.committed": return consumer.committed(queue(request));
            case "lite.close": consumers.remove(name).shutdown(); return null;
            default: throw new IllegalArgumentException("unknown op " + op);
        }
    }

    private Object start(String name, Request request) throws Exception {
        DefaultLitePullConsumer consumer = new DefaultLitePullConsumer(request.text("group"));
        consumer.setNamesrvAddr(namesrv);
        consumer.setInstanceName(Wire.instance(request));
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.setAutoCommit(request.flag("auto_commit"));
        if (request.has("topic")) {
            consumer.subscribe(request.text("topic"), request.selector());
        }
        consumer.start();
        consumers.put(name, consumer);
        return null;
    }

    private static MessageQueue queue(Request request) {
        return new MessageQueue(request.text("topic"), request.text("broker"), request.number("queue", 0));
    }

    private static Object queues(DefaultLitePullConsumer consumer, Request request) throws Exception {
        Collection<MessageQueue> queues = consumer.fetchMessageQueues(request.text("topic"));
        List<Object> shown = new ArrayList<>();
        for (MessageQueue queue : queues) {
            shown.add(Arrays.asList(queue.getBrokerName(), queue.getQueueId()));
        }
        return shown;
    }
}

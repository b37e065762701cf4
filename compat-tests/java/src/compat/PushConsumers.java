// SPDX-License-Identifier: Apache-2.0
package compat;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.MessageExt;

/** Push consumers: each message becomes an event, and the scripted verdict decides what the listener returns. */
final class PushConsumers {
    private final String namesrv;
    private final Map<String, DefaultMQPushConsumer> consumers = new ConcurrentHashMap<>();

    PushConsumers(String namesrv) {
        this.namesrv = namesrv;
    }

    Object run(String op, Request request) throws Exception {
        switch (op) {
            case "push.start": return start(request);
            case "push.close": consumers.remove(request.text("name")).shutdown(); return null;
            default: throw new IllegalArgumentException("unknown op " + op);
        }
    }

    private Object start(Request request) throws Exception {
        String name = request.text("name");
        DefaultMQPushConsumer consumer =
            new DefaultMQPushConsumer(request.text("group"), request.flag("trace"), null);
        consumer.setNamesrvAddr(namesrv);
        consumer.setInstanceName(Wire.instance(request));
        consumer.setConsumeFromWhere("last".equals(request.text("from"))
            ? ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET : ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.setMaxReconsumeTimes(request.number("max_reconsume", -1));
        consumer.setSuspendCurrentQueueTimeMillis(request.number("suspend_ms", 1000));
        Dialect.setModel(consumer, request.text("model", "clustering"));
        if (request.flag("broker_rebalance")) {
            Dialect.letBrokerRebalance(consumer, request.number("invisible_ms", 60_000));
        }
        consumer.subscribe(request.text("topic"), request.selector());
        Predicate<MessageExt> verdict = verdict(request);
        if (request.has("threads")) {
            consumer.setConsumeThreadMin(request.number("threads", 1));
            consumer.setConsumeThreadMax(request.number("threads", 1));
        }
        if (request.flag("orderly")) {
            consumer.registerMessageListener((MessageListenerOrderly) (messages, context) ->
                report(name, messages, verdict) ? ConsumeOrderlyStatus.SUCCESS
                    : ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT);
        } else {
            consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) ->
                report(name, messages, verdict) ? ConsumeConcurrentlyStatus.CONSUME_SUCCESS
                    : ConsumeConcurrentlyStatus.RECONSUME_LATER);
        }
        consumer.start();
        consumers.put(name, consumer);
        return null;
    }

    /** Whether a message is accepted. */
    private static Predicate<MessageExt> verdict(Request request) {
        // Messages whose reconsumeTimes is below this number are turned down.
        int failBelow = request.number("fail_below", 0);
        // Every message is turned down the first time that it comes.
        Set<String> seen = request.flag("fail_first") ? ConcurrentHashMap.newKeySet() : null;
        // Numbered messages, of which every so many are turned down until they have been tried once.
        int failEvery = request.number("fail_every", 0);
        return message -> message.getReconsumeTimes() >= failBelow && (seen == null || !seen.add(message.getMsgId()))
            && (failEvery == 0 || message.getReconsumeTimes() > 0 || Wire.numberOf(message) % failEvery != 0);
    }

    private static boolean report(String name, List<MessageExt> messages, Predicate<MessageExt> verdict) {
        boolean allAccepted = true;
        for (MessageExt message : messages) {
            boolean accepted = verdict.test(message);
            Wire.event("message", "consumer", name, "at", System.currentTimeMillis(), "accepted", accepted, "message",
                Wire.message(message));
            allAccepted &= accepted;
        }
        return allAccepted;
    }
}

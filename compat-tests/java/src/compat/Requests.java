// SPDX-License-Identifier: Apache-2.0
package compat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.RequestCallback;
import org.apache.rocketmq.client.utils.MessageUtil;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/** Request and reply: asking producers, and consumers that reply "re: " and the body, but not to tag "silent". */
final class Requests {
    private final String namesrv;
    private final Map<String, DefaultMQProducer> askers = new ConcurrentHashMap<>();

    Requests(String namesrv) {
        this.namesrv = namesrv;
    }

    Object run(String op, Request request) throws Exception {
        switch (op) {
            case "request.start": askers.put(request.text("name"), producer(request)); return null;
            case "request.serve": return serve(request);
            case "request.ask": return ask(request);
            default: throw new IllegalArgumentException("unknown op " + op);
        }
    }

    private DefaultMQProducer producer(Request request) throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer(request.text("group"));
        producer.setNamesrvAddr(namesrv);
        producer.setInstanceName(Wire.instance(request));
        producer.start();
        return producer;
    }

    private Object serve(Request request) throws Exception {
        String name = request.text("name");
        DefaultMQProducer replier = producer(request);
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(request.text("group"));
        consumer.setNamesrvAddr(namesrv);
        consumer.setInstanceName(Wire.instance(request));
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(request.text("topic"), "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt message : messages) {
                reply(name, replier, message);
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        return null;
    }

    private static void reply(String name, DefaultMQProducer replier, MessageExt message) {
        Wire.event("message", "consumer", name, "at", System.currentTimeMillis(), "message", Wire.message(message));
        if ("silent".equals(message.getTags())) {
            return;
        }
        try {
            byte[] body = message.getBody();
            byte[] said = Arrays.copyOf("re: ".getBytes(), 4 + body.length);
            System.arraycopy(body, 0, said, 4, body.length);
            replier.send(MessageUtil.createReplyMessage(message, said), 5000);
        } catch (Exception failure) {
            failure.printStackTrace();
        }
    }

    /** {"body"} or {"error"} for each message. */
    private Object ask(Request request) throws Exception {
        DefaultMQProducer producer = askers.get(request.text("name"));
        long timeout = request.number("timeout_ms", 3000);
        List<Request> wanted = request.requests("messages");
        Object[] answers = new Object[wanted.size()];
        CountDownLatch done = new CountDownLatch(answers.length);
        for (int i = 0; i < answers.length; i++) {
            Message message = Wire.message(wanted.get(i));
            if ("async".equals(request.text("mode"))) {
                int index = i;
                producer.request(message, new RequestCallback() {
                    @Override public void onSuccess(Message reply) {
                        answers[index] = answer(reply);
                        done.countDown();
                    }

                    @Override public void onException(Throwable cause) {
                        answers[index] = Wire.map("error", String.valueOf(cause));
                        done.countDown();
                    }
                }, timeout);
            } else {
                try {
                    answers[i] = answer(producer.request(message, timeout));
                } catch (Exception failure) {
                    answers[i] = Wire.map("error", String.valueOf(failure));
                }
                done.countDown();
            }
        }
        if (!done.await(timeout + 10000, TimeUnit.MILLISECONDS)) {
            throw new IllegalStateException("callbacks missing: " + done.getCount());
        }
        return new ArrayList<>(Arrays.asList(answers));
    }

    private static Map<String, Object> answer(Message reply) {
        return Wire.map("body", new String(reply.getBody()), "props", reply.getProperties());
    }
}

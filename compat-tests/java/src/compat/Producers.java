// SPDX-License-Identifier: Apache-2.0
package compat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.MessageQueueSelector;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;

/** Everything that sends. */
final class Producers {
    private static final int ASYNC_WINDOW = 32;
    private static final MessageQueueSelector BY_SHARD =
        (queues, message, shard) -> queues.get((Integer) shard % queues.size());

    private final String namesrv;
    private final Map<String, DefaultMQProducer> producers = new ConcurrentHashMap<>();
    private final Map<String, Boolean> loops = new ConcurrentHashMap<>();

    Producers(String namesrv) {
        this.namesrv = namesrv;
    }

    Object run(String op, Request request) throws Exception {
        switch (op) {
            case "producer.start": return start(request);
            case "producer.send": return send(request);
            case "producer.send_many": return sendMany(request);
            case "producer.loop": return loop(request);
            case "producer.recall":
                return Dialect.recall(producer(request), request.text("topic"), request.text("handle"));
            case "producer.stop_loop": return loops.put(request.text("name"), false);
            case "producer.close": producers.remove(request.text("name")).shutdown(); return null;
            default: throw new IllegalArgumentException("unknown op " + op);
        }
    }

    private Object start(Request request) throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer(request.text("group"), request.flag("trace"), null);
        producer.setNamesrvAddr(namesrv);
        producer.setInstanceName(Wire.instance(request));
        producer.setSendMsgTimeout(request.number("timeout_ms", 5000));
        producer.setRetryTimesWhenSendFailed(request.number("retries", 2));
        producer.start();
        producers.put(request.text("name"), producer);
        return null;
    }

    private DefaultMQProducer producer(Request request) {
        return producers.get(request.text("name"));
    }

    private Object send(Request request) throws Exception {
        DefaultMQProducer producer = producer(request);
        List<Object> results = new ArrayList<>();
        List<Request> wanted = request.requests("messages");
        switch (request.text("mode")) {
            case "sync":
                for (Request each : wanted) {
                    results.add(Wire.result(producer.send(Wire.message(each))));
                }
                return results;
            case "ordered":
                for (Request each : wanted) {
                    results.add(Wire.result(producer.send(Wire.message(each), BY_SHARD, each.number("shard", 0))));
                }
                return results;
            case "oneway":
                for (Request each : wanted) {
                    producer.sendOneway(Wire.message(each));
                }
                return results;
            case "batch":
                List<Message> batch = new ArrayList<>();
                for (Request each : wanted) {
                    batch.add(Wire.message(each));
                }
                results.add(Wire.result(producer.send(batch)));
                return results;
            case "async": return sendAsync(producer, wanted);
            default: throw new IllegalArgumentException(request.text("mode"));
        }
    }

    private Object sendAsync(DefaultMQProducer producer, List<Request> wanted) throws Exception {
        Object[] results = new Object[wanted.size()];
        CountDownLatch done = new CountDownLatch(wanted.size());
        AtomicReference<Throwable> failure = new AtomicReference<>();
        for (int i = 0; i < results.length; i++) {
            int index = i;
            producer.send(Wire.message(wanted.get(i)), new SendCallback() {
                @Override public void onSuccess(SendResult result) {
                    results[index] = Wire.result(result);
                    done.countDown();
                }

                @Override public void onException(Throwable cause) {
                    failure.set(cause);
                    done.countDown();
                }
            });
        }
        if (!done.await(20, TimeUnit.SECONDS)) {
            throw new IllegalStateException("callbacks missing: " + done.getCount());
        }
        if (failure.get() != null) {
            throw new IllegalStateException(failure.get());
        }
        return Arrays.asList(results);
    }

    /** Numbered bodies, sent asynchronously with a bounded window; answers [sequence, broker, queue, offset] of each. */
    private Object sendMany(Request request) throws Exception {
        DefaultMQProducer producer = producer(request);
        int count = request.number("count", 0);
        int first = request.number("first", 0);
        Object[] acked = new Object[count];
        Semaphore window = new Semaphore(ASYNC_WINDOW);
        AtomicReference<Throwable> failure = new AtomicReference<>();
        for (int i = 0; i < count; i++) {
            int index = i;
            window.acquire();
            Message message = new Message(request.text("topic"), Wire.numberedBody(first + i, request.number("size", 64)));
            producer.send(message, new SendCallback() {
                @Override public void onSuccess(SendResult result) {
                    acked[index] = Arrays.asList(first + index, result.getMessageQueue().getBrokerName(),
                        result.getMessageQueue().getQueueId(), result.getQueueOffset());
                    window.release();
                }

                @Override public void onException(Throwable cause) {
                    failure.set(cause);
                    window.release();
                }
            });
        }
        if (!window.tryAcquire(ASYNC_WINDOW, 30, TimeUnit.SECONDS)) {
            throw new IllegalStateException("callbacks missing");
        }
        if (failure.get() != null) {
            throw new IllegalStateException(failure.get());
        }
        return Arrays.asList(acked);
    }

    /** Sends numbered messages one by one until stop_loop; answers what was acknowledged and how many sends failed. */
    private Object loop(Request request) throws Exception {
        DefaultMQProducer producer = producer(request);
        String name = request.text("name");
        int shards = request.number("shards", 4);
        int pauseMs = request.number("pause_ms", 0);
        List<Object> acked = new ArrayList<>();
        int errors = 0;
        loops.put(name, true);
        for (int sequence = request.number("first", 0); loops.get(name); sequence++) {
            Message message = new Message(request.text("topic"), Wire.numberedBody(sequence, request.number("size", 64)));
            try {
                SendResult result = producer.send(message, BY_SHARD, sequence % shards);
                acked.add(Arrays.asList(sequence, result.getMessageQueue().getBrokerName(),
                    result.getMessageQueue().getQueueId(), result.getQueueOffset()));
                Wire.event("acked", "sequence", sequence);
                Thread.sleep(pauseMs);
            } catch (Exception refused) {
                errors++;
                Thread.sleep(20);
            }
        }
        return Wire.map("acked", acked, "errors", errors);
    }
}

// SPDX-License-Identifier: Apache-2.0
package compat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/**
 * Transactional producers. A message's properties say what becomes of it: "local" what its local transaction answers,
 * "check" what a check does; commit, rollback or unknown. Every check is an event of the producer's name.
 */
final class Transactions {
    private final String namesrv;
    private final Map<String, TransactionMQProducer> producers = new ConcurrentHashMap<>();

    Transactions(String namesrv) {
        this.namesrv = namesrv;
    }

    Object run(String op, Request request) throws Exception {
        switch (op) {
            case "transaction.start": return start(request);
            case "transaction.send": return send(request);
            case "transaction.close": producers.remove(request.text("name")).shutdown(); return null;
            default: throw new IllegalArgumentException("unknown op " + op);
        }
    }

    private Object start(Request request) throws Exception {
        String name = request.text("name");
        TransactionMQProducer producer = new TransactionMQProducer(request.text("group"));
        producer.setNamesrvAddr(namesrv);
        producer.setInstanceName(Wire.instance(request));
        producer.setSendMsgTimeout(request.number("timeout_ms", 5000));
        producer.setRetryTimesWhenSendFailed(request.number("retries", 2));
        producer.setTransactionListener(new TransactionListener() {
            @Override public LocalTransactionState executeLocalTransaction(Message message, Object argument) {
                return state(message.getUserProperty("local"));
            }

            @Override public LocalTransactionState checkLocalTransaction(MessageExt message) {
                Wire.event("message", "consumer", name, "at", System.currentTimeMillis(), "message",
                    Wire.message(message));
                return state(message.getUserProperty("check"));
            }
        });
        producer.start();
        producers.put(name, producer);
        return null;
    }

    private static LocalTransactionState state(String name) {
        switch (String.valueOf(name)) {
            case "commit": return LocalTransactionState.COMMIT_MESSAGE;
            case "rollback": return LocalTransactionState.ROLLBACK_MESSAGE;
            default: return LocalTransactionState.UNKNOW;
        }
    }

    /** One result for each message; with "tolerant" a failure is a result, too. */
    private Object send(Request request) throws Exception {
        TransactionMQProducer producer = producers.get(request.text("name"));
        List<Object> results = new ArrayList<>();
        for (Request each : request.requests("messages")) {
            try {
                results.add(Wire.result(producer.sendMessageInTransaction(Wire.message(each), null)));
            } catch (Exception failure) {
                if (!request.flag("tolerant")) {
                    throw failure;
                }
                results.add(Wire.map("status", "FAILED"));
            }
        }
        return results;
    }
}

// SPDX-License-Identifier: Apache-2.0
package compat;

import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.remoting.protocol.RemotingSerializable;

/** JSON lines to the runner, and the shapes of messages and send results in them. */
final class Wire {
    private static final int SHOWN_BODY = 256;
    private static PrintStream out;

    private Wire() {}

    /** Claims standard output for the protocol; whatever libraries print goes to standard error from now on. */
    static void open() {
        out = System.out;
        System.setOut(System.err);
    }

    static synchronized void write(Map<String, Object> line) {
        out.println(RemotingSerializable.toJson(line, false));
        out.flush();
    }

    @SuppressWarnings("unchecked")
    static Request read(String line) {
        return new Request((Map<String, Object>) (Map<?, ?>) RemotingSerializable.fromJson(line, java.util.HashMap.class));
    }

    /** An instance name that no other client of this or another process has. */
    static String instance(Request request) {
        return ManagementFactory.getRuntimeMXBean().getName() + "@" + request.text("name");
    }

    static void event(String name, Object... pairs) {
        Map<String, Object> line = map(pairs);
        line.put("event", name);
        write(line);
    }

    static Map<String, Object> map(Object... pairs) {
        Map<String, Object> map = new LinkedHashMap<>();
        for (int i = 0; i < pairs.length; i += 2) {
            map.put((String) pairs[i], pairs[i + 1]);
        }
        return map;
    }

    /** "%08d|" and then filler up to size bytes: the numbered body that the runner knows how to check. */
    static byte[] numberedBody(long sequence, int size) {
        byte[] body = new byte[size];
        Arrays.fill(body, (byte) ('a' + sequence % 26));
        byte[] head = String.format("%08d|", sequence).getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(head, 0, body, 0, head.length);
        return body;
    }

    /** The number at the head of a numbered body. */
    static int numberOf(Message message) {
        return Integer.parseInt(new String(message.getBody(), 0, 8, StandardCharsets.US_ASCII));
    }

    static Message message(Request fields) {
        Message message = new Message(fields.text("topic"), fields.text("tags"), fields.text("keys"),
            fields.text("body").getBytes(StandardCharsets.UTF_8));
        if (fields.has("delay")) {
            message.setDelayTimeLevel(fields.number("delay", 0));
        }
        for (Map.Entry<String, Object> property : fields.entries("props")) {
            String value = String.valueOf(property.getValue());
            if (!Dialect.setTimer(message, property.getKey(), value)) {
                message.putUserProperty(property.getKey(), value);
            }
        }
        return message;
    }

    static Map<String, Object> result(SendResult result) {
        return map("status", result.getSendStatus().name(), "id", result.getMsgId(), "offset_id",
            result.getOffsetMsgId(), "broker", result.getMessageQueue().getBrokerName(), "queue",
            result.getMessageQueue().getQueueId(), "offset", result.getQueueOffset(), "handle",
            Dialect.recallHandle(result));
    }

    static Map<String, Object> message(MessageExt message) {
        byte[] body = message.getBody();
        CRC32 crc = new CRC32();
        crc.update(body);
        String text = new String(body, 0, Math.min(body.length, SHOWN_BODY), StandardCharsets.UTF_8);
        return map("topic", message.getTopic(), "broker", message.getBrokerName(), "queue", message.getQueueId(),
            "offset", message.getQueueOffset(), "id", message.getMsgId(), "tags", message.getTags(), "keys",
            message.getKeys(), "body", text, "size", body.length, "crc", crc.getValue(), "reconsume",
            message.getReconsumeTimes(), "born", message.getBornTimestamp(), "stored", message.getStoreTimestamp(),
            "props", message.getProperties());
    }

    static List<Object> messages(List<MessageExt> messages) {
        List<Object> shown = new ArrayList<>();
        if (messages != null) {
            for (MessageExt message : messages) {
                shown.add(message(message));
            }
        }
        return shown;
    }
}

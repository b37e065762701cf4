// SPDX-License-Identifier: Apache-2.0
package compat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.rocketmq.client.consumer.MessageSelector;

/** A JSON object from the runner with typed access to its members. */
final class Request {
    private final Map<String, Object> members;

    Request(Map<String, Object> members) {
        this.members = members;
    }

    boolean has(String name) {
        return members.get(name) != null;
    }

    Object raw(String name) {
        return members.get(name);
    }

    /** The member as text; null when absent. */
    String text(String name) {
        Object value = members.get(name);
        return value == null ? null : value.toString();
    }

    String text(String name, String otherwise) {
        return has(name) ? text(name) : otherwise;
    }

    int number(String name, int otherwise) {
        return has(name) ? ((Number) members.get(name)).intValue() : otherwise;
    }

    long big(String name, long otherwise) {
        return has(name) ? ((Number) members.get(name)).longValue() : otherwise;
    }

    /** What to subscribe to: "expression", which is SQL92 when "sql" says so, otherwise tags. */
    MessageSelector selector() {
        String expression = text("expression", "*");
        return flag("sql") ? MessageSelector.bySql(expression) : MessageSelector.byTag(expression);
    }

    boolean flag(String name) {
        return Boolean.TRUE.equals(members.get(name));
    }

    @SuppressWarnings("unchecked")
    List<Request> requests(String name) {
        List<Request> list = new ArrayList<>();
        for (Object each : (List<Object>) members.get(name)) {
            list.add(new Request((Map<String, Object>) each));
        }
        return list;
    }

    @SuppressWarnings("unchecked")
    Set<Map.Entry<String, Object>> entries(String name) {
        Map<String, Object> map = (Map<String, Object>) members.get(name);
        return map == null ? Collections.<String, Object>emptyMap().entrySet() : map.entrySet();
    }
}

// SPDX-License-Identifier: Apache-2.0

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.apache.rocketmq.filter.SqlFilter;
import org.apache.rocketmq.filter.expression.EvaluationContext;
import org.apache.rocketmq.filter.expression.Expression;

/**
 * Asks the original's SQL92 filter. Reads lines "expression TAB name=value TAB name=value ..." and writes each behind
 * its verdict and a TAB: T true, F false, U unknown, E evaluation throws, X does not compile. In both, \n \r \t \\ stand
 * for those characters.
 */
public final class SqlVerdicts {
    private SqlVerdicts() {
    }

    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, false, "UTF-8");
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(verdict(line.split("\t", -1)) + "\t" + line);
        }
        out.flush();
    }

    private static String verdict(String[] parts) {
        final Map<String, String> properties = new HashMap<>();
        for (int i = 1; i < parts.length; i++) {
            int equals = parts[i].indexOf('=');
            properties.put(parts[i].substring(0, equals), unescape(parts[i].substring(equals + 1)));
        }
        Expression expression;
        try {
            expression = new SqlFilter().compile(unescape(parts[0]));
        } catch (Throwable refused) {
            return "X";
        }
        try {
            Object value = expression.evaluate(new EvaluationContext() {
                @Override
                public Object get(String name) {
                    return properties.get(name);
                }

                @Override
                public Map<String, Object> keyValues() {
                    return null;
                }
            });
            return value == null ? "U" : Boolean.TRUE.equals(value) ? "T" : "F";
        } catch (Throwable thrown) {
            return "E";
        }
    }

    private static String unescape(String text) {
        StringBuilder plain = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '\\') {
                c = text.charAt(++i);
                c = c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
            }
            plain.append(c);
        }
        return plain.toString();
    }
}

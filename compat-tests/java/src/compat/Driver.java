// SPDX-License-Identifier: Apache-2.0
package compat;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** Carries out the runner's requests with the stock Java client. The protocol is in compat-tests/README.md. */
public final class Driver {
    private Driver() {}

    public static void main(String[] arguments) throws Exception {
        Wire.open();
        System.setProperty("rocketmq.client.logLevel", "WARN");
        String namesrv = arguments[0];
        Producers producers = new Producers(namesrv);
        PushConsumers pushConsumers = new PushConsumers(namesrv);
        PullConsumers pullConsumers = new PullConsumers(namesrv);
        LiteConsumers liteConsumers = new LiteConsumers(namesrv);
        Transactions transactions = new Transactions(namesrv);
        Requests requests = new Requests(namesrv);
        Admin admin = new Admin(namesrv);
        ExecutorService workers = Executors.newCachedThreadPool();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            Request request = Wire.read(line);
            workers.execute(() -> answer(request, producers, pushConsumers, pullConsumers, liteConsumers, transactions, requests, admin));
        }
        // The runner is gone: no clean-up can matter to anyone.
        Runtime.getRuntime().halt(0);
    }

    private static void answer(Request request, Producers producers, PushConsumers pushConsumers,
        PullConsumers pullConsumers, LiteConsumers liteConsumers, Transactions transactions, Requests requests,
        Admin admin) {
        Object id = request.raw("id");
        try {
            String op = request.text("op");
            Object result;
            switch (op.substring(0, op.indexOf('.'))) {
                case "producer": result = producers.run(op, request); break;
                case "push": result = pushConsumers.run(op, request); break;
                case "pull": result = pullConsumers.run(op, request); break;
                case "lite": result = liteConsumers.run(op, request); break;
                case "transaction": result = transactions.run(op, request); break;
                case "request": result = requests.run(op, request); break;
                case "admin": result = admin.run(op, request); break;
                default: throw new IllegalArgumentException("unknown op " + op);
            }
            Wire.write(Wire.map("id", id, "ok", true, "result", result));
        } catch (Throwable failure) {
            StringWriter trace = new StringWriter();
            failure.printStackTrace(new PrintWriter(trace));
            System.err.println(trace);
            Wire.write(Wire.map("id", id, "ok", false, "error", String.valueOf(failure)));
        }
    }
}

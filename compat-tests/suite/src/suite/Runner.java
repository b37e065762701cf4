// SPDX-License-Identifier: Apache-2.0
package suite;

import java.util.concurrent.TimeUnit;
import org.junit.runner.Description;
import org.junit.runner.JUnitCore;
import org.junit.runner.Request;
import org.junit.runner.notification.Failure;
import org.junit.runner.notification.RunListener;

/**
 * Runs JUnit classes one after the other and says on standard output how each method ended, one line each, tab
 * separated: class, method, pass|fail|ignored, milliseconds, first line of the failure.
 */
public final class Runner extends RunListener {
    private long begin = System.nanoTime();
    private Failure failure;

    public static void main(String[] names) throws Exception {
        for (String name : names) {
            JUnitCore core = new JUnitCore();
            core.addListener(new Runner());
            core.run(Request.aClass(Class.forName(name)));
        }
        System.out.flush();
        Runtime.getRuntime().halt(0);  // clients that a test left running do not hold the end up
    }

    @Override
    public void testStarted(Description test) {
        begin = System.nanoTime();
        failure = null;
    }

    @Override
    public void testFailure(Failure found) {
        failure = found;
        if (found.getDescription().isSuite()) {  // set-up or tear-down of the class
            say(found.getDescription(), "fail", found);
        }
    }

    @Override
    public void testAssumptionFailure(Failure found) {
        say(found.getDescription(), "ignored", found);
    }

    @Override
    public void testIgnored(Description test) {
        say(test, "ignored", null);
    }

    @Override
    public void testFinished(Description test) {
        say(test, failure == null ? "pass" : "fail", failure);
    }

    private void say(Description test, String outcome, Failure why) {
        long ms = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begin);
        String method = test.getMethodName() == null ? "(class)" : test.getMethodName();
        String text = why == null ? "" : (why.getException() + " " + at(why.getException())).split("\n", 2)[0];
        System.out.println("RESULT\t" + test.getClassName() + "\t" + method + "\t" + outcome + "\t" + ms + "\t"
            + text.replace('\t', ' '));
    }

    // The line of the test that failed.
    private static String at(Throwable error) {
        for (StackTraceElement frame : error.getStackTrace()) {
            if (frame.getClassName().startsWith("org.apache.rocketmq.test.")) {
                return "at " + frame;
            }
        }
        return "";
    }
}

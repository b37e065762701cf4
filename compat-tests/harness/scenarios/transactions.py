# SPDX-License-Identifier: Apache-2.0
"""Transactions, request and reply."""

import collections
import time

from .. import remoting

HALF = "RMQ_SYS_TRANS_HALF_TOPIC"
DISCARDED = "TRANS_CHECK_MAX_TIME_TOPIC"


def _start(context, **options):
    """A consumer of a new topic and a transactional producer; returns the driver, the topic and the producer's name."""
    driver, topic = context.driver(), context.topic()
    driver.call("push.start", name="c", group=context.name("G"), topic=topic)
    driver.call("transaction.start", name="tx", group=context.name("PG"), **options)
    return driver, topic


def _message(topic, body, local, check="unknown"):
    return {"topic": topic, "body": body, "tags": "T", "keys": body.replace(" ", "-"),
            "props": {"local": local, "check": check, "own": "value"}}


def _send(driver, messages):
    results = driver.call("transaction.send", name="tx", messages=messages, timeout=90)
    assert len(results) == len(messages), results
    for result in results:
        assert result["status"] == "SEND_OK", result
    return results


def transactions(context):
    """Commit, roll back, leave open; what is open is asked about until it is settled or given up."""
    driver, topic = _start(context)
    _send(driver, [_message(topic, f"commit {i}", "commit") for i in range(10)])
    _send(driver, [_message(topic, f"rollback {i}", "rollback") for i in range(10)])
    _send(driver, [_message(topic, f"open commit {i}", "unknown", "commit") for i in range(5)])
    _send(driver, [_message(topic, f"open rollback {i}", "unknown", "rollback") for i in range(5)])
    _send(driver, [_message(topic, "never", "unknown", "unknown")])
    wanted = {f"commit {i}" for i in range(10)}
    wanted_later = wanted | {f"open commit {i}" for i in range(5)}

    def delivered():
        return [m["body"] for m in driver.messages("c")]
    # Before any check is due, the committed ones are there.
    remoting.wait_until(lambda: wanted <= set(delivered()), 30, "what was committed is delivered")
    remoting.wait_until(lambda: wanted_later <= set(delivered()), 60, "what a check committed is delivered")

    address = context.cluster.brokers[0].address

    def given_up():
        try:
            return [m for m in remoting.read_queue(address, DISCARDED, 0) if m.properties["REAL_TOPIC"] == topic]
        except remoting.RemotingError:
            return []  # the topic is made when it is needed
    discarded = remoting.wait_until(given_up, 90, "what nobody settles is given up", 0.5)
    assert [m.body for m in discarded] == [b"never"], discarded
    assert discarded[0].properties["TRANSACTION_CHECK_TIMES"] == "3", discarded[0].properties

    counts = collections.Counter(delivered())
    assert set(counts) == wanted_later, set(counts) ^ wanted_later
    repeated = {body: count for body, count in counts.items() if body in wanted and count > 1}
    assert not repeated, f"committed once, delivered more often: {repeated}"
    checks = collections.Counter(m["body"] for m in driver.messages("tx"))
    assert all(body.startswith("open ") or body == "never" for body in checks), checks
    # The last check may come too late to be sent: the message may be given up in the same round.
    assert checks["never"] in (2, 3), checks
    stored = {m.body.decode(): m.properties for m in context.stored(topic)}
    for body, properties in stored.items():
        assert properties["own"] == "value" and properties["TAGS"] == "T", properties
        assert properties["PGROUP"] == context.name("PG") and properties["TRAN_MSG"] == "true", properties
        assert properties["__transactionId__"] == properties["UNIQ_KEY"], properties
        assert "REAL_TOPIC" not in properties and "REAL_QID" not in properties, properties
        assert ("TRANSACTION_CHECK_TIMES" in properties) == body.startswith("open "), properties
    half = [m for m in remoting.read_queue(address, HALF, 0) if m.properties.get("REAL_TOPIC") == topic]
    assert len({m.body for m in half}) == 31, "every transaction has its half message"


def transactions_open(group):
    """Transactions that are open when the broker is killed are asked about when it is back."""
    broker, state = group.cluster.brokers[0], {}

    def begin(context):
        driver, topic = state[context.client] = _start(context)
        _send(driver, [_message(topic, f"open commit {i}", "unknown", "commit") for i in range(10)] +
              [_message(topic, f"open rollback {i}", "unknown", "rollback") for i in range(10)])

    def check(context):
        driver = state[context.client][0]
        wanted = {f"open commit {i}" for i in range(10)}
        remoting.wait_until(lambda: wanted <= {m["body"] for m in driver.messages("c")}, 90,
                            "what was open is committed by its check", 0.25)
        seen = {m["body"] for m in driver.messages("c")}
        assert seen == wanted, seen - wanted

    group.each(begin)
    broker.kill()
    broker.start()
    group.cluster.wait_ready(broker, 90)
    group.each(check)


def transactions_takeover(group):
    """The original takes over open transactions and gives others back."""
    cluster, broker, state = group.cluster, group.cluster.brokers[0], {}

    def begin(context):
        state[context.client] = (*_start(context, timeout_ms=4000), set())

    def leave_open(context, label):
        driver, topic, wanted = state[context.client]
        _send(driver, [_message(topic, f"{label} commit {i}", "unknown", "commit") for i in range(8)] +
              [_message(topic, f"{label} rollback {i}", "unknown", "rollback") for i in range(8)] +
              [_message(topic, f"{label} at once {i}", "commit", "commit") for i in range(8)])
        wanted |= {f"{label} {what} {i}" for what in ("commit", "at once") for i in range(8)}

    def check(context):
        driver, _, wanted = state[context.client]
        remoting.wait_until(lambda: wanted <= {m["body"] for m in driver.messages("c")}, 90,
                            "what was open is committed by the other server", 0.25)
        seen = {m["body"] for m in driver.messages("c")}
        assert seen == wanted, seen - wanted

    group.each(begin)
    for turn, kill in enumerate((False, True)):
        group.each(lambda context, label=f"turn {turn}": leave_open(context, label))
        cluster.hand_over(broker, kill)
        group.each(check)


def request_reply(context):
    """Ask and be answered, one by one and all at once; a question that nobody answers runs into its time limit."""
    driver, topic = context.driver(), context.topic()
    other = context.driver("replier")
    other.call("request.serve", name="replier", group=context.name("R"), topic=topic)
    driver.call("request.start", name="asker", group=context.name("A"))
    # The replier's queues and the asker's connection take a moment.
    deadline = time.monotonic() + 60
    while "body" not in driver.call("request.ask", name="asker", mode="sync", timeout_ms=3000,
                                    messages=[{"topic": topic, "body": "warm up"}])[0]:
        assert time.monotonic() < deadline, "no answer within a minute"
    for mode in ("sync", "async"):
        questions = [{"topic": topic, "body": f"{mode} {i}", "tags": "loud"} for i in range(12)]
        answers = driver.call("request.ask", name="asker", mode=mode, messages=questions, timeout_ms=8000, timeout=120)
        assert [a.get("body") for a in answers] == [f"re: {q['body']}" for q in questions], answers
        for answer in answers:
            properties = answer["props"]
            assert properties["MSG_TYPE"] == "reply" and properties["CORRELATION_ID"], properties
            assert int(properties["PUSH_REPLY_TIME"]) > 0, properties
    for mode in ("sync", "async") if context.offers("async_request_timeout") else ("sync",):
        answers = driver.call("request.ask", name="asker", mode=mode, timeout_ms=1000, timeout=60,
                              messages=[{"topic": topic, "body": f"hush {mode}", "tags": "silent"}])
        assert "error" in answers[0], answers
    # storeReplyMessageEnable: replies are in the cluster's reply topic, too.
    address = context.cluster.brokers[0].address
    ids = {m["props"]["CORRELATION_ID"] for m in other.messages("replier") if m.get("tags") == "loud"}
    stored = [m for m in remoting.read_queue(address, "DefaultCluster_REPLY_TOPIC", 0)
              if m.properties.get("CORRELATION_ID") in ids]
    assert len(stored) == 24, f"{len(stored)} of 24 replies stored"
    assert all(m.body.startswith(b"re: ") and "PUSH_REPLY_TIME" not in m.properties for m in stored), stored

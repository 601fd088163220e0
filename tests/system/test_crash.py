"""A process that its system call filter ends: that connection ends, its source pays, others don't."""
import os
import signal

import pytest

from harness.client import Client, end, fresh_source, wait_until
from test_limits import connect, greeted


def session(server, key, source):
    """A client whose session runs, and its connection's sessiond."""
    before = {process.pid for process in server.named("ssh2incus-sessiond")}
    process = Client(server, key, source=source).start("echo ready; read x; echo still")
    try:
        assert process.stdout.readline() == b"ready\n", process.stderr.read()
        sessiond, = [found for found in server.named("ssh2incus-sessiond")
                     if found.pid not in before]
    except BaseException:
        end(process)
        raise
    return process, sessiond


@pytest.mark.expect_logins(3)
def test_crash_of_sessiond_costs_its_source_and_nobody_else(start_server, root_key):
    server = start_server()
    bad_source, good_source = fresh_source(), fresh_source()
    victim, sessiond = session(server, root_key, bad_source)
    other = None
    try:
        other, _ = session(server, root_key, good_source)
        # Puts it into its handler, which tells the monitor and then makes a refused call.
        os.kill(sessiond.pid, signal.SIGSYS)
        victim.wait(30)
        assert victim.returncode == 255
        connection = server.log.wait_for("crash", process="sessiond", signal=signal.SIGSYS.value,
                                         timeout=30)[0].connection
        opened, = server.log.events("connection_opened", connection=connection)
        assert opened.source.rsplit(":", 1)[0] == bad_source
        penalty = server.log.wait_for("penalty", timeout=30)[0]
        assert penalty.source == bad_source
        assert penalty.reason == "crash" and penalty.refused == "yes"
        with connect(server, bad_source) as stream:
            assert not greeted(stream)
        refused = server.log.wait_for("connection_refused", timeout=30)[0]
        assert refused.source == bad_source and refused.reason == "penalty for crash"

        assert other.poll() is None
        output, _ = other.communicate(b"\n", timeout=30)
        assert output == b"still\n" and other.returncode == 0
    finally:
        end(victim)
        if other:
            end(other)
    assert Client(server, root_key, source=good_source).output("echo again") == "again\n"
    server.wait_idle()
    crashes = server.log.events("crash")
    assert {event.connection for event in crashes} == {connection}
    assert {event.process for event in crashes} == {"sessiond"}
    assert len(server.log.events("penalty")) == 1


@pytest.mark.expect_logins(2)
def test_crash_of_an_exempt_source_is_told_and_not_penalised(start_server, root_key):
    source = fresh_source()
    server = start_server("--penalty-exempt", f"{source}/32")
    victim, sessiond = session(server, root_key, source)
    try:
        os.kill(sessiond.pid, signal.SIGSYS)
        victim.wait(30)
    finally:
        end(victim)
    wait_until(lambda: server.log.events("crash", process="sessiond"), 30, "the event")
    server.wait_idle()
    assert Client(server, root_key, source=source).output("echo in") == "in\n"
    assert server.log.events("penalty") == []

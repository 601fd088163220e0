"""What a session sees when its instance, or Incus itself, goes away under it: a line that says so, an
exit status, and nothing left over."""
import contextlib
import os
import signal
import subprocess

import pytest

from harness.client import Client, end, wait_until

NAME = "s2ifaults"


@pytest.fixture
def instance(incus):
    incus.ensure(NAME)
    yield NAME
    incus("delete", "-f", NAME, check=False)


@pytest.fixture
def session(server, root_key, instance):
    """A running command in the instance, which says what it reads."""
    process = Client(server, root_key, instance).start("echo ready; while read x; do echo got $x; done")
    assert process.stdout.readline() == b"ready\n"
    yield process
    end(process)


def assert_ended(process, server, *words):
    process.wait(40)  # with its stdin open: its end would end the command
    errors = process.stderr.read()
    assert process.returncode == 255
    for word in words:
        assert word in errors.decode(), errors
    server.wait_idle()


@pytest.mark.expect_logins(1)
def test_instance_stopped(server, session, incus, instance):
    incus("stop", "-f", instance)
    assert_ended(session, server, "ssh2incus: connection to the instance lost")


@pytest.mark.expect_logins(1)
def test_instance_deleted(server, session, incus, instance):
    incus("delete", "-f", instance)
    assert_ended(session, server, "ssh2incus: connection to the instance lost")


@pytest.mark.expect_logins(1)
def test_instance_frozen_for_too_long(start_server, root_key, incus, instance):
    server = start_server("--instance-timeout", "6")
    process = Client(server, root_key, instance).start("echo ready; read x")
    try:
        assert process.stdout.readline() == b"ready\n"
        incus("pause", instance)
        assert_ended(process, server, f"root@{instance}.default doesn't answer",
                     f"root@{instance}.default has not answered for 6 seconds")
        incus("resume", instance)
        wait_until(lambda: not incus.runs(instance, "guest-"), 10, "the end of the guest")
    finally:
        end(process)


@pytest.mark.expect_logins(1)
def test_instance_frozen_for_a_moment(start_server, root_key, incus, instance):
    server = start_server("--instance-timeout", "9")
    process = Client(server, root_key, instance).start("echo ready; read x; echo got $x")
    try:
        assert process.stdout.readline() == b"ready\n"
        incus("pause", instance)
        line = process.stderr.readline().decode()
        assert f"root@{instance}.default doesn't answer" in line
        process.stdin.write(b"patience\n")
        process.stdin.flush()
        incus("resume", instance)
        output, errors = process.communicate(timeout=15)
        assert output == b"got patience\n" and process.returncode == 0
        assert f"root@{instance}.default answers again" in errors.decode()
    finally:
        end(process)


@pytest.mark.expect_logins(1)
def test_a_quiet_instance_is_no_silent_one(start_server, root_key):
    server = start_server("--instance-timeout", "3")
    result = Client(server, root_key, "c1").run("sleep 5; echo slept", timeout=20)
    assert result.stdout == b"slept\n" and result.returncode == 0
    assert b"answer" not in result.stderr


@pytest.mark.expect_logins(2)
def test_incusd_dies_and_comes_back(server, session, incus, instance, root_key):
    before = incus.daemon_pid()
    os.kill(before, signal.SIGKILL)  # with SIGTERM it would wait for its sessions
    try:
        assert_ended(session, server, "ssh2incus: connection to the instance lost")
    finally:
        wait_until(lambda: not os.path.exists(f"/proc/{before}") or is_zombie(before), 30,
                   "the end of incusd")
        incus.up()
    assert incus.daemon_pid() != before
    assert incus.state(instance) == "Running"
    wait_until(lambda: not incus.runs(instance, "guest-"), 10, "the end of the guest")
    assert Client(server, root_key, instance).output("echo again") == "again\n"


def is_zombie(pid):
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] == "Z"
    return True

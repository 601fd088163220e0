"""Plain mode: instances where the guest can't run, and sessions are Incus execs of their own."""
import contextlib
import hashlib
import os
import signal
import time

import pytest

from conftest import ALICE
from harness.client import end, wait_until

PROMPT = r"[#$] "
NOEXEC = "for d in /run /var/lib; do mkdir -p $d; mount -t tmpfs -o noexec,mode=755 none $d; done"
READ_ONLY = "mkdir -p /run /var/lib; mount -o remount,bind,ro /"


@contextlib.contextmanager
def made_instance(incus, name, script):
    if incus.state(name):
        incus("delete", "-f", name)
    incus.ensure(name)
    try:
        incus.shell(name, ALICE)
        incus.shell(name, script)
        yield name
    finally:
        incus("delete", "-f", name)


@pytest.fixture(scope="module")
def noexec(incus):
    with made_instance(incus, "plain-noexec", NOEXEC) as name:
        yield name


@pytest.fixture
def plain(ssh, noexec):
    """The stock client to root of the instance."""
    return ssh.but(login=noexec)


@pytest.mark.expect_logins(1)
def test_command_has_separate_streams_and_its_exit_code(plain, server):
    result = plain.run("cat; echo err >&2; exit 3", input=b"in\n")
    assert (result.stdout, result.stderr, result.returncode) == (b"in\n", b"err\n", 3)
    ready = server.log.wait_for("target_ready")[0]
    assert ready.mode == "plain" and "/run/ssh2incus" in ready.reason


@pytest.mark.expect_logins(1)
def test_read_only_root(ssh, incus):
    with made_instance(incus, "plain-readonly", READ_ONLY) as name:
        result = ssh.run("touch /x; echo $?", login=name)
        assert result.stdout == b"1\n", result.stderr
        assert "read-only" in ssh.server.log.wait_for("target_ready")[0].reason


@pytest.mark.expect_logins(1)
def test_guest_of_an_instance_that_can_run_it_is_used(ssh, server):
    assert ssh.output("echo x") == "x\n"
    assert server.log.wait_for("target_ready")[0].mode is None


@pytest.mark.expect_logins(1)
def test_exit_codes(plain):
    with plain.master() as (client, _):
        wrong = {code: status for code in (0, 1, 42, 126, 127, 128, 143, 255)
                 if (status := client.run(f"exit {code}").returncode) != code}
    assert wrong == {}


@pytest.mark.expect_logins(1)
def test_shell_on_a_terminal_says_once_that_the_mode_is_plain(plain, terminal, tmp_path):
    with plain.master() as (client, _):
        first = terminal(client.argv())
        first.expect(r"ssh2incus: plain mode, because .*can't be executed in /run/ssh2incus.*\r\n")
        first.expect(PROMPT)
        first.type("tty; stty size; echo T=$TERM $0\r")
        first.expect(r"/dev/pts/\d+\r\n24 80\r\nT=xterm [a-z/]*sh\r\n")
        first.resize(50, 132)
        time.sleep(0.3)
        first.type("stty size\r")
        first.expect(r"\n50 132\r\n")
        second = terminal(client.argv())
        second.expect(PROMPT)
        assert b"plain mode" not in second.before
        first.type("exit 7\r")
        assert first.wait() == 7
        second.type("\x04")
        assert second.wait() == 0


@pytest.mark.expect_logins(1)
def test_interrupt_key_and_signal(plain, terminal):
    session = terminal(plain.argv("trap 'echo GOT; exit 9' INT; echo READY; "
                                  "while :; do sleep 0.1; done", options=["RequestTTY=force"]))
    session.expect("READY")
    session.type("\x03")
    session.expect("GOT")
    assert session.wait() == 9


@pytest.mark.expect_logins(1)
def test_end_of_stdin_and_much_data_both_ways(plain):
    data = os.urandom(20_000_000)
    result = plain.run("cat", input=data, timeout=60)
    assert result.returncode == 0
    assert hashlib.sha256(result.stdout).digest() == hashlib.sha256(data).digest()


@pytest.mark.expect_logins(1)
def test_reader_that_stops_holds_nothing_up(plain):
    with plain.master() as (client, _):
        stalled = client.start("head -c 30000000 /dev/zero; exit 5")
        time.sleep(0.5)
        assert client.output("echo still here") == "still here\n"
        assert stalled.poll() is None
        assert len(stalled.stdout.read()) == 30_000_000
        assert stalled.wait(20) == 5
        end(stalled)


@pytest.mark.expect_logins(1)
def test_status_is_known_although_the_output_is_read_late(plain):
    # Incus forgets how a command ended after 5 s.
    process = plain.start("head -c 300000 /dev/zero; exit 6")
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(7)
    os.kill(process.pid, signal.SIGCONT)
    assert len(process.stdout.read()) == 300_000
    assert process.wait(20) == 6
    end(process)


@pytest.mark.expect_logins(1)
def test_program_that_ignores_its_input(plain):
    assert plain.run("exit 4", input=b"x" * 3_000_000).returncode == 4


@pytest.mark.expect_logins(1)
def test_many_sessions_at_once_keep_apart(plain):
    with plain.master() as (client, _):
        running = [client.start(f"cat; echo {i} >&2; exit {i}") for i in range(8)]
        for i, process in enumerate(running):
            out, err = process.communicate(f"input {i}\n".encode(), timeout=30)
            assert (out, err) == (f"input {i}\n".encode(), f"{i}\n".encode())
            assert process.returncode == i


@pytest.mark.expect_logins(1)
def test_session_after_session(plain):
    with plain.master() as (client, _):
        for i in range(100):
            assert client.output(f"echo {i}", input=b"never read") == f"{i}\n"


@pytest.mark.expect_logins(1)
def test_other_user_with_home_and_environment(ssh, noexec):
    text = ssh.output('id -u; id -g; id -G; pwd; echo $HOME $USER $LOGNAME $SHELL; echo $LC_X$BAD$SSH_CLIENT',
                      login=f"alice@{noexec}",
                      options=["SendEnv=LC_X BAD"], env={"LC_X": "x!", "BAD": "bad"})
    lines = text.splitlines()
    # The supplementary groups are what plain exec can't give.
    assert lines[:5] == ["1001", "1001", "1001", "/home/alice", "/home/alice alice alice /bin/sh"]
    assert lines[5].startswith("x!127.")


@pytest.mark.expect_logins(1)
def test_user_that_is_not_there(ssh, noexec):
    result = ssh.run("true", login=f"nobody-there@{noexec}")
    assert result.returncode == 255
    assert b"no such user in instance plain-noexec" in result.stderr


@pytest.mark.expect_logins(1)
def test_forced_command(member, users, keyring, noexec):
    key = keyring.get("ed25519", name="member")
    users["member"].write_keys('command="echo forced: $SSH_ORIGINAL_COMMAND; exit 5" ' + key.public)
    result = member.run("rm -rf x", login=f"{noexec}+s2isys1")
    assert (result.stdout, result.returncode) == (b"forced: rm -rf x\n", 5)


@pytest.mark.expect_logins(1)
def test_no_pty_of_the_key_holds(member, users, keyring, noexec):
    key = keyring.get("ed25519", name="member")
    users["member"].write_keys("no-pty " + key.public)
    result = member.run("tty", login=f"{noexec}+s2isys1", options=["RequestTTY=force"])
    assert (result.returncode, result.stdout) == (255, b"")
    assert b"PTY allocation request failed" in result.stderr


@pytest.mark.expect_logins(1)
def test_end_of_the_connection_ends_the_program(plain, incus, noexec):
    process = plain.start("exec sleep 1234")
    wait_until(lambda: incus.runs(noexec, "sleep 1234"))
    process.kill()
    wait_until(lambda: not incus.runs(noexec, "sleep 1234"), what="the end of the program")
    end(process)


@pytest.mark.expect_logins(1)
def test_end_of_a_session_hangs_up_its_program(plain, incus, noexec):
    with plain.master() as (client, _):
        process = client.start("trap 'echo hung up >/home/alice/said; exit 1' HUP; echo READY; "
                               "while :; do echo .; sleep 0.1; done", options=["-tt"])
        while b"READY" not in process.stdout.readline():
            pass
        process.kill()
        wait_until(lambda: incus.shell(noexec, "cat /home/alice/said", check=False) == "hung up\n")
        end(process)


@pytest.mark.expect_logins(1)
def test_instance_that_stops_ends_the_session(ssh, incus):
    with made_instance(incus, "plain-stops", NOEXEC) as name:
        process = ssh.start("echo up; sleep 1000", login=name)
        assert process.stdout.readline() == b"up\n"
        incus("stop", "-f", name)
        assert process.wait(20) not in (None, 0)
        end(process)


@pytest.mark.expect_logins(1)
def test_gateway_stays_for_the_connection_and_ends_with_it(plain, server):
    with plain.master() as (client, master):
        assert client.output("echo x") == "x\n"
        connection = server.log.wait_for("target_ready")[0].connection
    server.log.wait_for("connection_closed", connection=connection)
    wait_until(lambda: not gateways_of(server), what="the end of the gateway")


def gateways_of(server):
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/cmdline", "rb") as file:
            if file.read().startswith(b"ssh2incus-gateway\0"):
                found.append(name)
    return found


@pytest.mark.expect_logins(1)
def test_forwarding_and_sftp_are_refused(plain):
    with plain.master() as (client, _):
        assert client.run(options=["-W", "127.0.0.1:1"]).returncode != 0
        result = client.run("sftp", options=["-s"])
        assert result.returncode != 0
        assert client.output("echo still here") == "still here\n"

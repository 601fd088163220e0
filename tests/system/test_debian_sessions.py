"""Shell modes and sessions that stay with Debian's own su, login, tmux and screen, PAM among them."""
import os
import signal
import time

import pytest

from harness.client import Client, fresh_source, wait_until

PROMPT = r"[#$] "


@pytest.fixture
def clean(debian, incus):
    """No sessions, and PAM that marks its own in the environment."""
    def reset():
        incus.shell(debian, "pkill tmux; pkill -i screen; pkill -f -- '[-]-keep'; "
                            "rm -rf /tmp/tmux-* /run/screen/S-* /tmp/ssh2incus-*; true")
    reset()
    incus.shell(debian, "echo PAM_WAS_HERE=yes >/etc/environment.d-test; for s in su-l su login; do "
                        "cp /etc/pam.d/other /etc/pam.d/$s; echo 'session required pam_env.so "
                        "readenv=1 envfile=/etc/environment.d-test' >>/etc/pam.d/$s; done")
    yield debian
    reset()
    incus.shell(debian, "rm /etc/environment.d-test; for s in su-l su login; do "
                        "cp /etc/pam.d/other /etc/pam.d/$s; done")


def runs(incus, instance, text):
    """Debian's ps has to be told that other terminals count."""
    return any(text in line and "ps -A" not in line
               for line in incus.shell(instance, "ps -A -o args").splitlines())


def client(server, key, login):
    return Client(server, key, login, fresh_source())


@pytest.mark.expect_logins(2)
@pytest.mark.parametrize("mode", ["su", "sush", "login"])
def test_pam_session_of_the_instance_applies(start_server, root_key, clean, terminal, mode):
    server = start_server("-S", mode)
    ssh = client(server, root_key, f"alice@{clean}")
    session = terminal(ssh.argv(options=["SendEnv=LC_TEST"]), env={"LC_TEST": "sent"})
    session.expect(PROMPT)
    session.type("echo P=$PAM_WAS_HERE L=$LC_TEST S=$SSH_TTY H=$HOME U=$(id -un) 0=$0\r")
    shell = r"-(bash|sh)" if mode != "sush" else r"-sh"
    session.expect(r"P=yes L=sent S=/dev/pts/\d+ H=/home/alice U=alice 0=" + shell + r"\r\n")
    session.resize(50, 132)
    time.sleep(0.3)
    session.type("stty size; exit 7\r")
    session.expect(r"50 132\r\n")
    assert session.wait() == (0 if mode == "login" else 7)
    result = ssh.run("cat; echo P=$PAM_WAS_HERE; exit 9", input=b"in\n")
    expected = b"in\nP=\n" if mode == "login" else b"in\nP=yes\n"
    assert (result.returncode, result.stdout) == (9, expected)


@pytest.mark.expect_logins(2)
@pytest.mark.parametrize("mode", ["su", "login"])
def test_hang_up_and_signals_reach_what_su_and_login_have_started(start_server, root_key, clean,
                                                                 incus, terminal, mode):
    server = start_server("-S", mode)
    ssh = client(server, root_key, f"alice@{clean}")
    marker = f"8{os.getpid() % 1000000}"
    session = terminal(ssh.argv())
    session.expect(PROMPT)
    session.type(f"sleep {marker}.1\r")
    command = ssh.start(f"sleep {marker}.2")
    for number in (1, 2):
        wait_until(lambda: runs(incus, clean, f"sleep {marker}.{number}"))  # noqa: B023
    os.kill(session.pid, signal.SIGKILL)
    os.kill(command.pid, signal.SIGKILL)
    wait_until(lambda: not runs(incus, clean, f"sleep {marker}"), 15, "the hang-up")
    wait_until(lambda: not runs(incus, clean, "su -s") and not runs(incus, clean, "login -p"), 15)


@pytest.mark.expect_logins(3)
@pytest.mark.parametrize("keeper", ["tmux", "screen"])
@pytest.mark.parametrize("flags", [[], ["-S", "su"], ["-S", "login"]], ids=["direct", "su", "login"])
def test_session_of_the_instances_own_program_is_there_again(start_server, root_key, clean, terminal,
                                                             incus, keeper, flags):
    ssh = client(start_server("-T", keeper, *flags), root_key, f"/alice@{clean}")
    first = terminal(ssh.argv(), env={"TERM": "xterm-256color"})
    first.expect(PROMPT)
    first.type("X=kept; echo $((40+2))-here\r")
    first.expect("42-here")
    assert runs(incus, clean, keeper) and not runs(incus, clean, "--keep")
    second = terminal(ssh.argv(), env={"TERM": "xterm-256color"})
    second.expect("42-here")
    second.type("echo both-$((1+1))\r")
    first.expect("both-2")
    os.kill(first.pid, signal.SIGKILL)
    os.kill(second.pid, signal.SIGKILL)
    third = terminal(ssh.argv(), env={"TERM": "xterm-256color"})
    third.expect("both-2")
    third.type("echo still-$X-$((3+3))-ä\r")
    third.expect("still-kept-6-ä".encode())
    third.type("exit\r")
    third.wait()


@pytest.mark.expect_logins(1)
def test_terminals_that_the_instance_does_not_know_get_a_common_name(start_server, root_key, clean,
                                                                     terminal):
    session = terminal(client(start_server(), root_key, f"/alice@{clean}").argv(),
                       env={"TERM": "xterm-of-the-future"})
    session.expect(PROMPT)
    session.type("echo $((1+1))-works; exit\r")
    session.expect("2-works")
    assert session.wait() == 0

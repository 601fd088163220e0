"""Shells and commands on a pty: what a person at a terminal notices."""
import re
import time

import pytest

PROMPT = r"[#$] "


@pytest.fixture
def shell(ssh, terminal):
    """A shell of instance user root on a terminal of 80 columns and 24 rows."""
    session = terminal(ssh.argv())
    session.expect(PROMPT)
    return session


@pytest.mark.expect_logins(1)
def test_shell_shows_a_prompt_and_ends_with_its_own_code(shell):
    shell.type("hostname\r")
    shell.expect(r"c1\r\n")
    shell.type("exit 7\r")
    assert shell.wait() == 7


@pytest.mark.expect_logins(1)
def test_shell_is_a_login_shell_on_a_terminal(shell):
    shell.type("echo 0=$0; tty; echo T=$TERM; echo S=$SSH_TTY\r")
    shell.expect(r"\n0=-?/?[a-z/]*sh\r\n")
    tty = shell.expect(r"(/dev/pts/\d+)\r\n").group(1)
    shell.expect(r"T=xterm\r\n")
    shell.expect(rb"S=" + re.escape(tty) + rb"\r\n")


@pytest.mark.expect_logins(1)
def test_pty_has_the_size_of_the_window_and_follows_it(shell):
    shell.type("stty size\r")
    shell.expect(r"\n24 80\r\n")
    shell.resize(50, 132)
    time.sleep(0.3)
    shell.type("stty size\r")
    shell.expect(r"\n50 132\r\n")


@pytest.mark.expect_logins(1)
def test_window_change_is_signalled(ssh, terminal):
    session = terminal(ssh.argv("trap 'echo CHANGED; exit 3' WINCH; echo READY; "
                                "while :; do sleep 0.1; done", options=["RequestTTY=force"]))
    session.expect("READY")
    session.resize(40, 100)
    session.expect("CHANGED")
    assert session.wait() == 3


@pytest.mark.expect_logins(1)
def test_control_c_interrupts(shell):
    shell.type("sleep 60; echo after=$?\r")
    time.sleep(0.5)
    shell.type("\x03")
    shell.expect(PROMPT)
    shell.type("echo still here\r")
    shell.expect(r"still here\r\n")


@pytest.mark.expect_logins(1)
def test_control_d_ends_the_shell(shell):
    shell.type("\x04")
    assert shell.wait() == 0


@pytest.mark.expect_logins(1)
def test_control_z_and_job_control(shell):
    shell.type("sleep 60\r")
    time.sleep(0.5)
    shell.type("\x1a")
    shell.expect(r"Stopped")
    shell.type("kill %1; fg\r")
    shell.expect(PROMPT)


@pytest.mark.expect_logins(1)
def test_terminal_modes_of_the_client_arrive(ssh, terminal):
    # The client sends the modes of its own terminal: erase character and no echo.
    session = terminal(["sh", "-c", 'stty erase ^H -echo; exec "$@"', "sh",
                        *ssh.argv("stty -a; echo THE-END", options=["RequestTTY=force"])])
    shown = session.expect(r"speed.*THE-END").group(0)
    assert b"erase = ^H" in shown
    assert re.search(rb"-echo\s", shown)


@pytest.mark.expect_logins(1)
def test_command_with_a_pty(ssh, terminal):
    session = terminal(ssh.argv("tty; exit 9", options=["RequestTTY=force"]))
    session.expect(r"/dev/pts/\d+\r\n")
    assert session.wait() == 9


@pytest.mark.expect_logins(1)
def test_terminal_is_owned_by_the_instance_user(ssh, terminal):
    session = terminal(ssh.argv("stat -c '%U %a' $(tty); echo ok >$(tty)",
                                login="alice@c1", options=["RequestTTY=force"]))
    assert session.expect(r"alice (\d+)\r\n").group(1) in (b"620", b"600")
    session.expect("ok")
    assert session.wait() == 0


@pytest.mark.expect_logins(1)
def test_much_output_on_a_pty_is_complete(ssh, terminal):
    session = terminal(ssh.argv("seq 1 100000; echo THE-END", options=["RequestTTY=force"]))
    session.expect("THE-END", timeout=40)
    assert session.before.split() == [str(number).encode() for number in range(1, 100001)]


@pytest.mark.expect_logins(1)
def test_terminal_without_an_input_queue_limit(ssh, terminal):
    # More typed than the tty's 4 KiB line buffer, line by line.
    session = terminal(ssh.argv("stty -echo; echo READY; wc -l", options=["RequestTTY=force"]))
    session.expect("READY")
    for _ in range(200):
        session.type("x" * 200 + "\n")
    session.type("\x04")
    session.expect(r"200\r\n", timeout=20)

"""-S login, su, sush: shells as the instance's own login(1) and su(1) start them. In the instance of
the tests both are BusyBox's; test_shell_modes_pam.py has those of Debian."""
import os
import time

import pytest

from harness.client import Client, fresh_source, wait_until

PROMPT = r"[#$] "


@pytest.fixture(params=["su", "sush", "login"])
def mode(request, start_server):
    return request.param, start_server("-S", request.param)


def client_of(server, key, login="alice@c1"):
    return Client(server, key, login, fresh_source())


@pytest.mark.expect_logins(3)
def test_shell_on_a_terminal_is_the_users_login_shell(mode, root_key, terminal):
    name, server = mode
    for login, uid in (("alice@c1", "1001"), ("c1", "0")):
        session = terminal(client_of(server, root_key, login).argv(),
                           env={"TERM": "xterm-256color"})
        session.expect(PROMPT)
        session.type("echo I=$(id -u) 0=$0 T=$TERM H=$HOME; tty; echo S=$SSH_TTY C=$SSH_CONNECTION\r")
        shown = session.expect(r"\nI=(\d+) 0=(\S+) T=(\S+) H=(\S+)\r\n(/dev/pts/\d+)\r\n"
                               r"S=(\S+) C=(127\.\S+ \d+ 127\.0\.0\.1 \d+)\r\n")
        assert shown.group(1).decode() == uid
        assert shown.group(2).startswith(b"-") and shown.group(2).endswith(b"sh")
        assert shown.group(3) == b"xterm-256color"
        assert shown.group(5) == shown.group(6)
        session.type("exit 7\r")
        # login(1) tells nobody how the shell ended.
        assert session.wait() == (0 if name == "login" else 7)
    assert client_of(server, root_key).output("id -Gn") == "alice extra1 extra2\n"


@pytest.mark.expect_logins(1)
def test_terminal_follows_the_window_and_control_c_interrupts(mode, root_key, terminal):
    session = terminal(client_of(mode[1], root_key).argv())
    session.expect(PROMPT)
    session.resize(50, 132)
    time.sleep(0.3)
    session.type("stty size\r")
    session.expect(r"\n50 132\r\n")
    session.type("sleep 60; echo after\r")
    time.sleep(0.5)
    session.type("\x03")
    session.expect(PROMPT)
    session.type("echo still here\r")
    session.expect(r"\nstill here\r\n")
    session.expect(PROMPT)
    session.type("\x04")
    session.wait()


@pytest.mark.expect_logins(4)
def test_commands_have_their_streams_exit_code_and_environment(mode, root_key):
    ssh = client_of(mode[1], root_key)
    result = ssh.run("cat; echo err >&2; exit 9", input=b"in\n")
    assert (result.returncode, result.stdout, result.stderr) == (9, b"in\n", b"err\n")
    shown = ssh.run("""printf '%s|' "$LC_TEST" "$HOME" "$PWD" "$USER" "$SSH_CLIENT"; echo 'a  b';"""
                    """ echo "$0 $#"; id -un""",
                    env={"LC_TEST": "x 'y' $z"}, options=["SendEnv=LC_TEST"]).stdout.decode()
    assert shown.startswith("x 'y' $z|/home/alice|/home/alice|alice|127.")
    assert "a  b\n" in shown and shown.endswith("alice\n")
    assert ssh.run("kill -TERM $$").returncode in (143, 255)
    assert ssh.run("seq 1 200000").stdout.split()[-1] == b"200000"


@pytest.mark.expect_logins(2)
def test_hang_up_reaches_the_program(mode, root_key, terminal, incus):
    ssh = client_of(mode[1], root_key)
    for index, session in enumerate((
            lambda text: ssh.start(text), lambda text: terminal(ssh.argv()))):
        marker = f"7{os.getpid() % 1000000}.{index}1"
        running = session(f"trap 'exit 0' HUP; sleep {marker}; sleep 1")
        if index:
            running.expect(PROMPT)
            running.type(f"sleep {marker}\r")

        def is_running():
            return f"sleep {marker}" in incus.shell("c1", "ps")
        wait_until(is_running, what="the start")
        os.kill(running.pid, 9)
        wait_until(lambda: not is_running(), 15, "the hang-up")


@pytest.mark.expect_logins(1)
def test_nothing_of_root_is_left(mode, root_key, incus):
    ssh = client_of(mode[1], root_key)
    before = incus.shell("c1", "ps | grep -c '[g]uest-'; true").strip()
    ssh.output("true")
    wait_until(lambda: incus.shell("c1", "ps | grep -c '[g]uest-'; true").strip() <= before,
               what="the guest's end")


@pytest.mark.expect_logins(3)
def test_sush_lets_in_who_has_no_shell_and_su_does_not(start_server, root_key, incus):
    incus.shell("c1", "grep -q '^noshell:' /etc/passwd || "
                      "echo 'noshell:x:1009:1009::/tmp:/bin/false' >>/etc/passwd")
    shown = client_of(start_server("-S", "sush"), root_key, "noshell@c1").output("id -un; echo $SHELL")
    assert shown == "noshell\n/bin/sh\n"
    for flags in (["-S", "su"], []):
        assert client_of(start_server(*flags), root_key, "noshell@c1").run("id").returncode == 1


@pytest.mark.expect_logins(2)
@pytest.mark.parametrize("flag,program", [("su", "su"), ("login", "login")])
def test_missing_program_is_named(start_server, root_key, incus, terminal, flag, program):
    server = start_server("-S", flag)
    ssh = client_of(server, root_key, "c1")
    incus.shell("c1", f"mv /bin/{program} /bin/{program}.away")
    try:
        session = terminal(ssh.argv())
        session.expect(f"the instance has no program {program}")
        assert session.wait() == 255
        # login(1) can't start commands, so nothing is missing for them.
        assert ssh.run("true").returncode == (255 if program == "su" else 0)
    finally:
        incus.shell("c1", f"mv /bin/{program}.away /bin/{program}")


@pytest.mark.expect_logins(0)
def test_unknown_mode_is_an_error_at_the_start(start_server):
    with pytest.raises(AssertionError, match="--shell: 'sudo' isn't login, su or sush"):
        start_server("-S", "sudo")

"""Sessions that stay ("/" before the login), kept by the guest itself: -T builtin."""
import os
import re
import signal
import time

import pytest

from harness.client import Client, fresh_source, wait_until

PROMPT = r"[#$] "


@pytest.fixture
def clean(incus):
    """No session of alice's or root's, before or afterwards."""
    def end_all():
        incus.shell("c1", "for p in $(ps -o pid,args | grep '[-]-keep' | awk '{print $1}'); do "
                          "kill -9 $p; done; rm -rf /tmp/ssh2incus-* /home/alice/.ssh2incus; true")
    end_all()
    yield
    end_all()


@pytest.fixture
def people(start_server, root_key, clean):
    server = start_server("-T", "builtin", "-m")
    return lambda login="/alice@c1", to=None: Client(to or server, root_key, login, fresh_source())


def shell(terminal, client, **settings):
    session = terminal(client.argv(), **settings)
    session.expect(PROMPT)
    return session


def say(session, text):
    """Types a command and waits for its output, not its echo."""
    session.type(text + "\r")


@pytest.mark.expect_logins(2)
def test_session_is_there_again_after_the_client_was_killed(people, terminal):
    ssh = people()
    first = shell(terminal, ssh)
    say(first, "X=kept; cd /tmp; echo $((40+2))-here")
    first.expect(r"\n42-here\r\n")
    os.kill(first.pid, signal.SIGKILL)
    second = terminal(ssh.argv())
    second.expect(r"42-here\r\n")  # the last output is shown again
    say(second, "echo $X; pwd; id -un; echo T=$(tty) S=$SSH_TTY")
    shown = second.expect(r"\nkept\r\n/tmp\r\nalice\r\nT=(\S+) S=(\S+)\r\n")
    assert shown.group(1) == shown.group(2)
    say(second, "exit 7")
    assert second.wait() == 7


@pytest.mark.expect_logins(2)
def test_session_survives_a_restart_of_the_server(people, terminal, start_server):
    first = shell(terminal, people())
    say(first, "X=kept")
    first.expect(PROMPT)
    os.kill(first.pid, signal.SIGKILL)
    server = start_server("-T", "builtin")
    second = shell(terminal, people(to=server))
    say(second, "echo still $X")
    second.expect(r"\nstill kept\r\n")
    say(second, "exit")
    assert second.wait() == 0


@pytest.mark.expect_logins(1)
def test_stopping_the_server_without_master_mode_leaves_the_session(start_server, root_key, clean,
                                                                    terminal, incus):
    server = start_server("-T", "builtin")
    first = shell(terminal, Client(server, root_key, "/alice@c1", fresh_source()))
    say(first, "sleep 4322 &")
    first.expect(PROMPT)
    server.process.send_signal(signal.SIGTERM)
    first.wait()
    assert "sleep 4322" in incus.shell("c1", "ps")
    incus.shell("c1", r"kill $(ps -o pid,args | sed -n 's/^ *\([0-9]*\) sleep 4322$/\1/p')")


@pytest.mark.expect_logins(2)
def test_two_who_are_attached_see_and_type_into_the_same(people, terminal):
    first = shell(terminal, people())
    second = shell(terminal, people())
    say(first, "echo $((1+1))-from-first")
    second.expect(r"2-from-first\r\n")
    say(second, "echo $((2+2))-from-second")
    first.expect(r"4-from-second\r\n")
    say(first, "exit 5")
    assert first.wait() == 5 and second.wait() == 5


@pytest.mark.expect_logins(2)
def test_terminal_has_the_size_of_whoever_did_something_last(people, terminal):
    first = shell(terminal, people(), rows=40, columns=100)
    say(first, "stty size")
    first.expect(r"\n40 100\r\n")
    second = shell(terminal, people(), rows=20, columns=60)
    say(second, "stty size")
    second.expect(r"\n20 60\r\n")
    first.expect(r"\n20 60\r\n")
    first.resize(50, 132)
    time.sleep(0.5)
    say(first, "stty size")
    first.expect(r"\n50 132\r\n")
    say(first, "exit")
    first.wait(), second.wait()


@pytest.mark.expect_logins(2)
def test_detaching_by_key_leaves_it_running(people, terminal):
    first = shell(terminal, people())
    say(first, "X=kept; printf 'a\\036b' | od -c | head -n 1")
    first.expect(PROMPT)
    first.type("\x1ed")
    first.expect("detached; the session goes on")
    assert first.wait() == 0
    second = shell(terminal, people())
    say(second, "echo still $X")
    second.expect(r"\nstill kept\r\n")
    # Before anything else it's a key like others.
    say(second, "stty -echo; cat -v")
    time.sleep(0.3)
    second.type("\x1ex\x1e\x1ey\r")
    second.expect(r"\^\^x\^\^\^\^y\r\n")
    second.type("\x04")
    say(second, "exit")
    assert second.wait() == 0


@pytest.mark.expect_logins(5)
def test_commands_and_shells_without_a_terminal_are_as_always(people, terminal):
    first = shell(terminal, people())
    say(first, "X=kept")
    first.expect(PROMPT)
    ssh = people()
    result = ssh.run("cat; echo X=$X; echo err >&2; exit 3", input=b"in\n")
    assert (result.returncode, result.stdout, result.stderr) == (3, b"in\nX=\n", b"err\n")
    assert ssh.run(input=b"echo X=$X; exit 4\n", options=["-T"]).returncode == 4
    session = terminal(ssh.argv("echo X=$X-$((1+1))", options=["RequestTTY=force"]))
    session.expect(r"X=-2\r\n")
    assert session.wait() == 0
    # Nor is a login without the slash.
    other = shell(terminal, people("alice@c1"))
    say(other, "echo X=$X-$((2+2))")
    other.expect(r"\nX=-4\r\n")
    say(first, "exit")


@pytest.mark.expect_logins(3)
def test_every_user_has_a_session_of_their_own(people, terminal):
    mine = shell(terminal, people("/alice@c1"))
    say(mine, "X=alices")
    mine.expect(PROMPT)
    roots = shell(terminal, people("/c1"))
    say(roots, "echo X=$X. $(id -un)")
    roots.expect(r"\nX=\. root\r\n")
    say(roots, "exit")
    roots.wait()
    say(mine, "exit")
    mine.wait()
    new = shell(terminal, people("/alice@c1"))
    say(new, "echo X=$X.")
    new.expect(r"\nX=\.\r\n")
    say(new, "exit")


@pytest.mark.expect_logins(2)
def test_utf8_and_control_keys_pass(people, terminal):
    session = shell(terminal, people())
    say(session, "printf '%s-\\303\\244\\342\\202\\254\\n' ok")
    session.expect("ok-ä€\r\n".encode())
    say(session, "sleep 100; echo after")
    time.sleep(0.5)
    session.type("\x03")
    session.expect(PROMPT)
    again = terminal(people().argv())
    again.expect("ok-ä€\r\n".encode())
    say(session, "exit")


@pytest.mark.expect_logins(2)
def test_a_client_that_does_not_read_holds_nobody_up(people, terminal):
    """One is stopped; the other sees the end of much more output than is kept."""
    slow = shell(terminal, people())
    fast = shell(terminal, people())
    os.kill(slow.pid, signal.SIGSTOP)
    try:
        say(fast, "seq 1 600000; echo $((1+1))-end")
        fast.expect(r"\n600000\r\n", timeout=60)
        fast.expect(r"2-end\r\n", timeout=60)
    finally:
        os.kill(slow.pid, signal.SIGCONT)
    slow.expect(r"2-end\r\n", timeout=60)
    say(fast, "exit")
    assert fast.wait() == 0


@pytest.mark.expect_logins(1)
def test_what_another_user_has_put_in_the_way_is_not_used(people, terminal, incus):
    incus.shell("c1", "mkdir -m 777 /tmp/ssh2incus-1001")  # root's, and open to all
    session = shell(terminal, people())
    say(session, "ls -ld $HOME/.ssh2incus | cut -c 1-10; ls /tmp/ssh2incus-1001 | wc -l")
    session.expect(r"drwx------\r\n0\r\n")
    say(session, "exit")
    assert session.wait() == 0


@pytest.mark.expect_logins(2)
@pytest.mark.parametrize("hostile", ["link", "open"])
def test_without_any_private_place_there_is_an_error(people, terminal, incus, hostile):
    make = {"link": "ln -s /root", "open": "mkdir -m 755"}[hostile]
    incus.shell("c1", f"{make} /tmp/ssh2incus-1001; {make} /home/alice/.ssh2incus; true")
    ssh = people()
    session = terminal(ssh.argv())
    session.expect("no place for a session that stays: /tmp/ssh2incus-1001")
    assert session.wait() == 1
    assert ssh.output("echo fine") == "fine\n"


@pytest.mark.expect_logins(2)
def test_a_dead_keepers_socket_is_replaced(people, terminal, incus):
    first = shell(terminal, people())
    say(first, "X=old")
    first.expect(PROMPT)
    incus.shell("c1", "for p in $(ps -o pid,args | grep '[-]-keep' | awk '{print $1}'); do "
                      "kill -9 $p; done")
    first.wait()
    second = shell(terminal, people())
    say(second, "echo X=$X.")
    second.expect(r"\nX=\.\r\n")
    say(second, "exit")
    assert second.wait() == 0


@pytest.mark.expect_logins(2)
@pytest.mark.parametrize("mode", ["su", "sush", "login"])
def test_works_with_shell_modes(start_server, root_key, clean, terminal, mode):
    server = start_server("-T", "builtin", "-S", mode)
    ssh = Client(server, root_key, "/alice@c1", fresh_source())
    first = shell(terminal, ssh)
    say(first, "X=kept; echo $((40+2)) $USER $HOME")
    first.expect(r"\n42 alice /home/alice\r\n")
    os.kill(first.pid, signal.SIGKILL)
    second = shell(terminal, ssh)
    say(second, "echo still $X; exit 6")
    second.expect(r"\nstill kept\r\n")
    assert second.wait() == 6


def number_of_keepers(incus):
    return len(re.findall("--keep", incus.shell("c1", "ps")))


@pytest.mark.expect_logins(1)
def test_nothing_is_left_when_the_shell_ends(people, terminal, incus):
    session = shell(terminal, people())
    assert number_of_keepers(incus) > 0
    say(session, "exit")
    session.wait()
    wait_until(lambda: number_of_keepers(incus) == 0, what="the keeper's end")
    assert incus.shell("c1", "ls /tmp/ssh2incus-1001").split() == ["lock"]

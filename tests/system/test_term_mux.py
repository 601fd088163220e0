"""Sessions that stay, kept by tmux or screen: those of the instance, installed at the first login, or
the tmux that ssh2incus brings along. In an instance of their own, for they change it."""
import os
import pathlib
import signal
import subprocess
import tempfile

import pytest

from conftest import ALICE
from harness import paths
from harness.client import Client, fresh_source, wait_until

BOX = "keeper-box"
TMUX = paths.BIN / "ssh2incus-tmux"
TERMINFO = ("x/xterm", "x/xterm-256color", "s/screen", "s/screen-256color", "t/tmux-256color")
# Takes its time, says what it does, and notes with which environment.
APT_GET = """#!/bin/sh
echo "apt-get $*" >>/var/log/apt-get
env >/var/log/apt-get.env
case $* in *update*) echo Updating; exit 100 ;; esac
echo "Reading package lists"; sleep 0.3
[ -e /etc/apt-slow ] && { echo Waiting; sleep 60; }
[ -e /etc/apt-broken ] && { echo "E: broken" >&2; exit 100; }
cp /opt/tmux /bin/tmux && echo "Setting up tmux"
"""


@pytest.fixture(scope="module")
def running_box(incus):
    incus("delete", "-f", BOX, check=False)
    incus.ensure(BOX)
    incus.shell(BOX, ALICE)
    push(incus, TMUX.read_bytes(), "/opt/tmux", "755")
    yield incus
    incus("delete", "-f", BOX)


def push(incus, content, path, mode="644"):
    incus.shell(BOX, f"mkdir -p {os.path.dirname(path)}")
    result = subprocess.run(["incus", "file", "push", "-", f"{BOX}{path}", "--mode", mode],
                            input=content, env=incus.env, capture_output=True)
    assert result.returncode == 0, result.stderr


@pytest.fixture
def box(running_box):
    """Without tmux, package manager or sessions."""
    incus = running_box
    incus.shell(BOX, "killall -9 tmux tmux-* 2>/dev/null; rm -rf /bin/tmux /usr/bin/apt-get "
                     "/etc/apt-* /etc/os-release /usr/share/terminfo /tmp/tmux-* /tmp/ssh2incus-* "
                     "/var/log/apt-get*; true")
    yield incus


@pytest.fixture
def debian(box):
    """Now it looks like a Debian whose archive has tmux."""
    push(box, APT_GET.encode(), "/usr/bin/apt-get", "755")
    push(box, b'ID=something\nID_LIKE="ubuntu debian"\n', "/etc/os-release")
    for name in TERMINFO:
        for base in ("/usr/share/terminfo", "/lib/terminfo"):
            if (source := pathlib.Path(base) / name).exists():
                push(box, source.read_bytes(), f"/usr/share/terminfo/{name}")
    return box


@pytest.fixture
def private_folder():
    """Whose directories only root can write."""
    with tempfile.TemporaryDirectory(prefix="ssh2incus-test-", dir="/run") as folder:
        yield pathlib.Path(folder)


def client(server, key, login=f"/alice@{BOX}"):
    return Client(server, key, login, fresh_source())


def reattaches(terminal, ssh, prepare=None):
    """A variable of the shell is still there after the client was killed."""
    first = terminal(ssh.argv(), env={"TERM": "xterm-256color"})
    if prepare:
        first.expect(prepare)
    first.expect(r"[#$] ")
    first.type("X=kept; echo $((40+2))-here\r")
    first.expect(r"42-here")
    os.kill(first.pid, signal.SIGKILL)
    second = terminal(ssh.argv(), env={"TERM": "xterm-256color"})
    second.expect(r"[#$] ")
    second.type("echo still-$X-$((1+1))\r")
    second.expect(r"still-kept-2")
    return second


@pytest.mark.expect_logins(3)
def test_brought_tmux_keeps_the_session_where_nothing_can_be_installed(start_server, root_key, box,
                                                                       terminal):
    ssh = client(start_server(), root_key)
    second = reattaches(terminal, ssh, "there is no package manager that could install tmux")
    second.type("tmux -V; echo S=$(id -un)-$((3+3)); echo ä\r")
    second.expect("S=alice-6")
    second.expect("ä".encode())
    assert ssh.output("echo X=$X; ls /bin/tmux 2>&1 | wc -l") == "X=\n1\n"
    assert box.runs(BOX, "tmux -u -L ssh2incus new-session -A -s ssh2incus")
    second.type("exit\r")
    second.expect("exited")
    assert second.wait() == 0


@pytest.mark.expect_logins(3)
def test_missing_tmux_is_installed_with_progress_on_the_terminal(start_server, root_key, debian,
                                                                 terminal):
    ssh = client(start_server(), root_key)
    shown = (r"installing tmux with apt-get \(Ctrl-C cancels\)\r\n.*Updating\r\n"
             r".*Reading package lists\r\n.*Setting up tmux\r\n")
    second = reattaches(terminal, ssh, shown)
    calls = debian.shell(BOX, "cat /var/log/apt-get").splitlines()
    assert [call.split()[-1] for call in calls] == ["update", "tmux"], "once"
    environment = debian.shell(BOX, "cat /var/log/apt-get.env")
    assert "DEBIAN_FRONTEND=noninteractive" in environment and "SSH_" not in environment
    assert ssh.output("readlink /proc/$(pidof tmux | cut -d' ' -f1)/exe") == "/bin/tmux\n"
    second.type("exit\r")
    second.wait()


@pytest.mark.expect_logins(1)
def test_control_c_cancels_the_installation_and_the_login_goes_on(start_server, root_key, debian,
                                                                  terminal):
    debian.shell(BOX, "touch /etc/apt-slow")
    session = terminal(client(start_server(), root_key).argv())
    session.expect("Waiting\r\n")
    session.type("\x03")
    session.expect("cancelled")
    session.expect(r"[#$] ")
    session.type("echo $((1+1))-goes-on\r")
    session.expect("2-goes-on")
    assert not debian.runs(BOX, "bin/apt-get")
    assert not debian.shell(BOX, "ls /bin/tmux 2>/dev/null; true")
    session.type("exit\r")
    session.wait()


@pytest.mark.expect_logins(1)
def test_lost_connection_does_not_interrupt_an_installation(start_server, root_key, debian,
                                                            terminal):
    session = terminal(client(start_server(), root_key).argv())
    session.expect("Reading package lists\r\n")
    os.kill(session.pid, signal.SIGKILL)
    wait_until(lambda: debian.shell(BOX, "ls /bin/tmux 2>/dev/null; true"), what="the installation")


@pytest.mark.expect_logins(1)
def test_failed_installation_is_told(start_server, root_key, debian, terminal):
    debian.shell(BOX, "touch /etc/apt-broken")
    session = terminal(client(start_server(), root_key).argv())
    session.expect(r"E: broken\r\n")
    session.expect(r"apt-get has failed \(100\)")
    session.expect(r"[#$] ")
    session.type("exit\r")
    session.wait()


@pytest.mark.expect_logins(2)
def test_nothing_is_installed_where_the_policy_does_not_allow_it(start_server, root_key, debian,
                                                                 terminal, private_folder):
    rules = private_folder / "access.yaml"
    rules.write_text("version: 1\nrules:\n  - name: all\n    users: root\n"
                     "    allow: [shell, exec, start]\n")
    ssh = client(start_server("--access", str(rules)), root_key)
    session = reattaches(terminal, ssh)
    assert b"installing" not in session.screen
    assert not debian.shell(BOX, "cat /var/log/apt-get 2>/dev/null; true")
    session.type("exit\r")
    session.wait()


@pytest.mark.expect_logins(1)
def test_missing_screen_leaves_the_session_to_the_guest(start_server, root_key, box, terminal):
    session = terminal(client(start_server("-T", "screen"), root_key).argv())
    session.expect("screen isn't in the instance; ssh2incus keeps this session itself")
    session.expect(r"[#$] ")
    assert "--keep" in box.shell(BOX, "ps")
    session.type("exit 4\r")
    assert session.wait() == 4


@pytest.mark.expect_logins(4)
@pytest.mark.parametrize("mode", ["su", "login"])
def test_installation_and_tmux_work_with_shell_modes(start_server, root_key, debian, terminal, mode):
    for login in (f"/alice@{BOX}", f"/{BOX}"):
        shown = "Setting up tmux" if "alice" in login else None
        second = reattaches(terminal, client(start_server("-S", mode), root_key, login), shown)
        second.type("echo U=$USER-$((4+4))\r")
        second.expect(("U=alice-8" if "alice" in login else "U=root-8"))
        second.type("exit\r")
        second.wait()

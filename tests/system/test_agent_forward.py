"""-A and -X of the stock client."""
import os
import socket
import struct
import subprocess
import threading

import pytest

from harness.client import Client, end, environment, fresh_source, wait_until
from harness.inside import Inside
from harness.server import free_port


@pytest.fixture
def agent(keyring, tmp_path):
    """An agent of the client's host that has a key; its socket."""
    key = keyring.get("ed25519", name="agent")
    path = tmp_path / "agent.sock"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    wait_until(path.exists)
    subprocess.run(["ssh-add", "-q", key.path], env=environment({"SSH_AUTH_SOCK": str(path)}),
                   check=True)
    yield path
    end(process)


def with_agent(client, agent):
    return client.but(options=["ForwardAgent=yes", f"IdentityAgent={agent}", *client.options])


LIST = r"""
import socket, struct, sys
connection = socket.socket(socket.AF_UNIX)
connection.settimeout(20)
connection.connect(sys.argv[1])
connection.sendall(b"\0\0\0\1\x0b")
size, kind, count = struct.unpack(">IBI", connection.recv(9, socket.MSG_WAITALL))
print(kind, count)
"""


@pytest.mark.expect_logins(1)
def test_agent_answers_inside_and_leaves_nothing(ssh, inside, agent, incus):
    with with_agent(ssh, agent).master() as (client, _):
        shown = client.output("echo $SSH_AUTH_SOCK; stat -c %a ${SSH_AUTH_SOCK%/*} $SSH_AUTH_SOCK")
        path, folder_mode, mode = shown.split()
        assert (folder_mode, mode) == ("700", "600")
        # The session that brought it is over, and it still serves the connection.
        for _ in range(3):
            answer = inside.run_as_its_root(LIST, inside.root / path.lstrip("/"))
            assert answer.split() == ["12", "1"]
    folder = inside.root / path.lstrip("/")
    wait_until(lambda: not folder.parent.exists(), 10)


@pytest.mark.expect_logins(1)
def test_nothing_is_left_when_the_multiplexer_is_killed(ssh, inside, agent, incus):
    process = with_agent(ssh, agent).start("echo $SSH_AUTH_SOCK; exec sleep 77")
    path = process.stdout.readline().decode().strip()
    folder = (inside.root / path.lstrip("/")).parent
    assert folder.exists()
    incus.shell("c1", f"kill -9 {path.rsplit('.', 1)[1]}")
    wait_until(lambda: not folder.exists(), 10)
    end(process)


@pytest.mark.expect_logins(3)
def test_refused_where_key_or_flag_say_so(start_server, server, users, keyring, agent, inside,
                                          root_key):
    key = keyring.get("ed25519", name="noagent")
    users["member"].write_keys(f"no-agent-forwarding {key.public}")
    client = with_agent(Client(server, key, "c1+s2isys1", fresh_source()), agent)
    assert client.output("echo =$SSH_AUTH_SOCK=") == "==\n"
    client = with_agent(Client(start_server("--agent-forwarding", "no"), root_key), agent)
    assert client.output("echo =$SSH_AUTH_SOCK=") == "==\n"
    client = Client(server, root_key)
    assert client.output("echo =$SSH_AUTH_SOCK=") == "==\n"


@pytest.mark.expect_logins(1)
def test_x11_is_off_by_default(ssh):
    result = ssh.run("echo =$DISPLAY=", options=["-X"], env={"DISPLAY": ":77"})
    assert result.stdout == b"==\n"


@pytest.mark.expect_logins(1)
def test_ssh_add_lists_the_keys_inside(ssh, debian, agent, keyring):
    client = with_agent(ssh.but(login=f"alice@{debian}"), agent)
    listed = client.output("ssh-add -l")
    assert keyring.get("ed25519", name="agent").fingerprint in listed
    assert listed.count("\n") == 1


@pytest.mark.expect_logins(2)
def test_nested_login_by_the_agent(ssh, debian, agent, server, root_key):
    subprocess.run(["ssh-add", "-q", root_key.path], check=True,
                   env=environment({"SSH_AUTH_SOCK": str(agent)}))
    client = with_agent(ssh.but(login=debian), agent)
    port = free_port()
    nested = (f"ssh -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "
              f"-o LogLevel=ERROR -o BatchMode=yes -p {port} c1@127.0.0.1 hostname")
    client.server.log.mark()
    client = client.but(options=[f"RemoteForward={port} 127.0.0.1:{server.port}",
                                 *client.options])
    assert client.output(f"ip link set lo up; {nested}") == "c1\n"
    opened = server.log.wait_for("forward_opened", kind="agent")
    assert opened[0].target == f"root@{debian}.default"


X_CLIENT = r"""
import socket, struct, sys
number, cookie = int(sys.argv[1]), bytes.fromhex(sys.argv[2])
connection = socket.create_connection(("127.0.0.1", 6000 + number), 20)
name = b"MIT-MAGIC-COOKIE-1"
connection.sendall(struct.pack("<BxHHHHxx", ord("l"), 11, 0, len(name), len(cookie)) +
                   name + bytes(-len(name) % 4) + cookie + bytes(-len(cookie) % 4))
print(connection.makefile("rb").read().decode())
"""


@pytest.fixture
def x_server():
    """A display of the client's host that answers a connection with the cookie that it was shown."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(60)

    def serve():
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            head = connection.recv(12, socket.MSG_WAITALL)
            if len(head) == 12:
                _, _, _, name, cookie = struct.unpack("<BxHHHHxx", head)
                connection.recv(name + -name % 4, socket.MSG_WAITALL)
                connection.sendall(b"saw " + connection.recv(cookie, socket.MSG_WAITALL).hex()
                                   .encode())
            connection.close()
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listening.getsockname()[1] - 6000
    listening.close()


@pytest.fixture
def x_environment(x_server, tmp_path):
    """Of a client that may use the display; and the display's cookie."""
    authority = tmp_path / "Xauthority"
    display = f"127.0.0.1:{x_server}"
    cookie = os.urandom(16).hex()
    subprocess.run(["xauth", "-q", "-f", authority, "add", display, "MIT-MAGIC-COOKIE-1", cookie],
                   check=True, stderr=subprocess.DEVNULL)
    return {"DISPLAY": display, "XAUTHORITY": str(authority)}, cookie


@pytest.mark.expect_logins(2)
@pytest.mark.parametrize("shell_mode", [[], ["-S", "su"]])
def test_x11(start_server, root_key, debian, incus, x_environment, shell_mode):
    """The cookie inside is made up; the display sees the client's own."""
    incus.shell(debian, "ip link set lo up")
    place = Inside(incus, debian)
    env, cookie = x_environment
    client = Client(start_server("--x11-forwarding", "yes", *shell_mode), root_key, debian)
    process = client.start("echo $DISPLAY; xauth list; exec sleep 60", options=["-Y"], env=env)
    shown = process.stdout.readline().decode().strip()
    number = int(shown.removeprefix("localhost:").split(".")[0])
    assert number >= 10
    inner = next(line for line in iter(process.stdout.readline, b"")
                 if f":{number} ".encode() in line).split()[-1].decode()
    assert inner != cookie
    assert place.run(X_CLIENT, number, inner).strip() == f"saw {cookie}"
    # Another cookie than the session's gets nowhere.
    assert "saw" not in place.run(X_CLIENT, number, "00" * 16)
    end(process)
    wait_until(lambda: not place.listens(6000 + number), 10)
    place.close()
    # Without xauth the session says so and goes on.
    plain = client.but(login="c1").run("echo =$DISPLAY=", options=["-Y"], env=env)
    assert plain.stdout == b"==\n" and b"no xauth in this instance" in plain.stderr


@pytest.mark.expect_logins(1)
@pytest.mark.parametrize("shell_mode", ["login", "su"])
def test_x11_of_a_shell_that_the_instance_starts(start_server, root_key, debian, incus, terminal,
                                                 x_environment, shell_mode):
    incus.shell(debian, "ip link set lo up")
    server = start_server("--x11-forwarding", "yes", "-S", shell_mode)
    client = Client(server, root_key, f"alice@{debian}")
    session = terminal(client.argv(options=["-Y"]), env={"TERM": "xterm", **x_environment[0]})
    session.expect("[#$] ")
    session.type("echo D=$DISPLAY; id -un; xauth list\r")
    number = session.expect(r"D=localhost:(\d+)\.0\r\nalice\r\n").group(1).decode()
    session.expect(rf":{number} +MIT-MAGIC-COOKIE-1 +[0-9a-f]{{32}}\r\n")
    session.type("exit\r")
    session.wait()

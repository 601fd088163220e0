"""-R of the stock client: listeners inside the instance, whose connections the client takes."""
import hashlib
import re
import socketserver
import stat
import subprocess
import threading

import pytest

from harness.client import Client, end, fresh_source, wait_until
from harness.server import free_port

ASK = r"""
import socket, sys, hashlib
family, address, size = sys.argv[1], sys.argv[2], int(sys.argv[4])
where = address if family == "AF_UNIX" else (address, int(sys.argv[3]))
connection = socket.socket(getattr(socket, family))
connection.settimeout(20)
connection.connect(where)
data = b"x" * size
connection.sendall(data)
connection.shutdown(socket.SHUT_WR)
answer = b""
try:
    while part := connection.recv(65536):
        answer += part
except ConnectionResetError:
    pass
print(answer.decode(), flush=True)
"""


class Hasher(socketserver.BaseRequestHandler):
    def handle(self):
        digest = hashlib.sha256()
        while part := self.request.recv(65536):
            digest.update(part)
        self.request.sendall(digest.hexdigest().encode())


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = allow_reuse_address = True
    request_queue_size = 256


@pytest.fixture
def hasher(tmp_path):
    """A server of the client's host; its port."""
    server = Server(("127.0.0.1", 0), Hasher)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def expected(size):
    return hashlib.sha256(b"x" * size).hexdigest()


def ask(inside, port, address="127.0.0.1", size=100_000):
    family = "AF_INET6" if ":" in address else "AF_INET"
    return inside.run(ASK, family, address, port, size).strip()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.expect_logins(1)
def test_listens_on_both_loopbacks(ssh, inside, forwards, hasher, address):
    port = free_port()
    forwards(ssh, f"RemoteForward={port} 127.0.0.1:{hasher}")
    wait_until(lambda: len(inside.listens(port)) == 2, 10)
    assert all(line.startswith(("0100007F:", "0" * 24 + "01000000:"))
               for line in inside.listens(port))
    assert ask(inside, port, address, 3_000_000) == expected(3_000_000)


@pytest.mark.expect_logins(1)
def test_port_zero_is_told(ssh, inside, forwards, hasher):
    with ssh.master() as (client, _):
        told = subprocess.run(client.argv()[:-1] + ["-O", "forward", "-R", f"0:127.0.0.1:{hasher}",
                                                    client.server.address],
                              capture_output=True, timeout=30)
        port = int(told.stdout)
        assert ask(inside, port) == expected(100_000)
        cancelled = subprocess.run(client.argv()[:-1] + ["-O", "cancel", "-R",
                                                         f"0:127.0.0.1:{hasher}",
                                                         client.server.address],
                                   capture_output=True, timeout=30)
        assert cancelled.stderr == b""
        wait_until(lambda: not inside.listens(port), 10)


@pytest.mark.expect_logins(1)
def test_cancelled_listener_is_gone_and_can_come_again(ssh, inside, hasher):
    port = free_port()
    with ssh.master() as (client, _):
        def control(action):
            result = subprocess.run(client.argv()[:-1] + ["-O", action, "-R",
                                                          f"{port}:127.0.0.1:{hasher}",
                                                          client.server.address],
                                    capture_output=True, timeout=30)
            assert result.returncode == 0, result.stderr
        for _ in range(3):
            control("forward")
            assert ask(inside, port) == expected(100_000)
            control("cancel")
            wait_until(lambda: not inside.listens(port), 10)


@pytest.mark.expect_logins(1)
def test_taken_port_is_refused(ssh, inside):
    port = inside.serve()
    inside.serve("::1", port)  # one of the two would be enough
    result = ssh.run("true", options=["ExitOnForwardFailure=yes",
                                      f"RemoteForward={port} 127.0.0.1:1"])
    assert result.returncode == 255
    assert b"remote port forwarding failed" in result.stderr


@pytest.mark.expect_logins(1)
def test_unix_socket_is_the_users_alone_and_removed(ssh, inside, incus, forwards, hasher):
    path = "/tmp/remote-forward.sock"
    incus.shell("c1", f"rm -f {path}")
    client = forwards(ssh, f"RemoteForward={path} 127.0.0.1:{hasher}")
    file = inside.root / path.lstrip("/")
    wait_until(file.exists, 10)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    answer = inside.run_as_its_root(ASK, "AF_UNIX", file, 0, 500_000).strip()
    assert answer == expected(500_000)
    end(client)
    wait_until(lambda: not file.exists(), 10)


@pytest.mark.expect_logins(1)
def test_a_path_that_is_there_stays(ssh, inside, incus):
    incus.shell("c1", "echo kept >/tmp/kept.sock")
    result = ssh.run("true", options=["ExitOnForwardFailure=yes",
                                      "RemoteForward=/tmp/kept.sock 127.0.0.1:1"])
    assert result.returncode == 255
    assert incus.shell("c1", "cat /tmp/kept.sock") == "kept\n"


@pytest.mark.parametrize("flag, wish, wildcard", [
    ("yes", "127.0.0.1:", True), ("clientspecified", "*:", True),
    ("clientspecified", "localhost:", False), ("no", "*:", False)])
@pytest.mark.expect_logins(1)
def test_gateway_ports(start_server, root_key, inside, forwards, flag, wish, wildcard):
    client = Client(start_server("--gateway-ports", flag), root_key)
    port = free_port()
    forwards(client, f"RemoteForward={wish}{port} 127.0.0.1:1")
    wait_until(lambda: len(inside.listens(port)) == 2, 10)
    assert all(bool(re.match("0+:", line)) == wildcard for line in inside.listens(port))


@pytest.mark.expect_logins(2)
def test_permitlisten(server, users, keyring, inside):
    key = keyring.get("ed25519", name="permitlisten")
    port, other = free_port(), free_port()
    users["member"].write_keys(f'permitlisten="{port}" {key.public}')
    client = Client(server, key, "c1+s2isys1", fresh_source())
    for wanted, status in (port, 0), (other, 255):
        result = client.run("true", options=["ExitOnForwardFailure=yes",
                                             f"RemoteForward={wanted} 127.0.0.1:1"])
        assert result.returncode == status, result.stderr


@pytest.mark.expect_logins(2)
def test_access_policy_limits_ports(start_server, root_key, inside, access):
    port = free_port()
    path = access.write({"name": "some", "allow": ["shell", "exec", "remote-forward"],
                         "remote-forward-ports": [str(port)]})
    client = Client(start_server("--access", path), root_key)
    for wanted, status in (port, 0), (port - 1, 255):
        result = client.run("true", options=["ExitOnForwardFailure=yes",
                                             f"RemoteForward={wanted} 127.0.0.1:1"])
        assert result.returncode == status, result.stderr


@pytest.mark.expect_logins(1)
def test_refused_by_the_client(ssh, inside, forwards):
    """Nobody listens where the client should connect to: the connection inside is closed."""
    port = free_port()
    forwards(ssh, f"RemoteForward={port} 127.0.0.1:1")
    wait_until(lambda: inside.listens(port), 10)
    assert ask(inside, port, size=10) == ""


@pytest.mark.expect_logins(1)
def test_many_connections_at_once(ssh, inside, forwards, hasher):
    port = free_port()
    forwards(ssh, f"RemoteForward={port} 127.0.0.1:{hasher}")
    wait_until(lambda: inside.listens(port), 10)
    code = r"""
import socket, sys, hashlib
connections = [socket.create_connection(("127.0.0.1", int(sys.argv[1])), 30) for _ in range(200)]
for connection in connections:
    connection.sendall(b"x" * 5000)
answers = set()
for connection in connections:
    connection.shutdown(socket.SHUT_WR)
for connection in connections:
    answers.add(connection.makefile("rb").read().decode())
print(*answers)
"""
    assert inside.run(code, port, timeout=60).strip() == expected(5000)

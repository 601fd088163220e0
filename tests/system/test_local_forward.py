"""-L, -D and -W of the stock client: connections opened from inside the instance."""
import concurrent.futures
import hashlib
import os
import pathlib
import socket
import subprocess

import pytest

from harness.client import Client, end, fresh_source, wait_until
from harness.forward import ask, connect, read_all
from harness.server import free_port


def gives_nothing(connection, data=b""):
    """Whether the connection ends without a byte."""
    try:
        connection.sendall(data)
        return read_all(connection) == b""
    except (ConnectionResetError, BrokenPipeError):
        return True


def sha256(data):
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.expect_logins(1)
def test_everything_arrives_both_ways(ssh, inside, forwards, address):
    port, local = inside.serve(address), free_port()
    forwards(ssh, f"LocalForward={local} [{address}]:{port}")
    data = os.urandom(3_000_000)
    assert ask(connect(local), "hash", data).decode() == sha256(data)
    assert ask(connect(local), "echo", data) == data


@pytest.mark.expect_logins(1)
def test_unix_socket_of_the_instance(ssh, inside, forwards):
    path, local = inside.serve_unix("/tmp/forward-test.sock"), free_port()
    forwards(ssh, f"LocalForward={local} {path}")
    data = os.urandom(300_000)
    assert ask(connect(local), "hash", data).decode() == sha256(data)


@pytest.mark.expect_logins(1)
def test_names_are_those_of_the_instance(ssh, inside, forwards, incus):
    incus.shell("c1", "printf '127.0.0.9 other\\n127.0.0.8 names-inside  # one\\n' >/etc/hosts")
    try:
        port, local, wrong = inside.serve("127.0.0.8"), free_port(), free_port()
        forwards(ssh, f"LocalForward={local} Names-Inside:{port}",
                 f"LocalForward={wrong} no-such-name:{port}")
        assert ask(connect(local), "echo", b"x") == b"x"
        assert gives_nothing(connect(wrong))
    finally:
        incus.shell("c1", "rm /etc/hosts")


@pytest.mark.expect_logins(1)
def test_dynamic_forwarding_by_name(ssh, inside, forwards):
    port, socks = inside.serve(), free_port()
    forwards(ssh, f"DynamicForward=127.0.0.1:{socks}")
    connect(socks).close()
    result = subprocess.run(["curl", "-sS", "--max-time", "20", "--socks5-hostname",
                             f"127.0.0.1:{socks}", f"telnet://localhost:{port}"],
                            input=b"peer\n", capture_output=True, timeout=30)
    assert b"127.0.0.1" in result.stdout, result


@pytest.mark.expect_logins(1)
def test_half_closed_connections(ssh, inside, forwards):
    server = inside.start_server()
    local = free_port()
    forwards(ssh, f"LocalForward={local} 127.0.0.1:{server.port}")
    connection = connect(local)
    connection.sendall(b"end-first\n")
    assert connection.recv(5, socket.MSG_WAITALL) == b"first"
    assert connection.recv(1) == b""  # its end, while ours is open
    data = os.urandom(500_000)
    connection.sendall(data)
    connection.close()
    assert server.process.stdout.readline().strip() == sha256(data)


@pytest.mark.expect_logins(1)
def test_two_hundred_connections_at_once(ssh, inside, forwards):
    port, local = inside.serve(), free_port()
    forwards(ssh, f"LocalForward={local} 127.0.0.1:{port}")
    first = connect(local)
    connections = [first] + [socket.create_connection(("127.0.0.1", local), 30)
                             for _ in range(199)]
    data = [os.urandom(20_000) for _ in connections]
    for connection, part in zip(connections, data):  # all open before any is answered
        connection.sendall(b"hash\n" + part[:10_000])
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        def finish(pair):
            connection, part = pair
            connection.sendall(part[10_000:])
            connection.shutdown(socket.SHUT_WR)
            return read_all(connection).decode()
        answers = list(pool.map(finish, zip(connections, data)))
    assert answers == [sha256(part) for part in data]


@pytest.mark.parametrize("target, reason", [
    ("127.0.0.1:1", "connect failed: Connection refused"),
    ("198.51.100.1:80", "connect failed: Network is unreachable"),
    ("no.such.name.invalid:80", "connect failed: name not found: no.such.name.invalid"),
    ("169.254.169.254:80",
     "administratively prohibited: connections to this address are not allowed here"),
    ("[::ffff:169.254.169.254]:80",
     "administratively prohibited: connections to this address are not allowed here"),
])
@pytest.mark.expect_logins(1)
def test_what_cannot_be_reached_is_told(ssh, inside, target, reason):
    result = subprocess.run(ssh.argv()[:-1] + ["-W", target, ssh.server.address], input=b"",
                            capture_output=True, timeout=90)
    assert reason in result.stderr.decode()
    assert result.returncode == 255


@pytest.mark.expect_logins(1)
def test_standard_streams_to_a_port(ssh, inside):
    port = inside.serve()
    result = subprocess.run(ssh.argv()[:-1] + ["-W", f"127.0.0.1:{port}", ssh.server.address],
                            input=b"hash\nabc", capture_output=True, timeout=30)
    assert result.stdout.decode() == sha256(b"abc"), result.stderr


@pytest.mark.expect_logins(1)
def test_incus_sockets_are_denied_by_any_name(ssh, inside, forwards, incus):
    incus.shell("c1", "rm -f /tmp/link; ln -s /dev/incus/sock /tmp/link; ls /dev/incus/sock")
    direct, linked = free_port(), free_port()
    forwards(ssh, f"LocalForward={direct} /dev/incus/sock", f"LocalForward={linked} /tmp/link")
    for port in direct, linked:
        assert gives_nothing(connect(port), b"GET /1.0 HTTP/1.0\r\n\r\n")


@pytest.mark.expect_logins(1)
def test_incus_socket_if_the_flags_allow_it(start_server, root_key, inside, forwards):
    client = Client(start_server("--forward-deny", "none"), root_key)
    local = free_port()
    forwards(client, f"LocalForward={local} /dev/incus/sock")
    connection = connect(local)
    connection.sendall(b"GET /1.0 HTTP/1.0\r\n\r\n")
    assert b"api_version" in read_all(connection)


def refused(client, target):
    result = subprocess.run(client.argv()[:-1] + ["-W", target, client.server.address],
                            input=b"", capture_output=True, timeout=60)
    return b"not allowed here" in result.stderr, result.stderr


@pytest.mark.expect_logins(3)
def test_permitopen(server, users, keyring, inside):
    key = keyring.get("ed25519", name="permitopen")
    port = inside.serve()
    users["member"].write_keys(f'permitopen="localhost:{port}",permitopen="[::1]:*" {key.public}')
    client = Client(server, key, "c1+s2isys1", fresh_source())
    assert refused(client, f"127.0.0.1:{port}")[0]
    assert refused(client, "[::1]:9")[1].count(b"Connection refused")
    result = subprocess.run(client.argv()[:-1] + ["-W", f"LOCALHOST:{port}", server.address],
                            input=b"hash\n", capture_output=True, timeout=30)
    assert result.stdout.decode() == sha256(b""), result.stderr


@pytest.mark.expect_logins(1)
def test_no_port_forwarding(server, users, keyring, inside):
    key = keyring.get("ed25519", name="noforward")
    users["member"].write_keys(f"no-port-forwarding {key.public}")
    client = Client(server, key, "c1+s2isys1", fresh_source())
    assert refused(client, "127.0.0.1:1")[0]


@pytest.mark.expect_logins(3)
def test_access_policy_limits_where_to(start_server, root_key, inside, access):
    port = inside.serve()
    path = access.write({"name": "some", "allow": ["shell", "exec", "local-forward"],
                         "local-forward-to": [f"127.0.0.?:{port}"]})
    client = Client(start_server("--access", path), root_key)
    assert refused(client, "127.0.0.1:1")[0]
    assert refused(client, f"localhost:{port}")[0]
    result = subprocess.run(client.argv()[:-1] + ["-W", f"127.0.0.1:{port}",
                                                  client.server.address],
                            input=b"hash\n", capture_output=True, timeout=30)
    assert result.stdout.decode() == sha256(b""), result.stderr


@pytest.mark.expect_logins(1)
def test_flag_without_forwarding(start_server, root_key, inside):
    client = Client(start_server("--allow-tcp-forwarding", "remote"), root_key)
    assert refused(client, "127.0.0.1:1")[0]


@pytest.mark.expect_logins(1)
def test_host_addresses_can_be_denied(start_server, root_key, inside):
    address = subprocess.run(["hostname", "-I"], capture_output=True, text=True).stdout.split()[0]
    client = Client(start_server("--forward-deny", "host:22"), root_key)
    target = f"[{address}]:22" if ":" in address else f"{address}:22"
    assert refused(client, target)[0]


@pytest.mark.expect_logins(1)
def test_a_stalled_connection_blocks_no_other(ssh, inside, forwards, server):
    port, local = inside.serve(), free_port()
    forwards(ssh, f"LocalForward={local} 127.0.0.1:{port}")
    stalled = [connect(local) for _ in range(50)]
    for number, connection in enumerate(stalled):
        # Half of them send what nobody reads, half don't read what is sent.
        connection.setblocking(False)
        try:
            if number % 2:
                connection.send(b"send 100000000\n")
            else:
                connection.send(b"stall\n")
                while True:
                    connection.send(bytes(65536))
        except BlockingIOError:
            pass
    data = os.urandom(1_000_000)
    for _ in range(3):
        assert ask(connect(local), "hash", data).decode() == sha256(data)
    sizes = process_sizes()
    # 25 windows of 2 MiB and what the guest may have sent, in sessiond; 25 of 1 MiB in the guest.
    assert 1_000_000 < sizes["ssh2incus-sessiond"] < 200_000_000
    assert 1_000_000 < sizes["guest-"] < 80_000_000
    for connection in stalled:
        connection.close()
    assert ask(connect(local), "hash", data).decode() == sha256(data)


def process_sizes():
    """Names and resident sizes of our processes; of each name the greatest."""
    found = {}
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines()
                          if ":\t" in line)
            name = os.path.basename(os.readlink(status.parent / "exe"))
        except (OSError, ValueError):
            continue
        for ours in ("ssh2incus-sessiond", "guest-"):
            if name.startswith(ours) and "VmRSS" in fields:
                found[ours] = max(found.get(ours, 0), int(fields["VmRSS"].split()[0]) * 1024)
    return found


@pytest.mark.expect_logins(3)
def test_jump_through_an_instance(ssh, inside, server):
    # The instance has no network, so a connection inside is carried out again by -R.
    port = free_port()
    carrier = ssh.start("-N", options=[f"RemoteForward={port} 127.0.0.1:{server.port}"],
                        stdin=subprocess.DEVNULL)
    try:
        server.log.wait_for("target_ready")
        jump = " ".join(ssh.argv()[:-1] + ["-W", f"127.0.0.1:{port}", ssh.server.address])
        outer = ssh.but(options=[f"ProxyCommand={jump}"])
        wait_until(lambda: inside.listens(port), 10)
        assert outer.output("hostname") == "c1\n"
    finally:
        end(carrier)

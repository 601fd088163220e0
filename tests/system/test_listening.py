"""Where the server listens: several addresses, IPv6, unix sockets, sockets of a service manager; and
what counts as the source of a connection there."""
import contextlib
import os
import pathlib
import shutil
import socket
import stat
import sys
import tempfile

import pytest

from harness.client import Client
from harness.server import Place, free_port

CONNECT = ("import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); "
           "socket.send_fds(socket.socket(fileno=1), [b' '], [s.fileno()])")


@pytest.fixture
def folder():
    """A directory that only root can change, all the way up."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="ssh2incus-test-", dir="/run"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def through(path, server):
    """Options of a client that connects by a unix socket."""
    return ["ProxyUseFdpass=yes", f"HostKeyAlias=[{server.address}]:{server.port}",
            f"ProxyCommand={sys.executable} -c \"{CONNECT}\" {path}"]


@pytest.mark.expect_logins(4)
def test_all_addresses_are_listened_on(start_server, root_key, folder):
    second, sixth = free_port(), free_port()
    path = folder / "ssh"
    server = start_server("-l", f"127.0.0.2:{second}", "-l", f"[::1]:{sixth}", "-l", f"unix:{path}")
    show = "echo $SSH_CONNECTION"
    assert Client(server, root_key).output(show).split()[2:] == ["127.0.0.1", str(server.port)]
    for address, port in (("127.0.0.2", second), ("::1", sixth)):
        place = Place(server, address, port)
        assert Client(place, root_key).output(show).split()[2:] == [address, str(port)]
    unix = Client(server, root_key, options=through(path, server))
    assert unix.output(show) == "UNKNOWN 65535 UNKNOWN 65535\n"
    status = path.stat()
    assert stat.S_IMODE(status.st_mode) == 0o600 and status.st_uid == 0
    listening, = server.log.events("listening")
    assert f"unix:{path}" in listening.address and f"[::1]:{sixth}" in listening.address


@pytest.mark.expect_logins(2)
def test_a_unix_socket_is_no_address_for_rules_and_penalties(start_server, keyring, users, folder):
    path = folder / "ssh"
    server = start_server("-l", f"unix:{path}", "--penalties", "authfail:30")
    near, anywhere = keyring.get("ed25519", name="near"), keyring.get("ed25519", name="anywhere")
    users["member"].write_keys('from="127.0.0.0/8,::/0" ' + near.public, anywhere.public)
    local = Client(server, near, "c1+s2isys1")
    unix = local.but(options=through(path, server))
    assert local.output("echo in") == "in\n"
    for _ in range(3):
        assert unix.run("true").returncode == 255
    assert unix.but(key=anywhere).output("echo in") == "in\n"
    assert server.log.wait_for("connection_closed")[0].source
    assert {event.source for event in server.log.events("auth_succeeded")} >= {"unknown"}
    assert not server.log.events("penalty")


@pytest.mark.expect_logins(1)
def test_a_dead_socket_is_replaced_and_a_live_one_is_not(start_server, root_key, folder):
    path = folder / "ssh"
    first = start_server("-l", f"unix:{path}")
    with pytest.raises(AssertionError, match="somebody listens"):
        start_server("-l", f"unix:{path}")
    first.stop()
    assert path.is_socket()
    second = start_server("-l", f"unix:{path}")
    unix = Client(second, root_key, options=through(path, second))
    assert unix.output("echo again") == "again\n"


@pytest.mark.expect_logins(2)
def test_sockets_of_a_service_manager_are_used(start_server, root_key, folder):
    with contextlib.ExitStack() as stack:
        tcp = stack.enter_context(socket.socket())
        tcp.bind(("127.0.0.1", 0))
        unix = stack.enter_context(socket.socket(socket.AF_UNIX))
        unix.bind(str(folder / "ssh"))
        for one in (tcp, unix):
            one.listen(128)
        server = start_server(sockets=[tcp, unix])
        place = Place(server, *tcp.getsockname())
        assert Client(place, root_key).output("echo in; env | grep LISTEN_ || true") == "in\n"
        options = [f"HostKeyAlias=[127.0.0.1]:{place.port}", *through(folder / "ssh", server)]
        assert Client(place, root_key, options=options).output("echo in") == "in\n"
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", server.port), 2)  # --listen has no meaning then


@pytest.mark.expect_logins(0)
def test_open_doors_of_a_service_manager_are_refused_with_noauth(start_server):
    with socket.socket() as everywhere:
        everywhere.bind(("0.0.0.0", 0))
        everywhere.listen(1)
        with pytest.raises(AssertionError, match="could log in"):
            start_server("--noauth", sockets=[everywhere])
    with socket.socket() as unbound, pytest.raises(AssertionError, match="no listening stream"):
        start_server(sockets=[unbound])

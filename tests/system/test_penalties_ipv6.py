"""What an IPv6 source does counts for its whole /64, and for nobody beyond."""
import contextlib
import copy
import socket
import subprocess

import pytest

from harness.client import Client, wait_until

ONE, NEIGHBOUR, ELSEWHERE = "fd00:5321:1::1", "fd00:5321:1:0:ffff::2", "fd00:5321:1:1::1"


@pytest.fixture
def addresses():
    with contextlib.ExitStack() as stack:
        for address in (ONE, NEIGHBOUR, ELSEWHERE):
            subprocess.run(["ip", "-6", "address", "add", address + "/128", "dev", "lo"], check=True)
            stack.callback(subprocess.run, ["ip", "-6", "address", "del", address + "/128",
                                            "dev", "lo"], check=True)
        yield


def free_port():
    with socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return probe.getsockname()[1]


@pytest.mark.expect_logins(2)
def test_one_address_has_its_block_refused(addresses, start_server, root_key, keyring):
    port = free_port()
    server = start_server("-l", f"[::1]:{port}", "--penalty-half-life", "3600")
    alias = f"HostKeyAlias=[{server.address}]:{server.port}"
    by_ipv6 = copy.copy(server)
    by_ipv6.address, by_ipv6.port = "::1", port

    def client(source, key=root_key):
        return Client(by_ipv6, key, source=source, options=[alias])

    assert client(NEIGHBOUR).output("echo in") == "in\n"
    stranger = keyring.get("ed25519", name="stranger-of-a-block")

    def refused():
        assert client(ONE, stranger).run("true").returncode == 255
        return server.log.events("penalty", refused="yes")

    penalty = wait_until(refused, 60, "a penalty that refuses")[-1]
    assert penalty.source.startswith("fd00:5321:1:"), penalty.source
    for source in (ONE, NEIGHBOUR):
        result = client(source).run("echo in")
        assert result.returncode == 255 and b"in\n" not in result.stdout, source
    assert server.log.events("connection_refused", reason="penalty for authfail")
    assert client(ELSEWHERE).output("echo in") == "in\n"

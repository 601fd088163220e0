"""Load balancers: haproxy of Debian with both versions of the PROXY protocol, and peers that lie."""
import concurrent.futures
import socket
import time

import pytest

from harness.balancer import Balancer
from harness.client import Client, fresh_source, end, wait_until

LISTED = ("--proxy-protocol-from", "127.0.0.1")
V2_START = b"\r\n\r\n\0\r\nQUIT\n"


def talk(server, data, source="127.0.0.1", timeout=15):
    """All that the server answers to the bytes, until it closes or says its version."""
    with socket.create_connection((server.address, server.port), timeout,
                                  source_address=(source, 0)) as peer:
        peer.sendall(data)
        answer = b""
        while not answer.startswith(b"SSH-2.0-") or not answer.endswith(b"\n"):
            try:
                chunk = peer.recv(1000)
            except ConnectionResetError:  # not all that was sent has been read
                break
            if not chunk:
                break
            answer += chunk
        return answer


@pytest.mark.parametrize("send", ["send-proxy", "send-proxy-v2",
                                  "send-proxy-v2 proxy-v2-options crc32c"])
@pytest.mark.expect_logins(2)
def test_the_clients_own_address_counts(start_server, keyring, users, send):
    server = start_server(*LISTED)
    source = fresh_source()
    key, other = keyring.get("ed25519", name="here"), keyring.get("ed25519", name="there")
    users["member"].write_keys(f'from="{source}" ' + key.public, 'from="127.0.0.1" ' + other.public)
    with Balancer([server], send) as balancer:
        client = Client(balancer, key, "c1+s2isys1", source)
        address, _, own, own_port = client.output("echo $SSH_CONNECTION").split()
        assert (address, own, own_port) == (source, "127.0.0.1", str(balancer.port))
        assert client.output("echo again") == "again\n"
        # That key's from= names the balancer, who isn't the client.
        assert client.but(key=other).run("true").returncode == 255
    told = server.log.events("auth_succeeded")[0]
    assert told.source.startswith(source + ":") and told.balancer.startswith("127.0.0.1:")


@pytest.mark.expect_logins(1)
def test_penalties_meet_the_client_and_not_its_neighbours(start_server, root_key, keyring):
    server = start_server(*LISTED, "--penalties", "authfail:20")
    bad, good = fresh_source(), fresh_source()
    wrong = keyring.get("ed25519", name="unknown")
    with Balancer([server]) as balancer:
        assert Client(balancer, wrong, source=bad).run("true").returncode == 255
        penalty = server.log.wait_for("penalty")[0]
        assert penalty.source == bad
        again = Client(balancer, root_key, source=bad).run("true")
        assert again.returncode == 255
        refused, = server.log.wait_for("connection_refused")
        assert refused.source == bad
        assert Client(balancer, root_key, source=good).output("echo in") == "in\n"


@pytest.mark.expect_logins(0)
def test_limits_per_source_count_clients(start_server):
    server = start_server(*LISTED, "--per-source-max-startups", "1")
    held = socket.create_connection((server.address, server.port), source_address=("127.0.0.1", 0))
    with held:
        held.sendall(b"PROXY TCP4 192.0.2.1 192.0.2.9 1 22\r\n")
        assert held.recv(100).startswith(b"SSH-2.0-")
        assert talk(server, b"PROXY TCP4 192.0.2.1 192.0.2.9 2 22\r\n") == b"Exceeded MaxStartups\r\n"
        assert talk(server, b"PROXY TCP4 192.0.2.2 192.0.2.9 3 22\r\n").startswith(b"SSH-2.0-")
    wait_until(lambda: talk(server, b"PROXY TCP4 192.0.2.1 192.0.2.9 4 22\r\n").startswith(b"SSH-"))


@pytest.mark.expect_logins(0)
def test_headers_are_demanded_of_balancers_and_of_them_alone(start_server):
    server = start_server(*LISTED)
    for data in (b"SSH-2.0-OpenSSH_9.9\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n" + b"x" * 100,
                 b"GET / HTTP/1.0\r\n\r\n", V2_START + b"\x21\x11\xff\xff" + bytes(3000)):
        assert talk(server, data) == b""
    closed = server.log.wait_for("connection_closed", 4)
    assert all("PROXY header" in event.reason for event in closed)
    started = time.monotonic()
    assert talk(server, b"PROXY TCP4 192.0.2.1 ") == b""
    assert time.monotonic() - started > 3
    assert not server.log.events("penalty")  # it would be everybody's
    stranger = fresh_source()
    answer = talk(server, b"PROXY TCP4 192.0.2.1 192.0.2.9 1 22\r\n", source=stranger)
    assert answer == b"" or answer.startswith(b"SSH-2.0-")  # which may be lost with the reset
    ended, = [event for event in server.log.wait_for("connection_closed", 6) if event.source]
    assert ended.source.startswith(stranger + ":") and "PROXY header" not in ended.reason
    assert ended.reason


@pytest.mark.expect_logins(0)
def test_headers_without_addresses_leave_the_balancers_own(start_server):
    server = start_server(*LISTED)
    for data in (b"PROXY UNKNOWN\r\n", V2_START + b"\x20\x00\x00\x00",
                 V2_START + b"\x21\x00\x00\x03xyz"):
        assert talk(server, data).startswith(b"SSH-2.0-")
    for event in server.log.wait_for("connection_proxied", 3):
        assert event.source.startswith("127.0.0.1:") and event.header == "without addresses"


@pytest.mark.expect_logins(1)
def test_health_checks_of_the_balancer_cost_nothing(start_server, root_key):
    server = start_server(*LISTED)
    with Balancer([server], "send-proxy-v2", "check inter 100ms") as balancer:
        server.log.wait_for("connection_closed", 12)
        assert Client(balancer, root_key, source=fresh_source()).output("echo in") == "in\n"
    assert not server.log.events("penalty")


@pytest.mark.expect_logins(44)
def test_one_of_three_servers_is_killed_under_load(start_server, root_key):
    flags = (*LISTED, "--no-penalties", "--max-startups", "100")
    servers = [start_server(*flags) for _ in range(3)]
    with Balancer(servers, "send-proxy-v2", "check inter 200ms fall 1") as balancer:
        client = Client(balancer, root_key)
        living = [client.start("echo up; cat") for _ in range(12)]
        try:
            for process in living:
                assert process.stdout.readline() == b"up\n"
            victim = servers[1]
            on_victim = len(victim.log.events("auth_succeeded"))
            assert 0 < on_victim < 12
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                load = [pool.submit(client.run, "echo done") for _ in range(32)]
                for process in victim.connection_processes():
                    process_kill(process)
                victim.process.kill()
                victim.process.wait()
                results = [one.result() for one in load]
            wait_until(lambda: sum(one.poll() is not None for one in living) == on_victim)
            for process in living:
                if process.poll() is None:
                    process.stdin.write(b"still here\n")
                    process.stdin.flush()
                    assert process.stdout.readline() == b"still here\n"
            assert sum(one.stdout == b"done\n" for one in results) >= 28
            missing = 32 - len([one for one in results if one.returncode == 0])
            for _ in range(44 - sum(len(s.log.events("auth_succeeded")) for s in servers)):
                assert client.output("echo new") == "new\n"
            assert missing <= 4
        finally:
            for process in living:
                end(process)


def process_kill(process):
    import os
    import signal
    try:
        os.kill(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass

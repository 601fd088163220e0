"""One source hammers; others log in as if it weren't there."""
import statistics
import subprocess
import sys
import time

import pytest

from harness.client import Client, end, fresh_source, wait_until

# Connects RATE times a second from SOURCE, waits each time until the server has hung up, and
# prints how often that happened every second.
HAMMER = """
import select, socket, sys, time
host, port, source, rate = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
waiting, done, begin, tried, told = set(), 0, time.monotonic(), 0, 0
while True:
    passed = time.monotonic() - begin
    while tried < passed * rate:
        tried += 1
        waiting.add(socket.create_connection((host, port), 5, (source, 0)))
    for stream in select.select(list(waiting), [], [], 0.005)[0]:
        try:
            gone = not stream.recv(4096)
        except ConnectionError:
            gone = True
        if gone:
            waiting.discard(stream)
            stream.close()
            done += 1
    if passed > told + 1:
        told += 1
        print(done, flush=True)
"""
RATE = 200


def login_seconds(client):
    begin = time.monotonic()
    assert client.output("true") == ""
    return time.monotonic() - begin


def fail_until_refused(server, keyring, source):
    """The penalty event after which the source is refused."""
    wrong = Client(server, keyring.get("ed25519", name="wrong"), "c1", source)
    for _ in range(20):
        wrong.run("true")
        if server.log.events("penalty", refused="yes"):
            break
    return server.log.wait_for("penalty", refused="yes")[-1]


@pytest.mark.expect_logins(14)
def test_a_good_login_takes_no_longer_while_another_source_hammers(start_server, root_key, keyring):
    server = start_server()
    source = fresh_source()
    fail_until_refused(server, keyring, source)
    good = Client(server, root_key, source=fresh_source())
    quiet, hammered = [], []
    # In turns, so that the machine's moods hit both alike.
    for _ in range(7):
        quiet.append(login_seconds(good))
        process = subprocess.Popen(
            [sys.executable, "-c", HAMMER, server.address, str(server.port), source, str(RATE)],
            stdout=subprocess.PIPE, text=True)
        try:
            assert int(process.stdout.readline()) > RATE / 2, "the hammer was too slow to tell"
            hammered.append(login_seconds(good))
        finally:
            end(process)
    assert statistics.median(hammered) < 2 * statistics.median(quiet), (quiet, hammered)
    refused = server.log.events("connection_refused", source=source)
    assert len(refused) > 7 * RATE / 2
    assert all(event.reason == "penalty for authfail" for event in refused)


@pytest.mark.expect_logins(1)
def test_source_is_let_in_again_when_its_penalty_has_decayed(start_server, root_key, keyring):
    server = start_server("--penalty-half-life", "2")
    source = fresh_source()
    penalty = fail_until_refused(server, keyring, source)
    assert penalty.source == source and penalty.reason == "authfail"

    good = Client(server, root_key, source=source)
    assert good.run("true").returncode == 255
    # A connection that only looked would be penalised for leaving without a try.
    wait_until(lambda: good.run("true").returncode == 0, 20, "the end of the penalty")

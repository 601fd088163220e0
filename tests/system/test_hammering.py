"""One source hammers; others log in as if it weren't there."""
import json
import statistics
import subprocess
import sys
import time

import pytest

from harness.client import Client, end, fresh_source, wait_until

# RATE times a second from SOURCE: a login with a wrong key, up to the refusal; waits each time until
# the server has hung up. Prints every second how many of them ended, and how many got that far.
HAMMER = """
import json, logging, socket, sys, threading, time, paramiko
logging.disable()
host, port, source, rate = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
key, lock, ended, served = paramiko.ECDSAKey.generate(), threading.Lock(), 0, 0

def log_in():
    global ended, served
    with socket.create_connection((host, port), 20, (source, 0)) as stream:
        try:
            if stream.recv(8, socket.MSG_PEEK).startswith(b"SSH-2.0"):
                with paramiko.Transport(stream) as transport:
                    transport.start_client(timeout=20)
                    transport.auth_publickey("c1", key)
            while stream.recv(4096):
                pass
        except paramiko.AuthenticationException:
            with lock:
                served += 1
        except (OSError, EOFError, paramiko.SSHException):
            pass
    with lock:
        ended += 1

begin, tried, told = time.monotonic(), 0, 0
while True:
    passed = time.monotonic() - begin
    while tried < passed * rate and threading.active_count() < 100:
        tried += 1
        threading.Thread(target=log_in, daemon=True).start()
    time.sleep(0.002)
    if passed > told + 1:
        told += 1
        print(json.dumps([ended, served]), flush=True)
"""
RATE = 200


class Hammer:
    def __init__(self, server, source):
        self.process = subprocess.Popen(
            [sys.executable, "-c", HAMMER, server.address, str(server.port), source, str(RATE)],
            stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end(self.process)

    def at_work(self):
        """Once it gets up to speed: how many connections have ended, and how many of them had tried
        to log in."""
        before = 0
        for _ in range(10):
            ended, served = json.loads(self.process.stdout.readline())
            if ended - before > RATE / 2:
                return ended, served
            before = ended
        raise AssertionError("the hammer was too slow to tell")


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
def test_a_good_login_takes_no_longer_while_another_source_hammers(start_server, root_key):
    server = start_server()
    good = Client(server, root_key, source=fresh_source())
    quiet, hammered, connections = [], [], 0
    # In turns, so that the machine's moods hit both alike.
    for _ in range(7):
        quiet.append(login_seconds(good))
        with Hammer(server, fresh_source()) as hammer:  # without any penalty yet
            ended, served = hammer.at_work()
            assert served > 0, "nothing was refused at first"
            hammered.append(login_seconds(good))
            connections += ended
    assert statistics.median(hammered) < 2 * statistics.median(quiet), (quiet, hammered)
    server.stop()
    refused = server.log.events("connection_refused")
    counted = server.log.events("connections_refused")
    total = len(refused) + sum(int(event.times) for event in counted)
    assert len(refused) <= 7 and len(counted) <= 7, "few lines, however many are refused"
    assert total > connections / 2


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

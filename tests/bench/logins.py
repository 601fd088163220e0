"""Logins, commands, throughput and memory: ssh2incus into a busybox beside the host's sshd as it is
and with ForceCommand incus exec."""
import concurrent.futures
import statistics
import subprocess
import tempfile
import time

from contestants import descendants, family_cpu, guests, pss_kilobytes
from harness.client import end
from harness.process import Process
from measure import in_turns, note, results, timed

CIPHERS = ("aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com")


def connect(contestants, quick):
    samples = in_turns(contestants.clients, 8 if quick else 40,
                       lambda client: timed(client, "true"), "connections")
    for name, values in samples.items():
        note("(a) connection to exit of true, ms", "median", name, statistics.median(values) * 1e3)
        note("(a) connection to exit of true, ms", "95%", name,
             sorted(values)[int(len(values) * 0.95)] * 1e3)


def multiplexed(contestants, quick):
    masters = {name: client.master() for name, client in contestants.clients.items()}
    try:
        clients = {name: master.__enter__()[0] for name, master in masters.items()}
        samples = in_turns(clients, 20 if quick else 100, lambda client: timed(client, "true"))
    finally:
        for master in masters.values():
            master.__exit__(None, None, None)
    for name, values in samples.items():
        note("(b) next command on a multiplexed connection, ms", "median", name,
             statistics.median(values) * 1e3)


def throughput(contestants, quick):
    size = (32 if quick else 256) << 20
    with tempfile.NamedTemporaryFile() as zeros:
        zeros.truncate(size)
        for cipher in CIPHERS:
            def down(client):
                begin = time.monotonic()
                # Not `head -c`: busybox' copies byte by byte and would be what is measured.
                source = f"dd if=/dev/zero bs=131072 count={size >> 17} 2>/dev/null"
                # Counted by wc: a reader in Python would cost more than what is measured.
                with subprocess.Popen(client.argv(source, options=[f"Ciphers={cipher}"]),
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
                    received = int(subprocess.check_output(["wc", "-c"], stdin=process.stdout))
                assert received == size
                return size / (time.monotonic() - begin) / 1e6

            def up(client):
                begin = time.monotonic()
                with open(zeros.name, "rb") as stdin:
                    subprocess.run(client.argv("cat >/dev/null", options=[f"Ciphers={cipher}"]),
                                   stdin=stdin, check=True, capture_output=True)
                return size / (time.monotonic() - begin) / 1e6

            for direction, measure in (("down", down), ("up", up)):
                for name, values in in_turns(contestants.clients, 2 if quick else 5,
                                             measure).items():
                    note("(c) throughput, MB/s", f"{cipher.split('@')[0]} {direction}", name,
                         statistics.median(values))


def logins(contestants, quick):
    seconds = 4 if quick else 15
    for name, client in contestants.clients.items():
        server = contestants.servers[name]
        daemon = contestants.incus.daemon_pid()
        before = family_cpu(server.pid), family_cpu(daemon)
        begin = time.monotonic()

        def work(_):
            count = 0
            while time.monotonic() - begin < seconds:
                timed(client, "true")
                count += 1
            return count
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            done = sum(pool.map(work, range(8)))
        elapsed = time.monotonic() - begin
        time.sleep(0.5)
        table = "(d) eight clients at once"
        note(table, "logins per second", name, done / elapsed)
        note(table, "CPU ms per login, server", name,
             (family_cpu(server.pid) - before[0]) / done * 1e3)
        note(table, "CPU ms per login, incusd", name, (family_cpu(daemon) - before[1]) / done * 1e3)


def memory(contestants, quick):
    table = "(e) PSS of all the server's processes, MB"
    for name, client in contestants.clients.items():
        server = contestants.servers[name]
        sessions = []
        try:
            for wanted in (0, 1, 10) if quick else (0, 1, 10, 50):
                while len(sessions) < wanted:
                    session = client.start("echo ready; read x")
                    assert session.stdout.readline() == b"ready\n"
                    sessions.append(session)
                time.sleep(1.5)
                family = [Process(server.pid), *descendants(server.pid)]
                if name == "ssh2incus":
                    family += guests()
                total = sum(map(pss_kilobytes, family)) / 1024
                note(table, f"{wanted} idle sessions", name, total)
                if wanted:
                    empty = results[table]["0 idle sessions"][name]
                    note(table, f"  per session, of {wanted}", name, (total - empty) / wanted)
        finally:
            for session in sessions:
                end(session)

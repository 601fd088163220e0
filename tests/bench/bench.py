"""Speed and memory beside Debian's sshd on the same machine, in turns, so that the machine's moods
hit all alike. Prints one table per question and whether the goal is reached; also writes
build/bench.json. Numbers are medians unless a table says otherwise.

  bench.py [--quick] [connect] [multiplexed] [throughput] [logins] [memory]
"""
import argparse
import concurrent.futures
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

from contestants import (Contestants, ROOT, descendants, family_cpu, guests, pss_kilobytes)
from harness.client import end
from harness.process import Process

CIPHERS = ("aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com")
results = {}


def note(table, row, name, value):
    results.setdefault(table, {}).setdefault(row, {})[name] = value


def timed(client, *command, options=()):
    begin = time.monotonic()
    result = subprocess.run(client.argv(*command, options=options), stdin=subprocess.DEVNULL,
                            capture_output=True, timeout=120)
    seconds = time.monotonic() - begin
    assert result.returncode == 0, result.stderr
    return seconds


def in_turns(clients, rounds, measure):
    """Samples by name; the first round warms up."""
    samples = {name: [] for name in clients}
    for number in range(rounds + 1):
        for name, client in clients.items():
            value = measure(client) if name == "ssh2incus" else persistently(name, measure, client)
            if number:
                samples[name].append(value)
    return samples


def persistently(name, measure, client):
    """The others may fail now and then (incus exec does, with much input); ours may not."""
    for _ in range(4):
        try:
            return measure(client)
        except (AssertionError, subprocess.CalledProcessError) as error:
            print(f"  {name} failed and is tried again: {getattr(error, 'stderr', None) or error}")
    raise RuntimeError(f"{name} keeps failing")


def connect(contestants, quick):
    samples = in_turns(contestants.clients, 8 if quick else 40, lambda client: timed(client, "true"))
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


def show(names):
    for table, rows in results.items():
        print(f"\n{table}")
        print(" " * 28 + "".join(f"{name:>14}" for name in names) +
              f"{'/ sshd':>10}{'/ +incus':>10}")
        for row, values in rows.items():
            line = f"  {row:<26}" + "".join(f"{values[name]:>14.2f}" for name in names)
            for other in names[1:]:
                line += f"{values[names[0]] / values[other]:>10.2f}" if values[other] else " " * 10
            print(line)


def goals():
    """The goals that the measured tables can answer."""
    def row(table, name):
        return next((rows[name] for title, rows in results.items()
                     if title.startswith(table) and name in rows), None)
    print()
    if first := row("(a)", "median"):
        verdict("(a) faster than sshd + incus exec", first["ssh2incus"] < first["sshd+incus"])
    if first := row("(b)", "median"):
        verdict("(b) within 2x of plain sshd", first["ssh2incus"] < 2 * first["sshd"])
    for title, rows in results.items():
        if title.startswith("(c)"):
            for name, values in rows.items():
                verdict(f"(c) {name}: at least 0.6 of sshd's",
                        values["ssh2incus"] >= 0.6 * values["sshd"])
        if title.startswith("(e)"):
            name = [name for name in rows if "per session" in name][-1]
            verdict(f"(e) at most 6 MB per idle session ({name.strip()})",
                    rows[name]["ssh2incus"] <= 6)


def verdict(text, reached):
    print(f"{'reached    ' if reached else 'NOT reached'} {text}")


def main():
    parts = [connect, multiplexed, throughput, logins, memory]
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("parts", nargs="*", choices=[[], *[part.__name__ for part in parts]])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ssh2incus-bench-") as folder:
        pathlib.Path(folder).chmod(0o755)
        contestants = Contestants(pathlib.Path(folder))
        try:
            for part in parts:
                if not arguments.parts or part.__name__ in arguments.parts:
                    print(f"measuring {part.__name__} ...", flush=True)
                    part(contestants, arguments.quick)
            names = list(contestants.clients)
        except BaseException:
            print(contestants.servers["ssh2incus"].log.text()[-3000:])
            raise
        finally:
            contestants.stop()
    show(names)
    goals()
    (ROOT / "build" / "bench.json").write_text(json.dumps(results, indent=1))


main()

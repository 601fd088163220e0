"""Samples in turns, so that the machine's moods hit all contestants alike, and the tables that they
become: results[table][row][contestant] = value."""
import statistics
import subprocess
import sys
import time

results = {}


def note(table, row, name, value):
    results.setdefault(table, {}).setdefault(row, {})[name] = value


def note_medians(table, row, samples, scale=1.0):
    for name, values in samples.items():
        note(table, row, name, statistics.median(values) * scale)


def timed(client, *command, options=()):
    begin = time.monotonic()
    result = subprocess.run(client.argv(*command, options=options), stdin=subprocess.DEVNULL,
                            capture_output=True, timeout=120)
    seconds = time.monotonic() - begin
    assert result.returncode == 0, result.stderr
    return seconds


def in_turns(clients, rounds, measure, what="", seldom=()):
    """Samples by name; the first round warms up. Those in `seldom` are slow and have two turns."""
    samples = {name: [] for name in clients}
    for number in range(rounds + 1):
        progress(f"{what} {number}/{rounds}" if what else "")
        for name, client in clients.items():
            if name in seldom and number not in (1, rounds):
                continue
            value = measure(client) if name == "ssh2incus" else persistently(name, measure, client)
            if number:
                samples[name].append(value)
    progress("")
    return samples


def progress(text):
    """One line that replaces itself on a terminal, and says nothing elsewhere."""
    if sys.stdout.isatty():
        print(f"\r\033[K{'  ' if text else ''}{text}", end="", flush=True)


def persistently(name, measure, client):
    """The others may fail now and then (incus exec does, with much input); ours may not."""
    for _ in range(4):
        try:
            return measure(client)
        except (AssertionError, subprocess.SubprocessError) as error:
            print(f"  {name} failed and is tried again: {getattr(error, 'stderr', None) or error}")
    raise RuntimeError(f"{name} keeps failing")

"""Speed and memory beside other ways into an instance on the same machine, in turns, so that the
machine's moods hit all alike. Prints one table per question and whether the goal is reached; also
writes build/bench.json. Numbers are medians unless a table says otherwise.

  bench.py [--quick] [PARTS...]

Beside Debian's sshd on the host: connect multiplexed throughput logins memory.
Beside an sshd inside of the same container: large small forward agent ansible.
Where it makes sense, both beside sshd with ForceCommand incus exec too.
"""
import argparse
import json
import pathlib
import signal
import sys
import tempfile

import logins
from contestants import Ground, HostContestants, ROOT
from files import large, small
from forwarding import agent, forward
from goals import goals
from inside import InstanceContestants
from measure import results
from tasks import ansible

PARTS = {
    HostContestants: [logins.connect, logins.multiplexed, logins.throughput, logins.logins,
                      logins.memory],
    InstanceContestants: [large, small, forward, agent, ansible],
}


def show():
    for table, rows in results.items():
        names = list(next(iter(rows.values())))
        print(f"\n{table}")
        short = [name.removeprefix("sshd ").replace("sshd+", "+") for name in names[1:]]
        print(" " * 34 + "".join(f"{name:>14}" for name in names) +
              "".join(f"{'/ ' + name:>10}" for name in short))
        for row, values in rows.items():
            line = f"  {row:<32}"
            line += "".join(f"{values[name]:>14.2f}" if name in values else " " * 14
                            for name in names)
            for other in names[1:]:
                compares = "adds" not in row and values.get(other)
                line += f"{values[names[0]] / values[other]:>10.2f}" if compares else " " * 10
            print(line)


def measure(ground, wanted, quick):
    for kind, parts in PARTS.items():
        chosen = [part for part in parts if not wanted or part.__name__ in wanted]
        if not chosen:
            continue
        print(f"preparing {kind.what} ...", flush=True)
        contestants = kind(ground)
        for part in chosen:
            print(f"measuring {part.__name__} ...", flush=True)
            part(contestants, quick)


def main():
    names = [part.__name__ for parts in PARTS.values() for part in parts]
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("parts", nargs="*", choices=[[], *names])
    arguments = parser.parse_args()
    # Ended from outside, it takes back what it made, as after Ctrl-C.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("bench: ended by a signal"))
    with tempfile.TemporaryDirectory(prefix="ssh2incus-bench-") as folder:
        pathlib.Path(folder).chmod(0o755)
        ground = Ground(pathlib.Path(folder))
        try:
            measure(ground, arguments.parts, arguments.quick)
        except Exception:
            print(ground.log()[-3000:])
            raise
        finally:
            ground.stop()
    show()
    goals()
    (ROOT / "build" / "bench.json").write_text(json.dumps(results, indent=1))


main()

"""Files: one large, and many small ones, by sftp and rsync. Both ends are in memory (tmpfs), so
that no disk is measured. What comes back is compared with what was sent."""
import contextlib
import filecmp
import os
import pathlib
import shutil
import tempfile
import time

from harness.tools import Tools, make_tree, tree_digest
from measure import in_turns, note_medians

CIPHER = "Ciphers=aes128-gcm@openssh.com"
SLOW = {"sshd+incus"}


@contextlib.contextmanager
def in_memory():
    with tempfile.TemporaryDirectory(prefix="ssh2incus-bench-", dir="/dev/shm") as folder:
        yield pathlib.Path(folder)


class Mover:
    """A contestant that files are moved with; `remote` is its folder in the instance's memory."""

    def __init__(self, name, client, folder, contestants):
        self.place = folder / name.replace(" ", "-")
        self.place.mkdir()
        self.tools = Tools(client, self.place, [CIPHER])
        self.remote = f"{contestants.memory}/{self.place.name}"
        self.inside = contestants.inside
        self.inside(f"mkdir {self.remote}")

    def sftp(self, *batch):
        return self.seconds("sftp", "-q", "-F", self.tools.config, "-b", "-", "instance",
                            input="\n".join(batch).encode(), stdin=None)

    def rsync(self, source, target):
        return self.seconds("rsync", "-a", "-e", self.tools.ssh, source, target)

    def seconds(self, *words, **settings):
        begin = time.monotonic()
        self.tools.must(*words, timeout=300, **settings)
        return time.monotonic() - begin

    def emptied(self, *names):
        """Folders of these names, empty, here; and in the instance."""
        for name in names:
            shutil.rmtree(self.place / name, ignore_errors=True)
            (self.place / name).mkdir()
        remote = " ".join(f"{self.remote}/{name}" for name in names)
        self.inside(f"rm -rf {remote}; mkdir {remote}")


def movers(contestants, folder):
    return {name: Mover(name, client, folder, contestants)
            for name, client in contestants.clients.items()}


def large(contestants, quick):
    size = 100_000_000 if quick else 1_000_000_000
    with in_memory() as folder:
        source = folder / "large"
        with open(source, "wb") as file:
            for begin in range(0, size, 10_000_000):
                file.write(os.urandom(min(10_000_000, size - begin)))

        def put(mover):
            mover.inside(f"rm -f {mover.remote}/large")
            return size / mover.sftp(f"put {source} {mover.remote}/large") / 1e6

        def get(mover):
            back = mover.place / "back"
            rate = size / mover.sftp(f"get {mover.remote}/large {back}") / 1e6
            assert filecmp.cmp(source, back, shallow=False), "not what was sent"
            back.unlink()
            return rate

        moving = movers(contestants, folder)
        for row, measure in (("put", put), ("get", get)):
            note_medians(f"(f) sftp of {size // 1_000_000} MB, MB/s", row,
                         in_turns(moving, 3 if quick else 7, measure, f"sftp {row}", SLOW))
        for mover in moving.values():
            mover.inside(f"rm -rf {mover.remote}")


def small(contestants, quick):
    count = 1_000 if quick else 10_000
    with in_memory() as folder:
        tree = make_tree(folder / "tree", count)
        moving = movers(contestants, folder)
        digest = tree_digest(tree)

        def put(program):
            def measure(mover):
                mover.emptied("many")
                if program == "sftp":
                    return mover.sftp(f"put -r {tree} {mover.remote}/many")
                return mover.rsync(tree, f"instance:{mover.remote}/many")
            return measure

        def get(program):
            def measure(mover):
                back = mover.place / "back"
                shutil.rmtree(back, ignore_errors=True)
                back.mkdir()
                if program == "sftp":
                    seconds = mover.sftp(f"get -r {mover.remote}/many/tree {back}")
                else:
                    seconds = mover.rsync(f"instance:{mover.remote}/many/tree", back)
                assert tree_digest(back / "tree") == digest, "not what was sent"
                return seconds
            return measure

        for program in ("sftp", "rsync"):
            for row, measure in (("put", put(program)), ("get", get(program))):
                samples = in_turns(moving, 2 if quick else 3, measure, f"{program} {row}", SLOW)
                note_medians(f"(g) {count} small files, s", f"{program} {row}", samples)
        for mover in moving.values():
            mover.inside(f"rm -rf {mover.remote}")

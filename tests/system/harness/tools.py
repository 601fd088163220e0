"""Programs that run ssh by themselves (rsync, git, scp, ansible, mosh, ...): a configuration file of
the stock client tells them the way, under the host name `instance`."""
import hashlib
import os
import pathlib
import random
import subprocess

from harness.client import environment


class Tools:
    def __init__(self, client, folder, options=()):
        self.folder = pathlib.Path(folder)
        self.config = self.folder / "ssh_config"
        # `ssh -G` would add defaults; what the test's client is told is what these are told.
        words = client.argv(options=options)
        settings = [words[index + 1] for index, word in enumerate(words) if word == "-o"]
        lines = ["Host instance", f"HostName {client.server.address}", f"Port {client.server.port}",
                 f"User {client.login}", f"IdentityFile {client.key.path}"]
        if client.source:
            lines.append(f"BindAddress {client.source}")
        lines += [setting.replace("=", " ", 1) for setting in settings]
        self.config.write_text("\n  ".join(lines) + "\n")
        self.ssh = f"ssh -F {self.config}"

    def run(self, *words, timeout=120, env=None, **settings):
        return subprocess.run([str(word) for word in words], capture_output=True, timeout=timeout,
                              env=environment({"GIT_SSH_COMMAND": self.ssh, "LC_ALL": "C.UTF-8",
                                               "GIT_CONFIG_NOSYSTEM": "1", **(env or {})}),
                              **{"stdin": subprocess.DEVNULL, **settings})

    def must(self, *words, **settings):
        """stdout as text of a program that must succeed."""
        result = self.run(*words, **settings)
        assert result.returncode == 0, (words, result.returncode, result.stdout[-2000:],
                                        result.stderr[-2000:])
        return result.stdout.decode()


def make_tree(folder, files, seed=1):
    """A tree of small files with all kinds of names and sizes, the same for the same seed."""
    rng = random.Random(seed)
    folder = pathlib.Path(folder)
    for number in range(files):
        place = folder / f"d{number % 100}" / f"e{number % 7}"
        place.mkdir(parents=True, exist_ok=True)
        name = f"file {number}" if number % 11 == 0 else f"ä{number}" if number % 13 == 0 else f"f{number}"
        (place / name).write_bytes(rng.randbytes(rng.randrange(0, 600)))
    return folder


def tree_digest(folder):
    """One sha256 over the names and contents of a tree."""
    folder = os.fsencode(folder)
    lines = []
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            with open(path, "rb") as file:
                content = hashlib.sha256(file.read()).hexdigest().encode()
            lines.append(content + b"  ./" + os.path.relpath(path, folder) + b"\n")
    return hashlib.sha256(b"".join(sorted(lines))).hexdigest(), len(lines)


# The same inside the instance. LC_ALL=C sorts by bytes, as Python does.
TREE_DIGEST = """cd {folder} && find . -type f -print0 | xargs -0 -r sha256sum | LC_ALL=C sort >/tmp/digest.$$
echo "$(sha256sum </tmp/digest.$$ | cut -c1-64) $(wc -l </tmp/digest.$$)"; rm /tmp/digest.$$"""


def digest_inside(client, folder):
    text, count = client.output(TREE_DIGEST.format(folder=folder), timeout=120).split()
    return text, int(count)


def runs_inside(incus, instance, pattern):
    """Whether a process with such a command line runs in the Debian instance (by its own pgrep,
    which leaves itself out; not by a shell, whose line would have the pattern too)."""
    return incus("exec", instance, "--", "pgrep", "-f", pattern, check=False).strip() != ""

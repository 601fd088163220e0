"""The servers that are measured side by side: ours, Debian's sshd as it is, and Debian's sshd with
ForceCommand incus exec, which is what people do without us."""
import contextlib
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "system"))

from harness import hostusers, paths  # noqa: E402
from harness.client import Client, wait_until  # noqa: E402
from harness.incus import Incus  # noqa: E402
from harness.keys import KeyRing  # noqa: E402
from harness.process import Process, descendants, processes  # noqa: E402
from harness.server import Server, free_port  # noqa: E402

SSHD_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {host_key}
AuthorizedKeysFile {keys}
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
MaxStartups 500
MaxSessions 200
LogLevel ERROR
PrintMotd no
{extra}
"""
FORCED = """SetEnv {environment}
ForceCommand incus exec c1 -- sh -c "${{SSH_ORIGINAL_COMMAND:-sh -l}}"
"""


class Sshd:
    """Debian's sshd on a port of its own; everything it needs is in its folder."""
    address = "127.0.0.1"

    def __init__(self, keyring, folder, user_key, extra=""):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.port = free_port()
        host_key = keyring.get("ed25519", name="host")
        self.known_hosts = self.folder / "known_hosts"
        self.known_hosts.write_text(
            f"[127.0.0.1]:{self.port} {' '.join(host_key.public.split()[:2])}\n")
        (self.folder / "keys").write_text(user_key.public + "\n")
        self.config = self.folder / "sshd_config"
        self.config.write_text(SSHD_CONFIG.format(port=self.port, host_key=host_key.path,
                                                  keys=self.folder / "keys", extra=extra))

    def start(self):
        pathlib.Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", self.config],
                                        stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(lambda: subprocess.run(["ss", "-Hltn", f"sport = :{self.port}"],
                                          capture_output=True).stdout, 10, "sshd's start")
        return self

    def stop(self):
        left = descendants(self.process.pid)
        self.process.terminate()
        self.process.wait()
        for process in left:
            if process.alive:
                os.kill(process.pid, 9)

    @property
    def pid(self):
        return self.process.pid


class Contestants:
    """All three, started; names in the order of the tables. The host user is one of ours with a
    plain /bin/sh, so that nobody's .bashrc is measured."""

    def __init__(self, folder):
        self.cleanup = contextlib.ExitStack()
        try:
            self.prepare(folder)
        except BaseException:
            self.stop()
            raise

    def prepare(self, folder):
        script = paths.ROOT / "packaging" / "create-system-users"
        made = subprocess.run([script], check=True, capture_output=True, text=True).stdout
        self.cleanup.callback(remove_system_users, made.splitlines())
        keyring = KeyRing()
        self.cleanup.callback(keyring.close)
        user = hostusers.HostUser("s2ibench", ["incus-admin"], ["-p", "*"])
        user.create()
        self.cleanup.callback(user.remove)
        key = keyring.get("ed25519", name="user")
        user.write_keys(key.public)
        self.incus = Incus("/var/lib/incus-ssh2incus-bench")
        self.cleanup.callback(self.incus.down)
        self.incus.up().ensure("c1")
        variables = f"INCUS_SOCKET={self.incus.socket} INCUS_CONF={user.home}/.config/incus"
        self.servers = {
            "ssh2incus": Server(keyring, folder / "ours", self.incus,
                                ["--max-startups", "500:1:600"]),
            "sshd": Sshd(keyring, folder / "sshd", key),
            "sshd+incus": Sshd(keyring, folder / "forced", key,
                               FORCED.format(environment=variables)),
        }
        self.clients = {}
        for name, server in self.servers.items():
            server.start()
            self.cleanup.callback(server.stop)
            login = f"c1+{user.name}" if name == "ssh2incus" else user.name
            self.clients[name] = Client(server, key, login)

    def stop(self):
        self.cleanup.close()


def remove_system_users(lines):
    for kind, name in (line.split() for line in reversed(lines)):
        subprocess.run({"user": ["userdel", name], "group": ["groupdel", name],
                        "file": ["rm", "-f", name]}[kind], capture_output=True)


def family_cpu(pid):
    """CPU seconds of a process and of all its descendants, ended or not."""
    ticks = 0
    for process in [Process(pid), *descendants(pid)]:
        try:
            fields = (process.folder / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def pss_kilobytes(process):
    try:
        for line in (process.folder / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def guests():
    found = []
    for process in processes():
        try:
            if "ssh2incus-guest" in process.name:
                found.append(process)
        except OSError:
            continue
    return found

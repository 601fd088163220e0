"""What is measured side by side: ours, Debian's sshd as it is, and Debian's sshd with ForceCommand
incus exec, which is what people do without us. Those of a Debian instance are in inside.py."""
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
ListenAddress {address}
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
FORCED = """Subsystem sftp /usr/lib/openssh/sftp-server
SetEnv {environment}
ForceCommand incus exec {instance} -- sh -c "${{SSH_ORIGINAL_COMMAND:-sh -l}}"
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
        self.config.write_text(SSHD_CONFIG.format(
            port=self.port, address=self.address, host_key=host_key.path,
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


class Ground:
    """What all contestants stand on: host user and key, Incus, and our server. The host user is one
    of ours with a plain /bin/sh, so that nobody's .bashrc is measured. stop() takes all back."""

    def __init__(self, folder):
        self.folder = folder
        self.cleanup = contextlib.ExitStack()
        try:
            self.prepare()
        except BaseException:
            self.stop()
            raise

    def prepare(self):
        script = paths.ROOT / "packaging" / "create-system-users"
        made = subprocess.run([script], check=True, capture_output=True, text=True).stdout
        self.cleanup.callback(remove_system_users, made.splitlines())
        self.keyring = KeyRing()
        self.cleanup.callback(self.keyring.close)
        self.user = hostusers.HostUser("s2ibench", ["incus-admin"], ["-p", "*"])
        self.user.create()
        self.cleanup.callback(self.user.remove)
        self.key = self.keyring.get("ed25519", name="user")
        self.user.write_keys(self.key.public)
        self.incus = Incus("/var/lib/incus-ssh2incus-bench")
        self.cleanup.callback(self.incus.down)
        self.incus.up()
        self.incus_variables = (f"INCUS_SOCKET={self.incus.socket} "
                                f"INCUS_CONF={self.user.home}/.config/incus")
        self.ours = self.start(Server(self.keyring, self.folder / "ours", self.incus,
                                      ["--max-startups", "500:1:600"]))

    def start(self, server):
        server.start()
        self.cleanup.callback(server.stop)
        return server

    def log(self):
        return self.ours.log.text()

    def stop(self):
        self.cleanup.close()


class HostContestants:
    """Ours into a busybox, and Debian's sshd on the host; names in the order of the tables."""
    what = "sshd on the host"

    def __init__(self, ground):
        self.incus = ground.incus
        self.incus.ensure("c1")
        forced = FORCED.format(environment=ground.incus_variables, instance="c1")
        self.servers = {
            "ssh2incus": ground.ours,
            "sshd": ground.start(Sshd(ground.keyring, ground.folder / "sshd", ground.key)),
            "sshd+incus": ground.start(Sshd(ground.keyring, ground.folder / "forced", ground.key,
                                            forced)),
        }
        user = ground.user.name
        logins = {name: user for name in self.servers} | {"ssh2incus": f"c1+{user}"}
        self.clients = {name: Client(server, ground.key, logins[name])
                        for name, server in self.servers.items()}


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

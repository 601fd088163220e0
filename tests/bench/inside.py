"""The ways into one Debian instance: ours, an sshd inside of it that is reached over a bridge, and
the host's sshd with ForceCommand incus exec."""
import pathlib
import subprocess

from contestants import FORCED, SSHD_CONFIG, Sshd
from harness.client import Client, wait_until

NAME = "d1"
BRIDGE = "s2ibench"
# Of 198.18.0.0/15, which RFC 2544 keeps for measurements.
HOST, GUEST, PREFIX = "198.18.77.1", "198.18.77.2", 30
PORT = 2222


class InnerSshd:
    """sshd of the Debian image; it ends with the instance."""
    address = GUEST
    port = PORT

    def __init__(self, ground):
        self.known_hosts = ground.folder / "inner-known-hosts"
        host_key = ground.keyring.get("ed25519", name="host")
        public = " ".join(host_key.public.split()[:2])
        self.known_hosts.write_text(f"[{GUEST}]:{PORT} {public}\n")
        config = SSHD_CONFIG.format(
            port=PORT, address=GUEST, host_key="/etc/ssh/bench-host-key",
            keys="/etc/ssh/bench-keys", extra="Subsystem sftp /usr/lib/openssh/sftp-server\n")
        for name, text in (("bench-host-key", pathlib.Path(host_key.path).read_text()),
                           ("bench-keys", ground.key.public + "\n"), ("bench-config", config)):
            ground.incus("file", "push", "--mode", "0600", "--uid", "0", "--gid", "0", "-",
                         f"{NAME}/etc/ssh/{name}", input=text)
        ground.incus.shell(NAME, "mkdir -p /run/sshd; exec </dev/null >/dev/null 2>&1; "
                           "/usr/sbin/sshd -f /etc/ssh/bench-config")

    def answers(self):
        found = subprocess.run(["ssh-keyscan", "-T", "2", "-p", str(PORT), GUEST],
                               capture_output=True)
        return found.stdout != b""


class InstanceContestants:
    what = "a Debian instance with an sshd inside (the first time, its packages are fetched)"
    memory = "/mnt"  # a tmpfs in the instance

    def __init__(self, ground):
        self.ground = ground
        ground.incus.ensure_debian(NAME)
        # All of them stop with the ground, which deletes the instances first.
        make_bridge(ground.cleanup)
        ground.incus("config", "device", "add", NAME, "eth0", "nic", "nictype=bridged",
                     f"parent={BRIDGE}")
        self.inside(f"ip link set lo up; ip addr add {GUEST}/{PREFIX} dev eth0 && "
                    f"ip link set eth0 up && busybox mount -t tmpfs -o size=6g bench {self.memory}")
        sshd = InnerSshd(ground)
        wait_until(sshd.answers, 15, "the sshd inside")
        forced = Sshd(ground.keyring, ground.folder / "forced-debian", ground.key,
                      FORCED.format(environment=ground.incus_variables, instance=NAME))
        ground.start(forced)
        self.clients = {
            "ssh2incus": Client(ground.ours, ground.key, f"{NAME}+{ground.user.name}"),
            "sshd inside": Client(sshd, ground.key, "root"),
            "sshd+incus": Client(forced, ground.key, ground.user.name),
        }

    def inside(self, script):
        return self.ground.incus.shell(NAME, script)

    def start_peer(self, *ports):
        source = (pathlib.Path(__file__).parent / "peer.py").read_text()
        self.ground.incus("file", "push", "-", f"{NAME}/root/peer.py", input=source)
        self.inside(f"python3 /root/peer.py {' '.join(map(str, ports))} </dev/null >/dev/null 2>&1")


def make_bridge(cleanup):
    delete_bridge()  # of a run that was killed
    cleanup.callback(delete_bridge)
    for words in (["link", "add", BRIDGE, "type", "bridge"],
                  ["addr", "add", f"{HOST}/{PREFIX}", "dev", BRIDGE],
                  ["link", "set", BRIDGE, "up"]):
        subprocess.run(["ip", *words], check=True, capture_output=True)


def delete_bridge():
    subprocess.run(["ip", "link", "delete", BRIDGE], capture_output=True)

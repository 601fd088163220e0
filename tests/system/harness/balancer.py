"""haproxy in front of servers: Debian's, unpacked (unpacked-packages) and run by chroot on loopback.
Nothing is installed."""
import pathlib
import subprocess

from harness import paths
from harness.client import end, wait_until
from harness.server import Place, free_port

CONFIGURATION = """
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  retries 3
  option redispatch
frontend clients
  bind 127.0.0.1:{port}
  default_backend servers
backend servers
  balance roundrobin
"""


def codename():
    lines = pathlib.Path("/etc/os-release").read_text().splitlines()
    return next(line.split("=")[1] for line in lines if line.startswith("VERSION_CODENAME="))


class Balancer:
    """For the client what a server is: address, port, known_hosts."""
    address = "127.0.0.1"

    def __init__(self, servers, send="send-proxy", checks=""):
        script = paths.ROOT / "tests" / "system" / "unpacked-packages"
        unpacked = subprocess.run([script, "haproxy", codename(), "haproxy"], check=True, text=True,
                                  capture_output=True)
        self.root = pathlib.Path(unpacked.stdout.split()[-1])
        self.port = free_port()
        lines = CONFIGURATION.format(port=self.port)
        for number, server in enumerate(servers):
            lines += f"  server s{number} 127.0.0.1:{server.port} {send} {checks}\n"
        self.configuration = self.root / "tmp" / f"haproxy-{self.port}.cfg"
        self.configuration.write_text(lines)
        self.known_hosts = Place(servers[0], self.address, self.port).known_hosts
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(
            ["chroot", str(self.root), "/usr/sbin/haproxy", "-db", "-f",
             f"/tmp/{self.configuration.name}"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        wait_until(lambda: self.process.poll() is not None or self.listens(), 10, "haproxy's start")
        assert self.process.poll() is None, self.process.stdout.read()
        return self

    def listens(self):
        text = pathlib.Path("/proc/net/tcp").read_text()
        return f"0100007F:{self.port:04X} 00000000:0000 0A" in text

    def __exit__(self, *_):
        end(self.process)
        self.configuration.unlink()

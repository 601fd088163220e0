"""Runs ssh2incus on a free port of loopback, with its own keys, run directory and log."""
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

from harness import paths
from harness.client import wait_until
from harness.log import LogFile
from harness.process import Process, descendants

# Puts the sockets on fd 3 and after it, as sd_listen_fds(3) says, and becomes the server.
ACTIVATION = """
import os, sys
fds = [os.dup(int(fd)) for fd in sys.argv[1].split(",")]
high = [os.dup2(fd, 100 + place) for place, fd in enumerate(fds)]
for place, fd in enumerate(high):
    os.dup2(fd, 3 + place)
os.environ.update(LISTEN_FDS=str(len(fds)), LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES="ssh")
os.execv(sys.argv[2], sys.argv[2:])
"""
HOST_KEY_KINDS = (("ed25519", None), ("ecdsa", 256), ("rsa", 3072))


def free_port():
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """Started by start(), stopped by stop(), which fails if it left a process behind."""
    address = "127.0.0.1"

    def __init__(self, keyring, folder, incus, arguments=(), env=None, host_keys=None, port=None,
                 run_dir=None, programs=paths.BIN, sockets=()):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.arguments = list(arguments)
        self.env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                    "INCUS_SOCKET": str(incus.socket), "INCUS_CONF": str(self.folder / "client"),
                    "INCUS_GLOBAL_CONF": str(self.folder / "client"), **(env or {})}
        self.host_keys = host_keys if host_keys is not None else [
            keyring.get(kind, bits, name="host") for kind, bits in HOST_KEY_KINDS]
        self.port = port or free_port()
        self.run_dir = pathlib.Path(run_dir or self.folder / "run")
        self.programs = pathlib.Path(programs)
        self.sockets = sockets  # listening, passed as a service manager does
        self.known_hosts = self.folder / "known_hosts"
        self.known_hosts.write_text("".join(
            f"[{self.address}]:{self.port} {' '.join(key.public.split()[:2])}\n"
            for key in self.host_keys))
        self.log_path = self.folder / "log"
        self.log = LogFile(self.log_path)
        self.process = None
        self.log_writers = []

    def argv(self):
        argv = [self.programs / paths.SERVER.name, "--libexec-dir", self.programs,
                "--run-dir", self.run_dir, "-l", f"{self.address}:{self.port}"]
        if self.sockets:
            argv = [sys.executable, "-c", ACTIVATION,
                    ",".join(str(socket.fileno()) for socket in self.sockets), *argv]
        for key in self.host_keys:
            argv += ["--host-key", key.path]
        return [str(word) for word in argv + self.arguments]

    def start(self):
        self.run_dir.mkdir(exist_ok=True)
        known = len(self.log.events("listening"))
        # By a pipe, as under a service manager: a log that is a file lets the monitor write files.
        with open(self.log_path, "ab") as log:
            writer = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=log)
        self.process = subprocess.Popen(self.argv(), stdin=subprocess.DEVNULL, env=self.env,
                                        stdout=writer.stdin, stderr=writer.stdin,
                                        start_new_session=True,
                                        pass_fds=[held.fileno() for held in self.sockets])
        writer.stdin.close()
        self.log_writers.append(writer)
        wait_until(lambda: self.process.poll() is not None or
                   len(self.log.events("listening")) > known, 15, "the server's start")
        if self.process.poll() is not None:
            writer.wait(5)
            raise AssertionError("the server did not start: " + self.log.text())
        return self

    def stop(self):
        if self.process is None:
            return
        left = descendants(self.process.pid)
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("the server did not stop on SIGTERM") from None
        finally:
            self.process = None
            # Connections outlive their listener; those of a test don't outlive the test.
            for process in left:
                try:
                    os.kill(process.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    @property
    def pid(self):
        return self.process.pid

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def connection_processes(self):
        """All processes of the live connections: monitors, attendants, sessiond, gateways."""
        return [process for process in descendants(self.pid) if process.alive]

    def monitors(self):
        return [process for process in Process(self.pid).children()
                if process.alive and process.name == "ssh2incus"]

    def named(self, name):
        return [process for process in self.connection_processes() if process.name == name]

    def settle(self, timeout=5):
        """Until the connections of earlier tests have ended and said so, if they do."""
        deadline = time.monotonic() + timeout
        while self.connection_processes() and time.monotonic() < deadline:
            time.sleep(0.02)

    def wait_idle(self, timeout=10):
        """Until no process of any connection is left."""
        deadline = time.monotonic() + timeout
        while True:
            left = self.connection_processes()
            if not left:
                return
            assert time.monotonic() < deadline, f"left behind: {[(p, p.arguments) for p in left]}"
            time.sleep(0.02)


class Place:
    """Another address at which that server, or its likes with the same host keys, can be reached."""

    def __init__(self, server, address, port):
        self.address, self.port = address, port
        self.known_hosts = server.folder / f"known_hosts-{port}"
        self.known_hosts.write_text("".join(
            f"[{address}]:{port} {' '.join(key.public.split()[:2])}\n" for key in server.host_keys))

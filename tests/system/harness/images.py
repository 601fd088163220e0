"""Image servers for tests: a second Incus whose images are public, reached through a slow line."""
import pathlib
import socket
import subprocess
import tempfile
import threading
import time

from harness import paths
from harness.incus import SCRIPTS, Incus
from harness.server import free_port

DIRECTORY = pathlib.Path(str(paths.INCUS_DIR) + "-images")


class SlowLine:
    """Passes TCP on to a port, from there so many bytes a second; 0: nothing at all."""

    def __init__(self, to_port, rate):
        self.to_port, self.rate = to_port, rate
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.to_port))
            for source, sink, slow in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pump, args=(source, sink, slow), daemon=True).start()

    def _pump(self, source, sink, slow):
        try:
            while data := source.recv(65536):
                while slow and not self.rate:
                    time.sleep(0.05)
                if slow:
                    time.sleep(len(data) / self.rate)
                sink.sendall(data)
        except OSError:
            pass
        for side in (source, sink):
            try:
                side.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.socket.close()


class ImageServer:
    """Incus as an image server. certificate: a path."""

    def __init__(self):
        self.incus = Incus(DIRECTORY).up()
        self.port = free_port()
        self.incus("config", "set", "core.https_address", f"127.0.0.1:{self.port}")
        self.certificate = DIRECTORY / "server.crt"

    def publish(self, alias, prepare):
        """A BusyBox image that prepare(root file system's path) has changed."""
        publish(self.incus, alias, prepare, ["--public"])

    def close(self, keep):
        if not keep:
            self.incus.down()


def publish(incus, alias, prepare, options=()):
    with tempfile.TemporaryDirectory() as folder:
        tar = pathlib.Path(folder) / "image.tar"
        subprocess.run([SCRIPTS / "busybox-image", tar], check=True)
        subprocess.run(["tar", "-C", folder, "-xf", tar], check=True)
        prepare(pathlib.Path(folder) / "rootfs")
        subprocess.run(["tar", "-C", folder, "--numeric-owner", "-cf", tar, "metadata.yaml",
                        "rootfs"], check=True)
        incus("image", "delete", alias, check=False)
        incus("image", "import", "--quiet", tar, "--alias", alias, *options)

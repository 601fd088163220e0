"""A second Incus daemon on loopback as an https remote, and Incus clients that know it."""
import os
import pathlib
import shutil
import subprocess

from harness import paths
from harness.incus import Incus
from harness.server import free_port


def make_certificate(folder, name):
    """A self-signed certificate and its key, FOLDER/NAME.crt and .key."""
    folder = pathlib.Path(folder)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / f"{name}.key",
                    "-out", folder / f"{name}.crt"], check=True, capture_output=True)
    (folder / f"{name}.key").chmod(0o600)


class FarIncus(Incus):
    """Speaks https on loopback."""

    def __init__(self, directory=str(paths.INCUS_DIR) + "-far"):
        super().__init__(directory)
        self.port = None

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    @property
    def certificate(self):
        return (self.directory / "server.crt").read_text()

    def up(self):
        super().up()
        address = self("config", "get", "core.https_address").strip()
        if not address:
            address = f"127.0.0.1:{free_port()}"
            self("config", "set", "core.https_address", address)
        self.port = int(address.rsplit(":", 1)[1])
        return self

    def trust(self, certificate, *arguments):
        name = pathlib.Path(certificate).stem + os.urandom(3).hex()
        self("config", "trust", "add-certificate", certificate, "--name", name, *arguments)


class ClientFiles:
    """What $INCUS_CONF names: config.yml, a client certificate, servers' certificates."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        (self.folder / "servercerts").mkdir(parents=True)
        make_certificate(self.folder, "client")
        self.remotes, self.default = {}, None
        self.write()

    @property
    def env(self):
        return {"INCUS_CONF": str(self.folder), "INCUS_GLOBAL_CONF": str(self.folder / "none")}

    def write(self):
        lines = [f"default-remote: {self.default}"] if self.default else []
        lines.append("remotes:")
        for name, fields in self.remotes.items():
            lines += [f"  {name}:", *(f"    {key}: {value}" for key, value in fields.items())]
        (self.folder / "config.yml").write_text("\n".join(lines) + "\n")

    def add(self, name, url, certificate=None, **fields):
        self.remotes[name] = {"addr": url, "auth_type": "tls", "protocol": "incus",
                              "public": "false", **fields}
        file = self.folder / "servercerts" / f"{name}.crt"
        if certificate:
            file.write_text(certificate)
        else:
            file.unlink(missing_ok=True)
        self.write()

    def incus(self, *arguments):
        """The stock client with these files."""
        return subprocess.run(["incus", *arguments], text=True, capture_output=True, timeout=60,
                              env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **self.env},
                              stdin=subprocess.DEVNULL)

    def remove(self):
        shutil.rmtree(self.folder)

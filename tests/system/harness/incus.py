"""An Incus daemon of our own, with the instances that the tests log in to. A daemon and instances
of an earlier run are used again."""
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

from harness import paths

SCRIPTS = paths.ROOT / "packaging" / "demo"
IMAGE = "ssh2incus-busybox"
DEBIAN_IMAGE = "ssh2incus-debian"


class Incus:
    def __init__(self, directory=paths.INCUS_DIR):
        self.directory = pathlib.Path(directory)
        self.socket = self.directory / "unix.socket"
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.directory),
                    "INCUS_DIR": str(self.directory), "INCUS_SOCKET": str(self.socket),
                    "INCUS_CONF": str(self.directory / "client")}

    def up(self):
        subprocess.run([SCRIPTS / "incus-up"], check=True, env={**os.environ, **self.env})
        return self

    def down(self):
        subprocess.run([SCRIPTS / "incus-down"], check=True, env={**os.environ, **self.env})

    def __call__(self, *arguments, input=None, check=True):
        result = subprocess.run(["incus", *map(str, arguments)], env=self.env, text=True,
                                input=input, capture_output=True, timeout=90,
                                stdin=subprocess.DEVNULL if input is None else None)
        assert not check or result.returncode == 0, (arguments, result.stdout, result.stderr)
        return result.stdout

    def shell(self, instance, script, check=True, project="default"):
        """Runs a script as the instance's root, past ssh2incus."""
        return self("exec", "--project", project, instance, "--", "sh", "-c", script, check=check)

    def state(self, name, project="default"):
        for instance in json.loads(self("list", "--project", project, "--format", "json", name)):
            if instance["name"] == name:
                return instance["status"]
        return None

    def ensure(self, name, state="Running", project="default", image=IMAGE):
        """The instance exists and is Running, Stopped or Frozen."""
        now = self.state(name, project)
        where = ["--project", project]
        if now is None:
            self("launch", image, name, *where)
            now = "Running"
        if now == "Frozen" and state != "Frozen":
            self("resume", name, *where)
            now = "Running"
        if now == "Stopped" and state != "Stopped":
            self("start", name, *where)
            now = "Running"
        if now == "Running" and state == "Stopped":
            self("stop", "-f", name, *where)
        if now == "Running" and state == "Frozen":
            self("pause", name, *where)

    def ensure_debian(self, name):
        """An instance with Debian's programs (see debian-image) and users alice and bob runs."""
        aliases = json.loads(self("image", "list", "--format", "json"))
        if not any(alias["name"] == DEBIAN_IMAGE for image in aliases for alias in image["aliases"]):
            with tempfile.NamedTemporaryFile(suffix=".tar") as file:
                subprocess.run([paths.ROOT / "tests" / "system" / "debian-image", file.name],
                               check=True, capture_output=True, timeout=300)
                self("image", "import", "--quiet", file.name, "--alias", DEBIAN_IMAGE)
        self.ensure(name, image=DEBIAN_IMAGE)

    def images(self):
        return json.loads(self("image", "list", "--format", "json"))

    def daemon_pid(self):
        """Of the incusd that serves our socket."""
        return int((self.directory / "incusd.pid").read_text())

    def stopped(self):
        """Context: the daemon doesn't answer (SIGSTOP)."""
        return _Stopped(self.daemon_pid())

    def instance_processes(self, name, project="default"):
        """Command lines of the processes inside, without those that look. (What busybox' shell
        runs by itself shows as the shell's command line.)"""
        lines = self.shell(name, "ps -o pid,args", project=project).splitlines()[1:]
        return [line.split(None, 1)[1] for line in lines if "ps -o pid,args" not in line]

    def runs(self, name, text):
        """Whether a command line inside the instance contains the text."""
        return any(text in line for line in self.instance_processes(name))


class _Stopped:
    def __init__(self, pid):
        self.pid = pid

    def __enter__(self):
        os.kill(self.pid, signal.SIGSTOP)
        return self

    def __exit__(self, *_):
        self.resume()

    def resume(self):
        os.kill(self.pid, signal.SIGCONT)
        time.sleep(0.05)

"""An Incus daemon of our own, with the instances that the tests log in to. A daemon and instances
of an earlier run are used again."""
import json
import os
import pathlib
import signal
import subprocess
import time

from harness import paths

SCRIPTS = paths.ROOT / "tests" / "incus"
IMAGE = "ssh2incus-busybox"


class Incus:
    def __init__(self, directory=paths.INCUS_DIR):
        self.directory = pathlib.Path(directory)
        self.socket = self.directory / "unix.socket"
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.directory),
                    "INCUS_DIR": str(self.directory), "INCUS_SOCKET": str(self.socket),
                    "INCUS_CONF": str(self.directory / "client")}

    def up(self):
        subprocess.run([SCRIPTS / "up"], check=True, env={**os.environ, **self.env})
        return self

    def down(self):
        subprocess.run([SCRIPTS / "down"], check=True, env={**os.environ, **self.env})

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

    def ensure(self, name, state="Running", project="default"):
        """The instance exists and is Running, Stopped or Frozen."""
        now = self.state(name, project)
        where = ["--project", project]
        if now is None:
            self("launch", IMAGE, name, *where)
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

    def daemon_pid(self):
        """Of the incusd that serves our socket."""
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                environ = (entry / "environ").read_bytes().split(b"\0")
                name = (entry / "comm").read_text().strip()
            except OSError:
                continue
            if name == "incusd" and f"INCUS_DIR={self.directory}".encode() in environ:
                command = (entry / "cmdline").read_bytes().split(b"\0")
                if b"forkstart" not in command and not any(c.startswith(b"fork") for c in command):
                    return int(entry.name)
        return None

    def stopped(self):
        """Context: the daemon doesn't answer (SIGSTOP)."""
        return _Stopped(self.daemon_pid())

    def instance_processes(self, name, project="default"):
        """Command lines of the processes inside, without those that look."""
        lines = self.shell(name, "ps -o pid,args", project=project).splitlines()[1:]
        return [line.split(None, 1)[1] for line in lines if "ps -o pid,args" not in line]


class _Stopped:
    def __init__(self, pid):
        assert pid, "incusd not found"
        self.pid = pid

    def __enter__(self):
        os.kill(self.pid, signal.SIGSTOP)
        return self

    def __exit__(self, *_):
        self.resume()

    def resume(self):
        os.kill(self.pid, signal.SIGCONT)
        time.sleep(0.05)

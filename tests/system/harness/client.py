"""The stock OpenSSH client, cut off from the configuration and the agent of whoever runs it."""
import contextlib
import itertools
import os
import pathlib
import subprocess
import tempfile
import time

_sources = itertools.count(1)


def fresh_source():
    """An address of this machine that no other test uses: penalties are counted by source."""
    number = next(_sources)
    return f"127.77.{number // 250}.{number % 250 + 1}"


class Client:
    def __init__(self, server, key, login="c1", source=None, options=()):
        self.server = server
        self.key = key
        self.login = login
        self.source = source
        self.options = list(options)

    def but(self, **changes):
        """The same client with other settings."""
        settings = dict(server=self.server, key=self.key, login=self.login, source=self.source,
                        options=self.options)
        settings.update(changes)
        return Client(**settings)

    def argv(self, *command, options=(), login=None, program="ssh"):
        argv = [program, "-F", "none", "-p", str(self.server.port), "-l", login or self.login]
        settings = ["BatchMode=yes", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes",
                    "IdentityAgent=none", "LogLevel=INFO", "ControlPath=none", "ConnectTimeout=20",
                    f"UserKnownHostsFile={self.server.known_hosts}",
                    "GlobalKnownHostsFile=/dev/null", "UpdateHostKeys=no",
                    "PreferredAuthentications=publickey"]
        # The first value of an option wins in ssh.
        for option in [*options, *self.options]:
            argv += ["-o", option] if not option.startswith("-") else [option]
        for setting in settings:
            argv += ["-o", setting]
        if self.key:
            argv += ["-i", str(self.key.path)]
        if self.source:
            argv += ["-b", self.source]
        return [*argv, self.server.address, *command]

    def run(self, *command, input=b"", timeout=30, options=(), login=None, env=None):
        return subprocess.run(self.argv(*command, options=options, login=login), input=input,
                              capture_output=True, timeout=timeout, env=environment(env))

    def output(self, *command, **settings):
        """stdout as text of a command that must succeed."""
        result = self.run(*command, **settings)
        assert result.returncode == 0, (result.returncode, result.stdout[-500:], result.stderr)
        return result.stdout.decode()

    def start(self, *command, options=(), login=None, env=None, **streams):
        defaults = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return subprocess.Popen(self.argv(*command, options=options, login=login),
                                env=environment(env), **{**defaults, **streams})

    @contextlib.contextmanager
    def master(self, options=(), login=None):
        """A ControlMaster; yields a client whose commands go through it."""
        with tempfile.TemporaryDirectory(prefix="s2i-") as folder:
            path = pathlib.Path(folder) / "control"
            process = self.start("-N", options=[*options, "-M", f"ControlPath={path}"],
                                 login=login, stdin=subprocess.DEVNULL)
            try:
                wait_until(lambda: path.exists() or process.poll() is not None, 20)
                assert process.poll() is None, process.stderr.read()
                yield self.but(options=[f"ControlPath={path}", "ControlMaster=no",
                                        *self.options]), process
            finally:
                end(process)


def environment(extra):
    """A client environment without surprises."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "TERM": "xterm", **(extra or {})}


def end(process):
    """Ends a client that may have ended already and reaps it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            with contextlib.suppress(OSError):
                stream.close()


def wait_until(condition, timeout=10, what="the condition"):
    """The condition's first true value."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} did not come true in {timeout} s"
        time.sleep(0.02)

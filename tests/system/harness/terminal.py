"""A person at a terminal: runs a client on a pty, types, and waits for what appears."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

from harness.client import environment


class Terminal:
    def __init__(self, argv, rows=24, columns=80, env=None):
        self.screen = b""
        self.before = b""
        self.status = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                size = struct.pack("HHHH", rows, columns, 0, 0)
                fcntl.ioctl(0, termios.TIOCSWINSZ, size)
                os.execvpe(argv[0], [str(word) for word in argv], environment(env))
            finally:
                os._exit(127)
        self.resize(rows, columns)

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.fd, text.encode() if isinstance(text, str) else text)

    def expect(self, pattern, timeout=15):
        """Waits for the pattern in what hasn't been matched yet; returns the match. What came before
        it is in self.before."""
        regex = re.compile(pattern.encode() if isinstance(pattern, str) else pattern, re.S)
        deadline = time.monotonic() + timeout
        while True:
            found = regex.search(self.screen)
            if found:
                self.before = self.screen[:found.start()]
                self.screen = self.screen[found.end():]
                return found
            left = deadline - time.monotonic()
            assert left > 0, f"{pattern!r} did not appear; on the screen: {self.screen[-1500:]!r}"
            if not self._read(left):
                raise AssertionError(f"{pattern!r} did not appear before the end: {self.screen!r}")

    def wait(self, timeout=15):
        """The client's exit status, after it has ended."""
        deadline = time.monotonic() + timeout
        while self.status is None and time.monotonic() < deadline:
            if not self._read(0.05):
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.status = os.waitstatus_to_exitcode(status)
        assert self.status is not None, f"still running; on the screen: {self.screen[-1500:]!r}"
        return self.status

    def close(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def _read(self, timeout):
        if not select.select([self.fd], [], [], timeout)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            time.sleep(0.01)
            return False
        self.screen += data
        return bool(data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

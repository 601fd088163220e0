"""Clients of forwarded ports."""
import contextlib
import socket
import subprocess

from harness.client import end, wait_until


class Forwards:
    """Clients that forward until the test ends."""

    def __init__(self):
        self.stack = contextlib.ExitStack()

    def __call__(self, client, *options):
        """Waits until everything that listens locally does; yields the process."""
        process = client.start("-N", options=["ExitOnForwardFailure=yes", *options],
                               stdin=subprocess.DEVNULL)
        self.stack.callback(end, process)
        return process

    def close(self):
        self.stack.close()


def connect(port, timeout=20):
    """A connection to a local port that is about to listen."""
    def attempt():
        try:
            return socket.create_connection(("127.0.0.1", port), timeout)
        except ConnectionRefusedError:
            return None
    return wait_until(attempt, timeout, "the forwarded port")


def ask(connection, wish, data=b""):
    """Sends, ends its direction, and returns all that comes."""
    connection.sendall(wish.encode() + b"\n" + data)
    connection.shutdown(socket.SHUT_WR)
    return read_all(connection)


def read_all(connection):
    parts = []
    with contextlib.closing(connection):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)

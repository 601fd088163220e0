"""TLS servers that aren't an Incus, on loopback."""
import contextlib
import socket
import ssl
import threading
import time

BEHAVIOURS = {
    "endless header": [b"HTTP/1.1 200 OK\r\n"] + [b"X-%d: " % i + b"x" * 8000 + b"\r\n"
                                                 for i in range(100)],
    "garbage": [b"\x00\xff" * 4000],
    "endless answer": [b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"] + [b"x" * 65536] * 40,
    "no JSON": [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{[{[{"],
    "closes": [],
}


class HostileServer:
    """Answers every connection with the same chunks; certificate: FILE.crt, beside it FILE.key."""

    def __init__(self, chunks, certificate=None, pause=0):
        self.chunks, self.pause = chunks, pause
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate, str(certificate).replace(".crt", ".key"))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with contextlib.suppress(OSError), connection:
            connection.settimeout(30)
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
                connection.recv(65536)
            for chunk in self.chunks:
                connection.sendall(chunk)
                time.sleep(self.pause)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

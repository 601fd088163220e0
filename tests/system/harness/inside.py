"""Programs of the host inside an instance's network namespace, and its file system: servers and
clients at the far end of forwarded connections, without anything installed in the instance."""
import contextlib
import json
import pathlib
import subprocess
import sys
import types

from harness.client import end

SERVER = r"""
import hashlib, socket, socketserver, sys, threading
family, address = sys.argv[1], sys.argv[2]

class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        # The first line says what is wanted.
        stream = self.request.makefile("rb")
        wish = stream.readline().decode().split()
        if wish[:1] == ["echo"]:
            while data := stream.read1(65536):
                self.request.sendall(data)
        elif wish[:1] == ["hash"]:      # of everything until the end, then an answer
            self.request.sendall(hashlib.sha256(stream.read()).hexdigest().encode())
        elif wish[:1] == ["send"]:      # so many bytes, then the end
            left, block = int(wish[1]), bytes(range(256)) * 256
            while left:
                self.request.sendall(block[:left])
                left -= min(left, len(block))
        elif wish[:1] == ["end-first"]:  # ends its direction, then hashes the other
            self.request.sendall(b"first")
            self.request.shutdown(socket.SHUT_WR)
            print(hashlib.sha256(stream.read()).hexdigest(), flush=True)
        elif wish[:1] == ["peer"]:
            self.request.sendall(repr(self.client_address).encode())
        elif wish[:1] == ["stall"]:
            self.request.sendall(b"stalled")
            threading.Event().wait()

class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    address_family = getattr(socket, family)
    allow_reuse_address = daemon_threads = True
    request_queue_size = 256

if family == "AF_UNIX":
    server = Server(address, Handler)
    import os
    os.chmod(address, 0o777)
    print(0, flush=True)
else:
    server = Server((address, int(sys.argv[3])), Handler)
    print(server.server_address[1], flush=True)
server.serve_forever()
"""


class Inside:
    def __init__(self, incus, instance="c1"):
        incus.shell(instance, "ip link set lo up")
        state = json.loads(incus("query", f"/1.0/instances/{instance}/state"))
        self.pid = state["pid"]
        self.processes = contextlib.ExitStack()
        self.root = pathlib.Path(f"/proc/{self.pid}/root")

    def argv(self, code, *arguments, as_its_root=False):
        user = ["-U", "-S", "0", "-G", "0"] if as_its_root else []
        return ["nsenter", "-t", str(self.pid), "-n", *user, sys.executable, "-c", code,
                *map(str, arguments)]

    def start(self, *arguments, **settings):
        """A Python program with the instance's network and the host's files."""
        process = subprocess.Popen(self.argv(*arguments, **settings), stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.processes.callback(end, process)
        return process

    def run(self, *arguments, timeout=30, **settings):
        result = subprocess.run(self.argv(*arguments, **settings), capture_output=True, text=True,
                                timeout=timeout)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def run_as_its_root(self, *arguments):
        """As the user that root inside is, which the instance's files know."""
        return self.run(*arguments, as_its_root=True)

    def start_server(self, address="127.0.0.1", port=0):
        """A server inside that does what the first line asks for."""
        family = "AF_INET6" if ":" in address else "AF_INET"
        process = self.start(SERVER, family, address, port)
        return types.SimpleNamespace(process=process, port=int(process.stdout.readline()))

    def serve(self, address="127.0.0.1", port=0):
        return self.start_server(address, port).port

    def listens(self, port):
        """Whether anything inside listens on the port."""
        tables = [(pathlib.Path(f"/proc/{self.pid}/net") / name).read_text().splitlines()[1:]
                  for name in ("tcp", "tcp6")]
        return [line.split()[1] for line in sum(tables, [])
                if line.split()[3] == "0A" and int(line.split()[1].split(":")[1], 16) == port]

    def serve_unix(self, path):
        """The same on a unix socket of the instance's file system."""
        (self.root / path.lstrip("/")).unlink(missing_ok=True)
        process = self.start(SERVER, "AF_UNIX", self.root / path.lstrip("/"), as_its_root=True)
        assert process.stdout.readline(), process.stderr.read()
        return path

    def close(self):
        self.processes.close()

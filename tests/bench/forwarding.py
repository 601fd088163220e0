"""-L and -A."""
import contextlib
import os
import pathlib
import socket
import struct
import subprocess
import tempfile
import time

from harness.client import end, environment, wait_until
from harness.server import free_port
from measure import in_turns, note, note_medians, timed

CIPHER = "Ciphers=aes128-gcm@openssh.com"
SINK, SOURCE, GREETER = 7001, 7002, 7003
LATENCY = "(i) new connection by -L to its first byte, ms; beside"


def connected(port):
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


@contextlib.contextmanager
def tunnel(client, beside):
    """A connection with forwardings to the peer's ports; yields the local port of each. OpenSSH
    switches Nagle's algorithm off when a session begins: -N alone has its delays at both ends."""
    ports = {port: free_port() for port in (SINK, SOURCE, GREETER)}
    options = [CIPHER, "ExitOnForwardFailure=yes"]
    options += [f"LocalForward=127.0.0.1:{here} 127.0.0.1:{there}" for there, here in ports.items()]
    more, command = ([], ["exec sleep 3600"]) if beside == "a session" else (["-N"], [])
    process = client.start(*command, options=[*options, *more], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        def up():
            assert process.poll() is None, "the tunnel ended"
            with contextlib.suppress(OSError), connected(ports[GREETER]) as probe:
                return probe.recv(1)
        wait_until(up, 20, "the tunnel")
        yield ports
    finally:
        end(process)


def forward(contestants, quick):
    contestants.start_peer(SINK, SOURCE, GREETER)
    size = (64 if quick else 512) << 20
    chunk = os.urandom(1 << 20)

    def up(ports):
        begin = time.monotonic()
        with connected(ports[SINK]) as connection:
            for _ in range(size >> 20):
                connection.sendall(chunk)
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(1) == b"."
        return size / (time.monotonic() - begin) / 1e6

    def down(ports):
        buffer = bytearray(1 << 20)
        begin = time.monotonic()
        with connected(ports[SOURCE]) as connection:
            connection.sendall(struct.pack(">Q", size))
            received = 0
            while count := connection.recv_into(buffer):
                received += count
        assert received == size
        return size / (time.monotonic() - begin) / 1e6

    def open_one(ports):
        begin = time.monotonic()
        with connected(ports[GREETER]) as connection:
            assert connection.recv(1) == b"."
            return time.monotonic() - begin

    # sshd + incus exec forwards on the host, which is another question.
    clients = {name: client for name, client in contestants.clients.items()
               if name != "sshd+incus"}
    for beside in ("a session", "-N"):
        with contextlib.ExitStack() as stack:
            tunnels = {name: stack.enter_context(tunnel(client, beside))
                       for name, client in clients.items()}
            samples = in_turns(tunnels, 100 if quick else 500, open_one, "-L connections")
            note_medians(LATENCY, f"{beside}, median", samples, 1e3)
            for name, values in samples.items():
                note(LATENCY, f"{beside}, 95%", name, sorted(values)[int(len(values) * 0.95)] * 1e3)
            if beside == "-N":
                continue
            for row, measure in (("to the instance", up), ("from the instance", down)):
                note_medians("(h) -L throughput, MB/s", row,
                             in_turns(tunnels, 2 if quick else 5, measure, f"-L {row}"))


def agent(contestants, quick):
    table = "(j) ssh -A, connection to exit, ms"
    with tempfile.TemporaryDirectory(prefix="s2i-") as folder:
        path = pathlib.Path(folder) / "agent"
        process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
        try:
            wait_until(path.exists)
            subprocess.run(["ssh-add", "-q", contestants.ground.key.path], check=True,
                           env=environment({"SSH_AUTH_SOCK": str(path)}))
            clients = {name: client for name, client in contestants.clients.items()
                       if name != "sshd+incus"}
            shared = [f"IdentityAgent={path}", "ForwardAgent=yes"]
            measures = {
                "true": lambda client: timed(client, "true"),
                "true, with -A": lambda client: timed(client, "true", options=shared),
                "ssh-add -l, with -A": lambda client: timed(client, "ssh-add -l", options=shared),
            }
            # One after the other in each turn: their difference is what is asked for.
            turns = in_turns(clients, 8 if quick else 40,
                             lambda client: [measure(client) for measure in measures.values()],
                             "ssh -A")
        finally:
            end(process)
    for index, row in enumerate(measures):
        note_medians(table, row, {name: [turn[index] for turn in values]
                                  for name, values in turns.items()}, 1e3)
    note_medians(table, "what -A adds to true",
                 {name: [with_agent - without for without, with_agent, _ in values]
                  for name, values in turns.items()}, 1e3)

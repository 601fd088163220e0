"""What editors that work on a remote machine do: VS Code Remote-SSH's and JetBrains Gateway's ways,
and mosh. Each of them leaves a server behind that must outlive what started it."""
import contextlib
import json
import re
import socket
import subprocess
import time

import pytest

from harness.client import Client, end, fresh_source, wait_until
from harness.server import free_port
from harness.tools import runs_inside

# As such scripts are: fed to a shell's stdin, one long-lived child in the background, an answer
# between marks, nothing read from stdin by the child.
BOOTSTRAP = r"""
set -e
DIR=$HOME/.editor-server
mkdir -p "$DIR"
if [ -f "$DIR/pid" ] && kill -0 "$(cat "$DIR/pid")" 2>/dev/null; then
  state=found
else
  cat >"$DIR/server.py" <<'PYTHON'
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = b"hello from the server" if self.path == "/" else b"x" * int(self.path[1:])
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(sys.argv[1] + "/port.new", "w") as file: file.write(str(server.server_port))
os.rename(sys.argv[1] + "/port.new", sys.argv[1] + "/port")
server.serve_forever()
PYTHON
  rm -f "$DIR/port"
  START python3 "$DIR/server.py" "$DIR" </dev/null >"$DIR/log" 2>&1 &
  echo $! >"$DIR/pid"
  state=started
fi
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  [ -f "$DIR/port" ] && break
  sleep 0.25
done
echo "==start=="
echo "state=$state port=$(cat "$DIR/port") user=$(id -un)"
echo "==end=="
"""


@pytest.fixture
def alice(server, root_key, debian, incus):
    """The stock client as alice; what she left running is ended afterwards."""
    client = Client(server, root_key, f"alice@{debian}", fresh_source())
    clean = "pkill -u alice || true; rm -rf /home/alice/.editor-server"
    incus.shell(debian, clean)
    yield client
    incus.shell(debian, clean)


def bootstrap(client, start="nohup", shell="bash", **settings):
    output = client.output(shell, input=BOOTSTRAP.replace("START", start).encode(), **settings)
    return re.search(r"==start==\nstate=(\w+) port=(\d+) user=(\w+)\n==end==", output).groups()


@contextlib.contextmanager
def forwarding(client, *options):
    """A client that forwards and runs nothing."""
    process = client.start("-N", options=["ExitOnForwardFailure=yes", *options],
                           stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        end(process)


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def fetch(url, *options):
    return subprocess.run(["curl", "-sS", "--max-time", "20", *options, url], capture_output=True,
                          stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("start", ["nohup", "setsid", "setsid nohup"])
@pytest.mark.parametrize("shell", ["bash", "sh"])
@pytest.mark.expect_logins(2)
def test_server_started_in_the_background_is_found_by_the_next_connection(alice, server, start,
                                                                          shell):
    state, port, user = bootstrap(alice, start, shell)
    assert (state, user) == ("started", "alice")
    server.wait_idle()
    assert bootstrap(alice, start, shell) == ("found", port, user)


@pytest.mark.expect_logins(1)
def test_server_in_the_background_does_not_hold_the_channel(alice, debian, incus):
    # stdout is redirected, so the session's end is the script's.
    with alice.master() as (client, master):
        bootstrap(client)
        assert runs_inside(incus, debian, "server.py")
        assert client.output("echo next") == "next\n"
        assert master.poll() is None
    assert runs_inside(incus, debian, "server.py")


@pytest.mark.expect_logins(1)
def test_server_in_the_background_survives_a_client_that_is_killed(alice, server, debian, incus):
    process = alice.start("bash")
    process.stdin.write(BOOTSTRAP.replace("START", "nohup").encode() + b"sleep 60\n")
    process.stdin.flush()
    try:
        while process.stdout.readline() != b"==end==\n":
            assert process.poll() is None
    finally:
        process.kill()
        end(process)
    server.wait_idle()
    time.sleep(0.5)
    assert runs_inside(incus, debian, "server.py")


@pytest.mark.expect_logins(2)
def test_dynamic_forwarding_to_the_started_server(alice):
    _, port, _ = bootstrap(alice)
    local = free_port()
    with forwarding(alice, f"DynamicForward=127.0.0.1:{local}"):
        wait_until(lambda: listens(local), 20, "the dynamic forward")
        for name in ("127.0.0.1", "localhost"):
            result = fetch(f"http://{name}:{port}/", "--socks5-hostname", f"127.0.0.1:{local}")
            assert result.stdout == b"hello from the server", result.stderr
        result = fetch(f"http://127.0.0.1:{port}/3000000", "--socks5-hostname",
                       f"127.0.0.1:{local}")
        assert result.stdout == b"x" * 3_000_000


@pytest.mark.expect_logins(1)
def test_commands_and_forwarding_over_one_connection(alice):
    local = free_port()
    with alice.master(options=[f"DynamicForward=127.0.0.1:{local}"]) as (client, _):
        _, port, _ = bootstrap(client)
        terminals = [client.start("cat", stderr=subprocess.DEVNULL) for _ in range(5)]
        fetches = [subprocess.Popen(
            ["curl", "-sS", "--max-time", "20", "--socks5-hostname", f"127.0.0.1:{local}",
             f"http://127.0.0.1:{port}/200000"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
            for _ in range(8)]
        for number, terminal in enumerate(terminals):
            output, _ = terminal.communicate(f"text {number}".encode(), timeout=20)
            assert output == f"text {number}".encode()
        for process in fetches:
            assert len(process.communicate(timeout=30)[0]) == 200_000


@pytest.mark.expect_logins(1)
def test_agent_of_an_ide_by_sftp_with_a_long_lived_exec_and_local_forwards(alice, tmp_path):
    agent = tmp_path / "agent.py"
    agent.write_text("""
import json, socket, sys, threading
listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
def serve(listener, answer):
    while True:
        connection, _ = listener.accept()
        connection.sendall(answer)
        connection.close()
for number, listener in enumerate(listeners):
    threading.Thread(target=serve, args=(listener, b"service %d" % number), daemon=True).start()
print(json.dumps([listener.getsockname()[1] for listener in listeners]), flush=True)
for line in sys.stdin:
    print("did " + line.strip(), flush=True)
""")
    with alice.master() as (client, _):
        batch = f"-mkdir .editor-server\nput {agent} .editor-server/agent.py\n"
        control = next(option for option in client.options if option.startswith("ControlPath"))
        put = subprocess.run(["sftp", "-F", "none", "-b", "-", "-o", control, "-o", f"User={alice.login}",
                              f"{alice.server.address}"], input=batch.encode(), capture_output=True,
                             timeout=60)
        assert put.returncode == 0, put.stderr
        running = client.start("python3 .editor-server/agent.py")
        try:
            ports = json.loads(running.stdout.readline())
            locals_ = [free_port() for _ in ports]
            for local, port in zip(locals_, ports):
                client.output("-O", "forward", "-L", f"127.0.0.1:{local}:127.0.0.1:{port}")
            for number, local in enumerate(locals_):
                with socket.create_connection(("127.0.0.1", local), 20) as connection:
                    assert connection.recv(100) == b"service %d" % number
            running.stdin.write(b"indexing\n")
            running.stdin.flush()
            assert running.stdout.readline() == b"did indexing\n"
        finally:
            end(running)


@pytest.mark.expect_logins(2)
def test_mosh_server_outlives_the_connection_that_started_it(alice, server, debian, incus):
    # The client's part needs a way by UDP, which the test's instance has none of.
    start = "LC_ALL=C.UTF-8 mosh-server new -p 60077 -- cat"
    result = alice.run(start, options=["-tt"])
    text = (result.stdout + result.stderr).decode()
    assert re.search(r"MOSH CONNECT 60077 [A-Za-z0-9/+]{22}", text), text
    assert result.returncode == 0
    server.wait_idle()
    assert runs_inside(incus, debian, "mosh-server new -p 60077")
    alice.output("pkill mosh-server")
    wait_until(lambda: not runs_inside(incus, debian, "mosh-server new"), 10, "mosh-server's end")

"""Metrics and health over HTTP, and what the server does about an Incus that is away."""
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import pytest

from harness.client import Client, fresh_source, wait_until
from harness.server import free_port

SAMPLE = re.compile(r'([a-z_][a-z0-9_]*)(\{[a-z_]+="[^"\\\n]*"(?:,[a-z_]+="[^"\\\n]*")*\})? '
                    r'(\d+(?:\.\d+)?)')


def curl(*arguments):
    """Status code and body."""
    done = subprocess.run(["curl", "-sS", "--max-time", "20", "-w", "\n%{http_code}", *arguments],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    body, code = done.stdout.rsplit("\n", 1)
    return int(code), body


def numbers(text):
    """Samples by name and labels, after a strict look at the format."""
    found, family = {}, None
    lines = text.split("\n")
    assert lines[-1] == ""
    for line in lines[:-1]:
        if line.startswith("# HELP "):
            family = line.split()[2]
        elif line.startswith("# TYPE "):
            assert line.split()[2] == family and line.split()[3] in ("counter", "gauge", "histogram")
        else:
            name, labels, value = SAMPLE.fullmatch(line).groups()
            assert name in (family, *(family + end for end in ("_bucket", "_sum", "_count"))), line
            assert (name + (labels or "")) not in found, line
            found[name + (labels or "")] = float(value)
    return found


@pytest.fixture
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="ssh2incus-test-", dir="/run"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.mark.expect_logins(2)
def test_metrics_tell_what_has_happened(start_server, root_key, keyring):
    port = free_port()
    server = start_server("--pprof", "--pprof-listen", f"127.0.0.1:{port}", "--penalties",
                          "authfail:1")
    url = f"http://127.0.0.1:{port}"
    assert Client(server, root_key).output("head -c 100000 /dev/zero | wc -c") == "100000\n"
    wrong = keyring.get("ed25519", name="unknown")
    assert Client(server, wrong, source=fresh_source()).run("true").returncode == 255
    server.log.wait_for("penalty")
    with Client(server, root_key).master():
        code, text = curl(url + "/metrics")
        assert code == 200
        found = numbers(text)
        assert found['ssh2incus_connections{state="authenticated"}'] == 1
    assert found['ssh2incus_connections{state="authenticating"}'] == 0
    assert found["ssh2incus_connections_accepted_total"] == 3
    assert found['ssh2incus_logins_total{method="publickey",result="succeeded"}'] == 2
    assert found['ssh2incus_penalties_total{reason="authfail"}'] == 1
    assert found["ssh2incus_handshake_seconds_count"] == 3
    assert found["ssh2incus_exec_seconds_count"] >= 1
    assert found['ssh2incus_exec_seconds_bucket{le="+Inf"}'] == found["ssh2incus_exec_seconds_count"]
    assert found["ssh2incus_streams_closed_total"] == 1
    assert found['ssh2incus_transferred_bytes_total{direction="out"}'] >= 7
    assert found['ssh2incus_resident_memory_bytes{process="listener"}'] > 1_000_000
    assert found['ssh2incus_resident_memory_bytes{process="monitors"}'] > 1_000_000


@pytest.mark.expect_logins(0)
def test_pages_and_peers_that_ask_for_other_things(start_server, folder):
    path = folder / "diagnostics"
    start_server("--pprof-listen", f"unix:{path}")
    unix = ("--unix-socket", str(path))
    assert curl(*unix, "http://x/healthz") == (200, "ok\n")
    wait_until(lambda: curl(*unix, "http://x/readyz") == (200, "ready\n"))
    assert curl(*unix, "http://x/")[0] == 404
    assert curl(*unix, "-X", "POST", "http://x/metrics")[0] == 405
    assert curl(*unix, "-H", "X: " + "x" * 9000, "http://x/metrics")[0] == 400
    assert curl(*unix, "-I", "http://x/metrics")[0] == 200
    assert numbers(curl(*unix, "http://x/metrics")[1])["ssh2incus_incus_up"] == 1


@pytest.mark.expect_logins(0)
def test_the_process_that_speaks_http_is_locked_in(start_server):
    server = start_server("--pprof", "--pprof-listen", f"127.0.0.1:{free_port()}")
    process, = server.named("ssh2incus-diagnostics")
    status = process.status()
    assert "0" not in status["Uid"].split() and status["Seccomp"] == "2"
    assert status["NoNewPrivs"] == "1" and status["CapBnd"].strip("0") == ""
    assert process.root_entries() == []
    assert set(process.files()) <= {0, 1, 2, 3, 4}


@pytest.mark.expect_logins(2)
def test_an_outage_of_incus_is_noticed_and_told(start_server, root_key, incus, folder):
    port = free_port()
    link = folder / "incus.socket"
    link.symlink_to(incus.socket)
    server = start_server("-H", "1s", "--pprof-listen", f"127.0.0.1:{port}", "-s", str(link))
    ready = f"http://127.0.0.1:{port}/readyz"
    client = Client(server, root_key)
    assert client.output("echo in") == "in\n"
    wait_until(lambda: curl(ready)[0] == 200)
    link.unlink()
    assert server.log.wait_for("incus_unreachable")[0].reason
    assert curl(ready) == (503, "Incus is unreachable\n")
    started = time.monotonic()
    refused = client.run("true")
    assert refused.returncode == 255 and b"not reachable at the moment" in refused.stderr
    assert time.monotonic() - started < 20
    link.symlink_to(incus.socket)
    back, = server.log.wait_for("incus_reachable", timeout=30)
    assert int(back.outage_ms) > 0
    assert curl(ready) == (200, "ready\n")
    assert len(server.log.events("incus_unreachable")) == 1

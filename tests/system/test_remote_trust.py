"""Whom an https remote trusts and who is believed to be one; servers that are none; and what a
restricted certificate is good for."""
import contextlib
import os
import time

import pytest

from harness.client import Client
from harness.hostile_tls import BEHAVIOURS, HostileServer
from harness.remote import ClientFiles, make_certificate
from harness.server import free_port
from test_remotes import far, files  # noqa: F401


@pytest.fixture
def own_files(far):  # noqa: F811
    """Of a client that the remote doesn't trust yet."""
    made = ClientFiles(f"/run/ssh2incus-test-other-{os.getpid()}")
    yield made
    made.remove()


@pytest.fixture
def client(start_server, own_files, root_key):
    """client(): to r1 of the remote far, as own_files have it now."""
    return lambda: Client(start_server(env=own_files.env), root_key, "far:r1")


def refusal(client, **settings):
    began = time.monotonic()
    result = client.run("true", timeout=30, **settings)
    assert result.returncode == 255 and result.stdout == b"", result
    return result.stderr.decode(), time.monotonic() - began


@pytest.mark.expect_logins(1)
def test_wrong_pinned_certificate(client, own_files, far, tmp_path):  # noqa: F811
    make_certificate(tmp_path, "other")
    own_files.add("far", far.url, (tmp_path / "other.crt").read_text())
    text, _ = refusal(client())
    assert f"can't reach Incus at {far.url}: its certificate isn't the one" in text


@pytest.mark.expect_logins(1)
def test_untrusted_client_certificate(client, own_files, far):  # noqa: F811
    own_files.add("far", far.url, far.certificate)
    text, _ = refusal(client())
    assert f"Incus at {far.url} doesn't trust this server's client certificate" in text


@pytest.mark.expect_logins(2)
def test_outage_is_told_at_once(client, own_files, far):  # noqa: F811
    own_files.add("far", f"https://127.0.0.1:{free_port()}", far.certificate)
    own_files.add("unnamed", "https://no-such-host.invalid:8443", far.certificate)
    ssh = client()
    text, took = refusal(ssh)
    assert "Connection refused" in text and took < 10
    text, _ = refusal(ssh, login="unnamed:r1")
    assert "can't find the address of https://no-such-host.invalid:8443" in text


@pytest.mark.expect_logins(1)
def test_server_that_does_not_answer_is_given_up(client, own_files, far):  # noqa: F811
    with contextlib.closing(HostileServer([], pause=0)) as server:
        server.serve = lambda connection: time.sleep(60)
        own_files.add("far", f"https://127.0.0.1:{server.port}", far.certificate)
        text, took = refusal(client())
        assert "it doesn't answer" in text and took < 15


@pytest.mark.expect_logins(len(BEHAVIOURS) + 2)
def test_hostile_servers(client, own_files):
    make_certificate(own_files.folder, "hostile")
    certificate = own_files.folder / "hostile.crt"
    ssh = None
    with contextlib.ExitStack() as stack:
        servers = {name.replace(" ", "-"): HostileServer(chunks, certificate)
                   for name, chunks in BEHAVIOURS.items()}
        servers["no-tls"] = HostileServer([b"SSH-2.0-no\r\n" * 1000])
        servers["slow"] = HostileServer([b"HTTP/1.1 200 OK\r\n"] + [b"X: y\r\n"] * 1000, certificate,
                                        pause=1)
        for name, server in servers.items():
            stack.enter_context(contextlib.closing(server))
            own_files.add(name, f"https://127.0.0.1:{server.port}", certificate.read_text())
        ssh = client()
        for name in servers:
            text, took = refusal(ssh, login=f"{name}:r1") if name != "slow" else slow(ssh)
            assert "ssh2incus: " in text and took < 45, (name, text, took)
    assert ssh.server.log.events("crash") == []


def slow(ssh):
    began = time.monotonic()
    result = ssh.run("true", login="slow:r1", timeout=60)
    assert result.returncode == 255
    return result.stderr.decode(), time.monotonic() - began


@pytest.mark.expect_logins(5)
def test_restricted_certificate_and_project(client, own_files, far, tmp_path):  # noqa: F811
    """The hardened mode: what the gateway has can't become root on the remote's host."""
    project = "hardened"
    far("project", "delete", "--force", project, check=False, input="yes\n")
    far("project", "create", project, "-c", "features.images=false", "-c", "restricted=true")
    far("profile", "device", "add", "default", "root", "disk", "path=/", "pool=default", "--project",
        project)
    far.ensure("h1", project=project)
    far.trust(own_files.folder / "client.crt", "--restricted", "--projects", project)
    own_files.add("far", far.url, far.certificate, project=project)
    ssh = client()
    with ssh.but(login="far:h1").master() as (inside, _):
        assert inside.output("hostname") == "h1\n"
        data = os.urandom(3_000_000)
        assert inside.run("cat", input=data).stdout == data
    far("stop", "-f", "h1", "--project", project)
    assert ssh.output("hostname", login="far:h1") == "h1\n"
    # Other projects are none of its business.
    for login in ("far:r1.default", "far:w1.web", "far:none"):
        assert "ssh2incus: " in refusal(ssh, login=login)[0]
    # And the same by the stock client, with the gateway's own credentials.
    assert own_files.incus("list", "far:", "--project", project).returncode == 0
    assert own_files.incus("list", "far:", "--project", "default").returncode != 0
    privileged = own_files.incus("init", "far:ssh2incus-busybox", "far:evil", "--project", project,
                                 "-c", "security.privileged=true")
    assert privileged.returncode != 0 and "privileged" in privileged.stderr.lower()
    disk = own_files.incus("config", "device", "add", "far:h1", "host", "disk", "source=/",
                           "path=/host", "--project", project)
    assert disk.returncode != 0
    for change in (("config", "set", "far:", "core.https_address=:1"),
                   ("project", "set", f"far:{project}", "restricted=false"),
                   ("storage", "list", "far:")):
        assert own_files.incus(*change).returncode != 0, change
    far("delete", "-f", "h1", "--project", project)
    far("project", "delete", project)

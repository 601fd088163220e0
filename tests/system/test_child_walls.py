"""The walls around the attendant's children, from outside: the key reader, caught at work, and the
child in which PAM's modules run, while it waits for an answer."""
import contextlib
import os
import pwd
import signal
import threading
import time

import paramiko
import pytest

from harness.client import wait_until
from harness.process import Process
from test_host_key_memory import all_secrets
from test_password import (PASSWORD, account, password_server, service,  # noqa: F401
                           transport_to)
from test_walls import CAP_NEVER, before_login, filtered, sockets, undumpable

# monitor/pam_conversation.cc: CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, SETGID, SETUID, AUDIT_WRITE.
PAM_CAPABILITIES = {0, 1, 2, 6, 7, 29}


def attendant_of(server):
    monitor, = server.monitors()
    attendant, = wait_until(lambda: [child for child in monitor.children()
                                     if child.alive and child.name == "ssh2incus"])
    return attendant


def children_of(process):
    """Faster than looking through all of /proc."""
    with contextlib.suppress(OSError):
        text = (process.folder / "task" / str(process.pid) / "children").read_text()
        return [Process(int(pid)) for pid in text.split()]
    return []


@contextlib.contextmanager
def caught(process):
    """Stopped."""
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)


def is_like_a_child_of_the_attendant(child, server):
    assert filtered(child) and undumpable(child)
    limits = child.limits()
    assert limits["Max core file size"] == ("0", "0")
    kinds = sockets(child)
    assert "tcp" not in kinds.values() and "listening" not in kinds.values(), kinds
    monitor, = server.monitors()
    assert monitor.search_memory(all_secrets(server)) > 0, "this search doesn't find what is there"
    assert child.search_memory(all_secrets(server)) == 0


@pytest.mark.expect_logins(0)
def test_key_reader(server, users):
    user = users["member"]
    entry = pwd.getpwnam(user.name)
    # As long as a file may be, nearly: time to catch its reader.
    user.write_keys(*["# " + "x" * 60] * 15000)
    try:
        for _ in range(5):
            with before_login(server) as transport:
                attendant = attendant_of(server)
                inherited = int(attendant.status()["Seccomp_filters"])
                tries = threading.Thread(target=try_keys, args=(transport, user.name))
                tries.start()
                try:
                    if look_for_reader(attendant, inherited, entry, server, tries):
                        return
                finally:
                    transport.close()
                    tries.join(30)
            server.wait_idle()
        raise AssertionError("no key reader was caught at work")
    finally:
        user.write_keys()


def try_keys(transport, name):
    for _ in range(5):
        try:
            transport.auth_publickey(f"c1+{name}", paramiko.ECDSAKey.generate())
        except paramiko.AuthenticationException:
            pass
        except (paramiko.SSHException, EOFError, OSError):
            return


def look_for_reader(attendant, inherited, entry, server, tries):
    while tries.is_alive():
        for reader in children_of(attendant):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError, KeyError):
                with caught(reader):
                    time.sleep(0.01)
                    status = reader.status()
                    if status["State"][0] != "T" or int(status["Seccomp_filters"]) <= inherited:
                        continue
                    assert status["Uid"].split() == [str(entry.pw_uid)] * 4
                    assert status["Gid"].split() == [str(entry.pw_gid)] * 4
                    assert reader.groups() == set(os.getgrouplist(entry.pw_name, entry.pw_gid))
                    sets = reader.capabilities()
                    assert all(not numbers for numbers in sets.values()), sets
                    is_like_a_child_of_the_attendant(reader, server)
                    return True
    return False


@pytest.mark.expect_logins(1)
def test_pam_child(password_server, account):  # noqa: F811
    server = password_server()
    seen = []

    def answer(title, instructions, asked):
        if asked:
            child, = wait_until(lambda: children_of(attendant_of(server)))
            sets = child.capabilities()
            assert sets["Eff"] <= PAM_CAPABILITIES and sets["Prm"] <= PAM_CAPABILITIES, sets
            assert not sets["Bnd"] & set(CAP_NEVER), sets
            assert sets["Inh"] == sets["Amb"] == set()
            is_like_a_child_of_the_attendant(child, server)
            seen.append(child)
        return [PASSWORD] * len(asked)

    with transport_to(server) as transport:
        transport.auth_interactive("c1+s2ipam1", answer)
        child, = seen
        wait_until(lambda: not child.alive, 5)

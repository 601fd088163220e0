"""--inauth with --password-auth: passwords of instance users, against the instance's own shadow."""
import ctypes
import shlex

import paramiko
import pytest

from test_instance_auth import Inside, instances  # noqa: F401 (a fixture)
from test_password import account, password_server, service, shell_output, transport_to  # noqa: F401

PASSWORD = "inside-Horse-3staple"
_crypt = ctypes.CDLL("libcrypt.so.1")
_crypt.crypt.restype = _crypt.crypt_gensalt.restype = ctypes.c_char_p


def hash_of(password, prefix="$6$"):
    setting = _crypt.crypt_gensalt(prefix.encode(), ctypes.c_ulong(0), None, 0)
    return _crypt.crypt(password.encode(), setting).decode()


@pytest.fixture
def shadow(instances):  # noqa: F811
    """shadow(hash, rest): ana's line; taken back afterwards."""
    inside = Inside(instances)
    inside("cp -p /etc/shadow /etc/shadow.kept")

    def write(hashed, rest="19000:0:99999:7:::"):
        line = shlex.quote(f"ana:{hashed}:{rest}")
        inside(f"(grep -v ^ana: /etc/shadow.kept; printf '%s\\n' {line}) >/etc/shadow")
    yield write
    inside("mv /etc/shadow.kept /etc/shadow")


def try_password(server, password, login="ana@ia1"):
    """What `id -un` says after a login with the password; None if there is none."""
    with transport_to(server) as transport:
        try:
            transport.auth_password(login, password, fallback=False)
        except paramiko.AuthenticationException:
            return None
        return shell_output(transport, "id -un").decode().strip()


@pytest.fixture
def server_with(password_server):  # noqa: F811
    return password_server("-P", "--inauth")


@pytest.mark.expect_logins(4)
def test_every_strong_method(server_with, shadow):
    for prefix in ("$y$", "$gy$", "$2b$", "$6$"):
        shadow(hash_of(PASSWORD, prefix))
        assert try_password(server_with, PASSWORD + "x") is None
        assert try_password(server_with, PASSWORD) == "ana", prefix
    success = server_with.log.events("auth_succeeded")[0]
    assert (success.method, success.authenticated_by) == ("password", "instance")
    assert success.host_user is None
    assert PASSWORD not in server_with.log.text()


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("hashed, rest, reason", [
    ("!" + hash_of(PASSWORD), "19000:0:99999:7:::", "locked"),
    ("*", "19000:0:99999:7:::", "locked"),
    ("", "19000:0:99999:7:::", "empty"),
    (hash_of(PASSWORD), "19000:0:99999:7::10000:", "account has expired"),
    (hash_of(PASSWORD), "10000:0:10:7:::", "password has expired"),
    (hash_of(PASSWORD), "0:0:99999:7:::", "must be changed"),
    (hash_of(PASSWORD), "x:0:99999:7:::", "number of days"),
    (hash_of(PASSWORD, "$1$"), "19000:0:99999:7:::", "isn't accepted"),
    (hash_of(PASSWORD, "$5$"), "19000:0:99999:7:::", "too weak"),
    ("$6$rounds=999999999$salt$x", "19000:0:99999:7:::", "too many rounds"),
    ("$y$jFT$saltsaltsalt$x", "19000:0:99999:7:::", "too much memory"),
    ("$2b$31$abcdefghijklmnopqrstuu", "19000:0:99999:7:::", "too many rounds"),
])
def test_what_is_refused_and_why(server_with, shadow, hashed, rest, reason):
    shadow(hashed, rest)
    for password in (PASSWORD, ""):
        assert try_password(server_with, password) is None
    shown = [event.reason for event in server_with.log.wait_for("auth_failed", 2)]
    assert any(reason in text for text in shown), shown


@pytest.mark.expect_logins(1)
def test_the_hosts_password_comes_first(server_with, shadow, account):  # noqa: F811
    from test_password import PASSWORD as HOST_PASSWORD
    shadow(hash_of(PASSWORD))
    assert try_password(server_with, HOST_PASSWORD, "ana@ia1+s2ipam1") == "ana"
    success, = server_with.log.events("auth_succeeded")
    assert (success.host_user, success.authenticated_by) == ("s2ipam1", None)


@pytest.mark.expect_logins(0)
def test_neither_other_users_nor_instances_nor_commands(server_with, shadow):
    shadow(hash_of(PASSWORD))
    for login in ("ia1", "nobody@ia1", "ana@ia2", "ana@missing", "%shell", "+ana@ia1"):
        assert try_password(server_with, PASSWORD, login) is None, login


@pytest.mark.expect_logins(0)
def test_shadow_of_others_is_not_believed(server_with, shadow, instances):  # noqa: F811
    shadow(hash_of(PASSWORD))
    for script in ("chmod 666 /etc/shadow", "chmod 640 /etc/shadow; chown 1005 /etc/shadow"):
        Inside(instances)(script)
        assert try_password(server_with, PASSWORD) is None


@pytest.mark.expect_logins(0)
def test_only_with_both_flags(password_server, shadow):  # noqa: F811
    shadow(hash_of(PASSWORD))
    assert try_password(password_server("-P"), PASSWORD) is None

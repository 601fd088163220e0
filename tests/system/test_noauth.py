"""--noauth: logins without any proof, and where they stay refused."""
import pytest

from harness.client import Client, fresh_source
from test_flags import run

WITHOUT_PROOF = ["PreferredAuthentications=none", "PubkeyAuthentication=no"]


def nobody(server, login="c1"):
    return Client(server, None, login, fresh_source(), WITHOUT_PROOF)


@pytest.mark.expect_logins(2)
def test_logs_in_without_a_key_and_warns(start_server):
    server = start_server("--noauth")
    result = nobody(server).run("id -u")
    assert (result.returncode, result.stdout) == (0, b"0\n")
    assert b"--noauth" in result.stderr, "the banner comes before authentication"
    assert server.log.events("open", level="warning")
    success, = server.log.events("auth_succeeded")
    assert (success.method, success.host_user) == ("none", "root")
    assert nobody(server, "alice@c1").output("id -un") == "alice\n"


@pytest.mark.expect_logins(1)
def test_the_hosts_rules_about_users_stay(start_server, users):
    """No proof is asked for; but who may not log in still may not."""
    server = start_server("--noauth")
    for login, reason in (("c1+s2isys2", "none of the allowed groups"),
                          ("c1+s2isys4", "PAM"), ("c1+nobody-has-this", "no such user")):
        server.log.mark()
        result = nobody(server, login).run("true")
        assert result.returncode == 255 and b"Permission denied" in result.stderr
        assert reason in server.log.wait_for("auth_failed")[0].reason
    assert nobody(server, "c1+s2isys1").output("echo in") == "in\n"


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("arguments", [
    [], ["-l", ":2222"], ["-l", "0.0.0.0:2222"], ["-l", "192.0.2.1:2222"], ["-l", "[::]:2222"],
])
def test_does_not_start_where_others_can_connect(arguments):
    result = run("--noauth", *arguments)
    assert result.returncode == 2 and "--i-know-this-is-open" in result.stderr


@pytest.mark.expect_logins(1)
def test_starts_anywhere_if_told_so(start_server):
    server = start_server("--noauth", "--i-know-this-is-open")
    assert nobody(server).output("echo in") == "in\n"


@pytest.mark.expect_logins(0)
def test_none_proves_nothing_and_nothing_is_shown_without_the_flag(server):
    result = nobody(server).run("true")
    assert result.returncode == 255 and b"Permission denied (publickey)" in result.stderr
    assert b"noauth" not in result.stderr

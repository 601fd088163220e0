"""access.yaml: rules about how a login was proven: principals of certificates, and the instance."""
import pytest

from harness.authority import Authority
from harness.client import Client, fresh_source
from test_access import assert_refused, rule
from test_certificates import etc  # noqa: F401
from test_instance_auth import Inside, instances  # noqa: F401
from test_instance_password import PASSWORD, hash_of, shadow, try_password  # noqa: F401
from test_password import password_server, service  # noqa: F401

INSTANCES_OWN = {"authenticated_by": "instance", "allow": "all"}


@pytest.fixture
def key(keyring):
    return keyring.get("ed25519", name="access-proofs")


@pytest.fixture
def certified(keyring, key, etc, users):  # noqa: F811
    """certified(principals): the key with a certificate of an authority that is trusted."""
    users["member"].write_keys("# none")
    ca = Authority(keyring.get("ed25519", name="access-ca"), etc / "access")
    (etc / "access-cas").write_text(ca.key.public + "\n")
    return lambda principals: ca.certify(key, principals=principals)


def log_in(server, key, login):
    return Client(server, key, login, fresh_source()).run("id -un")


@pytest.mark.expect_logins(6)
def test_principals(start_server, access, certified, key, etc, users):  # noqa: F811
    server = start_server("--trusted-user-ca-keys", str(etc / "access-cas"), "--access",
                          access.write(
        rule("not-interns", deny="all", principals="intern-*"),
        rule("operators", allow="all", principals=["ops", "ops-*"]),
        rule("commands", allow="exec", principals="s2isys1", instances="c1", projects="p1")))
    login = "c1+s2isys1"
    for principals, project, wanted in (
            ("s2isys1,ops", "", "operators"), ("s2isys1,ops-night", "", "operators"),
            ("s2isys1", ".p1", "commands")):
        result = log_in(server, certified(principals), f"c1{project}+s2isys1")
        assert result.stdout == b"root\n", result.stderr
        assert server.log.events("auth_succeeded")[-1].rule == wanted
    assert_refused(server, log_in(server, certified("s2isys1,ops,intern-7"), login), "not-interns")
    for other in (certified("s2isys1"), key):  # no rule is for them there
        result = log_in(server, other, login)
        assert result.returncode == 255 and b"access policy" in result.stderr
        assert server.log.events("access_refused")[-1].reason == "no rule allows it"
        users["member"].write_keys(key.public)


@pytest.mark.expect_logins(1)
def test_keys_of_an_instance(start_server, access, instances, key):  # noqa: F811
    for name in ("ia1", "ia2"):
        Inside(instances, name).write(key.public)
    server = start_server("--inauth", "--access", access.write(
        rule("host", allow="all", users="root"), rule("ia1", instances="ia1", **INSTANCES_OWN)))
    assert log_in(server, key, "ana@ia1").stdout == b"ana\n"
    success, = server.log.events("auth_succeeded")
    assert (success.rule, success.authenticated_by) == ("ia1", "instance")
    result = log_in(server, key, "ana@ia2")
    assert result.returncode == 255 and b"Permission denied (publickey)" in result.stderr
    assert not server.log.events("instance_keys"), "nobody asked the instance"
    assert len(server.log.events("auth_succeeded")) == 1


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("rules", [
    [rule("host", allow="all", users="root")],
    [rule("elsewhere", instances="ia2", **INSTANCES_OWN)],
    [rule("others", instance_users="bob", **INSTANCES_OWN)],
    [rule("closed", deny="all", authenticated_by="instance"), rule("ia1", **INSTANCES_OWN)],
    [rule("codes", methods="keyboard-interactive", **INSTANCES_OWN)],
], ids=lambda rules: rules[0]["name"])
def test_instances_are_not_asked_where_no_rule_lets_their_users_in(
        password_server, access, instances, shadow, key, rules):  # noqa: F811
    """Neither the right key nor the right password reaches the instance: no gateway is started."""
    Inside(instances).write(key.public)
    shadow(hash_of(PASSWORD))
    server = password_server("-P", "--inauth", "--access", access.write(*rules))
    result = log_in(server, key, "ana@ia1")
    assert result.returncode == 255 and b"Permission denied" in result.stderr
    assert try_password(server, PASSWORD) is None
    assert not [event for event in server.log.wait_for("auth_failed", 2)
                if "instance" in event.reason]
    assert not server.log.events("instance_keys")


@pytest.mark.expect_logins(1)
def test_passwords_of_an_instance(password_server, access, instances, shadow):  # noqa: F811
    shadow(hash_of(PASSWORD))
    server = password_server("-P", "--inauth", "--access", access.write(
        rule("ana", instance_users="ana", **INSTANCES_OWN)))
    assert try_password(server, PASSWORD + "x") is None
    assert "instance: " in server.log.events("auth_failed")[-1].reason
    assert try_password(server, PASSWORD) == "ana"
    assert server.log.events("auth_succeeded")[0].rule == "ana"


@pytest.mark.expect_logins(2)
def test_what_an_instance_may_not_vouch_for_its_host_still_may(start_server, access,  # noqa: F811
                                                               instances, key, root_key):
    Inside(instances).write(key.public)
    server = start_server("--inauth", "--access", access.write(
        rule("no-shells", deny="shell", authenticated_by="instance"),
        rule("host", allow="all", users="root"), rule("instances", **INSTANCES_OWN)))
    assert Client(server, root_key, "ana@ia1", fresh_source()).run(
        input=b"id -un\n").stdout == b"ana\n"
    result = Client(server, key, "ana@ia1", fresh_source()).run(input=b"id -un\n")
    assert result.returncode == 255 and b"shells are not allowed" in result.stderr

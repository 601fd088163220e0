"""FIDO keys by the stock client and an authenticator without hardware (authenticator/)."""
import pathlib
import subprocess

import pytest

from harness.client import Client, fresh_source
from harness.keys import Key

SOURCE = pathlib.Path(__file__).parent / "authenticator" / "software_authenticator.cc"
KINDS = ("ed25519-sk", "ecdsa-sk")
TOUCHED, VERIFIED = 1, 4


@pytest.fixture(scope="module")
def authenticator(tmp_path_factory):
    """The library, built."""
    library = tmp_path_factory.mktemp("authenticator") / "authenticator.so"
    subprocess.run(["c++", "-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC",
                    "-o", library, SOURCE, "-lcrypto"], check=True)
    return library


@pytest.fixture(scope="module")
def enrolled(authenticator):
    """enrolled(kind, application): a key pair of the authenticator, by ssh-keygen."""
    made = {}

    def enroll(kind, application="ssh:"):
        if (kind, application) not in made:
            path = authenticator.parent / f"key{len(made)}"
            subprocess.run(["ssh-keygen", "-q", "-N", "", "-t", kind, "-w", authenticator, "-O",
                            f"application={application}", "-f", path], check=True,
                           stdin=subprocess.DEVNULL, capture_output=True)
            made[kind, application] = Key(path)
        return made[kind, application]
    return enroll


@pytest.fixture
def attempt(server, users, authenticator):
    """attempt(key, options of the line, how the authenticator behaves): what became of a login."""
    def log_in(key, options="", **behaviour):
        users["member"].write_keys(f"{options} {key.public}".strip())
        client = Client(server, key, "c1+s2isys1", fresh_source(),
                        [f"SecurityKeyProvider={authenticator}"])
        env = {f"AUTHENTICATOR_{name.upper()}": str(value) for name, value in behaviour.items()}
        return client.run("echo in", env=env)
    return log_in


def let_in(result):
    assert (result.returncode, result.stdout) == (0, b"in\n"), result.stderr


def kept_out(result, server, reason):
    assert result.returncode == 255 and b"Permission denied" in result.stderr, result.stderr
    assert reason in [event.reason for event in server.log.wait_for("auth_failed")][-1]


@pytest.mark.expect_logins(1)
@pytest.mark.parametrize("application", ["ssh:", "ssh:work"])
@pytest.mark.parametrize("kind", KINDS)
def test_login(enrolled, attempt, server, kind, application):
    key = enrolled(kind, application)
    let_in(attempt(key))
    event, = server.log.events("auth_succeeded")
    assert event.algorithm == key.public.split()[0] and event.fingerprint == key.fingerprint


@pytest.mark.expect_logins(1)
@pytest.mark.parametrize("kind", KINDS)
def test_missing_touch_is_refused_unless_the_line_allows_it(enrolled, attempt, server, kind):
    kept_out(attempt(enrolled(kind), flags=0), server, "wasn't touched")
    let_in(attempt(enrolled(kind), "no-touch-required", flags=0))


@pytest.mark.expect_logins(1)
@pytest.mark.parametrize("kind", KINDS)
def test_verify_required_asks_for_touch_and_verification(enrolled, attempt, server, kind):
    kept_out(attempt(enrolled(kind), "verify-required", flags=TOUCHED), server, "didn't verify")
    kept_out(attempt(enrolled(kind), "verify-required", flags=VERIFIED), server, "wasn't touched")
    let_in(attempt(enrolled(kind), "verify-required", flags=TOUCHED | VERIFIED))


@pytest.mark.expect_logins(1)
def test_verification_without_touch(enrolled, attempt):
    let_in(attempt(enrolled("ed25519-sk"), "no-touch-required,verify-required", flags=VERIFIED))


@pytest.mark.expect_logins(3)
def test_counters_are_not_compared(enrolled, attempt):
    for counter in (7, 3, 0xFFFFFFFF):
        let_in(attempt(enrolled("ecdsa-sk"), counter=counter))


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("kind", KINDS)
def test_signature_for_another_application_is_refused(enrolled, attempt, server, kind):
    kept_out(attempt(enrolled(kind), application="ssh:other"), server, "wrong signature")


@pytest.mark.expect_logins(0)
@pytest.mark.parametrize("kind", KINDS)
def test_signature_over_another_challenge_is_refused(enrolled, attempt, server, kind):
    kept_out(attempt(enrolled(kind), spoil=1), server, "wrong signature")


@pytest.mark.expect_logins(0)
def test_key_of_another_application_is_another_key(enrolled, attempt, users, server):
    listed, used = enrolled("ed25519-sk"), enrolled("ed25519-sk", "ssh:work")
    point, application = listed.public.split(), used.public.split()
    assert point[0] == application[0] and point[1] != application[1]
    result = attempt(used, f"{listed.public}\n#")
    kept_out(result, server, "key not authorised")

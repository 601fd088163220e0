"""Over SSH, refusing a password takes the same time whatever is wrong. The thousand tries of each kind
are a unit test (tests/unit/monitor/equal_time_test.cc); here are 25, through all processes."""
import contextlib
import random
import time

import paramiko
import pytest

from harness.pam import set_password, usermod
from test_password import (PASSWORD, account, password_server, service,  # noqa: F401
                           transport_to)

FLOOR_MS = 100
CONNECTIONS, TRIES = 5, 5
# Two samples of 25 from one distribution are further apart than 0.55 once in a thousand times.
FARTHEST = 0.6


def least_seconds(login):
    """As policy/failure_time.cc has it."""
    value = 2166136261
    for byte in login.encode():
        value = ((value ^ byte) * 16777619) & 0xffffffff
    return (FLOOR_MS + value % max(5, FLOOR_MS // 8)) / 1000


def distance(one, other):
    """Kolmogorov and Smirnov's."""
    def share(sample, limit):
        return sum(value <= limit for value in sample) / len(sample)
    return max(abs(share(one, x) - share(other, x)) for x in one + other)


@pytest.mark.expect_logins(0)
def test_of_refused_passwords(password_server, account, users):  # noqa: F811
    for user in ("s2isys2", "s2isys3"):
        set_password(user, PASSWORD)
    usermod("-L", "s2isys3")
    kinds = {"s2i-nobody": PASSWORD, "s2ipam1": "wrong-Horse-1", "s2isys2": PASSWORD,
             "s2isys3": PASSWORD}
    late = {user: [] for user in kinds}
    server = password_server("-P", "--password-failure-time", str(FLOOR_MS), "--no-penalties",
                             "--max-auth-tries", "20")
    order = random.Random(20261125)
    try:
        for _ in range(CONNECTIONS):
            with contextlib.ExitStack() as stack:
                transports = {user: stack.enter_context(transport_to(server)) for user in kinds}
                tries = list(kinds) * TRIES
                order.shuffle(tries)
                for user in tries:
                    begin = time.monotonic()
                    with pytest.raises(paramiko.AuthenticationException):
                        transports[user].auth_password(f"c1+{user}", kinds[user], fallback=False)
                    late[user].append(time.monotonic() - begin - least_seconds(f"c1+{user}"))
    finally:
        for user in ("s2isys2", "s2isys3"):
            usermod("-p", "!", user)
    apart = {(one, other): distance(late[one], late[other]) for one in kinds for other in kinds}
    assert max(apart.values()) < FARTHEST, apart

"""The goals that the measured tables can answer."""
from measure import results


def goals():
    print()
    if first := row("(a)", "median"):
        verdict("(a) faster than sshd + incus exec", first["ssh2incus"] < first["sshd+incus"])
    if first := row("(b)", "median"):
        verdict("(b) within 2x of plain sshd", first["ssh2incus"] < 2 * first["sshd"])
    for name, values in rows("(c)"):
        verdict(f"(c) {name}: at least 0.6 of sshd's", values["ssh2incus"] >= 0.6 * values["sshd"])
    if idle := [found for found in rows("(e)") if "per session" in found[0]]:
        name, values = idle[-1]
        verdict(f"(e) at most 6 MB per idle session ({name.strip()})", values["ssh2incus"] <= 6)
    for name, values in rows("(f)"):
        verdict(f"(f) {name}: at least 0.7 of sshd's inside",
                values["ssh2incus"] >= 0.7 * values["sshd inside"])
    for name, values in rows("(i)"):
        if "median" in name:
            verdict(f"(i) beside {name}: under 2x of sshd inside",
                    values["ssh2incus"] < 2 * values["sshd inside"])
    for name, values in rows("(k)"):
        verdict(f"(k) {name}: no slower than with sshd inside",
                values["ssh2incus"] <= values["sshd inside"])


def rows(table):
    return [found for title, all_rows in results.items() if title.startswith(table)
            for found in all_rows.items()]


def row(table, name):
    return dict(rows(table)).get(name)


def verdict(text, reached):
    print(f"{'reached    ' if reached else 'NOT reached'} {text}")

"""junit_totals.py FILE [OTHER]: prints "PASSED FAILED" for a JUnit file. Errors are failures; a
skipped test is one too, except where its reason starts with "not possible here:" (a kernel or a
machine that lacks something), or where the same test has passed in OTHER (sanitized builds have no
system call filters and can't search their own memory; the other build has shown it)."""
import sys
import xml.etree.ElementTree as ElementTree


def cases(path):
    return ElementTree.parse(path).iter("testcase")


def name_of(case):
    # GoogleTest shows parameters without a printer as their bytes, addresses among them.
    return case.get("name").split("  # GetParam()")[0]


def is_bad(case):
    return case.find("failure") is not None or case.find("error") is not None


passed_elsewhere = {name_of(case) for path in sys.argv[2:] for case in cases(path)
                    if not is_bad(case) and case.find("skipped") is None}
passed = failed = 0
for test in cases(sys.argv[1]):
    skipped = test.find("skipped")
    if skipped is not None:
        excused = (skipped.get("message") or "").startswith("not possible here:")
        failed += not excused and name_of(test) not in passed_elsewhere
    else:
        failed += is_bad(test)
        passed += not is_bad(test)
print(passed, failed)

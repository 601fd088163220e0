"""Prints "PASSED FAILED" for a JUnit file. Errors are failures; a skipped test is one too, except
where its reason starts with "not possible here:" (a kernel or a machine that lacks something)."""
import sys
import xml.etree.ElementTree as ElementTree

passed = failed = 0
for case in ElementTree.parse(sys.argv[1]).iter("testcase"):
    skipped = case.find("skipped")
    if skipped is not None and (skipped.get("message") or "").startswith("not possible here:"):
        continue
    bad = case.find("failure") is not None or case.find("error") is not None or skipped is not None
    failed += bad
    passed += not bad
print(passed, failed)

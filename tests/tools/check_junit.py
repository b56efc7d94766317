"""Checks a JUnit file as CI systems would read it.

    check_junit.py JUNIT-10.XSD JUNIT.XML...

Each file, its `file` attributes taken out (Jenkins' schema does not know them on a testcase), must be
valid against Jenkins' junit-10.xsd; junitparser must read it and count what the attributes say.
Needs lxml and junitparser.
"""

import sys

from junitparser import JUnitXml, TestSuite
from junitparser.junitparser import Error, Failure, Skipped
from lxml import etree


def check(schema, path):
    tree = etree.parse(path)
    for element in tree.iter("testcase"):
        element.attrib.pop("file", None)
    schema.assertValid(tree)

    suites = JUnitXml.fromfile(path)
    if isinstance(suites, TestSuite):
        suites = [suites]
    seen, cases = set(), 0
    written = list(tree.iter("testsuite"))
    for suite, element in zip(suites, written, strict=True):
        counted = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
        for case in suite:
            cases += 1
            counted["tests"] += 1
            key = (case.classname, case.name)
            assert key not in seen, f"{path}: {key} occurs twice"
            seen.add(key)
            results = list(case.result)
            assert len(results) <= 1, f"{path}: {key} has {len(results)} results"
            for result in results:
                kind = {Failure: "failures", Error: "errors", Skipped: "skipped"}[type(result)]
                counted[kind] += 1
                assert result.message, f"{path}: {key} gives no message"
                assert result.text == result.message, f"{path}: {key}: body and message differ"
            assert case.time is not None, f"{path}: {key} has no time"
        said = {name: int(element.get(name)) for name in counted}
        assert said == counted, f"{path}: suite {suite.name} says {said}, holds {counted}"
    assert cases > 0, f"{path}: no testcase, which a CI system takes for success"
    return cases


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    schema = etree.XMLSchema(etree.parse(sys.argv[1]))
    for path in sys.argv[2:]:
        print(f"{path}: {check(schema, path)} testcases, valid")


if __name__ == "__main__":
    main()

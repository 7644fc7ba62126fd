#!/usr/bin/env python3
"""Walks through the bug zoo of docs/course as zoo.md says: the checker finds every bug, the grader knows the place, and takes the mended
animal and not the sick one.
usage: test_zoo.py TOP BUILD COMPILER...
"""
import concurrent.futures, json, os, pathlib, re, subprocess, sys, tempfile

top, build, compiler = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3:]
course = top / "docs/course"
work = tempfile.TemporaryDirectory()
folder = pathlib.Path(work.name)
environment = {**os.environ, "COTAN_BUILD": str(build), "COURSE_STATE": str(folder / "state"), "CC": " ".join(compiler)}
passed = failed = 0

# What the checker says of an animal, and the operation that it blames, if any.
ANIMALS = {1: ("FAIL", "quotient"), 2: ("FAIL", "smooth"), 3: ("FAIL", "gate"), 4: ("FAIL", "shift"), 5: ("FAIL", "scores"),
           6: ("FAIL", "log_probabilities"), 7: ("FAIL", "bend"), 8: ("FAIL", None), 9: ("FAIL", None), 10: ("KINK", None),
           11: ("PASS", None), 12: ("FAIL", "cost")}
MISSED_BY_THE_RATIO = [12]
RATIO_CRIES = [10, 11]


def check(what, holds, report=""):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    if not holds:
        print(f"not so: {what}\n{report}")


def zoo(number, *arguments):
    """The exit status and all output of zoo.sh."""
    done = subprocess.run(["sh", course / "zoo.sh", str(number), *arguments], capture_output=True, text=True, timeout=120, env=environment)
    return done.returncode, done.stdout + done.stderr


def mended(number):
    return next((course / "solutions/zoo").glob(f"{number:02}_*.c"))


def place(number):
    """The line of the bug, or "none"."""
    lines = [i for i, line in enumerate(mended(number).read_text().splitlines(), 1) if "WRONG:" in line]
    check(f"{number}: one bug, or none", len(lines) <= 1)
    return str(lines[0]) if lines else "none"


def check_hunt(number):
    verdict, operation = ANIMALS[number]
    status, printed = zoo(number)
    check(f"{number}: the checker says {verdict}", status == 0 and f"{verdict}: gradient check of function" in printed, printed)
    ratio = float(re.search(r"means a mistake\): (\S+)", printed)[1])
    cries = number in RATIO_CRIES or (verdict == "FAIL" and number not in MISSED_BY_THE_RATIO)
    check(f"{number}: the ratio is {'above' if cries else 'below'} 1e-3", (ratio > 1e-3) == cries, printed)
    printed = zoo(number, "--bisect")[1]
    check(f"{number}: bisecting blames {operation}", (f"culprit: operation '{operation}'" if operation else "a path is not recorded" if verdict == "FAIL" else verdict) in printed, printed)


def check_grades(number):
    line = place(number)
    check(f"{number}: {line} is the place", zoo(number, "--where", line)[0] == 0)
    for wrong in ["none", "1", "2"] if line != "none" else ["1", "8"]:
        check(f"{number}: {wrong} is not the place", zoo(number, "--where", wrong)[0] == 1)
    status, printed = zoo(number, str(mended(number)), "--mend")
    check(f"{number}: the mended one is taken", status == 0, printed)
    if line != "none":
        status, printed = zoo(number, "--mend")
        check(f"{number}: the sick one is not", status == 1 and "NOT YET gradient: the checker says FAIL" in printed and "ok      loss" in printed, printed)


def check_tricks():
    text = mended(3).read_text()
    tricks = {"another loss": (text.replace("ct_sum(ct_mul(", "ct_mean(ct_mul("), "NOT YET loss"),
              "leaves": (text.replace("int inputs(ct_tensor **p)\n{", "#include <stdlib.h>\nint inputs(ct_tensor **p)\n{\n    exit(0);"), "ended by itself"),
              "no C": ("no C", "NOT YET compiles"), "nothing": ("", "NOT YET compiles")}
    for name, (body, words) in tricks.items():
        (folder / "trick.c").write_text(body)
        status, printed = zoo(3, str(folder / "trick.c"), "--mend")
        check(f"{name}: {words}", status == 1 and words in printed, printed)


def check_use():
    for arguments in [["0"], ["13"], ["x"], ["2", "/nowhere.c"], ["--wrong", "2"], ["1", "--where"], ["1", "--where", "x"], ["1", "a", "b"]]:
        status, printed = zoo(*arguments)
        check(f"zoo.sh {arguments}: status 2 and words", status == 2 and printed, printed)
    for arguments, right in [(["--where", place(1)], True), (["--where", "none"], False), (["--mend"], False)]:
        report = json.loads(zoo(1, *arguments, "--json")[1])
        check(f"{arguments} as JSON", report == {"animal": 1, "name": "heron", "asked": arguments[0][2:], "passed": right})


def check_made():
    subprocess.run(["sh", course / "animals.sh", folder / "zoo"], check=True, env=environment)
    names = sorted(path.name for path in (folder / "zoo").glob("*.c"))
    check("twelve animals", len(names) == len(list((course / "zoo").glob("*.c"))) == len(ANIMALS) == 12)
    page = (course / "zoo.md").read_text()
    for name in names:
        text = (course / "zoo" / name).read_text()
        check(f"zoo/{name} is what sh docs/course/animals.sh makes", text == (folder / "zoo" / name).read_text())
        check(f"zoo/{name} does not tell", "WRONG" not in text and "bug" not in text)
        check(f"zoo.md lists {name}", f"(zoo/{name})" in page)
    made, kept = ((path / "zoo/answers").read_text().split() for path in (folder, course))
    same = len(made) == len(kept) and all(a == b or abs(float(a) - float(b)) < 1e-8 * abs(float(b)) for a, b in zip(made, kept))
    check("zoo/answers is what sh docs/course/animals.sh makes", same, f"{made}\n{kept}")
    check("zoo.md gives the heron away, rightly", f"sh docs/course/zoo.sh 1 --where {place(1)}\n" in page)


check_made()
check_use()
with concurrent.futures.ThreadPoolExecutor(max(2, os.cpu_count() or 2)) as pool:
    list(pool.map(check_hunt, ANIMALS))
    list(pool.map(check_grades, ANIMALS))
check_tricks()
print(f"{passed} passed, {failed} failed")
sys.exit(passed == 0 or failed > 0)

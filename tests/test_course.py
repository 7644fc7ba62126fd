#!/usr/bin/env python3
"""Runs the programs of docs/course and holds each chapter's page to them.

    ```c from NN_name.c      lines that stand in the program like this, one after another (but for the indentation)
    ```output from NN_name   lines that the program prints, one after another
    ![...](NN_name.svg)      a picture that the program writes

Numbers may differ by one in their last place, and places in pictures by PIXELS, since instruction sets round differently and a
picture of rounding errors shows it. On the portable kernels a picture is the same byte for byte on every x86-64 machine, and so is what
`sh docs/course/make.sh` makes; the SLOW programs are run once only.

And each chapter has its PARTS, in this order.
usage: test_course.py FOLDER_OF_PAGES FOLDER_OF_PROGRAMS COTAN
"""
import os, pathlib, platform, re, shlex, subprocess, sys, tempfile, textwrap

FENCE = re.compile(r"^```(?P<kind>c|output) from (?P<name>\S+)\n(?P<text>.*?)^```$", re.M | re.S)
PIXELS = 8
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]\d+)?")
SLOW = ("10_regularisation", "12_recurrent")
PARTS = {"a number and a title": r"^# \d+\. ", "the minutes and what must be known": r"^\*\d+ minutes\. You need: .+\.\*$",
         "a smallest example": r"^## The smallest example$", "its program": r"\]\(\d\d_\w+\.c\)",
         "three misconceptions": r"^## Three misconceptions\n\n(?:- \*\".+(?:\n(?:  .*)?)*?\n){3}(?!- )",
         "a question and its answer": r"^## A question for the room\n(?:.*\n)*?<details><summary>Answer</summary>\n(?:.*\n)*?</details>$",
         "a line to type": r"^## Type this\n\n```console\n\$ cotan ", "things to try": r"^## What to try next\n\n(?:- .+\n(?:  .+\n)*){3,4}(?!- )",
         "an exercise": r"^Exercises? ?.*:(?:.*\n)*?.*`(?:sh docs/course/(?:check|zoo)\.sh \d+|cotan explain '.*)`",
         "a way on": r"^(?:Next: \[|This was the last chapter)", "a licence": r"^\*Text and pictures: \[CC BY 4\.0\]"}
pages, programs, cotan = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve(), sys.argv[3]
passed = failed = 0


def check(what, holds):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    if not holds:
        print(f"not so: {what}")


def last_place(number):
    """What a unit in the last digit of a printed number is worth."""
    digits, _, exponent = number.partition("e")
    return 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))


def same(a, b, allowed=0):
    """The same text, but for the last digit of numbers, or what is allowed."""
    if NUMBER.sub("", a) != NUMBER.sub("", b):
        return False
    return all(abs(float(x) - float(y)) <= max(allowed, 1.01 * last_place(x), 1.01 * last_place(y))
               for x, y in zip(NUMBER.findall(a), NUMBER.findall(b)))


def stands_in(part, lines):
    """Whether the lines of part follow one another in lines."""
    return part and any(all(map(same, part, lines[i:])) for i in range(len(lines) - len(part) + 1))


def rows(text):
    return [line.rstrip() for line in text.splitlines()]


def bare(text):
    return [line.lstrip() for line in rows(textwrap.dedent(text))]


def run(name, folder, **environment):
    """What the program prints; it leaves its pictures in folder."""
    done = subprocess.run([programs / name], capture_output=True, text=True, cwd=folder, timeout=300, env={**os.environ, **environment})
    check(f"{name} ends well: {done.stderr}", done.returncode == 0)
    return rows(done.stdout)


def check_page(page, printed, folder):
    text = page.read_text()
    for fence in FENCE.finditer(text):
        line = text.count("\n", 0, fence.start()) + 1
        if fence["kind"] == "c":
            holds = stands_in(bare(fence["text"]), bare((pages / fence["name"]).read_text()))
        else:
            holds = stands_in(rows(fence["text"]), printed)
        check(f"{page.name}:{line}: {fence['name']} has these lines", holds)
    pictures = sorted(path.name for path in folder.glob("*.svg"))
    check(f"{page.name} shows {pictures}, which its program draws", pictures == sorted(re.findall(r"\]\((\w+\.svg)\)", text)))
    for name in pictures:
        check(f"{name} is what the program draws: sh docs/course/make.sh", (pages / name).exists() and same((pages / name).read_text(), (folder / name).read_text(), PIXELS))


def check_bytes(name):
    with tempfile.TemporaryDirectory() as folder:
        run(name, folder, COTAN_ISA="portable")
        for path in sorted(pathlib.Path(folder).glob("*.svg")):
            check(f"{path.name} is byte for byte what sh docs/course/make.sh makes", path.read_bytes() == (pages / path.name).read_bytes())


def check_parts(page):
    text, at = page.read_text(), 0
    for part, pattern in PARTS.items():
        found = re.compile(pattern, re.M).search(text, at)
        check(f"{page.name} has {part}, behind what comes before it", found)
        at = found.start() if found else at
    minutes = re.search(r"(\d+) minutes", text)[1]
    check(f"{page.name} has its minutes from README.md", f"({page.stem}.c) | {minutes} |" in readme)
    for command in re.findall(r"`cotan (explain '[^`]* --(?:quiz|step)[^`]*)`", text):
        done = subprocess.run([cotan, *shlex.split(command)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        check(f"{page.name}: cotan {command}", done.returncode < 2 and not done.stderr)  # 1: nothing was answered


readme = (pages / "README.md").read_text()
for source in sorted(pages.glob("[0-9]*.c")):
    with tempfile.TemporaryDirectory() as folder:
        printed = run(source.stem, folder)
        check_page(source.with_suffix(".md"), printed, pathlib.Path(folder))
    check_parts(source.with_suffix(".md"))
    if source.stem not in SLOW and platform.machine() == "x86_64":
        check_bytes(source.stem)
for page in sorted(pages.glob("[0-9]*.md")):
    check(f"README.md lists {page.name}", f"({page.name})" in readme)
    check(f"{page.name} has its program", page.with_suffix(".c").exists())
print(f"{passed} passed, {failed} failed")
sys.exit(passed == 0 or failed > 0)

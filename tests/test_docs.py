#!/usr/bin/env python3
"""Compiles, and where it can be run runs, every C or C++ sample of README.md and docs/**/*.md.

    ```c            a translation unit; one with a main() is linked and run, and must exit with 0
    ```c fragment   statements, compiled inside a function; <!-- declare: ct_tensor *x; --> on the line above the fence
                    declares what the surrounding text has introduced
    ```cpp          the same in C++
    ```cpp fragment likewise
    ```output       what the program just above prints, exactly
    ```diff         an example from the sources: what it adds to a file is there, but for the width of blanks

usage: test_docs.py TOP LIBRARY C++COMPILER COMPILER...
"""
import os, pathlib, re, subprocess, sys, tempfile

FENCE = re.compile(r"(?:^<!-- declare: (?P<declare>.*?) -->\n)?^```(?P<kind>c|c fragment|cpp|cpp fragment|output|diff)\n(?P<text>.*?)^```$",
                   re.M | re.S)
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wno-unused"]


def samples(path):
    """(line, kind, text, declare, expected output or None) of each C sample in a file."""
    page, found = path.read_text(), []
    for m in FENCE.finditer(page):
        if m["kind"] == "output":
            found[-1][-1] = m["text"]
        else:
            line = page.count("\n", 0, m.start("text")) + 1
            found.append([line, m["kind"], m["text"], m["declare"] or "", None])
    return found


def source_of(kind, text, declare, name, line):
    if kind in ("c", "cpp"):
        return f'#line {line} "{name}"\n{text}'
    includes = "".join(re.findall(r"^#include.*\n", text, re.M))
    body = re.sub(r"^#include.*$", "", text, flags=re.M)
    header = "cotan.hpp" if kind == "cpp fragment" else "cotan.h"
    return f'#include <cotan/{header}>\n#include <stdio.h>\n{includes}{declare}\nvoid fragment(void);\nvoid fragment(void)\n' \
           f'{{\n#line {line} "{name}"\n{body}}}\n'


def check_diff(top, text):
    """An error message, or None."""
    for part in re.split(r"^\+\+\+ b/", text, flags=re.M)[1:]:
        path, _, hunks = part.partition("\n")
        source = re.sub(" +", " ", (top / path).read_text())
        for run in re.findall(r"(?:^\+.*\n)+", hunks, re.M):
            added = re.sub(r"^\+", "", run, flags=re.M)
            if re.sub(" +", " ", added) not in source:
                return f"{path} does not hold\n{added}"
    return None


def check(top, library, compiler, folder, name, sample):
    """An error message, or None."""
    line, kind, text, declare, expected = sample
    if kind == "diff":
        return check_diff(top, text)
    cpp = kind.startswith("cpp")
    program = kind in ("c", "cpp") and re.search(r"^int main\(", text, re.M)
    source, binary = folder / ("sample.cpp" if cpp else "sample.c"), folder / "sample"
    source.write_text(source_of(kind, text, declare, name, line))
    flags = [word for word in compiler[1:] if word.startswith("-")]
    command = [compiler[0], "-std=c++17", *flags] if cpp else [*compiler[1:], "-std=c17"]
    command += ["-D_DEFAULT_SOURCE", *WARNINGS, *(f"-I{top / f}/include" for f in ("core", "autograd", "ops", "nn"))]
    command += ["-o", str(binary), str(source), str(library), f"-Wl,-rpath,{library.parent}", "-lm"] if program \
        else ["-c", "-o", str(folder / "sample.o"), str(source)]
    built = subprocess.run(command, capture_output=True, text=True)
    if built.returncode:
        return built.stderr
    if not program:
        return None
    ran = subprocess.run([str(binary)], capture_output=True, text=True, cwd=folder, timeout=300)
    if ran.returncode:
        return f"exit status {ran.returncode}\n{ran.stdout}{ran.stderr}"
    if expected is not None and ran.stdout != expected:
        return f"printed\n{ran.stdout}instead of\n{expected}"
    return None


def main():
    top, library, compiler = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve(), sys.argv[3:]
    passed = failed = 0
    for path in [top / "README.md", *sorted((top / "docs").rglob("*.md"))]:
        name = os.path.relpath(path, top)
        for sample in samples(path):
            with tempfile.TemporaryDirectory() as folder:
                error = check(top, library, compiler, pathlib.Path(folder), name, sample)
            if error:
                print(f"{name}:{sample[0]}: {error}")
            passed, failed = passed + (not error), failed + bool(error)
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


sys.exit(main())

#!/usr/bin/env python3
"""Writes the linker's map of the library: every function and constant of the public headers, under one version, and nothing else leaves
the library. The version is that of the library's name: where that changes, programs of before are refused when they start.
usage: symbols.py TOP VERSION OUTPUT DEPENDENCIES      (VERSION: 0 for libcotan.so.0)"""
import pathlib
import re
import sys

top, version, output, dependencies = sys.argv[1:]
sys.path.insert(0, f"{top}/docs/reference")
import headers


def names(text):
    """What follows CT_API up to the semicolon: a function's name, or those of constants with commas between them."""
    for declaration in re.findall(r"\bCT_API\b([^;{]*);", headers.without_comments(text)):
        outside = re.sub(r"\(.*\)", "(", declaration, flags=re.S)
        if "(" in outside:
            yield re.findall(r"(ct_\w+)\s*\(", outside)[0]
        else:
            yield from re.findall(r"\b(ct_\w+)\s*(?=,|\[|$)", outside.strip())


def main():
    paths = headers.public(pathlib.Path(top))
    lines = "".join(f"    {name};\n" for name in sorted({name for path in paths for name in names(path.read_text())}))
    pathlib.Path(output).write_text(f"COTAN_{version} {{\nglobal:\n{lines}local:\n    *;\n}};\n")
    pathlib.Path(dependencies).write_text(f"{pathlib.Path(output).name}: {' '.join(map(str, paths))}\n")


main()

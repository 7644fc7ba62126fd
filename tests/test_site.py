#!/usr/bin/env python3
"""Lays out the site's pages as docs/site.sh does before Sphinx comes, which is cheap: every page, header and public symbol is there,
and a link or a page that is lost is named.
usage: test_site.py TOP              ends with "N passed, N failed"
"""
import json, os, pathlib, re, shutil, subprocess, sys, tempfile

sys.dont_write_bytecode = True
top = pathlib.Path(sys.argv[1]).resolve()
sys.path.insert(0, str(top / "docs/reference"))
import headers

passed = failed = 0


def check(what, holds, report=""):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    if not holds:
        print(f"not so: {what}\n{report}")


def stage(source, folder, **environment):
    done = subprocess.run([sys.executable, top / "docs/site/stage.py", source, folder], capture_output=True, text=True, env={**os.environ, **environment})
    return done.returncode, done.stderr


def check_pages(folder):
    status, words = stage(top, folder)
    check("every page is laid out, and every link leads somewhere", status == 0, words)
    for page in (top / "docs").rglob("*.md"):
        check(f"{page.name} is laid out", (folder / page.relative_to(top)).is_file())
    for header in headers.public(top):
        entries = (folder / f"api/{header.stem}.md").read_text() if header.name != "cotan.h" else ""
        for kind, *item in headers.symbols(header):
            for symbol in item[0] if kind in ("code", "function") else []:
                if not re.search(r"_$|^CT_DEFAULTS_|_options_init$|^$", symbol.name) and symbol.kind != "opaque":
                    check(f"{header.name}: {symbol.name} has an entry", re.search(rf"\b{symbol.name}\b", entries))
    check("a link leads to its page, also one whose text is code", "](python/cotan.py.md)" in (folder / "docs/python.md").read_text())
    check("names.json has the names that texts link", "ct_backward" in json.loads((folder / "names.json").read_text()))


def check_lost(folder):
    """A small tree with a link to nothing, and a page of the course that is listed where there is none."""
    small = folder / "small"
    for name, text in {"README.md": "# a\n[b](docs/nowhere.md) [c](docs/course/README.md)\n", "docs/course/README.md": "# c\n![d](d.svg)\n",
                       "docs/reference.md": "# e\n", "docs/site/conf.py": "", "docs/site/site.css": ""}.items():
        (small / name).parent.mkdir(parents=True, exist_ok=True)
        (small / name).write_text(text)
    shutil.copytree(top / "docs/reference", small / "docs/reference", ignore=shutil.ignore_patterns("__pycache__"))
    status, words = stage(small, folder / "small-pages", PATH=str(folder))  # no git there
    for wanted in ["index.md: docs/nowhere.md leads to no page", "docs/course/README.md: d.svg leads to no page", "docs/guide.md: listed, and not there"]:
        check(f"it is said: {wanted}", status != 0 and wanted in words, words)


with tempfile.TemporaryDirectory() as work:
    check_pages(pathlib.Path(work, "pages"))
    check_lost(pathlib.Path(work))
print(f"{passed} passed, {failed} failed")
sys.exit(passed == 0 or failed > 0)

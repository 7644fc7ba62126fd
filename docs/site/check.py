#!/usr/bin/env python3
"""Looks at the built site: nothing in it asks for anything from elsewhere, and, where there is a Chromium, the search finds a symbol
and a word from the disk.

usage: check.py SITE
"""
import pathlib, re, shutil, subprocess, sys

ASKS = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)=\"(?:https?:)?//[^>]*>|url\(['\"]?(?:https?:)?//[^)]*\)|@import[^;]*//[^;]*;")
FOUND = {"ct_backward": "api/autograd.html", "collector": "docs/from_pytorch.html", "perceptron": "docs/course/06_perceptron_xor.html"}


def outside(site):
    for path in sorted(site.rglob("*")):
        if path.suffix in (".html", ".css"):
            for ask in ASKS.findall(path.read_text()):
                yield f"{path.relative_to(site)}: {ask}"


def search(site, browser, word):
    """The links that the page of results shows."""
    page = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=10000", "--dump-dom",
                           f"file://{site.resolve()}/search.html?q={word}"], capture_output=True, text=True, timeout=120).stdout
    return re.findall(r"href=\"([^\"?#]*)", page.partition('id="search-results"')[2])


def main():
    site = pathlib.Path(sys.argv[1])
    wrong = list(outside(site))
    browser = shutil.which("chromium")
    for word, page in FOUND.items() if browser else []:
        if page not in search(site, browser, word):
            wrong.append(f"the search for {word} does not find {page}")
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


sys.exit(main())

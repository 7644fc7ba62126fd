#!/usr/bin/env python3
"""Every public symbol is documented, and what README.md and docs/**/*.md point to is there.

    symbols   each function, type, enumerator, macro and variable of the public headers has a comment: its own, or one above it
              that it shares with what stands in the same block. An options struct is told of by the functions that take it. Not
              looked at: what ends in "_", and what options.h says of every options struct (CT_DEFAULTS_..., ..._init)
    links     the file of a relative link exists, and so does the heading or anchor behind "#", by the rules of a forge
    names     each `ct_...` and `CT_...` in code spans is in a public header, in a source or in a sample of the page itself; one that ends in
              "_" may be the beginning of some
    shell     each block of shell commands is read by `sh -n`, and each COTAN_... on the page is in a source

usage: test_pages.py TOP              ends with "N passed, N failed"
"""
import os, pathlib, re, subprocess, sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(sys.argv[1], "docs/reference")))
import headers

FENCE = re.compile(r"^(`{3,})[^`\n]*\n.*?^\1`*\s*$", re.M | re.S)
LINK = re.compile(r"!?\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)")
NAME = re.compile(r"\b(?:ct|CT)_\w*\w\b")
SHELL = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)
VARIABLE = re.compile(r"\bCOTAN_[A-Z]\w*\w\b")


def undocumented(top):
    """"tensor.h: ct_rank" of each symbol without a comment; and how many symbols there are."""
    missing, count = [], 0
    for header in headers.public(top):
        takers = headers.takers(header)
        for kind, *item in headers.symbols(header):
            for symbol in item[0] if kind in ("code", "function") else []:
                if symbol.name.endswith("_") or re.match(r"CT_DEFAULTS_|ct_\w+_options_init$", symbol.name):
                    continue
                count += 1
                if not (symbol.about or symbol.own or symbol.name in takers):
                    missing.append(f"{header.name}: {symbol.name}")
    return missing, count


def without_code(text):
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))


def slug(heading):
    """The anchor that a forge makes of a heading."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(page):
    text, seen, found = FENCE.sub("", page.read_text()), {}, set()
    for heading in re.findall(r"^#+ +(.*?) *#*$", text, re.M):
        name = slug(heading)
        found.add(name if name not in seen else f"{name}-{seen[name]}")
        seen[name] = seen.get(name, 0) + 1
    return found | set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text))


def broken_links(top, page):
    """"docs/guide.md: where" of each link that leads nowhere; and how many relative ones there are."""
    broken, count = [], 0
    for link in LINK.findall(without_code(page.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        count += 1
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or anchor and (target.suffix != ".md" or anchor not in anchors(target)):
            broken.append(f"{os.path.relpath(page, top)}: {link}")
    return broken, count


def unknown_names(top, page, known):
    text = page.read_text()
    known = known | set(NAME.findall("\n".join(m[0] for m in FENCE.finditer(text))))
    spans = re.findall(r"`([^`\n]+)`", FENCE.sub("", text))
    names = {name for span in spans for name in NAME.findall(span)}
    unknown = [name for name in sorted(names - known) if not (name.endswith("_") and any(k.startswith(name) for k in known))]
    return [f"{os.path.relpath(page, top)}: {name}" for name in unknown], len(names)


def bad_shell(top, page, variables):
    text = page.read_text()
    blocks, used = SHELL.findall(text), set(VARIABLE.findall(text))
    said = [subprocess.run(["sh", "-n"], input=block, capture_output=True, text=True).stderr.strip() for block in blocks]
    return [f"{os.path.relpath(page, top)}: {words}" for words in [*filter(None, said), *sorted(used - variables)]], len(blocks) + len(used)


def main():
    top = pathlib.Path(sys.argv[1])
    pages = [top / "README.md", *sorted((top / "docs").rglob("*.md"))]
    sources = [path for folder in (*headers.FOLDERS, "tests", "docs") for path in (top / folder).rglob("*")
               if path.suffix in (".c", ".h", ".inc", ".py", ".sh", ".in")]
    text = "\n".join(path.read_text() for path in sources)
    known, variables = set(NAME.findall(text)), set(VARIABLE.findall(text))
    if "ct_op_##" in text:  # a macro makes the records' names
        known |= {"ct_op_" + name[len("ct_"):] for name in known}
    failed = passed = 0
    for what, found in [("without a comment", undocumented(top)),
                        *(("leads nowhere", broken_links(top, page)) for page in pages),
                        *(("is no name", unknown_names(top, page, known)) for page in pages),
                        *(("is no shell", bad_shell(top, page, variables)) for page in pages)]:
        bad, count = found
        failed, passed = failed + len(bad), passed + count - len(bad)
        for line in bad:
            print(f"{line} {what}")
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


sys.exit(main())

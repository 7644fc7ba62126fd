"""Lays out the site's pages for Sphinx: README.md and docs/**/*.md as they are, but for links, the headers as pages of their own, and
the sources that pages point to. Fails, and says where, if a link of a page leads to nothing that was laid out, or no list of contents
leads to a page. tests/test_site.py runs this alone, without Sphinx.

usage: stage.py TOP FOLDER
"""
import json, os, pathlib, re, shutil, subprocess, sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(sys.argv[1], "docs/reference")))
import headers

# What the sidebar has, in reading order; pages that are not named come last.
CONTENTS = {
    "Use": ["docs/guide", "docs/training", "docs/debugging", "docs/troubleshooting", "docs/examples", "docs/examples/README", "docs/networks"],
    "Learn": ["docs/course/README", "docs/playground", "docs/cli", "docs/trace"],
    "From elsewhere": ["docs/from_pytorch", "docs/pytorch_functions", "docs/differences", "docs/cpp", "docs/python"],
    "Operations": ["docs/reference", "docs/accuracy", "docs/adding_an_operation", "docs/adding_a_layer"],
    "The gradient checker": ["docs/gradcheck", "docs/verdicts"],
    "Take it along": ["docs/packages", "docs/one_file", "docs/onnx", "docs/distributed"],
    "Headers": [],
    "Inside": ["docs/architecture", "docs/speed", "docs/compared", "docs/dependencies", "docs/CHANGELOG", "docs/data/README"],
}
LANGUAGES = {".c": "c", ".h": "c", ".inc": "c", ".py": "python", ".sh": "sh", ".json": "json", ".build": "meson", ".lua": "lua"}
LINK = re.compile(r"(!?\[(?:[^\]\[]|\[[^\]]*\])*\]\()([^)\s]+)(\))")
# What links are not looked for in: blocks and pieces of code, but for a link's own text.
FENCE = re.compile(r"(^(`{3,})[^`\n]*\n.*?^\2`*[ ]*$|(?<!\[)`[^`\n]*`)", re.M | re.S)


def files(top):
    """The names of the files under version control, or of all if there is none."""
    if shutil.which("git"):
        done = subprocess.run(["git", "-C", top, "ls-files"], capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout.split()
    return sorted(str(path.relative_to(top)) for path in top.rglob("*") if path.is_file() and not path.relative_to(top).parts[0].startswith((".", "build")))


class Site:
    def __init__(self, top, folder):
        self.top, self.folder, self.sources, self.folders = top, folder, set(), set()
        self.tracked = tracked = files(top)
        self.pages = [name for name in tracked if name == "README.md" or re.match(r"docs/.*\.md$", name)]
        self.pictures = [name for name in tracked if re.match(r"docs/.*\.(svg|png)$", name)]
        self.examples = [name for name in tracked if re.match(r"docs/examples/.*\.c$", name)]

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def target(self, page, link):
        """Where a link of a page leads on the site."""
        path, anchor = re.fullmatch(r"([^#]*)(#.*)?", link).groups()
        if not path or re.match(r"[a-z]+:", link):
            return link
        name = os.path.normpath(os.path.join(os.path.dirname(page), path))
        here = os.path.dirname(page)
        if name == "README.md":
            name = "index.md"
        elif os.path.isdir(self.top / name):
            if name + "/README.md" not in self.pages and name != "docs/examples":
                self.folders.add(name)
            name += "/README.md"
        elif pathlib.Path(name).suffix in LANGUAGES or name == "LICENSE":
            self.sources.add(name)
            name += ".md"
        return os.path.relpath(name, here or ".") + (anchor or "")

    def text_of(self, page):
        parts = FENCE.split((self.top / page).read_text())
        for i in range(0, len(parts), 3):
            parts[i] = LINK.sub(lambda m: m[1] + self.target(page, m[2]) + m[3], parts[i])
        return "".join(part for i, part in enumerate(parts) if i % 3 != 2)

    def source_page(self, name):
        text = (self.top / name).read_text()
        fence = "`" * 6
        return f"# {name}\n\n{fence}{LANGUAGES.get(pathlib.Path(name).suffix, 'text')}\n{text}{fence}\n"


def tree(caption, names):
    options = f":caption: {caption}\n" if caption else ""
    return f"```{{toctree}}\n:hidden:\n{options}\n" + "\n".join(names) + "\n```\n"


def markdown(comment):
    """A comment as Markdown: paragraphs, and what is indented as it stands."""
    blocks = []
    for block in re.split(r"\n[ ]*\n", comment):
        lines = block.split("\n")
        if all(line.startswith("    ") for line in lines if line) and blocks:
            blocks.append("```text\n" + re.sub(r"^    ", "", block, flags=re.M) + "\n```")
            continue
        for indented, run in runs(lines):
            if indented:
                blocks.append("```text\n" + "\n".join(line[4:] for line in run) + "\n```")
            else:
                blocks.append(inline(" ".join(line.strip() for line in run)))
    return "\n\n".join(blocks)


def runs(lines):
    """(whether indented, lines) of each run."""
    found = []
    for line in lines:
        indented = line.startswith("    ")
        if not found or found[-1][0] != indented:
            found.append((indented, []))
        found[-1][1].append(line)
    return found


def inline(text):
    """Names of the library as code, the rest as it is."""
    parts = re.split(r"(\b(?:ct|CT)_\w+(?:\(\))?|\"[^\"]*\")", text)
    escaped = [re.sub(r"([\\*<\[\]_`#|~])", r"\\\1", part) if i % 2 == 0 or part.startswith('"') else f"`{part}`"
               for i, part in enumerate(parts)]
    return "".join(escaped)


def directive(kind, signatures, body):
    fence = "`" * 5
    return f"{fence}{{c:{kind}}} " + "\n".join(signatures) + f"\n\n{body}\n{fence}"


def code(text):
    return f"```c\n{text.strip()}\n```"


def joined(*texts):
    return "\n\n".join(text for text in texts if text)


def functions(group, more):
    """An entry for all if the comment above is all there is to say, else that comment and an entry for each."""
    about = markdown(group[0].about)
    if len(group) == 1 or not any(s.own for s in group):
        return [directive("function", [s.code.rstrip(";") for s in group], joined(about, markdown(group[0].own), *map(more, group)))]
    return [about, *(directive("function", [s.code.rstrip(";")], joined(markdown(s.own), more(s))) for s in group)]


def enum(group, text):
    values = joined(*(directive("enumerator", [s.name], markdown(s.own)) for s in group[1:]))
    fence = "`" * 6
    return joined(text, values) if not group[0].name else f"{fence}{{c:enum}} {group[0].name}\n\n{joined(text, values)}\n{fence}"


def typed(symbol):
    """What a callback or a variable is, as C writes it."""
    bare = re.sub(r"\s+", " ", headers.without_comments(symbol.code)).strip(" ;")
    if symbol.kind == "callback":
        return bare[len("typedef "):]
    return re.search(r"const \w+", bare)[0] + " " + symbol.name


def other(group, text):
    first = group[0]
    if first.kind == "macro":
        short = "(" not in first.code.split(" ")[1] and first.code.count("\n") == 1
        signature = re.match(r"#define (\w+(?:\([^)]*\))?)", first.code)[1]
        return directive("macro", [signature], joined(text, code(first.code) if short else ""))
    if first.kind == "struct":
        return directive("struct", [first.name], joined(text, code(first.code)))
    if first.kind == "opaque":
        return directive("struct", [first.name], text)
    return directive("type" if first.kind == "callback" else "var", [typed(s) for s in group], text)


class HeaderPage:
    """A header as a page: its sections, and an entry with an anchor for each symbol."""

    def __init__(self, header, facts, structs):
        self.takers, self.facts, self.structs, self.waiting, self.seen = headers.takers(header), facts, structs, [], set()
        self.parts = [f"# cotan/{header.name}", markdown(headers.head(header))]
        for kind, *item in headers.symbols(header):
            if kind == "function":
                self.function(item[0][0])
                continue
            self.flush()
            if kind == "section":
                self.parts += [f"## {item[0][0].upper()}{item[0][1:]}", markdown(item[1])]
            elif kind == "text":
                self.parts.append(markdown(item[0]))
            else:
                self.declared(item[0])
        self.flush()

    def more(self, symbol):
        if symbol.name in self.takers:
            return "Options of " + ", ".join(f"`{name}()`" for name in self.takers[symbol.name]) + "."
        return f"[Gradient, shapes and samples](../docs/reference.md#{symbol.name})" if symbol.name in self.facts else ""

    def function(self, symbol):
        """Those that share a comment wait for each other."""
        if symbol.name.endswith("_options_init"):
            return
        if self.waiting and (not symbol.about or self.waiting[0].about != symbol.about):
            self.flush()
        self.waiting.append(symbol)

    def flush(self):
        if self.waiting:
            self.parts += functions(self.waiting, self.more)
        self.waiting = []

    def declared(self, group):
        first = group[0]
        if first.name in self.seen and first.name:  # the other branch of an #ifdef
            return
        if first.kind == "opaque" and first.name in self.structs:  # announced here, an entry where its members are
            return
        self.seen.add(first.name)
        if first.name.startswith("CT_DEFAULTS_"):
            self.parts.append(code(first.code))
            return
        text = joined(markdown(first.about), markdown(first.own), self.more(first))
        self.parts.append(enum(group, text) if first.kind == "enum" else other(group, text))

    def text(self):
        return joined(*self.parts) + "\n"


def write_headers(site):
    """A page for each; their names."""
    facts = set(re.findall(r"^#### (ct_\w+)$", (site.top / "docs/reference.md").read_text(), re.M))
    structs = {s.name for header in headers.public(site.top) for kind, *item in headers.symbols(header) if kind == "code"
               for s in item[0] if s.kind == "struct"}
    names, pages = set(), []
    for header in headers.public(site.top):
        if header.name == "cotan.h":  # includes the others
            continue
        pages.append(f"api/{header.stem}")
        site.write(f"{pages[-1]}.md", HeaderPage(header, facts, structs).text())
        names |= {s.name for kind, *item in headers.symbols(header) if kind in ("function", "code") for s in item[0]
                  if not re.match(r"CT_DEFAULTS_|ct_\w+_options_init$", s.name)}
    site.write("names.json", json.dumps(sorted(names - {""})))
    return pages


def write_course(site):
    chapters = [p for p in site.pages if p.startswith("docs/course/") and p != "docs/course/README.md"]
    site.write("docs/course/README.md", site.text_of("docs/course/README.md") + "\n" +
               tree("", [os.path.relpath(p, "docs/course")[:-len(".md")] for p in chapters]))
    return chapters


def write_examples(site):
    names = [os.path.basename(path) for path in site.examples]
    lines = [f"- [{name}]({name}.md): {first_sentence(site.top / 'docs/examples' / name)}" for name in names]
    site.write("docs/examples/README.md", "# Examples\n\nPrograms that the tests run.\n\n" + "\n".join(lines) + "\n\n" + tree("", names))
    site.sources |= set(site.examples)


def write_folders(site):
    """A list of the sources in each folder that a page points to and that has no page of its own."""
    for folder in sorted(site.folders):
        names = [os.path.relpath(path, folder) for path in site.tracked
                 if path.startswith(folder + "/") and pathlib.Path(path).suffix in LANGUAGES]
        site.sources |= {f"{folder}/{name}" for name in names}
        site.write(f"{folder}/README.md", f"---\norphan: true\n---\n# {folder}/\n\n" + "\n".join(f"- [{n}]({n}.md)" for n in names) + "\n")


def write_index(site, headers_pages, chapters):
    contents = {caption: list(pages) for caption, pages in CONTENTS.items()}
    contents["Headers"] = headers_pages
    placed = {page for pages in contents.values() for page in pages}
    others = [page[:-len(".md")] for page in site.pages if page != "README.md" and page not in chapters]
    contents["Inside"] += [page for page in others if page not in placed]
    site.write("index.md", site.text_of("README.md") + "\n" + "\n".join(tree(caption, pages) for caption, pages in contents.items()))


def lost_links(site):
    """"docs/guide.md: where.md" of each link whose page or picture is not laid out."""
    for page in sorted(site.folder.rglob("*.md")):
        parts = FENCE.split(page.read_text())
        for _, link, _ in (found for i in range(0, len(parts), 3) for found in LINK.findall(parts[i])):
            path = link.partition("#")[0]
            if path and not re.match(r"[a-z]+:", link) and not (page.parent / path).is_file():
                yield f"{page.relative_to(site.folder)}: {link} leads to no page"


def lost_pages(site):
    """Each page that no list of contents has, and each that a list has and that is not there."""
    listed = {"index.md"}
    for page in site.folder.rglob("*.md"):
        for names in re.findall(r"^```\{toctree\}\n(?::[^\n]*\n)*\n(.*?)^```$", page.read_text(), re.M | re.S):
            listed |= {os.path.normpath(page.parent.relative_to(site.folder) / f"{name}.md") for name in names.split()}
    pages = {str(page.relative_to(site.folder)): page for page in site.folder.rglob("*.md")}
    yield from (f"{name}: listed, and not there" for name in sorted(listed - set(pages)))
    yield from (f"{name}: in no list of contents" for name in sorted(set(pages) - listed)
                if not pages[name].read_text().startswith("---\norphan: true"))


def main():
    site = Site(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]))
    shutil.rmtree(site.folder, ignore_errors=True)
    headers_pages = write_headers(site)
    for page in site.pages:
        site.write(page, site.text_of(page))
    (site.folder / "README.md").unlink()
    chapters = write_course(site)
    write_examples(site)
    write_index(site, headers_pages, chapters)
    write_folders(site)
    for name in sorted(site.sources):
        site.write(f"{name}.md", ("" if name in site.examples else "---\norphan: true\n---\n") + site.source_page(name))
    for name in site.pictures:
        shutil.copy(site.top / name, site.folder / name)
    shutil.copy(site.top / "docs/site/conf.py", site.folder)
    (site.folder / "_static").mkdir()
    shutil.copy(site.top / "docs/site/site.css", site.folder / "_static")
    lost = [*lost_links(site), *lost_pages(site)]
    sys.exit("\n".join(lost) if lost else 0)


def first_sentence(path):
    return inline(re.split(r"(?<=\.)\s", headers.plain(re.match(r"/\*(.*?)\*/", path.read_text(), re.S)[1]))[0].replace("\n", " "))


main()

"""What the public headers declare, with the comments that go with it: for docs/reference.md, the site's API pages, and the test that
every symbol has one.

A comment on lines of its own is about what follows it up to the next blank line; one behind a declaration is about that alone;
one that begins with ---- is the title of a section, with a text.
"""
import re

FOLDERS = ("core", "autograd", "ops", "nn")

TOKEN = re.compile(r"""(?P<blank>\n)                                         # ends what a comment is about
                     | /\*(?P<comment>.*?)\*/[ ]*\n                          # on lines of its own
                     | (?P<declaration>(?:CT_API|typedef|enum)\b.*?;[^\n;]*\n)
                     | (?P<define>\#define[ ](?:[^\n]*\\\n)*[^\n]*\n)
                     | [^\n]*\n""", re.X | re.S)
# What C alone sees: macros of the functions' names, which pass the caller's line on.
LOCATIONS = re.compile(r"#if !defined\(CT_NO_LOCATIONS\).*?\n#endif\n", re.S)


def public(top):
    """The public headers: those of a folder after those of the folders that it may include."""
    return [header for folder in FOLDERS for header in sorted((top / folder / "include/cotan").glob("*.h"))]


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def whole(text, at):
    """A declaration up to the brace that closes it and the comment behind it; and where it ends."""
    end = at
    while True:
        end = text.index("\n", end) + 1
        so_far = text[at:end]
        bare = without_comments(so_far)
        if so_far.count("/*") == so_far.count("*/") and bare.count("{") == bare.count("}") and bare.rstrip().endswith(";"):
            return so_far, end


def plain(comment):
    """A comment's text without its stars."""
    return re.sub(r"\n \* ?", "\n", comment).strip()


def head(header):
    """The comment that a header begins with."""
    return plain(re.match(r"/\*(.*?)\*/", header.read_text(), re.S)[1])


def items(header):
    """What a header has, in order: ("section", title, text), ("text", comment with a blank line behind it),
    ("code", comment, text), ("function", name, signature, comment, comment behind it)."""
    text = header.read_text()
    _, begin, text = text.partition('extern "C" {\n#endif\n')
    text = LOCATIONS.sub("\n", text)
    about, used, at = "", True, 0
    while at < len(text):
        m = TOKEN.match(text, at)
        at = m.end()
        used = used or bool(m["define"] or m["declaration"])
        if m["blank"]:
            if about and not used:
                yield "text", about
            about = ""
        elif m["comment"]:
            about, used = plain(m["comment"]), False
            if about.startswith("----"):
                title, _, rest = about[4:].partition("----")
                yield "section", title.strip(), rest.strip()
                about = ""
        elif m["define"]:
            yield "code", about, m["define"]
        elif m["declaration"]:
            declaration, at = whole(text, m.start())
            name = re.search(r"(ct_\w+)\(", without_comments(declaration))
            if declaration.startswith(("typedef", "enum")) or not name:
                yield "code", about, declaration
                continue
            own = " ".join(plain(c) for c in re.findall(r"/\*(.*?)\*/", declaration, re.S))
            signature = re.sub(r"\s+", " ", re.sub(r"CT_API |__attribute__\(\(.*\)\)", "", without_comments(declaration))).strip()
            yield "function", name[1], signature.replace(") ;", ");"), about, own


class Symbol:
    """One name: kind is function, variable, macro, struct, enum, enumerator, callback or opaque; code is its declaration."""

    def __init__(self, kind, name, code, about, own):
        self.kind, self.name, self.code, self.about, self.own = kind, name, code, about, own


def behind(code):
    """The comment behind a declaration of one line, or behind the brace."""
    m = re.search(r"/\*(.*?)\*/\s*$", code, re.S)
    return plain(m[1]) if m else ""


def enumerators(code, about):
    """The names in the braces, each with the comment behind it."""
    for m in re.finditer(r"\b(CT_\w+)\b[^,{}/]*,?\s*(?:/\*(.*?)\*/)?", re.sub(r"^[^{]*\{", "", code), re.S):
        yield Symbol("enumerator", m[1], m[0], about, plain(m[2] or ""))


def declared(about, code):
    """The symbols of one "code" item."""
    bare = re.sub(r"\s+", " ", without_comments(code)).strip()
    if m := re.match(r"#define (\w+)", bare):
        yield Symbol("macro", m[1], code, about, behind(code))
    elif m := re.fullmatch(r"(?:typedef )?enum ?\w* ?\{.*\} ?(\w*);", bare):
        yield Symbol("enum", m[1], code, about, "")
        yield from enumerators(code, about)
    elif m := re.fullmatch(r"typedef struct (\w+) \1;", bare):
        yield Symbol("opaque", m[1], code, about, behind(code))
    elif m := re.fullmatch(r"typedef struct .*\} (\w+);", bare):
        yield Symbol("struct", m[1], code, about, "")
    elif m := re.fullmatch(r"typedef [^(]*\(\*(\w+)\)\(.*\);", bare):
        yield Symbol("callback", m[1], code, about, behind(code))
    elif m := re.fullmatch(r"CT_API extern const \w+ (.*);", bare):
        for name in m[1].split(","):
            yield Symbol("variable", name.strip(), code, about, behind(code))
    else:
        raise ValueError(f"not understood: {code}")


def symbols(header):
    """Sections and texts, as items() has them, and lists of the symbols that are declared together."""
    for kind, *item in items(header):
        if kind in ("section", "text"):
            yield (kind, *item)
        elif kind == "function":
            name, signature, about, own = item
            yield kind, [Symbol("function", name, signature, about, own)]
        else:
            yield kind, list(declared(*item))


def takers(header):
    """{options struct: the functions of its header that take it}, which say what it is for."""
    found = {}
    for kind, *item in items(header):
        if kind == "function" and not item[0].endswith("_init"):
            for name in re.findall(r"const (\w+_options) \*", item[1]):
                found.setdefault(name, []).append(item[0])
    return found

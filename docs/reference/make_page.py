#!/usr/bin/env python3
"""Writes docs/reference.md from the operations' records and the comments in the public headers of ops/, or, with --check,
compares it with the file and ends with "N passed, N failed".

usage: make_page.py TOP COTAN [--check]          COTAN: the command
       make_page.py TOP --signatures FILE      writes each function's signature and comment as rows of a table in C, for cotan ops
"""
import difflib, json, pathlib, re, subprocess, sys

sys.dont_write_bytecode = True
import headers

HEAD = """# Reference: the operations

Made from the operations' records and the comments in the headers of `ops/include/cotan/`; after a change of either,
`meson compile -C build reference` writes it anew.

An entry gives the function's signature and its header's comment; then, from the record, the gradient of each input as a
formula (`g` is the cotangent, `y` the result), and the shapes of results for the shapes of the record's samples, with the
sample's options: `3x4` is a matrix, `scalar` is 0-d, `i5:7` are seven int64 numbers in 0..4, `u2:7` the same as uint8, `b:7` bools,
`@0.2..3` is a range of values, `!` marks an input that gets no gradient, `null` one that is left out.

Options are given by name behind the arguments. A member's default is 0, or what `CT_DEFAULTS_...` says below its struct
(`cotan/options.h` explains both); `<struct>_init(&options, sizeof options)` fills them in for other languages.

Common to all: NULL as an input gives NULL and leaves the pending error as it is; every function that makes something may
fail for memory (`CT_ERROR_MEMORY`); an error's message names the operation, the shapes and the line of the call.
"""


def records(program):
    """{name: {"gradient", "expression", "source", "samples": [...], ...}}, in the order of ct_ops()."""
    text = subprocess.run([program, "ops", "--json"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return {record["name"]: record for record in json.loads(text)}


def sentence(text):
    """A comment as Markdown: one paragraph, what it says unchanged."""
    return re.sub(r"([*<])", r"\\\1", re.sub(r"\s+", " ", text))


def facts(record):
    """The record's lines of an entry."""
    none = record["gradient"].startswith("none")
    lines = ["- gradient: " + (record["gradient"] if none else f"`{record['gradient']}`")]
    if record["samples"]:
        lines.append("- shapes: " + "; ".join("`{inputs}` to `{outputs}`".format(**s) for s in record["samples"]))
    if record["expression"]:
        lines.append("- an expression over other operations")
    if record["source"]:
        lines.append(f"- source: {record['source']}")
    return "\n".join(lines)


def entry(name, signature, comment, record):
    parts = [f"#### {name}", f"```\n{signature}\n```"]
    if comment:
        parts.append(sentence(comment))
    if record:
        parts.append(facts(record))
    elif signature.startswith("ct_tensor *"):
        parts.append("- made of other operations")
    return "\n\n".join(parts)


def operations(top):
    """The headers of the operations."""
    folder = top / "ops/include/cotan"
    return [folder / "ops.h", *sorted(h for h in folder.glob("*.h") if h.name != "ops.h")]


def declared(header):
    """headers.items() without <struct>_init() and macros of a struct without defaults, of which the page's head tells."""
    for kind, *item in headers.items(header):
        if kind == "function" and item[0].endswith("_options_init"):
            continue
        if kind == "code" and re.match(r"#define CT_DEFAULTS_\w+\n", item[1]):
            continue
        yield kind, *item


def comment_of(about, own):
    return "\n".join(text for text in (about, own) if text)


def signatures(top):
    functions = [item[1:] for header in operations(top) for item in declared(header) if item[0] == "function"]
    quoted = lambda text: json.dumps(re.sub(r"\s+", " ", text), ensure_ascii=False)
    return "".join(f"{{{quoted(name[3:])}, {quoted(signature)}, {quoted(comment_of(about, own))}}},\n"
                   for name, signature, about, own in functions)


def page(top, program):
    left = records(program)
    parts = []
    for header in operations(top):
        parts += [f"## cotan/{header.name}", sentence(headers.head(header))]
        listed = list(declared(header))
        for (kind, *item), following in zip(listed, [*listed[1:], ("end",)]):
            if kind == "section":
                parts += [f"### {item[0][0].upper()}{item[0][1:]}", *([sentence(item[1])] if item[1] else [])]
            elif kind == "text":
                parts.append(sentence(item[0]))
            elif kind == "code":
                said = following[0] == "function" and following[3] == item[0]  # the function that comes says it
                parts += [*([sentence(item[0])] if item[0] and not said else []), f"```\n{item[1].strip()}\n```"]
            else:
                name, signature, *comments = item
                parts.append(entry(name, signature, comment_of(*comments), left.pop(name[3:], None)))
    parts.append("## Operations that only gradients use")
    parts.append("They go through the same door and the same checks, and are not in the public headers.")
    parts += [f"#### {name}\n\n{facts(record)}" for name, record in left.items()]
    index = [f"[{name}](#{name})" for name in re.findall(r"^#### (\w+)$", "\n".join(parts), re.M)]
    return "\n\n".join([HEAD.strip(), "\n".join(index), *parts]) + "\n"


def main():
    top, program, check = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    if program == "--signatures":
        pathlib.Path(check[0]).write_text(signatures(top))
        return 0
    path = top / "docs/reference.md"
    text = page(top, program)
    if check != ["--check"]:
        path.write_text(text)
        return 0
    before = path.read_text() if path.exists() else ""
    if before != text:
        print("docs/reference.md is out of date; meson compile -C build reference writes it anew")
        print("\n".join(list(difflib.unified_diff(before.splitlines(), text.splitlines(), "the file", "the records", lineterm=""))[:40]))
    print("1 passed, 0 failed" if before == text else "0 passed, 1 failed")
    return before != text


sys.exit(main())

#!/usr/bin/env python3
"""Writes docs/reference/signatures.json, the public interface for programs that bind it to another language, from the headers
alone, or, with --check, compares it with the file and ends with "N passed, N failed".

usage: make_signatures.py TOP [--check]

    constants   {name: number}
    enums       {name: {enumerator: number}}; "" holds those of enums without a name
    structs     {name: [{name, type, array?, default?}]}: default is of options, null or a name ("CT_STDOUT") for a
                pointer, "unset" for CT_UNSET
    opaque      [name]: structs of which only pointers are handed out
    callbacks   {name: {result, arguments: [{name, type}]}}
    functions   {name: {header, result, arguments: [{name, type}], variadic?}}: variadic is printf's way
    variables   {name: type}
"""
import difflib, json, pathlib, re, sys

HEADERS = ["core/include/cotan", "autograd/include/cotan", "ops/include/cotan", "nn/include/cotan"]


def bare(text):
    """A header without comments, and without what C alone sees; macros on one line each."""
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S).replace("\\\n", " ")
    text = re.sub(r"#if !defined\(CT_NO_LOCATIONS\).*?\n#endif", "", text, flags=re.S)
    return re.sub(r"__attribute__\(\(.*?\)\)\)?", "", text)


def split(text, at=","):
    """The parts of a list, at separators outside brackets and quotes."""
    parts, depth = [""], 0
    for token in re.findall(r"""\"(?:\\.|[^"\\])*\"|'(?:\\.|[^'\\])*'|.""", text, re.S):
        depth += {"(": 1, "{": 1, "[": 1, ")": -1, "}": -1, "]": -1}.get(token, 0)
        if token == at and depth == 0:
            parts.append("")
        else:
            parts[-1] += token
    return [part.strip() for part in parts if part.strip()]


def tidy(type_):
    return re.sub(r"\* (?=\*)", "*", re.sub(r"\s*\*\s*", " *", re.sub(r"\s+", " ", type_))).replace("* *", "**").strip()


class Interface:
    def __init__(self, top):
        self.constants, self.enums, self.structs, self.opaque = {}, {"": {}}, {}, []
        self.callbacks, self.functions, self.variables, self.defaults = {}, {}, {}, {}
        headers = [header for folder in HEADERS for header in sorted((top / folder).glob("*.h"))]
        for header in headers:  # first, since a size may be a constant of a header that comes later
            self.read_constants(bare(header.read_text()))
        for header in headers:
            self.read(header)
        for name, text in self.defaults.items():
            self.set_defaults(name, text)

    def number(self, text):
        """The value of a constant expression, or None."""
        names = dict(self.constants, INT32_MIN=-2**31, INT64_MIN=-2**63, INT64_MAX=2**63 - 1, true=1, false=0)
        for enum in self.enums.values():
            names.update(enum)
        text = re.sub(r"0x1p(-?\d+)", lambda m: repr(2.0 ** int(m[1])), re.sub(r"UINT64_C\((\w+)\)", r"\1", text.strip()))
        if text == "CT_UNSET" or text.startswith("__builtin_nan"):
            return "unset"
        try:
            return eval(text, {"__builtins__": {}}, names)
        except (NameError, SyntaxError, TypeError):
            return None

    def read_constants(self, text):
        for name, value in re.findall(r"^#define (CT_\w+) +(\S.*?) *$", text, re.M):
            if name.startswith("CT_DEFAULTS_"):
                self.defaults[name[len("CT_DEFAULTS_"):]] = value
            elif self.number(value) is not None:
                self.constants[name] = self.number(value)
        for name in re.findall(r"^#define CT_DEFAULTS_(\w+) *$", text, re.M):
            self.defaults[name] = ""

    def read(self, header):
        text = bare(header.read_text())
        text = re.sub(r"^ *#.*$", "", text, flags=re.M).replace('extern "C" {', "")
        for statement in split(text, ";"):
            self.statement(statement.lstrip("} \n"), "cotan/" + header.name)

    def statement(self, text, header):
        if m := re.fullmatch(r"(?:typedef )?enum (\w*) ?\{(.*)\} ?(\w*)", text, re.S):
            self.enumerators(m[3], m[2])
        elif m := re.fullmatch(r"typedef struct (?:CT_BY_NAME )?\w+ \{(.*)\} (\w+)", text, re.S):
            self.structs[m[2]] = [field for part in split(m[1], ";") for field in self.fields(part)]
        elif m := re.fullmatch(r"typedef struct (\w+) \1", text):
            self.opaque.append(m[1])
        elif m := re.fullmatch(r"typedef (.*?)\(\*(\w+)\)\((.*)\)", text, re.S):
            self.callbacks[m[2]] = {"result": tidy(m[1]), "arguments": self.arguments(m[3])[0]}
        elif m := re.fullmatch(r"CT_API extern const (\w+)\s+(.*)", text, re.S):
            self.variables.update((name, m[1]) for name in split(m[2]))
        elif m := re.fullmatch(r"CT_API (.*?)(\w+)\((.*)\)\s*", text, re.S):
            arguments, variadic = self.arguments(m[3])
            self.functions[m[2]] = {"header": header, "result": tidy(m[1]), "arguments": arguments,
                                    **({"variadic": True} if variadic else {})}
        elif text:
            raise ValueError(f"{header}: not understood: {text}")

    def enumerators(self, name, text):
        enum, following = self.enums.setdefault(name, {}), 0
        for part in split(text):
            key, _, value = part.partition("=")
            enum[key.strip()] = following = self.number(value) if value else following
            following += 1

    def arguments(self, text):
        parts = split(text)
        variadic = parts[-1:] == ["..."]
        return [self.fields(part)[0] for part in parts if part not in ("void", "...")], variadic

    def fields(self, text):
        """int64_t stride[3], *last: the fields of one declaration."""
        text = re.sub(r"\s+", " ", text.strip())
        if text in ("CT_OPTIONS_HEAD", "__extension__ char nothing[0]"):
            return [{"name": "struct_size", "type": "size_t"}] if text == "CT_OPTIONS_HEAD" else []
        if m := re.fullmatch(r"(.*?)\(\*(\w+)\)\((.*)\)", text):
            return [{"name": m[2], "type": f"{tidy(m[1])} (*)({tidy(m[3])})"}]
        base, found = re.match(r"(?:const )?(?:unsigned(?: int| char)?|(?:struct )?\w+)", text)[0], []
        for part in split(text[len(base):]):
            m = re.fullmatch(r"(.*?)(\w+)((?:\[[^\]]*\])*)", part)
            sizes = [self.number(size) for size in re.findall(r"\[([^\]]*)\]", m[3])]
            found.append({"name": m[2], "type": tidy(base + " " + m[1]), **({"array": sizes} if sizes else {})})
        return found

    def set_defaults(self, name, text):
        given = dict(re.match(r"\.(\w+) = (.*)", part, re.S).groups() for part in split(text))
        for field in self.structs[name][1:]:
            value = given.pop(field["name"], None)
            if "array" in field:
                values = [self.number(v) for v in split(value.strip("{} "))] if value else []
                nothing = None if "*" in field["type"] else 0
                field["default"] = values + [nothing] * (field["array"][0] - len(values))
            elif "*" in field["type"] or field["type"] in self.callbacks:
                field["default"] = value
            else:
                number = self.number(value) if value else 0
                assert number is not None, (name, field["name"], value)
                field["default"] = bool(number) if field["type"] == "bool" else number
        assert not given, (name, given)


def page(top):
    found = Interface(top)
    parts = {key: getattr(found, key)
             for key in ("constants", "enums", "structs", "opaque", "callbacks", "functions", "variables")}
    parts["structs"].pop("ct_by_name")
    rows = []
    for key, value in parts.items():  # one entry a line, so that a change is a line
        pairs = [json.dumps(v) if isinstance(value, list) else f"{json.dumps(k)}: {json.dumps(v)}"
                 for k, v in (enumerate(value) if isinstance(value, list) else value.items())]
        brackets = "[]" if isinstance(value, list) else "{}"
        rows.append(f'"{key}": {brackets[0]}\n' + ",\n".join("  " + pair for pair in pairs) + f"\n{brackets[1]}")
    return "{\n" + ",\n".join(rows) + "\n}\n"


def main():
    top, check = pathlib.Path(sys.argv[1]), sys.argv[2:] == ["--check"]
    path, text = top / "docs/reference/signatures.json", page(top)
    if not check:
        path.write_text(text)
        return 0
    before = path.read_text() if path.exists() else ""
    if before != text:
        print("docs/reference/signatures.json is out of date; meson compile -C build reference writes it anew")
        print("\n".join(list(difflib.unified_diff(before.splitlines(), text.splitlines(), "the file", "the headers", lineterm=""))[:40]))
    same = [before == text, split(""".a = ",", .b = {1, ')'}""") == ['.a = ","', ".b = {1, ')'}"]]
    print(f"{same.count(True)} passed, {same.count(False)} failed")
    return not all(same)


if __name__ == "__main__":
    sys.exit(main())

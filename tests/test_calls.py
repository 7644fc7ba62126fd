#!/usr/bin/env python3
"""Calls every function of the public headers with what nobody should give it: NULL in place of each pointer, and the ends of
int64, 0 and -1 in place of each number, size, axis and option, on tensors of several ranks and dtypes. Each call must come
back, with a result or an error; a build with sanitizers also sees what overflows on the way.

The calls are made from the prototypes, so a new function is called too.

usage: test_calls.py TOP LIBRARY COMPILER...
"""
import os, pathlib, re, subprocess, sys, tempfile

FOLDERS = ("core", "autograd", "ops", "nn")
INT64 = ("0", "-1", "INT64_MAX", "INT64_MIN")
INT = ("0", "-1", "INT_MAX", "INT_MIN")
DOUBLE = ("0", "-1", "NAN", "INFINITY", "-INFINITY", "DBL_MAX", "DBL_MIN")
NUMBERS = {"int64_t": INT64, "int": INT, "uint64_t": ("0", "UINT64_MAX"), "size_t": ("0",), "double": DOUBLE}
# Without a call there is nothing behind a ct_call, and behind a format are arguments.
LEFT_OUT = re.compile(r"ct_call_\w+|ct_error_set")
KINDS = {"index": 1, "indices": 1, "labels": 1, "target": 1, "mask": 2, "condition": 2}

HEAD = """
#define CT_NO_LOCATIONS
#include <cotan/cotan.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { VARIANTS = 12 };
static int variant;
static char *doing; /* the call that runs, for the parent */
static ct_tensor *room[CT_MAX_INPUTS], *list[CT_MAX_INPUTS + 1]; /* a list of any number ends in NULL */
static int64_t ints[16];
static char text[256];

/* kind: 0 float, 1 index, 2 mask; what is an index is a float in every other variant. */
static ct_tensor *tensor(int kind)
{
    static const int64_t shapes[VARIANTS / 2][4] = {{2, 3}, {4}, {2, 4, 4, 4}, {2, 4, 4}, {4, 4}, {0}};
    static const int ranks[] = {2, 1, 4, 3, 2, 0};
    ct_dtype dtype = kind == 2 ? CT_UINT8 : kind == 1 && variant % 2 ? CT_INT64 : CT_FLOAT64;
    return ct_full(dtype, kind ? 1 : 0.5, shapes[variant / 2], ranks[variant / 2]);
}

static ct_tensor **tensors(void)
{
    for (int i = 0; i < CT_MAX_INPUTS; i++)
        list[i] = tensor(0);
    return list;
}

static void begin(const char *call)
{
    snprintf(doing, 256, "%s, variant %d", call, variant);
    ct_error_clear();
    ct_scope_open();
    memset(room, 0, sizeof room);
    for (int i = 0; i < 16; i++)
        ints[i] = variant % 2 ? 1 : i;
}

static void end(void)
{
    ct_scope_close();
}
"""

TAIL = """
int main(void)
{
    int passed = 0, failed = 0;
    doing = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            alarm(100);
            for (variant = 0; variant < VARIANTS; variant++)
                functions[i]();
            _exit(0);
        }
        waitpid(child, &status, 0);
        if (status == 0) {
            passed++;
            continue;
        }
        failed++;
        printf("%s: %s %d\\n", doing, WIFSIGNALED(status) ? "signal" : "exit status",
               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
    printf("%d passed, %d failed\\n", passed, failed);
    return failed != 0;
}
"""


def bare(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


def split(parameters):
    """[(type, name)] of a prototype's parameters."""
    found = []
    for part in parameters.split(","):
        part = " ".join(part.split())
        if part != "void":
            m = re.match(r"(.*?)(\w+)$", part)
            found.append((m[1].strip().replace(" *", "*").replace("* ", "*"), m[2]))
    return found


def functions_of(headers):
    for text in headers:
        for m in re.finditer(r"CT_API\s+([\w\s*]+?)\b(ct_\w+)\(([^;{}]*?)\)\s*(?:__attribute__[^;]*)?;", text):
            if not LEFT_OUT.fullmatch(m[2]) and "..." not in m[3]:
                yield m[2], split(m[3])


def structs_of(headers):
    """{name: [(type, member, entries or 0)]} of the structs that are open."""
    found = {}
    for text in headers:
        for m in re.finditer(r"typedef struct (?:CT_BY_NAME )?(ct_\w+)\s*\{(.*?)\}\s*\1;", text, re.S):
            members = re.findall(r"^\s*((?:const )?\w+) (\*?\s*\w+)(?:\[(\w+)\])?;", m[2], re.M)
            found[m[1]] = [(t, n.strip(), size) for t, n, size in members if "*" not in n]
    return found


def extremes(kind, name, enums):
    """What to give for a number of that type; not more than there is for what counts the elements of an array."""
    values = INT if kind in enums else NUMBERS.get(kind, ())
    counts = re.fullmatch(r"n|n_\w+|count|size|bytes", name)
    return [v for v in values if not (counts and v.endswith("MAX"))]


class Writer:
    def __init__(self, headers):
        self.structs, self.enums = structs_of(headers), set()
        for text in headers:
            self.enums |= set(re.findall(r"\}\s*(ct_\w+);", "".join(re.findall(r"typedef enum.*?;", text, re.S))))
        self.inits = {m for text in headers for m in re.findall(r"\b(ct_\w+)_init\(", text)}

    def usual(self, kind, name, at):
        """An argument that means no harm, as a C expression."""
        pointer = kind.replace("const ", "").replace("*const*", "**")
        if pointer == "ct_tensor*":
            return f"tensor({KINDS.get(name, 0)})"
        if pointer == "ct_tensor**":
            return "tensors()" if "const*" in kind else "room"
        if pointer == "int64_t*":
            return "ints"
        if pointer == "char*":
            return '"calls"' if "const" in kind else "text"
        if pointer.endswith("*"):
            return f"&s{at}" if pointer[:-1] in self.structs else "NULL"
        if kind in self.structs:
            return f"s{at}"
        return {"double": "0.5", "bool": "true", "int": "2" if name == "rank" or name[0] == "n" else "0",
                "int64_t": "1", "size_t": "1", "uint64_t": "1"}.get(kind, f"({kind})0")

    def function(self, name, parameters):
        lines, declared = [], []
        usual = [self.usual(kind, n, i) for i, (kind, n) in enumerate(parameters)]
        types = [kind.replace("const ", "").rstrip("*") for kind, _ in parameters]
        for i, kind in enumerate(types):
            if usual[i] in (f"&s{i}", f"s{i}"):
                declared.append(f"    {kind} s{i};")
        fresh = "".join(f" memset(&s{i}, 0, sizeof s{i});" + (f" {types[i]}_init(&s{i}, sizeof s{i});" if types[i] in self.inits else "")
                        for i in range(len(types)) if usual[i] in (f"&s{i}", f"s{i}"))

        def call(what, arguments, before=""):
            lines.append(f'    begin("{name}({what})");{fresh}{before} (void){name}({", ".join(arguments)}); end();')

        def replaced(i, value):
            return usual[:i] + [value] + usual[i + 1:]

        call("as usual", usual)
        for i, (kind, n) in enumerate(parameters):
            if kind.endswith("*") and usual[i] != "NULL":
                call(f"{n} = NULL", replaced(i, "NULL"))
            if usual[i] == "tensors()":
                call(f"{n}[1] = NULL", replaced(i, "(tensors()[1] = NULL, list)"))
            for value in extremes(kind, n, self.enums):
                call(f"{n} = {value}", replaced(i, f"({kind}){value}"))
            if usual[i] == "ints":
                for entry in (0, 1):
                    for value in INT64:
                        call(f"{n}[{entry}] = {value}", usual, f" ints[{entry}] = {value};")
            for member, place, value in self.members(types[i]) if usual[i] == f"&s{i}" else ():
                call(f"{types[i]}.{member}{place} = {value}", usual, f" s{i}.{member}{place} = {value};")
        return "static void call_%s(void)\n{\n%s\n}\n" % (name, "\n".join(declared + lines))

    def members(self, struct):
        for kind, member, entries in self.structs[struct]:
            if member in ("struct_size", "by_name"):
                continue
            for value in extremes(kind, member, self.enums):
                value = f"({kind}){value}"
                yield member, "[0]" if entries else "", value
                if entries and entries != "1":
                    yield member, "[1]", value


def main():
    top, library, compiler = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve(), sys.argv[3:]
    headers = [bare(p.read_text()) for f in FOLDERS for p in sorted((top / f / "include/cotan").glob("*.h"))]
    writer, functions = Writer(headers), sorted(functions_of(headers))
    source = HEAD + "".join(writer.function(name, parameters) for name, parameters in functions)
    source += "static void (*const functions[])(void) = {%s};\n" % ", ".join(f"call_{name}" for name, _ in functions) + TAIL
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        (path / "calls.c").write_text(source)
        built = subprocess.run(compiler + ["-std=c17", "-D_DEFAULT_SOURCE", "-w", *(f"-I{top / f}/include" for f in FOLDERS),
                                           "-o", str(path / "calls"), str(path / "calls.c"), str(library),
                                           f"-Wl,-rpath,{library.parent}", "-lm"], capture_output=True, text=True)
        if built.returncode:
            print(built.stderr[:4000], "\n0 passed, 1 failed")
            return 1
        return subprocess.run([str(path / "calls")], cwd=folder, timeout=800,
                              env={"UBSAN_OPTIONS": "halt_on_error=1", **os.environ, "ASAN_OPTIONS": "detect_leaks=0"}).returncode


if __name__ == "__main__":
    sys.exit(main())

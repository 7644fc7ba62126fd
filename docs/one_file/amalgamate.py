#!/usr/bin/env python3
"""Writes cotan.c and cotan.h: every source of the library behind the other, each of our own includes where it is first met.

What is a file's own there, its static functions, types, constants and macros, has to be its own here too. Macros end with their
file. Where two files give one name to things of their own, each gets the file's name behind it, but for members of structs: they
stand behind a point or an arrow. usage: amalgamate.py FOLDER"""
import collections
import pathlib
import re
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ['core', 'autograd', 'ops', 'nn']
SEARCH = ['core', 'core/portable', 'autograd', 'ops', 'nn']
PUBLIC = {f'cotan/{path.name}': path for folder in FOLDERS for path in (TOP / folder / 'include/cotan').glob('*.h')}
INCLUDE = re.compile(r'#\s*include\s+([<"])([^>"]+)[>"]')
KEYWORDS = set('struct union enum const char int float double void bool inline static sizeof unsigned long V_JOIN'.split())
# What each file makes by pasting, from the names of its vectors, and what the system has taken.
ALWAYS = {'vec_float', 'vec_double', 'mask_float', 'mask_double', 'link'}
TOKEN = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|\w+|->|\s+|.', re.S)
PAGE_PARTS = TOP / 'autograd/page/page_parts.c'  # made, not there


def version():
    return re.search(r"version: '([^']+)'", (TOP / 'meson.build').read_text())[1]


def sources():
    """The library's files in the order in which meson.build has them."""
    for folder in FOLDERS:
        for name in re.findall(r"'([\w/]+\.c)'", (TOP / folder / 'meson.build').read_text()):
            if (TOP / folder / name).exists():
                yield TOP / folder / name


def page_parts():
    """The page's script, style and skeleton as arrays, as the build makes them."""
    scripts = [f'autograd/page/script/{name}.js' for name in ('data', 'picture', 'story', 'operations', 'quiz', 'controls')]
    inputs = ['autograd/page/page.css', 'autograd/page/page.html', 'docs/cli/mistakes.h', *scripts]
    with tempfile.NamedTemporaryFile(suffix='.c') as out:
        subprocess.run([sys.executable, TOP / 'autograd/page/embed.py', out.name, *(TOP / i for i in inputs)], check=True)
        return pathlib.Path(out.name).read_text()


def find(name, beside):
    for folder in [beside, *(TOP / s for s in SEARCH)]:
        if (folder / name).exists():
            return (folder / name).resolve()
    raise SystemExit(f'amalgamate: {name}, included in {beside}, is not there')


def is_guarded(text):
    return re.search(r'^#ifndef (\w+_H)\n#define \1\n', text, re.M) is not None


# ---- what a file calls its own ----

def own_names(text):
    """Static functions and variables, types and constants, at the outermost level; the code is formatted, so they begin a line."""
    text = re.sub(r'__attribute__\(\(.*?\)\)+ ?', '', text)
    names = set(re.findall(r'^(?:static|INLINE) [^=;{(]*?\b(\w+)\(', text, re.M))
    for head in re.findall(r'^static ([^={;(]*)(?:=|;)', text, re.M):
        names.update(re.findall(r'(\w+)(?:\[[^\]]*\])*\s*(?:,|$)', head))
    names.update(re.findall(r'^static .*?\(\*(?:const )?(\w+)\[?\]?\)?\(', text, re.M))
    names.update(re.findall(r'^(?:typedef )?(?:struct|union|enum) (\w+) \{', text, re.M))
    names.update(re.findall(r'^\} (\w+)(?:;| =)', text, re.M))
    names.update(re.findall(r'^typedef [^{};]*?\b(\w+)(?: __attribute__.*)?;', text, re.M))
    names.update(re.findall(r'^typedef [^{};]*?\(\*?(\w+)\)\(', text, re.M))
    for body in re.findall(r'^(?:typedef )?enum(?: \w+)? \{(.*?)\}', text, re.M | re.S):
        names.update(re.findall(r'(?:^|,)\s*(\w+)', re.sub(r'/\*.*?\*/|=[^,]*', '', body, flags=re.S)))
    # a declarator behind the first one, with its value before it
    for line in re.findall(r'^static const [^;]*;', text, re.M):
        names.update(re.findall(r'\}, (\w+)\[', line))
    return {name for name in names - KEYWORDS if not name.startswith(('ct_', 'CT_', 'json_'))}


def macros(text):
    return re.findall(r'^#\s*define (\w+)', text, re.M)


def pasted(text):
    """What macros of the file make other names or words of: arguments that they have beside # in their body."""
    for macro, parameters, body in re.findall(r'^#define (\w+)\(([^)]*)\)((?:.*\\\n)*.*)', text, re.M):
        made = [bool(re.search(rf'#\s*{name}\b|\b{name}\s*##', body)) for name in re.split(r',\s*', parameters)]
        for arguments in re.findall(rf'^\s*{macro}\(([^()]*)', text, re.M):
            yield from (name for name, is_made in zip(re.split(r',\s*', arguments), made) if is_made)


def renamed(text, names, suffix):
    """The text with each of the names made the file's own, except for members."""
    out, before, struct_depth, depth = [], '', None, 0
    tokens = TOKEN.findall(text)
    for i, token in enumerate(tokens):
        if token == '{':
            depth += 1
            head = ''.join(tokens[max(0, i - 6):i])
            if struct_depth is None and re.search(r'\b(struct|union)(\s+\w+)?\s*$', head):
                struct_depth = depth
        elif token == '}':
            struct_depth = None if struct_depth == depth else struct_depth
            depth -= 1
        if token in names and before not in ('.', '->'):
            after = next((t for t in tokens[i + 1:i + 6] if not t.isspace()), '')
            member = struct_depth is not None and after in ';,[:)' or ''.join(tokens[max(0, i - 5):i]).startswith('offsetof')
            if not member and not (before == '<' and after == '.'):
                token += suffix
        out.append(token)
        if not token.isspace() and not token.startswith('/*'):
            before = token
    return ''.join(out)


# ---- one behind the other ----

class Writer:
    def __init__(self):
        self.done = set()    # guarded headers
        self.system = set()  # the system's, met outside of a condition

    def is_there(self, include, depth):
        """Whether one of the system's or our public headers has been included already; at depth 0 it is from now on."""
        there = include[2] in PUBLIC or include[2] in self.system
        if depth == 0:
            self.system.add(include[2])
        return there

    def expand(self, path, text, parts):
        """Appends the text of a file, and of all that it includes, to the last part, or as further ones."""
        depth = 0
        for line in text.splitlines(keepends=True):
            include = INCLUDE.match(line)
            depth += len(re.findall(r'^#\s*if', line)) - len(re.findall(r'^#\s*endif', line))
            if include and include[1] == '"':
                self.include(find(include[2], path.parent), parts)
            elif not (include and self.is_there(include, depth)) and not line.startswith('#define CT_NO_LOCATIONS'):
                parts[-1][1].append(line)

    def include(self, path, parts):
        text = path.read_text()
        if not is_guarded(text):
            self.expand(path, text, parts)
        elif path not in self.done:
            self.done.add(path)
            mine = parts[-1][0]
            inner = [[None, []]]
            self.expand(path, text, inner)
            parts.extend(inner)
            parts.append([mine, []])

    def file(self, path):
        """[[whose, text]...]: the parts of a source, its own and headers that come in on the way."""
        parts = [[path, []]]
        self.expand(path, path.read_text(), parts)
        return [[whose, ''.join(lines)] for whose, lines in parts]


def own_text(parts):
    return ''.join(text for whose, text in parts if whose)


def write_source():
    writer = Writer()
    files = [(path, writer.file(path)) for path in sources()]
    files.append((PAGE_PARTS, [[PAGE_PARTS, page_parts()]]))
    stems = collections.Counter(path.stem for path, _ in files)
    taken, out = collections.Counter(), []
    for path, parts in files:
        for text in [own_text(parts), *(text for whose, text in parts if not whose)]:
            taken.update(own_names(text))
    for path, parts in files:
        mine = own_text(parts)
        clashes = {name for name in own_names(mine) if taken[name] > 1} | ALWAYS
        if clashes & set(pasted(mine)):
            sys.exit(f'{path}: another file has {sorted(clashes & set(pasted(mine)))} too, of which macros make other names here')
        suffix = '_of_' + (path.stem if stems[path.stem] == 1 else f'{path.parent.name}_{path.stem}')
        out.append(f'\n/* ==== {path.relative_to(TOP)} ==== */\n')
        out += [renamed(text, clashes, suffix) if whose else text for whose, text in parts]
        out += [f'#undef {macro}\n' for macro in dict.fromkeys(macros(mine))]
    return ''.join(out)


def write_header():
    done, out = set(), []

    def add(path):
        done.add(path.name)
        for line in path.read_text().splitlines(keepends=True):
            include = INCLUDE.match(line)
            if include and include[2] in PUBLIC:
                if PUBLIC[include[2]].name not in done:
                    add(PUBLIC[include[2]])
            else:
                out.append(line)

    add(PUBLIC['cotan/cotan.h'])
    for path in PUBLIC.values():
        if path.name not in done:
            add(path)
    return ''.join(out)


START = f'''/* cotan {version()} in one file: reverse-mode automatic differentiation for tensors.
 *
 * Made by docs/amalgamate.sh; change the sources, not this. cc -O2 -c cotan.c, and -lm -pthread with the program. Each library that
 * cotan can use is used if its macro is defined: COTAN_USE_ZLIB, COTAN_USE_JANSSON, COTAN_USE_SLEEF, COTAN_USE_BLIS,
 * COTAN_USE_LIBZIP. The vectors are those of the instruction set that the compiler is told: -mavx2 -mfma, -march=native.
 * CT_SMALL makes less code of it, with -Os -ffunction-sections -fdata-sections and -Wl,--gc-sections.
 *
 * {' '.join((TOP / 'LICENSE').read_text().split('Permission')[0].split())}, see LICENSE. */
/* Products and sums are fused where the source says so alone: bits and error bounds hang on it. */
#ifdef __clang__
#pragma clang fp contract(off)
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif
#ifdef __clang__
#pragma clang diagnostic ignored "-Wunused-function" /* of headers, which are not headers here */
#endif
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define _FILE_OFFSET_BITS 64
#define CT_NO_LOCATIONS
#define CT_VERSION "{version()}"
#define CT_ISA_SUFFIX portable
#define CT_X86_KERNELS 0
#ifndef CT_LIFETIME_CHECKS
#define CT_LIFETIME_CHECKS 0
#endif
#ifndef CT_DATA_INSTALLED
#define CT_DATA_INSTALLED "/usr/local/share/cotan"
#endif
#ifndef CT_DATA_SOURCE
#define CT_DATA_SOURCE "docs/data"
#endif
#include "cotan.h"
'''


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'cotan.h').write_text(write_header())
    (folder / 'cotan.c').write_text(START + write_source())


main()

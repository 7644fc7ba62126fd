#!/usr/bin/env python3
"""Builds the playground: cotan.c (docs/amalgamate.sh), the expressions of docs/cli and playground.c, compiled by Emscripten, and the page
around them, as one HTML file. What is compiled stays beside it, for as long as its source stays the same.
usage: build.py OUTPUT.html LEVEL"""
import base64
import concurrent.futures
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import zlib

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
CLI = ['arguments', 'text', 'expression', 'calls', 'explain', 'explain_check', 'playground', 'quiz', 'step', 'student', 'records', 'layers']
COMPILE = ['-std=gnu17', '-D_GNU_SOURCE', '-msimd128', '-include', str(HERE / 'system.h')]
LINK = ['-sALLOW_MEMORY_GROWTH=1', '-sINVOKE_RUN=0', '-sMODULARIZE=1', '-sEXPORT_NAME=cotanLibrary', '-sENVIRONMENT=web',
        '-sEXPORTED_RUNTIME_METHODS=callMain,FS,ENV,cwrap', '-sFORCE_FILESYSTEM=1']
ENVIRONMENT = {**os.environ, 'NODE_PATH': '/usr/share/nodejs'}  # where Debian keeps what emcc's scripts ask for


def emcc(*words):
    done = subprocess.run(['emcc', *map(str, words)], env=ENVIRONMENT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr or done.stdout)


def stamp_of(folder, source, level):
    """Changes with all that an object is made of: every header here is small, but for the library's."""
    headers = sorted((TOP / 'docs/cli').glob('*.h')) + sorted(folder.glob('*.h')) + sorted(folder.glob('*.inc')) + [HERE / 'system.h']
    sha = hashlib.sha256(' '.join([level, *COMPILE]).encode())
    for path in [source, *(headers if source.name != 'cotan.c' else [folder / 'cotan.h', HERE / 'system.h'])]:
        sha.update(path.read_bytes())
    return sha.hexdigest()


def compiled(folder, source, level):
    made, stamp = folder / f'{source.parent.name}_{source.stem}.o', stamp_of(folder, source, level)
    note = made.with_suffix('.stamp')
    if not made.exists() or not note.exists() or note.read_text() != stamp:
        emcc(level, *COMPILE, '-I', folder, '-I', TOP / 'docs/cli', '-c', source, '-o', made)
        note.write_text(stamp)
    return made


def write_sources(folder):
    """cotan.c and cotan.h, each public header by its own name, and the signatures that messages quote."""
    subprocess.run([sys.executable, TOP / 'docs/one_file/amalgamate.py', folder], check=True)
    (folder / 'cotan').mkdir(exist_ok=True)
    for header in TOP.glob('*/include/cotan/*.h'):
        (folder / 'cotan' / header.name).write_text('#include "../cotan.h"\n')
    subprocess.run([sys.executable, TOP / 'docs/reference/make_page.py', TOP, '--signatures', folder / 'signatures.inc'], check=True)


def library(folder, level):
    write_sources(folder)
    sources = [folder / 'cotan.c', HERE / 'playground.c', HERE / 'system.c', *(TOP / f'docs/cli/{name}.c' for name in CLI)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(lambda source: compiled(folder, source, level), sources))
    emcc(level, *objects, *LINK, '-o', folder / 'library.js')
    packed = base64.b64encode(zlib.compress((folder / 'library.wasm').read_bytes(), 9)).decode()
    return (folder / 'library.js').read_text() + f"\nconst cotanPacked = '{packed}';\n"


def main():
    output, level = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    folder = output.parent / 'compiled'
    folder.mkdir(parents=True, exist_ok=True)
    read = lambda path: path.read_text()
    parts = {'library': library(folder, level).replace('</script', '<\\/script'), 'script': read(HERE / 'playground.js'),
             'style': read(TOP / 'autograd/page/page.css') + read(HERE / 'playground.css'),
             'version': re.search(r"version: '([^']+)'", read(TOP / 'meson.build'))[1]}
    page = re.sub(r'\{\{(\w+)\}\}', lambda mark: parts[mark[1]], read(HERE / 'playground.html'))
    output.write_text(page)
    print(f'{output}: {len(page) / 1e6:.1f} MB')


main()

#!/usr/bin/env python3
"""Makes a C file of arrays from text files: ct__page_css from page.css, and so on; one, ct__page_js, from all scripts in the order given; and
of the table of mistakes, whose rows become a list in JSON, ct__mistakes_h. usage: embed.py OUTPUT INPUT..."""
import json
import pathlib
import re
import sys


def mistakes(text):
    """MISTAKE("mul", -1, "g*v", "words") as ["mul", -1, "g*v", "words"]."""
    rows = re.findall(r'^MISTAKE\((.*)\)$', text, re.M)
    return '[' + ',\n'.join(json.dumps(json.loads(f'[{row}]')) for row in rows) + ']'


output, *inputs = map(pathlib.Path, sys.argv[1:])
lines = ['extern const char ct__page_css[], ct__page_js[], ct__page_html[], ct__mistakes_h[];']
texts = {path.name: mistakes(path.read_text()) if path.suffix == '.h' else path.read_text() for path in inputs if path.suffix != '.js'}
texts['page.js'] = '\n'.join(path.read_text() for path in inputs if path.suffix == '.js')
for name, text in texts.items():
    data = text.encode() + b'\0'
    lines.append(f'const char ct__{name.replace(".", "_")}[] = {{')
    lines += [','.join(map(str, signed)) + ',' for signed in
              ([b - 256 if b > 127 else b for b in data[i:i + 32]] for i in range(0, len(data), 32))]
    lines.append('};')
output.write_text('\n'.join(lines) + '\n')

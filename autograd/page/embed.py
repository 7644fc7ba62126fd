#!/usr/bin/env python3
"""Makes a C file of arrays from text files: ct__page_css from page.css. usage: embed.py OUTPUT INPUT..."""
import pathlib
import sys

output, *inputs = map(pathlib.Path, sys.argv[1:])
lines = ['extern const char ct__page_css[], ct__page_js[], ct__page_html[];']
for path in inputs:
    data = path.read_bytes() + b'\0'
    lines.append(f'const char ct__{path.name.replace(".", "_")}[] = {{')
    lines += [','.join(map(str, signed)) + ',' for signed in
              ([b - 256 if b > 127 else b for b in data[i:i + 32]] for i in range(0, len(data), 32))]
    lines.append('};')
output.write_text('\n'.join(lines) + '\n')

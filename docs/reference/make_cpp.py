#!/usr/bin/env python3
"""Writes nn/include/cotan/operations.hpp and options.hpp, the operations, layers and options for C++, from the headers for C by
make_signatures.py alone, or, with --check, compares it with the file and ends with "N passed, N failed": what is there for C and not for C++ is a failure too.

    ct_tensor *x               const tensor &x; empty stands for NULL, and is the default of what OPTIONAL names
    const int64_t *a, int n    const std::vector<int64_t> &a; tensors likewise
    const ct_..._options *     options of that struct, which a lambda converts to
    ct_tensor **out            a further result: the function returns a tuple, in the order of the result and the arguments
    ct_module *                const module &, and a module as result: those are in the namespace nn, without _new

usage: make_cpp.py TOP [--check]
"""
import json, pathlib, re, sys

sys.dont_write_bytecode = True
import make_signatures

# Headers of which every function that returns tensors or modules, or changes a tensor in place, has one for C++.
HEADERS = ["metrics", "random", "tensor", "layers", "models"]  # and all of ops
MORE = ["ct_detach", "ct_parameter"]
# By hand in tensor.hpp and cotan.hpp, or for C alone.
ELSEWHERE = {
    "ct_at": "location", "ct_from_array": "tensor", "ct_from_values": "tensor", "ct_name": "tensor::name", "ct_fill_": "tensor::fill_",
    "ct_copy_": "tensor::copy_", "ct_keep": "tensor::take", "ct_scope_return": "a handle needs no scope", "ct_scope_take": "tensor::give",
    "ct_scope_guard": "scope::guard", "ct_to_array": "tensor::data", "ct_to_values": "tensor::values", "ct_at_write": "location",
    "ct_print": "<<", "ct_lenet5_new": "a struct of its own", "ct_lenet5_forward": "a struct of its own",
}
OPTIONAL = {"bias", "b0", "mask"}  # and b of convolutions and linear, the weights of norms
FIXED = {f"ct_{name}{suffix}": dict.fromkeys(("size", "kernel"), axes)  # arrays whose length is known
         for name in ("unfold", "fold") for suffix, axes in (("", 2), ("1d", 1), ("3d", 3))}

OPTIONS = """/* The defaults of each option struct, for C++; made by docs/reference/make_cpp.py. Invariant: an init() for each. */
#ifndef COTAN_OPTIONS_HPP
#define COTAN_OPTIONS_HPP

#include <cotan/cotan.h>

namespace cotan
{
"""
HEAD = """/* The operations and layers for C++, made by docs/reference/make_cpp.py from the headers for C, which say what each does: the names are
 * the same without ct_. Layers are in cotan::nn.
 *
 * Invariant: a function for each of the headers' functions that returns tensors or modules; what fails throws. */
#ifndef COTAN_OPERATIONS_HPP
#define COTAN_OPERATIONS_HPP
/* clang-format off */

#include <cotan/module.hpp>

#include <array>

namespace cotan
{
"""


def optional(function, name, given):
    tensor_b = name == "b" and re.match(r"ct_(conv|linear$|deform)", function)
    affine = name in ("weight", "bias") and "_norm" in function
    return tensor_b or affine or name in OPTIONAL or name in ("h0", "c0", "bias_x", "bias_h") and given


class Writer:
    """One function: what it takes, what it hands on, what it returns."""

    def __init__(self, name, function):
        self.name, self.function = name, function
        self.parameters, self.passed, self.given, self.results = [], [], [], []
        arguments, i = function["arguments"], 0
        while i < len(arguments):
            following = arguments[i + 1]["type"] if i + 1 < len(arguments) else ""
            i += self.argument(arguments[i]["type"], arguments[i]["name"], following)
        self.defaults()

    def add(self, type_, name, passed, default=None, given=False):
        self.parameters.append((type_, name, default))
        self.passed.append(passed)
        if given:
            self.given.append(name)

    def argument(self, type_, name, following):
        """Takes one argument, or two; returns how many."""
        if type_ in ("ct_tensor *", "const ct_tensor *"):
            self.add("const tensor &", name, f"{name}.get()", "{}" if optional(self.name, name, self.given) else None, True)
        elif type_ == "ct_module *":
            self.add("const module &", name, f"{name}.get()")
        elif type_ == "const int64_t *" and name in FIXED.get(self.name, {}):
            self.add(f"const std::array<int64_t, {FIXED[self.name][name]}> &", name, f"{name}.data()")
        elif type_ == "const int64_t *" and following == "int":
            self.add("const std::vector<int64_t> &", name, f"{name}.data(), detail::count({name})")
            return 2
        elif type_ == "ct_tensor *const *" and following == "int":
            self.add("const std::vector<tensor> &", name, f"detail::pointers({name}).data(), detail::count({name})", None, True)
            return 2
        elif type_ == "ct_tensor **":
            self.results.append(name)
            self.passed.append("outputs.data()" if name == "outputs" else f"&{name}")
        elif m := re.fullmatch(r"const (ct_\w+_options) \*", type_):
            self.add(f"const options<{m[1]}> &", name, f"&{name}", "{}")
        elif re.fullmatch(r"ct_\w+|double|bool|int|int64_t|uint64_t|const char \*", type_):
            self.add(type_, name, name)
        else:
            raise ValueError(f"{self.name}: {type_} {name}")
        return 1

    def defaults(self):
        """Defaults are good from the end only."""
        last = [i for i, p in enumerate(self.parameters) if p[2] is None]
        end = last[-1] if last else -1
        self.parameters = [(t, n, d if i > end else None) for i, (t, n, d) in enumerate(self.parameters)]

    def head(self, result, name):
        parameters = [t + " " * (t[-1] not in "&*") + n + (f" = {d}" if d else "")
                      for t, n, d in self.parameters] + ["location at = location::here()"]
        lines, line = [], f"inline {result} {name}("
        indent = " " * len(line)
        for i, parameter in enumerate(parameters):
            text = parameter + (", " if i + 1 < len(parameters) else ")")
            if len(line) + len(text.rstrip()) > 120:
                lines.append(line.rstrip())
                line = indent
            line += text
        return "\n".join(lines + [line]) + "\n{\n    const detail::inside scope;\n"

    def text(self):
        given = "".join(f", {name}" for name in self.given)
        call, name, status = f"{self.name}({', '.join(self.passed)})", self.name[3:], self.function["result"]
        if status == "ct_module *":
            return self.head("module", name.removesuffix("_new")) + f"    return module::made(at, {self.parameters[0][1]}, {call});\n}}\n"
        if status == "ct_tensor *" and not self.results:
            return self.head("tensor", name) + f"    return detail::made(at, {call}{given});\n}}\n"
        if "outputs" in self.results:
            return self.many(call, name, status)
        if self.results:
            return self.tuple(call, name, status, given)
        if status == "double":
            return self.head("double", name) + f"    const double value = {call};\n    detail::check(at);\n    return value;\n}}\n"
        if status == "ct_status":
            return self.head("void", name) + f"    ct_at_write(at.file, at.line, {call});\n    detail::check(at);\n}}\n"
        raise ValueError(f"{self.name}: {status}")

    def many(self, call, name, status):
        n = "static_cast<std::size_t>(chunks > 0 ? chunks : 0)" if status == "int" else "sizes.size()"
        body = f"    std::vector<ct_tensor *> outputs({n});\n"
        body += (f"    const int n = {call};\n    return detail::made_all(at, outputs, static_cast<std::size_t>(n > 0 ? n : 0));\n"
                 if status == "int" else f"    {call};\n    return detail::made_all(at, outputs, outputs.size());\n")
        return self.head("std::vector<tensor>", name) + body + "}\n"

    def tuple(self, call, name, status, given):
        own = status == "ct_tensor *"
        kinds = ", ".join(["tensor"] * (own + len(self.results)))
        body = f"    ct_tensor *{', *'.join(f'{r} = nullptr' for r in self.results)};\n"
        body += f"    ct_tensor *raw = {call};\n" if own else f"    {call};\n"
        values = [f"detail::made(at, raw{given})"] * own + [f"detail::made(at, {r}{given})" for r in self.results]
        return self.head(f"std::tuple<{kinds}>", name) + body + f"    return {{{', '.join(values)}}};\n}}\n"


def wanted(top, signatures):
    """The functions of which there must be one for C++: {name: function}."""
    found, whole = {}, HEADERS + [header.stem for header in (top / "ops/include/cotan").glob("*.h")]
    for name, function in signatures["functions"].items():
        types = [a["type"] for a in function["arguments"]]
        makes = function["result"] in ("ct_tensor *", "ct_module *") or "ct_tensor **" in types
        changes = function["result"] == "ct_status" and any("ct_tensor *" in t for t in types)
        measures = function["header"] == "cotan/metrics.h"
        if name in MORE or function["header"][6:-2] in whole and (makes or changes or measures) and name not in ELSEWHERE:
            found[name] = function
    return found


def operations(top, signatures):
    parts, functions = [HEAD], wanted(top, signatures)
    parts += [Writer(n, f).text() for n, f in functions.items() if f["result"] != "ct_module *"]
    parts.append("/* Layers: made in a module, which owns them; name nullptr stands for their number in it. */\nnamespace nn\n{\n")
    parts += [Writer(n, f).text() for n, f in functions.items() if f["result"] == "ct_module *"]
    return "\n".join(parts + ["} // namespace nn\n\n} // namespace cotan\n\n#endif\n"])


def options(_, signatures):
    parts = [f"inline void init({struct} &o)\n{{\n    {struct}_init(&o, sizeof o);\n}}\n"
             for struct in signatures["structs"] if struct.endswith("_options")]
    return "\n".join([OPTIONS] + parts + ["} // namespace cotan\n\n#endif\n"])


def main():
    top, check = pathlib.Path(sys.argv[1]), sys.argv[2:] == ["--check"]
    signatures = json.loads(make_signatures.page(top))
    failed = 0
    for name, page in ("operations.hpp", operations), ("options.hpp", options):
        path, text = top / "nn/include/cotan" / name, page(top, signatures)
        if not check:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            print(f"{name} is out of date; meson compile -C build reference writes it anew")
            failed += 1
    if check:
        print(f"{2 - failed} passed, {failed} failed")
    return failed > 0


sys.exit(main())

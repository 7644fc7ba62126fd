#!/usr/bin/env python3
"""Binds the library to Python by docs/reference/signatures.json alone and trains with it; ends with "N passed, N failed".

What the file says is held against the library: every function is there and none else, enumerations have their names, option structs
their size and defaults. Only the standard library is used.

usage: test_ctypes.py TOP LIBRARY
"""
import ctypes as c, json, math, pathlib, re, struct, subprocess, sys

SCALARS = {"int": c.c_int, "unsigned": c.c_uint, "bool": c.c_bool, "double": c.c_double, "size_t": c.c_size_t,
           "int64_t": c.c_int64, "int32_t": c.c_int32, "uint64_t": c.c_uint64, "uint8_t": c.c_uint8, "char": c.c_char,
           "void": None}


class Binding:
    """Each function of the library as an attribute, each struct as a class in structs, each enumerator in names."""

    def __init__(self, signatures, path):
        self.signatures, self.library = signatures, c.CDLL(path)
        self.names = {k: v for enum in signatures["enums"].values() for k, v in enum.items()} | signatures["constants"]
        self.structs, self.callbacks = {}, {}
        for name, fields in signatures["structs"].items():
            self.structs[name] = type(name, (c.Structure,), {"_fields_": [(f["name"], self.field(f)) for f in fields]})
        for name, callback in signatures["callbacks"].items():
            self.callbacks[name] = c.CFUNCTYPE(self.type(callback["result"]), *self.arguments(callback))
        for name, function in signatures["functions"].items():
            call = getattr(self.library, name)
            call.restype, call.argtypes = self.type(function["result"]), self.arguments(function)
            setattr(self, name, call)

    def arguments(self, function):
        return [self.type(argument["type"]) for argument in function["arguments"]]

    def type(self, text):
        text = text.replace("const ", "")
        if text == "char *":
            return c.c_char_p
        if text.endswith("*") or "(*)" in text:
            return c.c_void_p
        if text in self.signatures["enums"]:
            return c.c_int
        return SCALARS[text] if text in SCALARS else self.callbacks.get(text, c.c_void_p) if text not in self.structs \
            else self.structs[text]

    def field(self, field):
        kind = c.c_void_p if field["type"] in self.signatures["callbacks"] else self.type(field["type"])
        for size in field.get("array", []):
            kind = kind * size
        return kind

    def options(self, name, **given):
        """An option struct with its defaults, and what is given."""
        made = self.structs[name]()
        getattr(self, name + "_init")(c.byref(made), c.sizeof(made))
        for member, value in given.items():
            setattr(made, member, value)
        return made

    def tensor(self, values, *shape):
        return self.ct_from_values(self.names["CT_FLOAT64"], (c.c_double * len(values))(*values), len(values),
                                   (c.c_int64 * len(shape))(*shape), len(shape))

    def values(self, tensor):
        n = self.ct_numel(tensor)
        values = (c.c_double * n)()
        assert self.ct_to_values(tensor, values, n) == 0, self.ct_error_message()
        return list(values)


def functions_are_those_of_the_library(b, path):
    listed = subprocess.run(["nm", "-D", "--defined-only", path], stdout=subprocess.PIPE, text=True, check=True).stdout
    exported = set(re.findall(r" [TWiDRB] (ct_\w+)", listed))
    known = set(b.signatures["functions"]) | set(b.signatures["variables"])
    assert exported == known, exported ^ known


def enumerators_have_their_names(b, path):
    for name, value in b.signatures["enums"]["ct_dtype"].items():
        assert name == "CT_" + b.ct_dtype_name(value).decode().upper(), name
    for name, value in b.signatures["enums"]["ct_verdict"].items():
        assert name == "CT_" + b.ct_verdict_name(value).decode(), name


def is_default(b, value, default):
    if default == "CT_STDOUT":
        return value == c.addressof(c.c_char.in_dll(b.library, "ct_stdout"))
    if default == "unset":
        return math.isnan(value) and struct.pack("d", value) != struct.pack("d", math.nan)
    return value == default


def option_structs_have_their_defaults(b, path):
    checked = 0
    for name, fields in b.signatures["structs"].items():
        if not name.endswith("_options"):
            continue
        made = b.options(name)
        assert made.struct_size == c.sizeof(made), name
        for field in fields[1:]:
            value, default = getattr(made, field["name"]), field["default"]
            good = (all(is_default(b, v, d) for v, d in zip(value, default)) if isinstance(default, list)
                    else is_default(b, value, default))
            assert good, (name, field["name"], value, default)
        checked += 1
    assert checked > 20, checked


def a_line_is_learnt(b, path):
    """README's program: y = 2 x + 1."""
    module = b.ct_module_new(b.names["CT_FLOAT64"])
    layer = b.ct_linear_new(module, b"line", 1, 1, None)
    rule = c.byref(c.c_char.in_dll(b.library, "ct_rule_sgd"))
    sgd = b.ct_optimizer_new(module, rule, c.byref(b.options("ct_optimizer_options", lr=0.05, momentum=0.9)))
    x, y = b.tensor([0, 1, 2, 3], 4, 1), b.tensor([1, 3, 5, 7], 4, 1)
    for _ in range(300):
        b.ct_scope_open()
        b.ct_optimizer_zero_grad(sgd)
        loss = b.ct_mean(b.ct_square(b.ct_sub(b.ct_forward(layer, x), y)), None)
        assert b.ct_backward(loss, None) == 0, b.ct_error_message()
        assert b.ct_optimizer_step(sgd) == 0, b.ct_error_message()
        b.ct_scope_close()
    weight, bias = (b.ct_item(b.ct_module_get(module, b"line." + name)) for name in (b"weight", b"bias"))
    assert abs(weight - 2) < 1e-3 and abs(bias - 1) < 1e-3, (weight, bias)
    b.ct_optimizer_free(sgd)
    b.ct_module_free(module)


def options_mean_what_they_say(b, path):
    x, w = b.tensor(range(16), 1, 1, 4, 4), b.tensor([1], 1, 1, 1, 1)
    options = b.options("ct_conv_options")
    options.stride[0], options.padding[0], options.padding[1] = 2, 1, b.names["CT_ZERO"]
    y = b.ct_conv2d(x, w, None, c.byref(options))
    assert [b.ct_size(y, axis) for axis in (2, 3)] == [3, 2], b.ct_error_message()
    assert b.values(y) == [0, 0, 4, 6, 12, 14], b.values(y)
    assert not b.ct_sum(x, c.byref(b.structs["ct_reduce_options"]()))
    assert b"_init()" in b.ct_error_message(), b.ct_error_message()
    b.ct_error_clear()


def a_callback_is_checked(b, path):
    """The gradient checker calls a function in Python."""
    function = b.callbacks["ct_function"](lambda inputs, n, user: b.ct_exp(c.cast(inputs, c.POINTER(c.c_void_p))[0]))
    x = (c.c_void_p * 1)(b.ct_set_requires_grad(b.tensor([0.5, -1], 2), True))
    options = b.options("ct_gradcheck_options", order=2)
    assert b.ct_gradcheck(function, None, x, 1, None, c.byref(options)) == b.names["CT_PASS"], b.ct_error_message()


def check_arrays(b, forward, backward, sizes, results):
    """A pair on flat arrays of ctypes against each other: the verdict and the cause. numpy.ctypeslib.as_array() makes NumPy's of them."""
    def arrays(pointers):
        return [c.cast(c.cast(pointers, c.POINTER(c.c_void_p))[i], c.POINTER(c.c_double * n)).contents
                for i, n in enumerate(sizes)]

    def result(pointer):
        return c.cast(pointer, c.POINTER(c.c_double * results)).contents

    go = b.callbacks["ct_raw_forward"](lambda x, y, user: forward(arrays(x), result(y)))
    back = b.callbacks["ct_raw_backward"](lambda x, g, gx, user: backward(arrays(x), result(g), arrays(gx)))
    report = b.structs["ct_gradcheck_report"]()
    verdict = b.ct_gradcheck_raw(go, back, (c.c_int64 * len(sizes))(*sizes), len(sizes), results, None, None,
                                 c.byref(report), None)
    cause = report.cause.decode()
    b.ct_gradcheck_report_free(c.byref(report))
    return verdict, cause


def a_numpy_function_is_checked(b, path):
    """softplus(a) . b, in NumPy where it is there, otherwise in plain Python; right, and with a sign that is wrong."""
    try:
        import numpy
        as_array, log1p, exp = numpy.ctypeslib.as_array, numpy.log1p, numpy.exp
    except ImportError:
        as_array = None

    def forward(x, y):
        if as_array:
            as_array(y)[0] = (log1p(exp(as_array(x[0]))) * as_array(x[1])).sum()
        else:
            y[0] = sum(math.log1p(math.exp(p)) * q for p, q in zip(*x))

    def backward(sign):
        def run(x, g, gx):
            for i, (p, q) in enumerate(zip(*x)):
                gx[0][i] = sign * g[0] * q / (1 + math.exp(-p))
                gx[1][i] = g[0] * math.log1p(math.exp(p))
        return run

    verdict, cause = check_arrays(b, forward, backward(1), [4, 4], 1)
    assert verdict == b.names["CT_PASS"], cause
    verdict, cause = check_arrays(b, forward, backward(-1), [4, 4], 1)
    assert verdict == b.names["CT_FAIL"] and "sign" in cause, cause


TESTS = [functions_are_those_of_the_library, enumerators_have_their_names, option_structs_have_their_defaults,
         a_line_is_learnt, options_mean_what_they_say, a_callback_is_checked,
         a_numpy_function_is_checked]


def main():
    top, path, failed = pathlib.Path(sys.argv[1]), sys.argv[2], 0
    binding = Binding(json.loads((top / "docs/reference/signatures.json").read_text()), path)
    for test in TESTS:
        binding.ct_scope_open()
        try:
            test(binding, path)
            assert binding.ct_error_code() == 0, binding.ct_error_message()
        except Exception as error:
            failed += 1
            print(f"{test.__name__}: {error!r}")
            binding.ct_error_clear()
        binding.ct_scope_close()
    print(f"{len(TESTS) - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())

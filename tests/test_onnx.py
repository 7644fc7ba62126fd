#!/usr/bin/env python3
"""ONNX files: well formed by a small reader of ours, sound by ONNX's checker and shape inference, the same numbers in onnxruntime; and
ONNX's own tests of operators, read and run by cotan.

usage: test_onnx.py PROGRAM PAGE LIBRARY

PROGRAM is tests/write_onnx, PAGE docs/onnx.md, whose list of what cannot be written must be what PROGRAM says, LIBRARY libcotan.so. onnx
and onnxruntime are those of the Python that COTAN_ONNX names, or of this one; without them, their parts are skipped, and said so. Ends
with "N passed, N failed".
"""
import importlib.util, json, os, pathlib, re, struct, subprocess, sys, tempfile

from test_events import fields

SIZES = {1: 4, 11: 8, 7: 8, 6: 4, 2: 1, 9: 1}  # bytes of an element, by TensorProto.DataType
NETWORKS = ["network_" + name for name in ("lenet5", "resnet18", "lstm", "gru", "gpt")]

# ---- our reader ----


def texts(message, field):
    return [value.decode() for value in message.get(field, [])]


def check_constant(constant, known):
    tensor, elements = fields(constant), 1
    for size in tensor.get(1, []):
        elements *= size
    assert len(tensor[9][0]) == elements * SIZES[tensor[2][0]], f"bytes of {tensor[8][0].decode()}"
    add_names(known, texts(tensor, 8))


def add_names(known, names):
    for name in names:
        assert name and name not in known, f"two tensors are called {name!r}"
        known.add(name)


def check_node(node, known):
    node = fields(node)
    assert texts(node, 4)[0].isidentifier()
    for name in texts(node, 1):
        assert name in known or not name, f"{name} is used before it is made"
    add_names(known, texts(node, 2))
    for attribute in node.get(5, []):
        attribute = fields(attribute)
        assert attribute[20][0] in (1, 2, 3, 7) and {1: 2, 2: 3, 3: 4, 7: 8}[attribute[20][0]] in attribute, attribute


def check_structure(path):
    """Each tensor has one name and is made before it is used; constants have as many bytes as their shape says."""
    model, known = fields(path.read_bytes()), set()
    assert model[1] == [9] and fields(model[8][0])[2] == [20], "versions"
    graph = fields(model[7][0])
    add_names(known, [texts(fields(value), 1)[0] for value in graph.get(11, [])])
    for constant in graph.get(5, []):
        check_constant(constant, known)
    for node in graph[1]:
        check_node(node, known)
    assert texts(fields(graph[12][0]), 1)[0] in known, "nothing makes the result"


# ---- others' readers; this part runs in the Python that has them ----


def read_numbers(path):
    import numpy
    data = path.read_bytes()
    (size,) = struct.unpack_from("<Q", data)
    types, found = {"F32": "f4", "F64": "f8", "I64": "i8", "BOOL": "?", "U8": "u1", "I32": "i4"}, {}
    for name, at in json.loads(data[8:8 + size]).items():
        first, last = at["data_offsets"]
        found[name] = numpy.frombuffer(data[8 + size + first:8 + size + last], types[at["dtype"]]).reshape(at["shape"])
    return found


def check_numbers(path, numbers):
    import onnx, onnxruntime
    onnx.checker.check_model(onnx.load(path), full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    given = {x.name: numbers[f"{path.stem}.x{i}"] for i, x in enumerate(session.get_inputs())}
    (result,), expected = session.run(None, given), numbers[f"{path.stem}.y"]
    assert result.shape == expected.shape and result.dtype == expected.dtype, (result.shape, result.dtype)
    if result.size and result.dtype.kind == "f":
        error = (abs(result - expected) / (1 + abs(expected))).max()
        if path.stem in NETWORKS:
            print(f"{path.stem}: {error:.1e}")
        assert error <= 1e-5, f"differs by {error}"
    else:
        assert (result == expected).all()


# ---- ONNX's tests of operators; in the Python that has them ----

LEAST = 900  # of them pass
OURS = {"float32", "float64", "int64", "int32", "uint8", "bool"}


def node_tests():
    """Those on types that there are here; a dropout in training draws what no other draws."""
    import contextlib, io, numpy, warnings
    from onnx.backend.test.case.node import collect_testcases
    warnings.filterwarnings("ignore")
    with contextlib.redirect_stdout(io.StringIO()):
        cases = collect_testcases()
    for case in cases:
        inputs, outputs = case.data_sets[0]
        arrays = [*inputs, *outputs]
        known = all(isinstance(a, (numpy.ndarray, numpy.generic)) and a.dtype.name in OURS for a in arrays)
        if known and "training_dropout" not in case.name:
            yield case


def run_model(cotan, path, inputs, n):
    """The outputs; if the model is refused, why, in words."""
    import ctypes, numpy
    lib, results = cotan._lib, (ctypes.c_void_p * n)()
    given = [cotan.tensor(numpy.array(x)) for x in inputs]
    lib.ct_scope_open()
    net = lib.ct_module_new(0)
    lib.ct_module_train(net, False)
    model = lib.ct_onnx_read(net, b"model", str(path).encode())
    pointers = (ctypes.c_void_p * max(1, len(given)))(*(t._pointer for t in given))
    if model:
        lib.ct_onnx_run(model, pointers, len(given), results, n)
    failed = lib.ct_error_code() != 0
    words = lib.ct_error_message().decode() if failed else None
    assert not failed or words, "refused without a message"
    lib.ct_error_clear()
    found = words if failed else [numpy.array(cotan.Tensor(pointer, given).numpy()) for pointer in results]
    lib.ct_module_free(net)
    lib.ct_scope_close()
    return found


def check_nodes(top):
    """How many pass and fail; those that are refused do neither."""
    import numpy
    sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "docs/python"))
    import cotan
    passed = failed = refused = 0
    for case in node_tests():
        path = pathlib.Path(top, "model.onnx")
        path.write_bytes(case.model.SerializeToString())
        inputs, outputs = case.data_sets[0]
        found = run_model(cotan, path, inputs, len(outputs))
        refuses = isinstance(found, str)
        same = not refuses and all(a.shape == b.shape and a.dtype == b.dtype and numpy.allclose(a, b, 1e-3, 1e-5, True)
                             for a, b in zip(found, map(numpy.asarray, outputs)))
        passed, failed, refused = passed + bool(same), failed + (not refuses and not same), refused + refuses
        if not refuses and not same:
            print(f"FAIL {case.name}")
    print(f"ONNX's tests of operators: {passed} pass, {refused} are refused")
    return passed, failed + (passed < LEAST)


# ---- both ----


def run_all(check, paths):
    passed = failed = 0
    for path in paths:
        try:
            check(path)
            passed += 1
        except Exception as error:
            failed += 1
            print(f"FAIL {path.stem}: {type(error).__name__} {str(error)[:300]}")
    return passed, failed


def listed(page):
    """The operations in the page's list of those that cannot be written."""
    found = re.search(r"<!-- not in ONNX -->\n(.*?)\n\n", page.read_text(), re.S)
    return sorted(re.findall(r"`(\w+)`", found[1]))


def python_with_onnx():
    python = os.environ.get("COTAN_ONNX")
    if python or all(importlib.util.find_spec(name) for name in ("onnx", "onnxruntime")):
        return python or sys.executable
    return None


def main():
    if sys.argv[1] == "--nodes":
        print("%d %d" % check_nodes(sys.argv[2]))
        return 0
    if sys.argv[1] == "--numbers":
        numbers = read_numbers(pathlib.Path(sys.argv[2]))
        print("%d %d" % run_all(lambda path: check_numbers(path, numbers), map(pathlib.Path, sys.argv[3:])))
        return 0
    with tempfile.TemporaryDirectory() as top:
        said = subprocess.run([sys.argv[1], top], check=True, stdout=subprocess.PIPE, text=True).stdout
        paths = sorted(pathlib.Path(top).glob("*.onnx"))
        passed, failed = run_all(check_structure, paths)
        missing = sorted(line.split(":")[0] for line in said.splitlines())
        for what in set(missing) ^ set(listed(pathlib.Path(sys.argv[2]))):
            failed += 1
            print(f"FAIL {sys.argv[2]}: {what} is in one list of what cannot be written, and not in the other")
        failed += sum(not pathlib.Path(top, name + ".onnx").exists() for name in NETWORKS)
        python = python_with_onnx()
        if python:
            for words in (["--numbers", top + "/numbers.safetensors", *map(str, paths)], ["--nodes", top]):
                lines = subprocess.run([python, __file__, *words], check=True, stdout=subprocess.PIPE, text=True,
                                       env={**os.environ, "COTAN_LIBRARY": sys.argv[3]}).stdout.splitlines()
                print(*lines[:-1], sep="\n")
                passed, failed = passed + int(lines[-1].split()[0]), failed + int(lines[-1].split()[1])
        else:
            print("onnx and onnxruntime are not installed: their parts are skipped")
    print(f"{passed} passed, {failed} failed")
    return failed > 0 or passed == 0


if __name__ == "__main__":
    sys.exit(main())

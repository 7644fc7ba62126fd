#!/usr/bin/env python3
"""docs/python/cotan.py: values, gradients, arrays that are shared with NumPy and PyTorch, exceptions with Python's line. Ends with
"N passed, N failed"; without NumPy or PyTorch what needs them is left out, and said so.

usage: test_python.py TOP LIBRARY
"""
import gc, importlib.util, os, pathlib, sys, threading

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(sys.argv[1], "docs/python")))
os.environ["COTAN_LIBRARY"] = sys.argv[2]
import cotan

try:
    import numpy
except ImportError:
    numpy = None


def flat(t):
    return cotan.reshape(t, [t.size])


def values(t):
    return [x.item() for x in flat(t)]


def raised(f, kind=cotan.Error):
    """What f raises."""
    try:
        f()
    except kind as error:
        return error
    raise AssertionError("raised nothing")


def line():
    return sys._getframe(1).f_lineno


# ---- without anything else ----

def operators_and_functions():
    x = cotan.tensor([[3, 1, 2], [6, 5, 4]])
    assert x.shape == (2, 3) and x.dtype == "float64" and x.ndim == 2 and len(x) == 2 and x.strides == (3, 1)
    assert values(2 * x - 1) == [5, 1, 3, 11, 9, 7] and values(1 / x[0, :2]) == [1 / 3, 1] and values(-x[1]) == [-6, -5, -4]
    assert values(x @ [[1], [0], [1]]) == [5, 10] and values(x > 3) == [0, 0, 0, 1, 1, 1] and values(x[1] ** 2) == [36, 25, 16]
    largest, where = x.max(1, False)
    assert values(largest) == [3, 6] and values(where) == [0, 0]
    assert x.sum(axes=[0], keepdim=True).shape == (1, 3) and x.sum().item() == 21 and float(x.mean()) == 3.5
    first, rest = cotan.split(x, [1, 2], 1)
    assert values(first) == [3, 6] and cotan.concat([first, rest], 1).shape == (2, 3) and values(x[..., -1]) == [2, 4]
    assert len(cotan.chunk(x, 5, 1)) == 3 and x.permute([1, 0]).shape == (3, 2)
    image, kernel = cotan.ones("float32", [1, 1, 4, 4]), cotan.ones("float32", [1, 1, 3, 3])
    assert cotan.conv2d(image, kernel, padding=1, stride=[2, 1]).shape == (1, 1, 2, 4)
    assert cotan.tensor([]).shape == (0,) and cotan.tensor(2.5).item() == 2.5 and repr(cotan.tensor([1, 2])) == "[1. 2.]"


def what_one_writes_in_a_lecture():
    x = cotan.tensor([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]])
    assert values(abs(x)) == [1, 2, 3, 4, 5, 6] and int(x[1, 1]) == 5 and x.T.shape == (3, 2) and values(x.T[1]) == [-2, 5]
    assert values(x // 2) == [0, -1, 1, 2, 2, -3] and values(x % 4) == [1, 2, 3, 0, 1, 2] and values(7 // x[0]) == [7, -4, 2]
    assert values(x.sum(0)) == values(x.sum([0])) == values(x.sum(axes=0)) == [5, 3, -3] and x.sum([0, 1], True).shape == (1, 1)
    assert x.reshape(6).shape == (6,) and x.mean(1).shape == (2,) and x.sum(-1, keepdim=True).shape == (2, 1)
    positive, small = x > 0, abs(x) < 4
    assert values(positive & small) == [1, 0, 1, 0, 0, 0] and values(~positive | small) == [1, 1, 1, 0, 0, 1]
    assert values(positive ^ small) == [0, 1, 0, 1, 1, 0] and values(~cotan.tensor([0, 1], "int64")) == [-1, -2]
    for wrong, words in ((lambda: x.sum(0, axes=[1]), "axes twice"), (lambda: x.sum(0, True, 3), "further argument"),
                         (lambda: cotan.tensor([1.0], "float128"), "float32"), (lambda: cotan.Module("real"), "float32")):
        assert words in str(raised(wrong, TypeError)), words
    assert "'nadir'" in str(raised(lambda: cotan.Optimizer(cotan.Module(), "nadir"), ValueError))


def numpy_functions_do_not_leave_the_graph():
    w = cotan.tensor([1.0, 2.0], requires_grad=True)
    raised(lambda: numpy.exp(w), TypeError)
    assert values(numpy.array([3.0, 4.0]) * w) == values(w * numpy.array([3.0, 4.0])) == [3, 8]
    narrow = cotan.tensor([1.0, 2.0], "float32")
    for number in (numpy.float32(2), numpy.float64(2), numpy.int64(2)):
        for t in (w, narrow):
            assert values(number * t) == values(t * number) == [2, 4] and (t * number).dtype == t.dtype, (type(number), t.dtype)
    assert list(numpy.asarray(w)) == [1, 2]


def gradients():
    w = cotan.tensor([1.0, 2.0], requires_grad=True)
    assert w.grad is None
    (w * w * w).sum().backward()
    held = w.grad
    assert values(held) == [3, 12]
    w.sum().backward()
    assert values(held) == [4, 13]
    w.zero_grad()
    assert w.grad is None and values(held) == [4, 13]
    first, = cotan.grad([(w * w * w).sum()], [w], create_graph=True)
    assert values(cotan.grad([first.sum()], [w])[0]) == [6, 12]
    with cotan.no_grad():
        assert not (w + 1).requires_grad
    assert (w + 1).requires_grad and not w.detach().requires_grad
    (w * 2).backward(cotan.tensor([1.0, 10.0]))
    assert values(w.grad) == [2, 20]


def handles_go():
    gc.collect()
    x = cotan.tensor([1.0, 2.0])
    before = cotan._lib.ct_memory_stats().live_tensors
    for _ in range(100):
        y = cotan.exp(x * 0) - 1
    assert cotan._lib.ct_memory_stats().live_tensors == before + 1
    assert x.contiguous() is x and cotan.dropout(x, 0.5, False) is x
    for _ in range(10):
        x[0:1], cotan.stack([x, x], 0), cotan.chunk(x, 2, 0)
        raised(lambda: x[0, 0])
    assert cotan._lib.ct_memory_stats().live_tensors == before + 1
    del y
    assert cotan._lib.ct_memory_stats().live_tensors == before
    net = cotan.Module()
    weight = cotan.nn.linear(net, "fc", 2, 3)
    weight = net["fc.weight"]
    del net
    gc.collect()
    assert weight.size == 6


def exceptions_have_the_line():
    x = cotan.tensor([[1, 2, 3]])
    error = raised(lambda: x @ x)
    assert (error.code, error.line, error.file) == ("shape", line() - 1, __file__), (error, error.line)
    assert raised(lambda: x.backward()).code == "state" and raised(lambda: x.item()).code == "shape"
    assert raised(lambda: cotan.ones("float32", [3]) + x).code == "dtype"
    assert raised(lambda: cotan.nn.linear(cotan.Module(), "a", -1, 2)).code == "argument"
    assert raised(lambda: x.sum(axis=0), TypeError) and raised(lambda: x.nothing, AttributeError)
    assert raised(lambda: cotan.relu()).code == "null" and raised(lambda: cotan.Module()["no"], KeyError)
    assert not cotan._lib.ct_error_code()


def a_module_learns():
    cotan.seed(1)
    x, y = cotan.tensor([[0, 0], [0, 1], [1, 0], [1, 1]]), cotan.tensor([[0], [1], [1], [0]])
    net = cotan.Module()
    cotan.nn.linear(net, None, 2, 8), cotan.nn.tanh(net, None), cotan.nn.linear(net, None, 8, 1)
    adam = cotan.Optimizer(net, "adam", lr=0.05)
    for _ in range(300):
        loss = adam.minimize(cotan.binary_cross_entropy_with_logits(net(x), y))
    assert loss < 0.02 and adam.lr == 0.05 and net.keys()[0] == "0.weight" and "linear" in repr(net), loss


def a_python_function_is_checked():
    x = cotan.tensor([0.5, -1.0], requires_grad=True)
    assert cotan.gradcheck(lambda x: (x * x).exp(), [x], order=2)[0] == "PASS"
    verdict, cause = cotan.gradcheck(lambda x: x.detach() * x, [x])
    assert verdict == "FAIL" and cause
    assert cotan.gradcheck(lambda x: x, [x])[0] == "PASS"
    assert str(raised(lambda: cotan.gradcheck(lambda x: 1 // 0, [x]), ZeroDivisionError))
    assert raised(lambda: cotan.gradcheck(lambda x: x @ cotan.ones("float64", [5]), [x])).code == "shape"


def threads_have_tensors_of_their_own():
    found = [0] * 4

    def run(i):
        w = cotan.tensor([float(i)], requires_grad=True)
        for _ in range(20):
            (w * 3).sum().backward()
        found[i] = w.grad.item()
    threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
    [t.start() for t in threads], [t.join() for t in threads]
    assert found == [60] * 4, found


# ---- with NumPy ----

def arrays_are_shared():
    for dtype in cotan.DTYPES.keys() - {"bfloat16"}:  # NumPy lacks it
        a = numpy.arange(24).reshape(2, 3, 4).astype(dtype)
        for view in (a, a[:, ::2], a.transpose(2, 0, 1), a[1:, :, 1:], a[::-1, :, ::-2], numpy.broadcast_to(a[:1], (2, 3, 4)), a[:0], a[0, 0, 0:1].reshape(())):
            t = cotan.tensor(view)
            assert t.dtype == dtype and t.shape == view.shape and numpy.array_equal(t.numpy(), view), (dtype, view.shape)
        t = cotan.tensor(a.transpose(2, 0, 1))
        a[1, 2, 3] = 0
        assert t[3, 1, 2].item() == 0
        t.numpy()[0, 0, 0] = 1
        assert a[0, 0, 0] == 1
    a = numpy.ones((3, 3))
    cotan.tensor(a).fill_(7)
    assert (a == 7).all()
    back = numpy.from_dlpack(cotan.tensor(a))  # NumPy 1 gives it read-only
    a[...] = 8
    assert (back == 8).all()


def what_cannot_be_shared_is_copied():
    a = numpy.arange(6.0).reshape(2, 3)
    for view in (numpy.arange(6, dtype=numpy.int16), a > 2, a.astype(">f8"), a.astype(">f2")):
        assert numpy.array_equal(cotan.tensor(view).numpy(), view), view
    fixed = a.copy()
    fixed.flags.writeable = False
    cotan.tensor(fixed).fill_(9)
    assert (fixed == a).all()
    brain = cotan.cast(cotan.tensor(a), "bfloat16")
    assert "NumPy has no bfloat16" in str(raised(brain.numpy, TypeError))
    odd = numpy.frombuffer(bytearray(49), dtype=numpy.uint8)[1:].view(numpy.float64)
    assert cotan.tensor(odd).size == 6


def arrays_live_as_long_as_they_are_used():
    a = numpy.ones(1000)
    before = sys.getrefcount(a)
    t = cotan.tensor(a)
    part = t[10:]
    del t
    gc.collect()
    assert sys.getrefcount(a) == before + 1 and len(cotan._lent) == 1
    del part
    gc.collect()
    assert sys.getrefcount(a) == before and not cotan._lent
    view = cotan.tensor([1.0, 2.0]).numpy()
    gc.collect()
    assert view.tolist() == [1, 2]
    result = (cotan.tensor([1.0], requires_grad=True) * 2).numpy()
    assert raised(lambda: result.__setitem__(0, 3), ValueError)
    capsule = cotan.tensor([1.0]).__dlpack__()
    del capsule
    w = cotan.tensor(a, requires_grad=True)
    (w * w).sum().backward()
    assert w.grad.numpy().sum() == 2000


def a_numpy_pair_is_checked():
    def forward(a, b):
        return (numpy.log1p(numpy.exp(a)) * b).sum(0)

    def backward(a, b, g):
        return sign * g * b / (1 + numpy.exp(-a)), g * numpy.log1p(numpy.exp(a))
    a, b = numpy.linspace(-1, 1, 6).reshape(2, 3), numpy.linspace(1, 2, 6).reshape(2, 3)
    sign = 1
    assert cotan.gradcheck_numpy(forward, backward, [a, b])[0] == "PASS"
    sign = -1
    verdict, cause = cotan.gradcheck_numpy(forward, backward, [a, b])
    assert verdict == "FAIL" and "sign" in cause, cause
    assert raised(lambda: cotan.gradcheck_numpy(forward, lambda a, b, g: 1 // 0, [a, b]), ZeroDivisionError)


# ---- with PyTorch ----

def tensors_are_shared_with_pytorch():
    import torch
    for dtype in cotan.DTYPES:
        ours = cotan.arange(dtype, 0, 1, 6).reshape([2, 3])
        theirs = torch.from_dlpack(ours)
        theirs[1, 2] = 0
        assert ours[1, 2].item() == 0 and theirs.dtype == getattr(torch, dtype) and theirs.shape == (2, 3)
        ours.fill_(1)
        assert (theirs == 1).all()
        t = torch.arange(6).reshape(2, 3).to(getattr(torch, dtype)).T
        again = cotan.from_dlpack(t)
        t[0, 1] = 0
        again[2].fill_(1)
        assert again.shape == (3, 2) and again[0, 1].item() == 0 and (t[2] == 1).all()
        del t
        gc.collect()
        assert again[0, 1].item() == 0
    x = cotan.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    y = torch.from_dlpack(x.detach()).clone().requires_grad_()
    (y * y).sum().backward()
    assert torch.from_dlpack(x.grad).equal(y.grad)


ALWAYS = [operators_and_functions, what_one_writes_in_a_lecture, gradients, handles_go, exceptions_have_the_line, a_module_learns,
          a_python_function_is_checked, threads_have_tensors_of_their_own]
NUMPY = [numpy_functions_do_not_leave_the_graph, arrays_are_shared, what_cannot_be_shared_is_copied, arrays_live_as_long_as_they_are_used, a_numpy_pair_is_checked]
TORCH = [tensors_are_shared_with_pytorch]


def main():
    passed = failed = 0
    there = {"numpy": NUMPY, "torch": TORCH}
    for name, tests in there.items():
        if not importlib.util.find_spec(name):
            print(f"without {name}: {len(tests)} tests left out")
            there[name] = []
    for test in ALWAYS + there["numpy"] + there["torch"]:
        try:
            test()
            assert not cotan._lib.ct_error_code()
            passed += 1
        except Exception as error:
            import traceback
            at = traceback.extract_tb(error.__traceback__)[-1]
            print(f"{test.__name__}: {error!r} ({at.filename}:{at.lineno})")
            cotan._lib.ct_error_clear()
            failed += 1
    print(f"{passed} passed, {failed} failed")
    return failed > 0


sys.exit(main())

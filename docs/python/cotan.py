"""cotan in Python: one file over ctypes and docs/reference/signatures.json, which tells it every function, struct and default.

    import cotan
    x, y = cotan.tensor([[0], [1], [2], [3]]), cotan.tensor([[1], [3], [5], [7]])
    net = cotan.Module()
    line = cotan.nn.linear(net, "line", 1, 1)
    sgd = cotan.Optimizer(net, "sgd", lr=0.05, momentum=0.9)
    for step in range(300):
        sgd.minimize((line(x) - y).square().mean())
    print(net["line.weight"], net["line.bias"])

Every function of the headers that takes and gives tensors is here under its name without ct_: cotan.conv2d(x, w, stride=[2]), also as
a method where a tensor comes first. Lists stand for (pointer, number) pairs, keywords for options, further results come back in a
tuple. NumPy arrays go in without a copy (float64, float32, int64, int32, uint8, bool; writable; others are copied), and
np.asarray(t) is a view of t's elements. What fails raises cotan.Error with code, file and line of the Python that called.

Ownership: a Tensor keeps its elements, and goes as other Python objects do; scopes play no part. A Tensor is used by one thread at a time.

The library is found by COTAN_LIBRARY, in the build folder of this checkout, or by the system.
"""
import ctypes as c, ctypes.util, json, os, pathlib, re, sys

HERE = pathlib.Path(__file__).resolve()
SIGNATURES = json.loads((pathlib.Path(os.environ.get("COTAN_SIGNATURES", HERE.parents[1] / "reference/signatures.json"))).read_text())


def _library():
    built = HERE.parents[2] / "build/libcotan.so"
    return os.environ.get("COTAN_LIBRARY") or (str(built) if built.exists() else ctypes.util.find_library("cotan") or "libcotan.so")


# ---- the interface in ctypes ----

_SCALARS = {"int": c.c_int, "unsigned": c.c_uint, "bool": c.c_bool, "double": c.c_double, "size_t": c.c_size_t, "int64_t": c.c_int64,
            "int32_t": c.c_int32, "uint64_t": c.c_uint64, "uint32_t": c.c_uint32, "uint16_t": c.c_uint16, "uint8_t": c.c_uint8,
            "char": c.c_char, "void": None}
_STRUCTS, _CALLBACKS = {}, {}
_NAMES = {k: v for enum in SIGNATURES["enums"].values() for k, v in enum.items()} | SIGNATURES["constants"]
_KINDS = {"f": "CT_DL_FLOAT", "i": "CT_DL_INT", "u": "CT_DL_UINT", "b": "CT_DL_BOOL"}  # by NumPy's letter
DTYPES = {name[3:].lower(): value for name, value in SIGNATURES["enums"]["ct_dtype"].items()}


def _dtype(name):
    if name not in DTYPES:
        raise TypeError(f"no dtype {name!r}, but {', '.join(DTYPES)}")
    return DTYPES[name]


def _type(text):
    text = text.replace("const ", "")
    if text == "char *":
        return c.c_char_p
    if text.endswith("*") or "(*)" in text:
        return c.c_void_p
    if text in SIGNATURES["enums"]:
        return c.c_int
    return _SCALARS[text] if text in _SCALARS else _CALLBACKS.get(text) or _STRUCTS.get(text) or c.c_void_p


def _field(field):
    kind = c.c_void_p if field["type"] in SIGNATURES["callbacks"] else _type(field["type"])
    for size in field.get("array", []):
        kind = kind * size
    return field["name"], kind


for _name, _fields in SIGNATURES["structs"].items():
    _STRUCTS[_name] = type(_name, (c.Structure,), {"_fields_": [_field(f) for f in _fields]})
for _name, _callback in SIGNATURES["callbacks"].items():
    _CALLBACKS[_name] = c.CFUNCTYPE(_type(_callback["result"]), *(_type(a["type"]) for a in _callback["arguments"]))
_lib = c.CDLL(_library())
for _name, _function in SIGNATURES["functions"].items():
    _call = getattr(_lib, _name)
    _call.restype, _call.argtypes = _type(_function["result"]), [_type(a["type"]) for a in _function["arguments"]]


# ---- errors ----

class Error(Exception):
    """What the library refused: code ("shape", ...), file and line of the Python that called."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code
        place = re.search(r" \((.*):(\d+)\)$", message)
        self.file, self.line = (place[1], int(place[2])) if place else ("", 0)


_files = {}  # the library keeps the pointers


def _here():
    """File and line of the caller outside this file."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    name = frame.f_code.co_filename
    return _files.setdefault(name, name.encode()), frame.f_lineno


def _check():
    """Raises the pending error."""
    code = _lib.ct_error_code()
    if code:
        _lib.ct_at_status(*_here(), code)
        message = _lib.ct_error_message().decode()
        _lib.ct_error_clear()
        raise Error(_lib.ct_status_name(code).decode(), message)


def _pend(error):
    """Leaves what a Python function raised with the library."""
    code = SIGNATURES["enums"]["ct_status"].get("CT_ERROR_" + getattr(error, "code", "state").upper(), _NAMES["CT_ERROR_STATE"])
    _lib.ct_error_set(code, b"%s", c.c_char_p(f"{type(error).__name__}: {error}".encode()))


class _scope:
    """Around a call: what a function makes on the way goes with it; handles keep their tensors."""

    def __enter__(self):
        if _lib.ct_scope_open():
            _check()

    def __exit__(self, *_):
        _lib.ct_scope_close()


# ---- tensors ----

class Tensor:
    """A handle; cotan.tensor() makes one of numbers or of an array."""

    __array_ufunc__ = None  # numpy_array * tensor is a tensor, and numpy.exp(tensor), which would leave the graph, is a TypeError

    def __init__(self, pointer, owner=None):
        """Takes over a pointer, or, with an owner, which it keeps, borrows it."""
        self._pointer, self._owner = pointer, owner
        if owner is None:
            _lib.ct_keep(pointer)
            _lib.ct_at(*_here(), pointer)

    def __del__(self):
        if self._owner is None and self._pointer and _lib:
            _lib.ct_release(self._pointer)

    shape = property(lambda t: tuple((c.c_int64 * t.ndim).from_address(_lib.ct_shape(t._pointer))) if t.ndim else ())
    strides = property(lambda t: tuple((c.c_int64 * t.ndim).from_address(_lib.ct_strides(t._pointer))) if t.ndim else ())
    ndim = property(lambda t: _lib.ct_rank(t._pointer))
    size = property(lambda t: _lib.ct_numel(t._pointer))
    dtype = property(lambda t: _lib.ct_dtype_name(_lib.ct_dtype_of(t._pointer)).decode())
    is_leaf = property(lambda t: _lib.ct_is_leaf(t._pointer))

    @property
    def requires_grad(self):
        return _lib.ct_requires_grad(self._pointer)

    @requires_grad.setter
    def requires_grad(self, on):
        _lib.ct_set_requires_grad(self._pointer, on)
        _check()

    @property
    def grad(self):
        """The accumulated gradient, or None: its elements, into which the next backward adds."""
        found = _lib.ct_grad_of(self._pointer)
        if not found:
            return None
        if _lib.ct_requires_grad(found):
            found = _lib.ct_reshape(found, _lib.ct_shape(found), _lib.ct_rank(found))
        else:
            found = _lib.ct_detach(found)
        _check()
        return Tensor(found)

    @grad.setter
    def grad(self, value):
        _lib.ct_set_grad(self._pointer, _pointer(value))
        _check()

    def zero_grad(self):
        _lib.ct_zero_grad(self._pointer)

    def backward(self, gradient=None, **options):
        options = _options("ct_backward_options", options | ({"gradient": gradient} if gradient is not None else {}))
        _lib.ct_backward(self._pointer, options)
        _check()

    def item(self):
        value = _lib.ct_item(self._pointer)
        _check()
        return value

    def numpy(self):
        """A NumPy array over the same elements, which keeps the tensor; read-only for a recorded result."""
        import numpy
        return numpy.asarray(self)

    @property
    def __array_interface__(self):
        managed = _lib.ct_to_dlpack_versioned(self._pointer)
        _check()
        loan = _Loan(managed)
        t = loan.struct.tensor
        size = t.dtype.bits // 8
        kind = next((kind for kind, code in _KINDS.items() if _NAMES[code] == t.dtype.code), None)
        if kind is None:
            raise TypeError(f"NumPy has no {self.dtype}: ct.cast(t, 'float32') it")
        return {"version": 3, "shape": self.shape, "typestr": f"{sys.byteorder[0].replace('l', '<').replace('b', '>')}{kind}{size}",
                "strides": tuple(s * size for s in self.strides), "data": (t.data or 0, not self.is_leaf)}

    def __dlpack__(self, *, stream=None, max_version=None, **_):
        """For numpy.from_dlpack() and torch.from_dlpack()."""
        versioned = max_version is not None and max_version[0] >= 1
        name = next(n for n in _USED if n.endswith(b"versioned") == versioned)  # that very object: the capsule keeps its pointer
        managed = (_lib.ct_to_dlpack_versioned if versioned else _lib.ct_to_dlpack)(self._pointer)
        _check()
        return _capsule_new(managed, name, c.cast(_delete_capsule, c.c_void_p))

    def __dlpack_device__(self):
        return _NAMES["CT_DL_CPU"], 0

    def __getitem__(self, index):
        """By position, slices and ... as NumPy has it, or by tensors."""
        parts = index if isinstance(index, tuple) else (index,)
        if all(isinstance(p, (int, slice, type(...), type(None))) for p in parts):
            return subscript(self, ", ".join(_subscript(p) for p in parts))
        return _call("ct_index", (self, list(parts)), {})

    def __len__(self):
        if not self.ndim:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __float__(self):
        return self.item()

    def __int__(self):
        return int(self.item())

    def __bool__(self):
        return bool(self.item())

    def __repr__(self):
        size = _lib.ct_format(self._pointer, None, 0) + 1
        text = c.create_string_buffer(size)
        _lib.ct_format(self._pointer, c.cast(text, c.c_char_p), size)
        return text.value.decode()

    def __getattr__(self, name):
        """x.relu() is cotan.relu(x)."""
        if name.startswith("__") or "ct_" + name not in SIGNATURES["functions"]:
            raise AttributeError(name)
        return lambda *arguments, **options: _call("ct_" + name, (self, *arguments), options)

    T = property(lambda t: t.permute(range(t.ndim)[::-1]))

    def __neg__(self):
        return _call("ct_neg", (self,), {})

    def __abs__(self):
        return _call("ct_abs", (self,), {})

    def __invert__(self):
        return _call("ct_logical_not" if self.dtype == "bool" else "ct_bitwise_not", (self,), {})

    __hash__ = object.__hash__


def _operator(function):
    def left(a, b):
        return _call(function, (a, _like(a, b)), {})

    def right(a, b):
        return _call(function, (_like(a, b), a), {})

    return left, right


for _symbol, _name in [("add", "add"), ("sub", "sub"), ("mul", "mul"), ("truediv", "div"), ("pow", "pow"), ("matmul", "matmul"),
                       ("floordiv", "floor_divide"), ("mod", "remainder"), ("and", "bitwise_and"), ("or", "bitwise_or"),
                       ("xor", "bitwise_xor")]:
    _left, _right = _operator("ct_" + _name)
    setattr(Tensor, f"__{_symbol}__", _left)
    setattr(Tensor, f"__r{_symbol}__", _right)
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Tensor, f"__{_name}__", _operator("ct_" + _name)[0])


def _subscript(part):
    if isinstance(part, slice):
        return ":".join("" if v is None else str(v) for v in (part.start, part.stop, part.step)[:3 if part.step else 2])
    return {type(...): "...", type(None): "None"}.get(type(part)) or str(part)


# ---- arrays, by DLPack ----

class _Loan:
    """Elements that a tensor lends, given back with this object."""

    def __init__(self, managed):
        self.struct = _STRUCTS["ct_dl_versioned"].from_address(managed)

    def __del__(self):
        c.CFUNCTYPE(None, c.c_void_p)(self.struct.deleter)(c.addressof(self.struct))


_capsule_new = c.pythonapi.PyCapsule_New
_capsule_new.restype, _capsule_new.argtypes = c.py_object, [c.c_void_p, c.c_char_p, c.c_void_p]


# A capsule that goes has no reference any more, so it is passed as an address.
_capsule_pointer = c.PYFUNCTYPE(c.c_void_p, c.c_void_p, c.c_char_p)(("PyCapsule_GetPointer", c.pythonapi))
_capsule_is = c.PYFUNCTYPE(c.c_int, c.c_void_p, c.c_char_p)(("PyCapsule_IsValid", c.pythonapi))
_capsule_rename = c.PYFUNCTYPE(c.c_int, c.c_void_p, c.c_char_p)(("PyCapsule_SetName", c.pythonapi))


@c.PYFUNCTYPE(None, c.c_void_p)
def _delete_capsule(capsule):
    """A capsule that nobody took still owns its struct; one that was taken has another name."""
    for name, struct in ((b"dltensor", "ct_dl_managed"), (b"dltensor_versioned", "ct_dl_versioned")):
        if _capsule_is(capsule, name):
            managed = _capsule_pointer(capsule, name)
            c.CFUNCTYPE(None, c.c_void_p)(_STRUCTS[struct].from_address(managed).deleter)(managed)


_USED = {name: b"used_" + name for name in (b"dltensor", b"dltensor_versioned")}  # what takes one renames it; the names must last
_lent = {}  # what arrays and capsules are lent to tensors, by the address of the struct


@c.CFUNCTYPE(None, c.c_void_p)
def _give_back(managed):
    _lent.pop(managed, None)


def _from_numpy(array):
    """A tensor over an array's elements."""
    import numpy
    array = numpy.asarray(array)
    if array.dtype.name not in DTYPES or not array.dtype.isnative:
        array = array.astype(numpy.float64 if array.dtype.kind == "f" else numpy.int64)
    struct, rank = _STRUCTS["ct_dl_versioned"](), array.ndim
    shape = (c.c_int64 * max(rank, 1))(*array.shape)
    strides = (c.c_int64 * max(rank, 1))(*(s // array.itemsize for s in array.strides))
    if any(s % array.itemsize for s in array.strides):
        return _from_numpy(array.copy())
    struct.major, struct.flags = 1, 0 if array.flags.writeable else _NAMES["CT_DL_READ_ONLY"]
    struct.deleter = c.cast(_give_back, c.c_void_p)
    struct.tensor.data, struct.tensor.ndim = array.ctypes.data, rank
    struct.tensor.device.device_type = _NAMES["CT_DL_CPU"]
    code = _KINDS[array.dtype.kind]
    struct.tensor.dtype.code, struct.tensor.dtype.bits, struct.tensor.dtype.lanes = _NAMES[code], 8 * array.itemsize, 1
    struct.tensor.shape, struct.tensor.strides = c.addressof(shape), c.addressof(strides)
    _lent[c.addressof(struct)] = struct, array, shape, strides
    pointer = _lib.ct_from_dlpack_versioned(c.addressof(struct))
    if not pointer:
        _give_back(c.addressof(struct))
    _check()
    return Tensor(pointer)


def from_dlpack(other):
    """A tensor over the elements of anything that speaks DLPack: torch's, JAX's, NumPy's."""
    try:
        capsule = other.__dlpack__(max_version=(1, 0))
    except TypeError:
        capsule = other.__dlpack__()
    for name, function in ((b"dltensor_versioned", _lib.ct_from_dlpack_versioned), (b"dltensor", _lib.ct_from_dlpack)):
        if not _capsule_is(id(capsule), name):
            continue
        pointer = function(_capsule_pointer(id(capsule), name))
        _check()
        _capsule_rename(id(capsule), _USED[name])
        return Tensor(pointer)
    raise TypeError("no DLPack capsule")


def tensor(values, dtype=None, requires_grad=False):
    """Of numbers, nested lists or an array, float64 unless an array says otherwise. An array's elements are shared, not copied."""
    if isinstance(values, Tensor):
        made = values
    elif hasattr(values, "__array_interface__"):
        made = _from_numpy(values)
    else:
        made = _from_lists(values)
    if dtype is not None and made.dtype != dtype:
        made = _call("ct_cast", (made, dtype), {})
    if requires_grad:
        made.requires_grad = True
    return made


def _from_lists(values):
    shape, at = [], values
    while isinstance(at, (list, tuple)):
        shape.append(len(at))
        at = at[0] if at else 0.0
    flat = [values]
    for _ in shape:
        flat = [x for part in flat for x in part]
    pointer = _lib.ct_from_values(DTYPES["float64"], (c.c_double * len(flat))(*flat), len(flat), (c.c_int64 * len(shape))(*shape), len(shape))
    _check()
    return Tensor(pointer)


def _like(a, b):
    """b as a tensor that goes with a: a number has a's dtype."""
    if isinstance(b, Tensor):
        return b
    if getattr(b, "shape", None) == ():  # a number of NumPy's
        b = b.item()
    if isinstance(b, (int, float)):
        pointer = _lib.ct_scalar(_lib.ct_dtype_of(a._pointer), b)
        _check()
        return Tensor(pointer)
    return tensor(b)


# ---- calls ----

def _pointer(value):
    if value is None:
        return None
    return (value if isinstance(value, (Tensor, Module)) else tensor(value))._pointer


def _list(value):
    """One number is a list of one."""
    return [value] if isinstance(value, int) else list(value)


def _positional(struct, values):
    """What stands behind a function's own arguments: its options in their order, x.sum(1) or x.sum([0, 1], True)."""
    names = [f["name"] for f in SIGNATURES["structs"][struct] if f["name"] != "struct_size"]
    return dict(zip((name for name in names if name[:2] != "n_" or name[2:] not in names), values))


def _options(struct, given):
    """A pointer to the struct with its defaults and what is given."""
    made = _STRUCTS[struct]()
    getattr(_lib, struct + "_init")(c.byref(made), c.sizeof(made))
    kinds, keep = {f["name"]: f for f in SIGNATURES["structs"][struct]}, []
    for name, value in given.items():
        if name not in kinds:
            raise TypeError(f"{struct[3:]} have no {name!r}, but {', '.join(k for k in kinds if k != 'struct_size')}")
        if "array" in kinds[name]:
            array = getattr(made, name)
            for i, entry in enumerate(value if isinstance(value, (list, tuple)) else [value]):
                array[i] = _NAMES["CT_ZERO"] if i and entry == 0 and "int" in kinds[name]["type"] else entry
        elif kinds[name]["type"] == "const int64_t *":
            value = _list(value)
            array = (c.c_int64 * len(value))(*value)
            keep.append(array)
            setattr(made, name, c.addressof(array))
            setattr(made, "n_" + name, len(value))
        elif "ct_tensor" in kinds[name]["type"]:
            keep.append(value)
            setattr(made, name, _pointer(value))
        else:
            setattr(made, name, value.encode() if isinstance(value, str) else value)
    made._keep = keep
    return c.byref(made)


def _call(name, arguments, options):
    """Calls a function of the library as its signature says."""
    function, given = SIGNATURES["functions"][name], list(arguments)
    passed, keep, results, parameters, i = [], [], [], function["arguments"], 0
    while i < len(parameters):
        kind, parameter = parameters[i]["type"], parameters[i]["name"]
        following = parameters[i + 1]["type"] if i + 1 < len(parameters) else ""
        i += 1
        if kind == "ct_tensor **":
            array = (c.c_void_p * _room(name, arguments))()
            results.append(array)
            passed.append(array)
            continue
        if m := re.fullmatch(r"const (ct_\w+_options) \*", kind):
            behind = _positional(m[1], given)
            if twice := behind.keys() & options.keys():
                raise TypeError(f"{name[3:]} has {', '.join(twice)} twice")
            passed.append(_options(m[1], behind | options))
            given, options = given[len(behind):], {}
            continue
        value = given.pop(0) if given else options.pop(parameter, None)
        if kind in ("ct_tensor *", "const ct_tensor *", "ct_module *", "const ct_module *"):
            value = value if value is None or isinstance(value, (Tensor, Module)) else tensor(value)
            keep.append(value)
            passed.append(_pointer(value))
        elif kind in ("const int64_t *", "ct_tensor *const *"):
            entries = [_pointer(v) for v in value] if "tensor" in kind else _list(value)
            keep += value if "tensor" in kind else []
            passed.append(((c.c_void_p if "tensor" in kind else c.c_int64) * max(len(entries), 1))(*entries))
            if following == "int":
                passed.append(len(entries))
                i += 1
        elif kind == "ct_dtype":
            passed.append(_dtype(value))
        elif isinstance(value, str):
            passed.append(value.encode())
        else:
            passed.append(_missing(name, parameter) if value is None and kind != "const char *" else value)
    if given or options:
        raise TypeError(f"{name[3:]} takes no {', '.join(map(repr, options)) or 'further argument'}")
    with _scope():
        result = getattr(_lib, name)(*passed)
        _check()
        return _results(function["result"], result, results, keep)


def _missing(name, parameter):
    raise TypeError(f"{name[3:]} needs {parameter}")


def _room(name, arguments):
    """Results of functions that give a list; the others give one each."""
    return {"ct_split": lambda: len(arguments[1]), "ct_chunk": lambda: arguments[1]}.get(name, lambda: 1)()


def _wrap(pointer, given):
    """The handle of a result, which may be one that was given (dropout in evaluation)."""
    same = [t for t in given if isinstance(t, Tensor) and t._pointer == pointer]
    return same[0] if same else Tensor(pointer)


def _results(kind, result, lists, given):
    if kind == "ct_module *":
        return Module._of(result, given[0])
    more = [_wrap(p, given) for array in lists for p in array if p]
    if kind == "ct_tensor *":
        return (_wrap(result, given), *more) if more else _wrap(result, given)
    return tuple(more) if lists else result if kind not in ("ct_status", "void") else None


def __getattr__(name):
    """cotan.relu and all others."""
    if name.startswith("_") or "ct_" + name not in SIGNATURES["functions"]:
        raise AttributeError(f"module 'cotan' has no attribute {name!r}")
    return lambda *arguments, **options: _call("ct_" + name, arguments, options)


def subscript(t, text):
    return _call("ct_subscript", (t, text), {})


def grad(outputs, inputs, **options):
    """Gradients of the outputs' sum for the inputs; leaves accumulate nothing."""
    results = (c.c_void_p * len(inputs))()
    outs, ins = ((c.c_void_p * len(ts))(*(t._pointer for t in ts)) for ts in (outputs, inputs))
    with _scope():
        _lib.ct_grad(outs, len(outputs), ins, len(inputs), results, _options("ct_grad_options", options))
        _check()
        return [Tensor(p) if p else None for p in results]


# ---- functions of Python for the library ----

class _Function:
    """f(*tensors) as a ct_function; what it raised first is raised again."""

    def __init__(self, f):
        self.f, self.raised = f, None
        self.pointer = _CALLBACKS["ct_function"](self.run)

    def run(self, inputs, n, user):
        try:
            given = [Tensor(p, owner=self) for p in (c.c_void_p * n).from_address(inputs)]
            result = self.f(*given)
            if result._owner is None and sys.getrefcount(result) <= 2:
                _lib.ct_scope_take(result._pointer)
                result._owner = self  # the scope's from now on
            return result._pointer
        except Exception as error:
            self.raised = self.raised or error
            _pend(error)

    def check(self):
        if self.raised:
            _lib.ct_error_clear()
            raise self.raised
        _check()


def gradcheck(f, inputs, **options):
    """Whether the gradient of f(*inputs) is right: (verdict, cause), "PASS" and "" if it is."""
    function, report = _Function(f), _STRUCTS["ct_gradcheck_report"]()
    array = (c.c_void_p * len(inputs))(*(t._pointer for t in inputs))
    verdict = _lib.ct_gradcheck(function.pointer, None, array, len(inputs), c.byref(report), _options("ct_gradcheck_options", options))
    found = _lib.ct_verdict_name(verdict).decode(), report.cause.decode()
    _lib.ct_gradcheck_report_free(c.byref(report))
    function.check()
    return found


def gradcheck_numpy(forward, backward, inputs, **options):
    """The same of a pair that knows NumPy alone: forward(*arrays) gives an array, backward(*arrays, grad) a gradient for each. Arrays are
    float64."""
    import numpy
    inputs = [numpy.ascontiguousarray(x, dtype=numpy.float64) for x in inputs]
    results, raised = numpy.asarray(forward(*inputs)), []

    def arrays(pointers):
        return [numpy.ctypeslib.as_array((c.c_double * x.size).from_address(p)).reshape(x.shape)
                for x, p in zip(inputs, (c.c_void_p * len(inputs)).from_address(pointers))]

    def flat(pointer):
        return numpy.ctypeslib.as_array((c.c_double * results.size).from_address(pointer))

    def guarded(run):
        try:
            raised or run()
        except Exception as error:
            raised.append(error)

    def go(x, y, user):
        guarded(lambda: flat(y).__setitem__(..., numpy.asarray(forward(*arrays(x))).ravel()))

    def back(x, g, gx, user):
        guarded(lambda: [numpy.copyto(to, found) for to, found in
                         zip(arrays(gx), backward(*arrays(x), flat(g).reshape(results.shape)))])

    report, at = _STRUCTS["ct_gradcheck_report"](), (c.c_void_p * len(inputs))(*(x.ctypes.data for x in inputs))
    pair = _CALLBACKS["ct_raw_forward"](go), _CALLBACKS["ct_raw_backward"](back)
    verdict = _lib.ct_gradcheck_raw(*pair, (c.c_int64 * len(inputs))(*(x.size for x in inputs)), len(inputs), results.size, at, None,
                                    c.byref(report), _options("ct_gradcheck_options", options))
    found = _lib.ct_verdict_name(verdict).decode(), report.cause.decode()
    _lib.ct_gradcheck_report_free(c.byref(report))
    if raised:
        _lib.ct_error_clear()
        raise raised[0]
    _check()
    return found


# ---- modules and optimisers ----

class Module:
    """A module, the root of its tree, or one that cotan.nn made in it; keeps the tree."""

    _pointer, _owns = None, False  # until there is one

    def __init__(self, dtype="float64"):
        self._pointer, self._root, self._owns = _lib.ct_module_new(_dtype(dtype)), self, True
        _check()

    @classmethod
    def _of(cls, pointer, parent):
        made = cls.__new__(cls)
        made._pointer, made._root, made._owns = pointer, parent._root, False
        return made

    def __del__(self):
        if self._owns and self._pointer and _lib:
            _lib.ct_module_free(self._pointer)

    def __call__(self, x):
        return _call("ct_forward", (self, x), {})

    def __getitem__(self, name):
        found = _lib.ct_module_get(self._pointer, name.encode())
        if not found:
            raise KeyError(name)
        return Tensor(found, owner=self._root)

    def keys(self):
        return [_lib.ct_module_name(self._pointer, i).decode() for i in range(_lib.ct_module_count(self._pointer))]

    def train(self, training=True):
        _lib.ct_module_train(self._pointer, training)
        _check()

    def save(self, path):
        _lib.ct_module_save(self._pointer, str(path).encode())
        _check()

    def load(self, path, **options):
        _lib.ct_module_load(self._pointer, str(path).encode(), _options("ct_load_options", options))
        _check()

    def __repr__(self):
        size = _lib.ct_module_summary_text(self._pointer, None, 0, None) + 1
        text = c.create_string_buffer(size)
        _lib.ct_module_summary_text(self._pointer, c.cast(text, c.c_char_p), size, None)
        return text.value.decode()


class _Layers:
    """cotan.nn.linear(net, "fc", 8, 2, bias=False) and all other layers."""

    def __getattr__(self, name):
        if f"ct_{name}_new" not in SIGNATURES["functions"]:
            raise AttributeError(f"cotan.nn has no {name!r}")
        return lambda *arguments, **options: _call(f"ct_{name}_new", arguments, options)


nn = _Layers()


class Optimizer:
    """By the rule of that name: "sgd", "adam", ...; keywords are ct_optimizer_options."""

    def __init__(self, module, rule="adam", **options):
        self._module = module
        try:
            record = c.addressof(c.c_char.in_dll(_lib, "ct_rule_" + rule))
        except ValueError:
            raise ValueError(f"no optimizer {rule!r}: it is the name of a rule, as in ct_rule_adam") from None
        self._pointer = _lib.ct_optimizer_new(module._pointer, record, _options("ct_optimizer_options", options))
        _check()

    def __del__(self):
        if getattr(self, "_pointer", None) and _lib:
            _lib.ct_optimizer_free(self._pointer)

    def zero_grad(self):
        _lib.ct_optimizer_zero_grad(self._pointer)

    def step(self):
        _lib.ct_optimizer_step(self._pointer)
        _check()

    def minimize(self, loss):
        """zero_grad, backward, step; the loss as a number."""
        self.zero_grad()
        loss.backward()
        self.step()
        return loss.item()

    lr = property(lambda o: _lib.ct_optimizer_lr(o._pointer), lambda o, lr: (_lib.ct_optimizer_set_lr(o._pointer, lr), _check()) and None)


class no_grad:
    """with cotan.no_grad(): nothing is recorded."""

    def __enter__(self):
        _lib.ct_no_grad_begin()

    def __exit__(self, *_):
        _lib.ct_no_grad_end()

"""The same planted bugs and the same hard functions before cotan's gradient checker, PyTorch's and JAX's:
    python peers.py torch|jax|cotan LIBRARY SEEDS     one line of JSON, in the interpreter that has the package
    python peers.py table FILE...                     of such lines, the tables of docs/gradcheck.md
compare.sh runs it all. A bug is the planted operation of the C tests itself, called on arrays; a checker has its defaults, in float64."""
import collections, contextlib, ctypes, io, json, pathlib, re, subprocess, sys, types

import functions

HERE = pathlib.Path(__file__).resolve().parent
MAX_RANK, MAX_ELEMENTS = 8, 1 << 14

# ---- the bugs, as functions on arrays ----

# They break rules of cotan's own (what a backward may write to, read from or leave undefined; the engine), or race: no bugs on arrays.
NOT_ON_ARRAYS = {"S1", "S2", "S3", "S5", "N1"}
# Nor do arrays show which inputs ask for gradients, how tensors lie in memory, threads, and orders above the first.
NOT_ON_ARRAYS_EITHER = ("W", "Y", "O")
KINDS = {"": "the usual mistakes", "S": "a mask drawn again", "F": "small tensors", "T": "ties and kinks",
         "C": "kept from an earlier call", "A": "tiny or huge gradients", "R": "beside large constants",
         "V": "what the sample does not reach", "L": "in float32 alone", "G": "formulas", "X": "at some values alone",
         "B": "at some sizes alone", "E": "by very little"}


class Library:
    def __init__(self, path):
        self.c = ctypes.CDLL(path)
        results = {"number": ctypes.c_char_p, "sample": ctypes.c_char_p, "forward": ctypes.c_int64, "backward": ctypes.c_bool}
        for name, result in results.items():
            getattr(self.c, "peer_" + name).restype = result

    def bugs(self):
        which = 0
        while number := self.c.peer_number(which):
            if number.decode() not in NOT_ON_ARRAYS and not number.decode().startswith(NOT_ON_ARRAYS_EITHER):
                yield which, number.decode()
            which += 1

    def inputs(self, text, seed):
        """Arrays, and which of them are differentiated."""
        import numpy as np
        ranks, sizes, floats = (ctypes.c_int * 64)(), (ctypes.c_int64 * (64 * MAX_RANK))(), (ctypes.c_bool * 64)()
        values = np.zeros(MAX_ELEMENTS)
        n = self.c.peer_inputs(text.encode(), ctypes.c_uint64(seed), ranks, sizes, floats, pointer(values))
        assert n >= 0, text
        arrays, at = [], 0
        for i in range(n):
            shape = tuple(sizes[MAX_RANK * i : MAX_RANK * i + ranks[i]])
            count = int(np.prod(shape))
            arrays.append(values[at : at + count].reshape(shape).copy())
            at += count
        return arrays, [floats[i] for i in range(n)]

    def forward(self, which, wrong, arrays):
        import numpy as np
        y = np.zeros(MAX_ELEMENTS)
        count = self.c.peer_forward(which, wrong, pointer(flat(arrays)), pointer(y))
        assert count >= 0
        return y[:count].copy()

    def backward(self, which, wrong, arrays, g):
        import numpy as np
        gx = np.zeros(MAX_ELEMENTS)
        g = np.ascontiguousarray(g, float)
        assert self.c.peer_backward(which, wrong, pointer(flat(arrays)), pointer(g), pointer(gx))
        ends = np.cumsum([a.size for a in arrays])
        return [gx[end - a.size : end].reshape(a.shape) for a, end in zip(arrays, ends)]


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


def flat(arrays):
    import numpy as np
    return np.concatenate([np.ravel(np.asarray(a, float)) for a in arrays])


def only(wanted, values):
    return [v for v, want in zip(values, wanted) if want]


def put(arrays, wanted, values):
    """arrays with values in place of those that are wanted."""
    rest = iter(values)
    return [next(rest) if want else a for a, want in zip(arrays, wanted)]


# ---- a peer: ways to check a bug, and a function; each true for "right" ----


class Torch:
    def __init__(self, library):
        import torch
        self.torch, self.library = torch, library
        torch.narrow, torch.wide = lambda x: x.float(), lambda x: x.double()
        self.namespace = torch
        check, again = torch.autograd.gradcheck, torch.autograd.gradgradcheck
        self.ways = {"PyTorch, slow": lambda f, x: check(f, x), "PyTorch, fast": lambda f, x: check(f, x, fast_mode=True)}
        self.second = {"PyTorch, gradgradcheck": lambda f, x: again(f, x)}
        self.refusals = torch.autograd.gradcheck.__globals__["GradcheckError"],

    def leaves(self, arrays):
        return [self.torch.tensor(a, dtype=self.torch.float64, requires_grad=True) for a in arrays]

    def bug(self, which, wrong, arrays, wanted):
        torch, library = self.torch, self.library

        class Planted(torch.autograd.Function):
            @staticmethod
            def forward(context, *x):
                context.save_for_backward(*x)
                return torch.tensor(library.forward(which, wrong, put(arrays, wanted, [t.detach().numpy() for t in x])))

            @staticmethod
            def backward(context, g):
                x = [t.detach().numpy() for t in context.saved_tensors]
                grads = library.backward(which, wrong, put(arrays, wanted, x), g.numpy())
                return tuple(torch.tensor(a) for a in only(wanted, grads))

        return Planted.apply


class Jax:
    def __init__(self, library):
        import jax
        jax.config.update("jax_enable_x64", True)
        from jax.test_util import check_grads
        self.jax, self.library = jax, library
        names = {"narrow": lambda x: x.astype("float32"), "wide": lambda x: x.astype("float64"), "relu": jax.nn.relu}
        self.namespace = types.SimpleNamespace(**vars(jax.numpy) | names)
        self.ways = {"JAX, check_grads": lambda f, x: check_grads(f, x, order=1, modes=["rev"]) or True}
        self.second = {"JAX, order 2": lambda f, x: check_grads(f, x, order=2, modes=["rev"]) or True}
        self.refusals = AssertionError,

    def leaves(self, arrays):
        return [self.jax.numpy.asarray(a) for a in arrays]

    def bug(self, which, wrong, arrays, wanted):
        jax, library = self.jax, self.library
        shape = jax.ShapeDtypeStruct(library.forward(which, wrong, arrays).shape, float)
        shapes = tuple(jax.ShapeDtypeStruct(a.shape, float) for a in only(wanted, arrays))

        # One object each: JAX compiles a callback that it does not know.
        def forward(*x):
            return library.forward(which, wrong, put(arrays, wanted, x))

        def backward(g, *x):
            return tuple(only(wanted, library.backward(which, wrong, put(arrays, wanted, x), g)))

        def value(*x):
            return jax.pure_callback(forward, shape, *x)

        def gradient(x, g):
            return jax.pure_callback(backward, shapes, g, *x)

        planted = jax.custom_vjp(value)
        planted.defvjp(lambda *x: (value(*x), x), gradient)
        return planted


def is_right(peer, check, f, arrays):
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            return bool(check(f, peer.leaves(arrays)))
        except peer.refusals:
            return False


# ---- running ----


def samples():
    """Name and inputs of each hard function, from the C sources."""
    text = "".join((HERE.parent / name).read_text() for name in ("hard_functions.c", "hard_algorithms.c"))
    return dict(re.findall(r'^    \{"([^"]+)", \w+, "([^"]+)"\},', text, re.M))


def run_peer(peer, library, seeds):
    """For each way: {bug: [times caught, false alarms of the right twin]}, and {function: false alarms}."""
    caught, alarms = collections.defaultdict(dict), collections.defaultdict(dict)
    for which, number in library.bugs():
        text = library.c.peer_sample(which).decode()
        for way, check in peer.ways.items():
            found = [0, 0]
            for seed in range(seeds):
                arrays, wanted = library.inputs(text, seed)
                for wrong in (True, False):
                    right = is_right(peer, check, peer.bug(which, wrong, arrays, wanted), only(wanted, arrays))
                    found[0 if wrong else 1] += not right
            caught[way][number] = found
    texts = samples()
    for name, f in functions.FUNCTIONS.items():
        for way, check in (peer.ways | peer.second).items():
            right = 0
            for seed in range(seeds):
                arrays, wanted = library.inputs(texts[name], seed)
                right += is_right(peer, check, lambda *x: f(peer.namespace, *x), arrays)
            alarms[way][name] = seeds - right
    return {"bugs": caught, "functions": alarms}


ALL_CHECKS, VALUE_ONLY, OWN_SIZES = (1 << 13) - 1, 0, 1 << 6 | 1 << 10


def run_cotan(library, seeds):
    caught = collections.defaultdict(dict)
    for which, number in library.bugs():
        # The operations of planted_ops.c take the sizes of their samples only.
        everything = ALL_CHECKS & ~(OWN_SIZES if number[0].isdigit() or number[0] == "S" else 0)
        for mode, fast in (("full", False), ("fast", True)):
            for name, checks in ((f"cotan, {mode}, the measurement alone", VALUE_ONLY), (f"cotan, {mode}", everything)):
                verdicts = [[library.c.peer_check(which, wrong, ctypes.c_uint64(seed), fast, checks) for seed in range(seeds)]
                            for wrong in (True, False)]
                caught[name][number] = [v.count(2) for v in verdicts]
    return {"bugs": caught, "functions": cotan_functions(seeds)}


def cotan_functions(seeds):
    """From what build/tests/hard_functions prints of those that are not right."""
    program = pathlib.Path(sys.argv[2]).resolve().parent / "hard_functions"
    text = subprocess.run([program, str(seeds)], capture_output=True, text=True).stdout
    alarms = {way: dict.fromkeys(functions.FUNCTIONS, 0) for way in ("cotan, full", "cotan, fast", "cotan, order 2")}
    for name, mode, order, verdict in re.findall(r"^    (.+), seed \d+, (full|fast), order (\d): (\w+)", text, re.M):
        if name in functions.FUNCTIONS and verdict != "INCONCLUSIVE":
            alarms["cotan, order 2" if order == "2" else "cotan, " + mode][name] += 1
    return alarms


# ---- the tables ----


def share(part, whole):
    return f"{100 * part / whole:.3g} %" if whole else "-"


def kind_of(number):
    return "" if number[0].isdigit() else number[0]


def print_bugs(bugs, seeds):
    numbers = list(next(iter(bugs.values())))
    of_kind = {kind: [n for n in numbers if kind_of(n) == kind] for kind in KINDS}
    print("| bugs caught, in so many of all runs | " + " | ".join(bugs) + " |\n|---" + "|---" * len(bugs) + "|")
    for kind, members in list(of_kind.items()) + [("all", numbers)]:
        cells = [share(sum(found[n][0] for n in members), seeds[way] * len(members)) for way, found in bugs.items()]
        print(f"| {KINDS.get(kind, 'all')} ({len(members)}) | " + " | ".join(cells) + " |")
    cells = [share(sum(v[1] for v in found.values()), seeds[way] * len(found)) for way, found in bugs.items()]
    print("| right twins flagged | " + " | ".join(cells) + " |")


def print_functions(alarms, seeds):
    print("\n| right functions flagged | of all runs | functions, at least once |\n|---|---|---|")
    for way, found in alarms.items():
        often = sum(v > 0 for v in found.values())
        print(f"| {way} | {share(sum(found.values()), seeds[way] * len(found))} | {often} of {len(found)} |")


def print_tables(files):
    bugs, alarms, seeds = {}, {}, {}
    for file in files:
        line = json.loads(pathlib.Path(file).read_text())
        bugs |= line["bugs"]
        alarms |= line["functions"]
        seeds |= dict.fromkeys([*line["bugs"], *line["functions"]], line["seeds"])
    print_bugs(bugs, seeds)
    print_functions(alarms, seeds)


def main():
    if sys.argv[1] == "table":
        return print_tables(sys.argv[2:])
    library, seeds = Library(sys.argv[2]), int(sys.argv[3])
    if sys.argv[1] == "cotan":
        found = run_cotan(library, seeds)
    else:
        found = run_peer({"torch": Torch, "jax": Jax}[sys.argv[1]](library), library, seeds)
    print(json.dumps(found | {"seeds": seeds}))


if __name__ == "__main__":
    main()

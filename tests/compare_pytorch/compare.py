#!/usr/bin/env python3
"""Random cases against PyTorch: shapes, layouts, dtypes and options drawn anew; values, gradients and, of some, second derivatives
compared; what one refuses the other must refuse. Prints each finding, and ends with "N passed, N failed". Not one of the tests: it
wants PyTorch.

usage: compare.py TOP LIBRARY [COUNT [SEED [FAMILY]]]          (by a Python that has torch)

A family is a function that draws a case (cases.py); what it calls it calls through docs/reference/signatures.json, as every binding
would. With a family's name there are cases of that alone.
"""
import ctypes as c, json, pathlib, sys, warnings
import numpy as np
import torch

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
from test_ctypes import Binding
from cases import FAMILIES, Room
import elementwise, images, integers, losses, matrices, places, reductions, sequences

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
SECOND = .3 # of the cases: second derivatives too


def close(a, b, dtype, scale):
    limit = (2e-4 if dtype == torch.float32 else 1e-8) * max(scale, 1e-3)
    with np.errstate(invalid="ignore"):
        return bool(np.all((a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= limit)))


def largest(a):
    finite = a[np.isfinite(a)]
    return float(np.abs(finite).max()) if finite.size else 0.0


def array(t):
    return t.detach().to(torch.float64).numpy(force=True)


class Run:
    """One case: two sides, and what differs."""

    def __init__(self, room, case):
        self.room, self.lib = room, room.lib
        self.name, self.inputs, self.theirs, self.ours, self.apart = case
        self.dtype = next((t.dtype for t in self.inputs if t.is_floating_point()), torch.float64)
        self.scale = 0

    def error(self):
        message = self.lib.ct_error_message().decode()
        self.lib.ct_error_clear()
        return message

    def differs(self, what, mine, others):
        """What differs between results of ours and PyTorch's, where None is 0."""
        for got, want in zip(mine, others):
            if not got and want is None:
                continue
            a = self.room.values(got) if got else np.zeros(want.shape)
            b = array(want) if want is not None else np.zeros(a.shape)
            if a.shape != b.shape:
                return f"{what}: shape {a.shape}, PyTorch {b.shape}"
            if not close(a, b, self.dtype, max(largest(b), self.scale)):
                return f"{what}\n{a}\n{b}"
        return None

    def gradients(self, mine, others, leaves, bases, again):
        """Of the outputs that have any: (ours, PyTorch's, what went wrong)."""
        g = [self.room.floats(tuple(t.shape), dtype=t.dtype) for t in others]
        self.scale = max([self.scale] + [largest(array(t)) for t in g])
        try:
            want = torch.autograd.grad(others, bases, g, create_graph=again, allow_unused=True)
        except (RuntimeError, NotImplementedError) as error:
            return None, None, None if "not implemented" in str(error) or "must be contiguous" in str(error) else f"PyTorch's gradient: {error}"
        results = self.room.handles([None] * len(leaves))
        o = self.room.options("ct_grad_options", gradients=c.cast(self.room.handles([self.room.cotangent(t) for t in g]), c.c_void_p), create_graph=again, allow_unused=True)
        if self.lib.ct_grad(self.room.handles(mine), len(mine), self.room.handles(leaves), len(leaves), results, o):
            return None, None, f"gradient: {self.error()}"
        return list(results), list(want), None

    def finding(self):
        room, leaves, bases, mine, other = self.room, [], [], [], []
        for i, t in enumerate(self.inputs):
            base, their_view, our_view = room.laid_out(t, i in self.apart)
            handle, base = room.ours(base), base.clone()
            if t.is_floating_point():
                base.requires_grad_()
                self.lib.ct_set_requires_grad(handle, True)
                leaves.append(handle)
                bases.append(base)
            mine.append(our_view(handle))
            other.append(their_view(base))
        shapes = self.name + " of " + " ".join(f"{tuple(t.shape)}{'' if t.is_contiguous() else '*'}" for t in other) + f", {self.dtype}: "
        try:
            want, refused = self.theirs(*other), None
        except (RuntimeError, IndexError, ValueError, TypeError, NotImplementedError) as error:
            want, refused = None, str(error).splitlines()[0]
        got = self.ours(*mine)
        error = "" if got else self.error()
        if refused and "view size is not compatible" in refused: # with these strides
            return None
        if not got or want is None:
            return None if (not got) == (want is None) else shapes + f"ours {error or 'gives a result'}; PyTorch {refused or 'gives a result'}"
        got, want = (got, want) if isinstance(got, list) else ([got], [want])
        found = self.differs("values", got, want) or self.differs_further(got, want, leaves, bases)
        return found and shapes + found

    def differs_further(self, got, want, leaves, bases):
        pairs = [(a, b) for a, b in zip(got, want) if b.requires_grad and self.lib.ct_requires_grad(a)]
        again = self.room.chance(SECOND) and not self.name.startswith("extreme")
        for order in ("gradient", "second derivative")[:2 if again else 1]:
            if not pairs:
                return None
            got, want, found = self.gradients(*map(list, zip(*pairs)), leaves, bases, again)
            found = found or got and self.differs(order, got, want)
            if found or not got:
                return found
            pairs = [(a, b) for a, b in zip(got, want) if a and b is not None and b.requires_grad and self.lib.ct_requires_grad(a)]
        return None


def main():
    top, library = pathlib.Path(sys.argv[1]), sys.argv[2]
    count, first, only = (sys.argv[3:] + [20000, 1, ""][len(sys.argv) - 3:])[:3]
    lib, failed, count, first = Binding(json.loads((top / "docs/reference/signatures.json").read_text()), library), {}, int(count), int(first)
    families = [f for f in FAMILIES if only in ("", f.__name__)]
    for seed in range(first, first + count):
        room = Room(lib, seed)
        lib.ct_scope_open()
        case = room.rng.choice(families)(room)
        finding = Run(room, case).finding()
        lib.ct_scope_close()
        lib.ct_error_clear()
        if finding:
            failed.setdefault(case[0], []).append(f"seed {seed}: {finding}")
    for name, findings in failed.items():
        print(f"---- {name}: {len(findings)}\n" + "\n".join(findings[:2]))
    print(f"{count - sum(map(len, failed.values()))} passed, {sum(map(len, failed.values()))} failed")


main()

"""What a case is made of: random choices, tensors of either library, and the list of families."""
import ctypes as c, random, struct
import numpy as np
import torch

FAMILIES, CODES = [], {torch.float32: 0, torch.float64: 1, torch.int64: 2, torch.int32: 3, torch.uint8: 4, torch.bool: 5,
                       torch.float16: 6, torch.bfloat16: 7}
END, ZERO, UNSET_INT = 2**63 - 1, -2**63, -2**31
UNSET = struct.unpack("d", struct.pack("Q", 0x7ff800000000c07a))[0] # CT_UNSET


def family(weight=1):
    """A family draws a case: (name, inputs, PyTorch's function of them, ours, which inputs must have the elements drawn)."""
    def add(f):
        FAMILIES.extend([f] * weight)
        return f
    return add


class Room:
    """Random choices, and our side of a case."""

    def __init__(self, library, seed):
        self.lib, self.rng, self.np, self.kept = library, random.Random(seed), np.random.default_rng(seed), []

    # ---- drawing ----

    def chance(self, p=.5):
        return self.rng.random() < p

    def shape(self, least=0, most=4):
        rank = self.rng.randint(least, most)
        return tuple(self.rng.choice((0, 1, 1, 2, 3, 4, 5) if self.chance(.2) else (1, 2, 3, 4, 5)) for _ in range(rank))

    def broadcast(self, shape):
        """A shape that broadcasts with the one given."""
        cut = shape[self.rng.randint(0, len(shape)):] if self.chance(.4) else shape
        return tuple(1 if self.chance(.3) else n for n in cut)

    def floats(self, shape, low=-2.0, high=2.0, dtype=torch.float64):
        return torch.from_numpy(np.asarray(self.np.uniform(low, high, shape))).to(torch.float32).to(dtype)

    def integers(self, shape, low, high, dtype=torch.int64):
        return torch.from_numpy(np.asarray(self.np.integers(low, high, shape))).to(dtype)

    def dtype(self):
        return self.rng.choice((torch.float32, torch.float64))

    def axis(self, shape):
        n = max(len(shape), 1)
        return self.rng.randint(-n, n - 1)

    def axes(self, shape):
        return self.rng.sample(range(len(shape)), self.rng.randint(0, len(shape)))

    def spread(self, values):
        """The member of an option struct that has an entry for each axis."""
        return (c.c_int64 * 3)(*(v if v else ZERO for v in values))

    # ---- our tensors ----

    def ints(self, values):
        array = (c.c_int64 * max(len(values), 1))(*values)
        self.kept.append(array)
        return c.cast(array, c.c_void_p)

    def handles(self, tensors):
        array = (c.c_void_p * max(len(tensors), 1))(*tensors)
        self.kept.append(array)
        return array

    def options(self, name, **given):
        made = self.lib.options(name, **given)
        self.kept.append(made)
        return c.byref(made)

    def ours(self, t):
        flat = t.detach().contiguous()
        array = flat.view(torch.int16).numpy() if t.dtype in (torch.float16, torch.bfloat16) else flat.numpy()
        self.kept.append(array)
        return self.lib.ct_from_array(CODES[t.dtype], array.ctypes.data_as(c.c_void_p), self.ints(t.shape), t.dim())

    def cotangent(self, t):
        """Those of two bytes have gradients in float32."""
        return self.ours(t.to(torch.float32) if t.element_size() == 2 else t)

    def values(self, t):
        n = self.lib.ct_numel(t)
        out = (c.c_double * max(n, 1))()
        assert self.lib.ct_to_values(t, c.cast(out, c.c_void_p), n) == 0, self.lib.ct_error_message()
        shape = tuple(self.lib.ct_size(t, i) for i in range(self.lib.ct_rank(t)))
        return np.array(out[:n]).reshape(shape)

    def results(self, call, n):
        """What a function gives that puts n more results where it is told: all, or None."""
        out = [c.c_void_p() for _ in range(n)]
        first = call(*(c.byref(o) for o in out))
        return None if first is None else [first] + [o.value for o in out]

    # ---- layouts: a tensor's elements as a view of another, the same for both libraries ----

    def laid_out(self, t, apart):
        """(base, PyTorch's view of it, ours); of apart elements none is another."""
        rank, lib = t.dim(), self.lib
        kind, axis = self.rng.randint(0, 9 if rank > 0 else 0), self.rng.randrange(max(rank, 1))
        if kind == 1:
            order = self.rng.sample(range(rank), rank)
            back = [order.index(i) for i in range(rank)]
            return t.permute(back).contiguous(), lambda b: b.permute(order), lambda b: lib.ct_permute(b, self.ints(order), rank)
        if kind == 2:
            return torch.cat([t, t, t], axis), lambda b: b.narrow(axis, t.shape[axis], t.shape[axis]), lambda b: lib.ct_slice(b, axis, t.shape[axis], 2 * t.shape[axis], 1)
        if kind == 3:
            step = lambda b: b[(slice(None),) * axis + (slice(None, None, 2),)]
            return t.repeat_interleave(2, axis), step, lambda b: lib.ct_slice(b, axis, 0, END, 2)
        if kind == 4:
            return t.flip(axis), lambda b: b.flip(axis), lambda b: lib.ct_flip(b, self.ints([axis]), 1)
        if kind == 5:
            return t.flip(axis), lambda b: b.flip(axis), lambda b: lib.ct_slice(b, axis, END, -END, -1)
        if kind == 6 and rank < 8:
            return torch.stack([t, t], axis), lambda b: b.select(axis, 1), lambda b: lib.ct_select(b, axis, 1)
        if kind == 7 and not apart and t.numel() > 0:
            return t.narrow(axis, 0, 1).contiguous(), lambda b: b.expand(t.shape), lambda b: lib.ct_expand(b, self.ints(t.shape), rank)
        return t, lambda b: b, lambda b: b

"""Shapes, indexing, joining."""
import torch
from cases import family


@family(3)
def indexing(r):
    shape, dtype = r.shape(1, 3), r.dtype()
    axis = r.axis(shape)
    n = shape[axis]
    x = r.floats(shape, -2, 2, dtype)
    along = tuple(r.rng.randint(0, 4) if i == axis % len(shape) else s for i, s in enumerate(shape))
    index = r.integers(along, 0, max(n, 1))
    source = r.floats(along, -2, 2, dtype)
    row = r.integers((r.rng.randint(0, 5) if n > 0 else 0,), 0, max(n, 1)) # no index of nothing
    rows = r.floats(tuple(len(row) if i == axis % len(shape) else s for i, s in enumerate(shape)), -2, 2, dtype)
    word, how, own = *r.rng.choice((("sum", 0), ("mean", 1), ("amax", 2), ("amin", 3), ("prod", 4))), r.rng.random() < .5
    times = r.integers((n,), 0, 4)
    return r.rng.choice((
        ("gather", [x, index], lambda t, i: t.gather(axis, i), lambda t, i: r.lib.ct_gather(t, axis, i), (0, 1)),
        ("scatter_add", [x, index, source], lambda t, i, s: t.scatter_add(axis, i, s), lambda t, i, s: r.lib.ct_scatter_add(t, axis, i, s), (0, 1, 2)),
        ("scatter_reduce " + word, [x, index, source], lambda t, i, s: t.scatter_reduce(axis, i, s, word, include_self=own),
         lambda t, i, s: r.lib.ct_scatter_reduce(t, axis, i, s, how, own), (0, 1, 2)),
        ("index_select", [x, row], lambda t, i: t.index_select(axis, i), lambda t, i: r.lib.ct_index_select(t, axis, i), (0, 1)),
        ("index_add", [x, row, rows], lambda t, i, s: t.index_add(axis, i, s), lambda t, i, s: r.lib.ct_index_add(t, axis, i, s), (0, 1, 2)),
        ("repeat_interleave", [x, times], lambda t, k: t.repeat_interleave(k, axis), lambda t, k: r.lib.ct_repeat_interleave(t, k, axis), (0, 1)),
        ("nonzero", [x.round()], lambda t: t.nonzero(), lambda t: r.lib.ct_nonzero(t), ()),
        ("searchsorted", [x.sort(-1)[0], x], lambda t, v: torch.searchsorted(t.detach(), v.detach(), right=own),
         lambda t, v: r.lib.ct_searchsorted(t, v, own), (0, 1))))


@family(2)
def subscripts(r):
    shape, parts, words = r.shape(1, 4), [], []
    for n in shape[:r.rng.randint(0, len(shape))]:
        start, end, step = r.rng.randint(-n - 1, n + 1), r.rng.randint(-n - 1, n + 1), r.rng.randint(1, 3)
        kind = r.rng.randint(0, 5)
        part, word = ((slice(None), ":"), (slice(start, None), f"{start}:"), (slice(None, end), f":{end}"), (slice(start, end, step), f"{start}:{end}:{step}"),
                      (start, str(start)), (slice(None, None, step), f"::{step}"))[kind]
        parts, words = parts + [part], words + [word]
        if r.rng.random() < .2:
            parts, words = parts + [None], words + ["None"]
    if r.rng.random() < .4:
        at = r.rng.randint(0, len(parts))
        parts, words = parts[:at] + [Ellipsis] + parts[at:], words[:at] + ["..."] + words[at:]
    text = r.rng.choice((", ", ",")).join(words).encode()
    return "subscript " + text.decode(), [r.floats(shape, -2, 2, r.dtype())], lambda t: t[tuple(parts)], lambda t: r.lib.ct_subscript(t, text), ()


@family(6)
def shapes(r):
    shape, dtype, lib = r.shape(0, 4), r.rng.choice((torch.float32, torch.float64, torch.int64, torch.bool)), r.lib
    x = r.floats(shape, -2, 2, torch.float64).to(dtype)
    rank, axis, other, shift, k = len(shape), r.axis(shape), r.axis(shape), r.rng.randint(-7, 7), r.rng.randint(-3, 3)
    factors, axes, order = list(shape), r.axes(shape), r.rng.sample(range(rank), rank)
    r.rng.shuffle(factors)
    to = [-1 if r.chance(.3) and i == 0 else n for i, n in enumerate(factors)]
    larger = [r.rng.randint(0, 3) for _ in range(r.rng.randint(0, 2))] + [r.rng.choice((-1, n)) if n != 1 else r.rng.randint(0, 3) for n in shape]
    times = [r.rng.randint(0, 3) for _ in range(rank + r.rng.randint(0, 1))]
    n, start, end, step = r.rng.randint(1, 4), r.rng.randint(-6, 6), r.rng.randint(-6, 6), r.rng.randint(1, 3)
    more = [torch.cat([x] * r.rng.randint(1, 2), axis) if rank else x for _ in range(n)]
    place = (slice(None),) * (axis % max(rank, 1)) + (slice(start, end, step),)
    return r.rng.choice((
        ("reshape", [x], lambda t: t.reshape(to), lambda t: lib.ct_reshape(t, r.ints(to), len(to)), ()),
        ("flatten", [x], lambda t: t.flatten(axis, other), lambda t: lib.ct_flatten(t, axis, other), ()),
        ("expand", [x], lambda t: t.expand(larger), lambda t: lib.ct_expand(t, r.ints(larger), len(larger)), ()),
        ("repeat", [x], lambda t: t.repeat(times), lambda t: lib.ct_repeat(t, r.ints(times), len(times)), ()),
        ("flip", [x], lambda t: t.flip(axes), lambda t: lib.ct_flip(t, r.ints(axes), len(axes)), ()),
        ("roll", [x], lambda t: t.roll(shift, axis) if rank else t, lambda t: lib.ct_roll(t, shift, axis), ()),
        ("permute", [x], lambda t: t.permute(order), lambda t: lib.ct_permute(t, r.ints(order), rank), ()),
        ("transpose", [x], lambda t: t.transpose(axis, other), lambda t: lib.ct_transpose(t, axis, other), ()),
        ("unsqueeze", [x], lambda t: t.unsqueeze(axis), lambda t: lib.ct_unsqueeze(t, axis), ()),
        ("tril", [x], lambda t: t.tril(k), lambda t: lib.ct_tril(t, k), ()),
        ("triu", [x], lambda t: t.triu(k), lambda t: lib.ct_triu(t, k), ()),
        ("diagonal", [x], lambda t: t.diagonal(k, axis, other), lambda t: lib.ct_diagonal(t, k, axis, other), ()),
        ("slice", [x], lambda t: t[place], lambda t: lib.ct_slice(t, axis, start, end, step), ()),
        ("select", [x], lambda t: t.select(axis, start), lambda t: lib.ct_select(t, axis, start), ()),
        ("concat", more, lambda *t: torch.cat(t, axis), lambda *t: lib.ct_concat(r.handles(t), n, axis), ()),
        ("stack", [x] * n, lambda *t: torch.stack(t, axis), lambda *t: lib.ct_stack(r.handles(t), n, axis), ()),
        ("clone", [x], lambda t: t.clone(), lambda t: lib.ct_clone(t), ())))


@family(4)
def writing(r):
    """Assigned elements: each place once."""
    shape, dtype, lib = tuple(max(n, 1) for n in r.shape(1, 3)), r.rng.choice((torch.float32, torch.float64, torch.int64)), r.lib
    axis, x = r.axis(shape), r.floats(shape, -9, 9, torch.float64).to(dtype)
    at, n = axis % len(shape), shape[axis]
    k = r.rng.randint(0, n)
    once = r.integers(shape, 0, 1)
    for line in once.movedim(at, -1).reshape(-1, n) if n else ():
        line.copy_(torch.from_numpy(r.np.permutation(n)))
    index = torch.argsort(r.floats(shape), axis).narrow(at, 0, k)
    source = r.floats(index.shape, -9, 9, torch.float64).to(dtype)
    row, some = torch.from_numpy(r.np.permutation(n)[:k]), r.integers((r.rng.randint(0, 6),), 0, n)
    m = r.rng.randint(1, len(shape))
    wide = r.broadcast(tuple(r.rng.randint(1, 4) for _ in range(r.rng.randint(0, 2))))
    picks = [r.integers(wide if i == 0 else wide[len(wide) and r.rng.randint(0, len(wide) - 1):], 0, shape[i]) for i in range(m)]
    values = r.floats(r.broadcast(torch.empty(shape)[tuple(picks)].shape), -9, 9, torch.float64).to(dtype)
    last = r.rng.randint(1, 4)
    along = torch.argsort(r.floats(shape), axis) % max(n, 1)
    return r.rng.choice((
        ("scatter", [x, index, source], lambda t, i, s: t.scatter(axis, i, s), lambda t, i, s: lib.ct_scatter(t, axis, i, s), (0, 1, 2)),
        ("index_copy", [x, row, source], lambda t, i, s: t.index_copy(axis, i, s), lambda t, i, s: lib.ct_index_copy(t, axis, i, s), (0, 1, 2)),
        ("index", [x] + picks, lambda t, *i: t[i], lambda t, *i: lib.ct_index(t, r.handles(i), m), ()),
        ("index_put adding", [x] + picks + [values], lambda t, *i: t.index_put(i[:-1], i[-1], True), lambda t, *i: lib.ct_index_put(t, r.handles(i[:-1]), m, i[-1], True), ()),
        ("take_along_dim", [x, along], lambda t, i: torch.take_along_dim(t, i, axis), lambda t, i: lib.ct_take_along_dim(t, i, axis), ()),
        ("embedding", [r.floats((5, last), -2, 2, r.dtype()), r.integers(r.shape(0, 3), 0, 5)], lambda w, i: torch.nn.functional.embedding(i, w), lambda w, i: lib.ct_embedding(w, i), ()),
        ("one_hot", [r.integers(r.shape(1, 3), 0, 4)], lambda i: torch.nn.functional.one_hot(i, 4), lambda i: lib.ct_one_hot(i, 4, 2), ()),
        ("repeat_interleave once", [x], lambda t: t.repeat_interleave(2, axis), lambda t: lib.ct_repeat_interleave(t, lib.ct_scalar(2, 2.), axis), ()),
        ("bincount", [some], lambda t: t.bincount(minlength=last), lambda t: lib.ct_bincount(t, None, last), ()),
        ("bincount of weights", [some, r.floats(some.shape, -2, 2, r.dtype())], lambda t, w: t.bincount(w.detach(), minlength=last), lambda t, w: lib.ct_bincount(t, lib.ct_detach(w), last), ()),
        ("searchsorted of rows", [r.floats(shape, -2, 2, torch.float32).sort(-1)[0], r.floats(shape[:-1] + (last,), -2, 2, torch.float32)],
         lambda t, v: torch.searchsorted(t.detach(), v.detach().contiguous()), lambda t, v: lib.ct_searchsorted(t, v, False), (0,))))


@family(3)
def masks(r):
    """Masks alone and beside indices, on either side; paddings; single numbers."""
    dtype, lib = r.dtype(), r.lib
    shape = tuple(max(n, 1) for n in r.shape(2, 4))
    over, first = r.rng.randint(1, len(shape)), r.rng.randint(0, 1)
    x, mask = r.floats(shape, -2, 2, dtype), r.integers(shape[:over], 0, 2).to(r.rng.choice((torch.bool, torch.bool, torch.uint8)))
    behind, index = r.integers(shape[1:over], 0, 2).bool(), r.integers((1,), 0, shape[0])
    picks = [index, behind] if first and over > 1 else [mask]
    true = lambda i: tuple(j if j.dtype == torch.int64 else j.bool() for j in i)
    values, adding = r.floats(r.broadcast(x[true(picks)].shape[1:]), -2, 2, dtype), r.chance()
    rows, last = r.rng.randint(1, 5), r.rng.randint(0, 3)
    word, one = r.rng.randint(-rows, rows - 1), r.integers((1,) if r.chance() else (), 0, 1)
    number = lambda: r.floats((), -2, 2, dtype)
    return r.rng.choice((
        ("index of masks", [x] + picks, lambda t, *i: t[true(i)], lambda t, *i: lib.ct_index(t, r.handles(i), len(i)), ()),
        ("index_put of masks", [x] + picks + [values], lambda t, *i: t.index_put(true(i[:-1]), i[-1], adding),
         lambda t, *i: lib.ct_index_put(t, r.handles(i[:-1]), len(i) - 1, i[-1], adding), ()),
        ("embedding_padded", [r.floats((rows, last), -2, 2, dtype), r.integers(r.shape(0, 3), 0, rows)],
         lambda w, i: torch.nn.functional.embedding(i, w, padding_idx=word), lambda w, i: lib.ct_embedding_padded(w, i, word), ()),
        ("index_add of numbers", [number(), one, number()], lambda t, i, s: t.index_add(0, i, s), lambda t, i, s: lib.ct_index_add(t, -1, i, s), ()),
        ("index_copy of numbers", [number(), one, number()], lambda t, i, s: t.index_copy(0, i, s), lambda t, i, s: lib.ct_index_copy(t, 0, i, s), ())))

"""Spectra, attention, norms, recurrent layers."""
import torch
import torch.nn.functional as F
from cases import family


@family(3)
def spectra(r):
    dtype, norm = r.dtype(), r.rng.randint(0, 2)
    word, shape = ("backward", "ortho", "forward")[norm], tuple(r.rng.randint(1, 5) for _ in range(r.rng.randint(0, 2))) + (r.rng.choice((1, 2, 3, 5, 8, 12, 17, 37, 60)),)
    axis, n = r.rng.randrange(-len(shape), len(shape)), r.rng.choice((None, None, 1, 4, 7, 16, 35))
    o = r.options("ct_fft_options", axis=axis, norm=norm, **({} if n is None else {"n": n}))
    real, pairs, fft = r.floats(shape, -2, 2, dtype), r.floats(shape + (2,), -2, 2, dtype), torch.fft
    complex_ = lambda t: torch.view_as_complex(t.contiguous())
    frame, hop = r.rng.randint(1, 8), r.rng.randint(1, 4)
    s = r.options("ct_stft_options", hop=hop)
    return r.rng.choice((
        ("fft", [pairs], lambda t: torch.view_as_real(fft.fft(complex_(t), n, axis, word)), lambda t: r.lib.ct_fft(t, o), (0,)),
        ("ifft", [pairs], lambda t: torch.view_as_real(fft.ifft(complex_(t), n, axis, word)), lambda t: r.lib.ct_ifft(t, o), (0,)),
        ("rfft", [real], lambda t: torch.view_as_real(fft.rfft(t, n, axis, word)), lambda t: r.lib.ct_rfft(t, o), ()),
        ("irfft", [pairs], lambda t: fft.irfft(complex_(t), n, axis, word), lambda t: r.lib.ct_irfft(t, o), (0,)),
        ("stft", [r.floats((2, r.rng.randint(5, 20)), -2, 2, dtype)], lambda t: torch.view_as_real(torch.stft(t, frame, hop, return_complex=True)),
         lambda t: r.lib.ct_stft(t, frame, s), ())))


@family(2)
def attention(r):
    dtype, (heads, shared) = r.dtype(), r.rng.choice(((4, 2), (3, 3), (6, 1)))
    queries, keys, e, window = r.rng.randint(1, 6), r.rng.randint(1, 6), r.rng.randint(1, 4), r.rng.randint(0, 3)
    q, k, v = r.floats((2, heads, queries, e), -2, 2, dtype), r.floats((2, shared, keys, e), -2, 2, dtype), r.floats((2, shared, keys, 3), -2, 2, dtype)
    apart, causal = torch.arange(queries)[:, None] - torch.arange(keys), r.rng.random() < .5
    seen = ((apart >= 0) | (not causal)) & ((apart.abs() < window) | (window == 0))
    if not seen.any(1).all():
        window, seen = 0, (apart >= 0) | (not causal)
    o = r.options("ct_attention_options", enable_gqa=True, is_causal=causal, window=window)
    return ("attention", [q, k, v], lambda a, b, d: F.scaled_dot_product_attention(a, b, d, attn_mask=seen, enable_gqa=True),
            lambda a, b, d: r.lib.ct_scaled_dot_product_attention(a, b, d, o), (0, 1, 2))


@family(2)
def frames_back(r):
    frame, dtype = r.rng.randint(2, 9), r.dtype() # of frames of 1 in the middle PyTorch gives nothing, and refuses that
    hop, centre, norm, whole = r.rng.randint(1, frame), r.rng.random() < .6, r.rng.random() < .5, r.rng.random() < .3
    window = r.floats((r.rng.randint(max(frame - 2, 1), frame),), .3, 2, dtype) if r.rng.random() < .6 else None
    hop = hop if window is None else min(hop, len(window)) # more PyTorch refuses, whether or not the windows reach all
    length = r.rng.choice((None, None, r.rng.randint(1, 30)))
    x = r.floats((r.rng.randint(1, 2), frame if whole else frame // 2 + 1, r.rng.randint(1, 6), 2), -2, 2, dtype)
    centre = centre and frame + hop * (x.shape[-2] - 1) > frame // 2 * 2 # of nothing PyTorch refuses the least
    given = {"hop": hop, "no_centre": not centre, "normalized": norm, "two_sided": whole} | ({} if length is None else {"length": length})
    inputs = [x] if window is None else [x, window]
    return ("istft", inputs, lambda t, w=None: torch.istft(torch.view_as_complex(t.contiguous()), frame, hop, len(w) if w is not None else None, w, centre, norm, not whole, length),
            lambda t, w=None: r.lib.ct_istft(t, frame, r.options("ct_istft_options", window=w, **given)), (0, 1))


@family(4)
def norms(r):
    dtype, lib, n, ch = r.dtype(), r.lib, r.rng.randint(1, 4), r.rng.choice((1, 2, 4, 6))
    more, eps = tuple(r.rng.randint(1, 4) for _ in range(r.rng.randint(0, 3))), r.rng.choice((1e-5, .01))
    shape = (n, ch) + more
    x, w, b = r.floats(shape, -2, 2, dtype), r.floats((ch,), -2, 2, dtype), r.floats((ch,), -2, 2, dtype)
    last = shape[-r.rng.randint(1, len(shape)):]
    v, u = r.floats(last, -2, 2, dtype), r.floats(last, -2, 2, dtype)
    mean, var = r.floats((ch,), -1, 1, dtype), r.floats((ch,), .3, 2, dtype)
    groups, size, p, axis = r.rng.choice([g for g in (1, 2, 3, ch) if ch % g == 0]), r.rng.randint(1, 5), r.rng.choice((1., 2., 3.)), r.axis(shape)
    o = lambda **given: r.options("ct_norm_options", eps=eps, **given)
    two, away = r.floats((n, ch, *(more + (2,))), -2, 2, dtype), x.sign() * (x.abs() + .5) # from 0, where the curvature is large
    return r.rng.choice((
        ("layer_norm", [x, v, u], lambda t, p, q: F.layer_norm(t, last, p, q, eps), lambda t, p, q: lib.ct_layer_norm(t, p, q, o()), ()),
        ("rms_norm", [x, v], lambda t, p: F.rms_norm(t, last, p, eps), lambda t, p: lib.ct_rms_norm(t, p, o()), ()),
        ("batch_norm in training", [x, w, b], lambda t, p, q: F.batch_norm(t, None, None, p.contiguous(), q, True, .1, eps), lambda t, p, q: lib.ct_batch_norm(t, p, q, o()), ()),
        ("batch_norm", [x, w, b], lambda t, p, q: F.batch_norm(t, mean, var, p.contiguous(), q, False, .1, eps), # PyTorch's gradient reads a weight as if it were
         lambda t, p, q: lib.ct_batch_norm(t, p, q, o(evaluation=True, running_mean=r.ours(mean), running_var=r.ours(var))), ()),
        ("group_norm", [two, w, b], lambda t, p, q: F.group_norm(t, groups, p, q, eps), lambda t, p, q: lib.ct_group_norm(t, groups, p, q, o()), ()),
        ("instance_norm", [two, w, b], lambda t, p, q: F.instance_norm(t, None, None, p, q, True, .1, eps), lambda t, p, q: lib.ct_instance_norm(t, p, q, o()), ()),
        ("local_response_norm", [two], lambda t: F.local_response_norm(t, size, .3, .6, 1.5),
         lambda t: lib.ct_local_response_norm(t, size, r.options("ct_local_response_options", alpha=.3, beta=.6, k=1.5)), ()),
        ("normalize", [away], lambda t: F.normalize(t, p, axis), lambda t: lib.ct_normalize(t, axis, r.options("ct_normalize_options", p=p)), ())))


@family(2)
def recurrent(r):
    dtype, lib, t, n, i, h = r.dtype(), r.lib, r.rng.randint(1, 4), r.rng.randint(1, 3), r.rng.randint(1, 4), r.rng.randint(1, 4)
    kind, layers, both, first = r.rng.randint(0, 2), r.rng.randint(1, 2), r.chance(), r.chance()
    name, gates = ("rnn", "lstm", "gru")[kind], (1, 4, 3)[kind]
    make = (torch.nn.RNN, torch.nn.LSTM, torch.nn.GRU)[kind]
    net = make(i, h, layers, bidirectional=both, batch_first=first).to(dtype)
    weights = [r.floats(tuple(w.shape), -1, 1, dtype) for w in net.parameters()]
    x = r.floats((n, t, i) if first else (t, n, i), -2, 2, dtype)
    names = [k for k, _ in net.named_parameters()]
    o = r.options("ct_recurrent_options", bidirectional=both, batch_first=first)

    def theirs(u, *w):
        return torch.func.functional_call(net, dict(zip(names, w)), (u,))[0]

    def ours(u, *w):
        start = (None, None) if kind == 1 else (None,)
        return getattr(lib, "ct_" + name)(u, *start, r.handles(w), len(w), o)

    cell, (a, s, m) = (torch.rnn_tanh_cell, torch.lstm_cell, torch.gru_cell)[kind], (r.floats((n, k), -2, 2, dtype) for k in (i, h, h))
    parts = [r.floats(k, -1, 1, dtype) for k in ((gates * h, i), (gates * h, h), (gates * h,), (gates * h,))]
    if kind == 1:
        step = ("lstm_cell", [a, s, m] + parts, lambda u, v, k, *w: list(cell(u, (v, k), *w)), lambda u, v, k, *w: r.results(lambda p: lib.ct_lstm_cell(u, v, k, *w, p), 1), ())
    else:
        step = (name + "_cell", [a, s] + parts, cell, getattr(lib, f"ct_{name}_cell"), ())
    return r.rng.choice(((name, [x] + weights, theirs, ours, ()), step))


@family(2)
def masked_attention(r):
    dtype, lib, batch = r.dtype(), r.lib, r.shape(0, 2)
    n, m, e, v = (r.rng.randint(1, 5) for _ in range(4))
    q, k, w = r.floats(batch + (n, e), -2, 2, dtype), r.floats(batch + (m, e), -2, 2, dtype), r.floats(batch + (m, v), -2, 2, dtype)
    bias, scale = r.floats((n, m), -2, 2, dtype), r.rng.choice((None, .5))
    o = lambda **given: r.options("ct_attention_options", **given, **({} if scale is None else {"scale": scale}))
    return ("attention with a mask", [q, k, w, bias], lambda a, b, d, f: F.scaled_dot_product_attention(a, b, d, attn_mask=f, scale=scale),
            lambda a, b, d, f: lib.ct_scaled_dot_product_attention(a, b, d, o(mask=f)), ())


@family(2)
def steps(r):
    """Sequences of relu cells, and of lstm cells with projections."""
    dtype, lib, both, bias = torch.float64, r.lib, r.chance(.4), r.chance(.7)
    length, n, wide, hidden, layers = (r.rng.randint(1, 4) for _ in range(5))
    layers, hidden, ways = min(layers, 2), hidden + 1, 2 if both else 1
    p, kind = r.rng.randint(1, hidden - 1), r.rng.choice(("rnn_relu", "lstm"))
    h = p if kind == "lstm" else hidden
    rows, weights, ours = (4 if kind == "lstm" else 1) * hidden, [], []
    for layer in range(layers):
        for _ in range(ways):
            each = [r.floats((rows, wide if layer == 0 else h * ways), -1, 1, dtype), r.floats((rows, h), -1, 1, dtype)]
            biases = [r.floats((rows,), -1, 1, dtype), r.floats((rows,), -1, 1, dtype)] if bias else []
            last = [r.floats((p, hidden), -1, 1, dtype)] if kind == "lstm" else []
            weights += each + biases + last
            ours += [len(weights) - len(each + biases + last) + i for i in (0, 1)] + ([len(weights) - len(biases + last), len(weights) - len(biases + last) + 1] if bias else [None, None])
            ours += [len(weights) - 1] if last else []
    x, h0, c0 = r.floats((length, n, wide), -2, 2, dtype), r.floats((layers * ways, n, h), -1, 1, dtype), r.floats((layers * ways, n, hidden), -1, 1, dtype)
    o = r.options("ct_recurrent_options", bidirectional=both, **({"projected": True} if kind == "lstm" else {}))
    order = lambda w: r.handles([None if i is None else w[i] for i in ours])
    if kind == "lstm":
        return ("lstm projected", [x, h0, c0] + weights, lambda t, a, b, *w: torch.lstm(t, (a, b), list(w), bias, layers, 0., False, both, False)[0],
                lambda t, a, b, *w: lib.ct_lstm(t, a, b, order(w), len(ours), o), ())
    return ("rnn_relu", [x, h0] + weights, lambda t, a, *w: torch.rnn_relu(t, a, list(w), bias, layers, 0., False, both, False)[0],
            lambda t, a, *w: lib.ct_rnn_relu(t, a, order(w), len(ours), o), ())

"""Losses."""
import torch
import torch.nn.functional as F
from cases import family


@family(3)
def losses(r):
    dtype, shape, how = r.dtype(), r.shape(1, 3), r.rng.randint(0, 2)
    word = ("mean", "sum", "none")[how]
    x, t, third = r.floats(shape, -2, 2, dtype), r.floats(shape, -2, 2, dtype), r.floats(shape, .3, 2, dtype)
    delta, margin = r.rng.choice((.5, 1., 2.)), r.rng.choice((.25, .5, 1.))
    o, m = r.options("ct_loss_options", reduction=how, delta=delta), r.options("ct_criterion_options", reduction=how, margin=margin)
    plain, bare = r.options("ct_loss_options", reduction=how), r.options("ct_criterion_options", reduction=how)
    sign = torch.where(t.detach() > 0, 1., -1.).to(dtype)
    return r.rng.choice((
        ("mse_loss", [x, t], lambda a, b: F.mse_loss(a, b, reduction=word), lambda a, b: r.lib.ct_mse_loss(a, b, plain), (0, 1)),
        ("huber_loss", [x, t], lambda a, b: F.huber_loss(a, b, reduction=word, delta=delta), lambda a, b: r.lib.ct_huber_loss(a, b, o), (0, 1)),
        ("smooth_l1_loss", [x, t], lambda a, b: F.smooth_l1_loss(a, b, reduction=word, beta=delta), lambda a, b: r.lib.ct_smooth_l1_loss(a, b, o), (0, 1)),
        ("soft_margin_loss", [x], lambda a: F.soft_margin_loss(a, sign, reduction=word), lambda a: r.lib.ct_soft_margin_loss(a, r.ours(sign), bare), (0,)),
        ("hinge_embedding_loss", [x], lambda a: F.hinge_embedding_loss(a, sign, margin, reduction=word),
         lambda a: r.lib.ct_hinge_embedding_loss(a, r.ours(sign), m), (0,)),
        ("margin_ranking_loss", [x, t], lambda a, b: F.margin_ranking_loss(a, b, sign, margin, reduction=word),
         lambda a, b: r.lib.ct_margin_ranking_loss(a, b, r.ours(sign), m), (0, 1)),
        ("gaussian_nll_loss", [x, t, third], lambda a, b, v: F.gaussian_nll_loss(a, b, v, reduction=word),
         lambda a, b, v: r.lib.ct_gaussian_nll_loss(a, b, v, bare), (0, 1, 2)),
        ("poisson_nll_loss", [x], lambda a: F.poisson_nll_loss(a, third, reduction=word), lambda a: r.lib.ct_poisson_nll_loss(a, r.ours(third), bare), (0,)),
        ("triplet_margin_loss", [x, t, third], lambda a, b, n: F.triplet_margin_loss(a, b, n, margin, reduction=word),
         lambda a, b, n: r.lib.ct_triplet_margin_loss(a, b, n, m), (0, 1, 2)),
        ("pairwise_distance", [x, t], lambda a, b: F.pairwise_distance(a, b, 2., 1e-6), lambda a, b: r.lib.ct_pairwise_distance(a, b, 2., 1e-6, False), (0, 1))))


@family(4)
def classes(r):
    dtype, lib, how, n, k = r.dtype(), r.lib, r.rng.randint(0, 2), r.rng.randint(0, 4), r.rng.randint(1, 6)
    word, more = ("mean", "sum", "none")[how], tuple(r.rng.randint(1, 3) for _ in range(r.rng.choice((0, 0, 1, 2))))
    shape, labels = ((n, k) + more, (n,) + more) if r.chance(.8) else ((k,), ())
    x, target, weight = r.floats(shape, -3, 3, dtype), r.integers(labels, 0, k), r.floats((k,), .2, 2, dtype)
    ignored, soft = r.rng.choice((-100, 0, 1)), r.rng.choice((0., 0., .1, .5))
    w = None if r.chance() else weight
    probable = r.floats(shape, 0, 1, dtype)
    o = lambda name, **given: r.options(name, reduction=how, **given)
    ours_of = lambda t: None if t is None else r.ours(t)
    p, margin = r.rng.randint(1, 2), r.rng.choice((.5, 1.))
    rows, first = x.flatten(2)[:, :, 0] if len(shape) > 2 else x, target.flatten(1)[:, 0] if len(labels) > 1 else target
    return r.rng.choice((
        ("cross_entropy", [x, target], lambda t, i: F.cross_entropy(t, i, w, ignore_index=ignored, reduction=word, label_smoothing=soft),
         lambda t, i: lib.ct_cross_entropy(t, i, o("ct_cross_entropy_options", weight=ours_of(w), ignore_index=ignored, label_smoothing=soft)), ()),
        ("cross_entropy of probabilities", [x, probable], lambda t, i: F.cross_entropy(t, i, w, reduction=word, label_smoothing=soft),
         lambda t, i: lib.ct_cross_entropy(t, i, o("ct_cross_entropy_options", weight=ours_of(w), label_smoothing=soft)), ()),
        ("nll_loss", [x, target], lambda t, i: F.nll_loss(t, i, w, ignore_index=ignored, reduction=word),
         lambda t, i: lib.ct_nll_loss(t, i, o("ct_cross_entropy_options", weight=ours_of(w), ignore_index=ignored)), ()),
        ("multi_margin_loss", [rows, first] if rows.numel() > 0 else [x.new_ones(k), first.new_zeros(())], lambda t, i: F.multi_margin_loss(t, i, p, margin, w, reduction=word),
         lambda t, i: lib.ct_multi_margin_loss(t, i, o("ct_multi_margin_options", weight=ours_of(w), p=p, margin=margin)), ())))


@family(4)
def probabilities(r):
    dtype, lib, how, shape = r.dtype(), r.lib, r.rng.randint(0, 2), r.shape(0, 3)
    word = ("mean", "sum", "none")[how]
    x, t, w = r.floats(shape, .05, .95, dtype), r.floats(shape, 0, 1, dtype), r.floats(r.broadcast(shape), .2, 2, dtype)
    logits, pos, sign = r.floats(shape, -5, 5, dtype), r.floats(shape[-1:], .2, 2, dtype), r.integers(shape, 0, 2).to(dtype) * 2 - 1
    rows, marks = r.floats((3, 4), -2, 2, dtype), r.integers((3, 4), 0, 2).to(dtype)
    a, b, one = r.floats((3, 4), -2, 2, dtype), r.floats((3, 4), -2, 2, dtype), r.integers((3,), 0, 2).to(dtype) * 2 - 1
    full, rate, logs, margin, p, swap = r.chance(), r.chance(), r.chance(), r.rng.choice((0., .3)), r.rng.choice((1., 2., 3.)), r.chance()
    o, m = lambda **given: r.options("ct_loss_options", reduction=how, **given), lambda **given: r.options("ct_criterion_options", reduction=how, **given)
    batch = r.chance(.3)
    e = r.options("ct_loss_options", reduction=3 if batch else how, log_target=logs)
    return r.rng.choice((
        ("l1_loss", [logits, r.floats(shape, -5, 5, dtype)], lambda u, v: F.l1_loss(u, v, reduction=word), lambda u, v: lib.ct_l1_loss(u, v, o()), ()),
        ("binary_cross_entropy", [x, t], lambda u, v: F.binary_cross_entropy(u, v.detach(), w, reduction=word), lambda u, v: lib.ct_binary_cross_entropy(u, lib.ct_detach(v), o(weight=r.ours(w))), ()),
        ("binary_cross_entropy_with_logits", [logits, t], lambda u, v: F.binary_cross_entropy_with_logits(u, v, w, reduction=word, pos_weight=pos),
         lambda u, v: lib.ct_binary_cross_entropy_with_logits(u, v, o(weight=r.ours(w), pos_weight=r.ours(pos))), ()),
        ("kl_div", [x.log(), t.clamp(.1)], lambda u, v: F.kl_div(u, v.log() if logs else v, reduction="batchmean" if batch else word, log_target=logs),
         lambda u, v: lib.ct_kl_div(u, lib.ct_log(v) if logs else v, e), ()),
        ("multilabel_soft_margin_loss", [rows], lambda u: F.multilabel_soft_margin_loss(u, marks, reduction=word), lambda u: lib.ct_multilabel_soft_margin_loss(u, r.ours(marks), m()), ()),
        ("cosine_embedding_loss", [a, b], lambda u, v: F.cosine_embedding_loss(u, v, one, margin, reduction=word),
         lambda u, v: lib.ct_cosine_embedding_loss(u, v, r.ours(one), m(margin=margin)), ()),
        ("cosine_similarity", [a, b], lambda u, v: F.cosine_similarity(u, v, -1), lambda u, v: lib.ct_cosine_similarity(u, v, -1, 1e-8), ()),
        ("gaussian_nll_loss full", [logits, t, x], lambda u, v, s: F.gaussian_nll_loss(u, v, s, full=full, reduction=word), lambda u, v, s: lib.ct_gaussian_nll_loss(u, v, s, m(full=full)), ()),
        ("poisson_nll_loss full", [x], lambda u: F.poisson_nll_loss(u, t * 5, not rate, full, reduction=word), lambda u: lib.ct_poisson_nll_loss(u, r.ours(t * 5), m(rate=rate, full=full)), ()),
        ("triplet_margin_loss swap", [a, b, rows], lambda u, v, s: F.triplet_margin_loss(u, v, s, 1., p, swap=swap, reduction=word),
         lambda u, v, s: lib.ct_triplet_margin_loss(u, v, s, m(p=p, swap=swap)), ())))


@family(1)
def alignments(r):
    """ctc_loss, in front of log_softmax, where PyTorch's gradient is the derivative."""
    dtype, lib, how, t, n, k, s = r.dtype(), r.lib, r.rng.randint(0, 2), r.rng.randint(2, 7), r.rng.randint(1, 3), r.rng.randint(2, 4), r.rng.randint(1, 3)
    word, blank = ("mean", "sum", "none")[how], r.rng.randrange(k)
    x, labels = r.floats((t, n, k), -2, 2, dtype), r.integers((n, s), 0, k - 1)
    labels, long, spoken = labels + (labels >= blank), r.integers((n,), 1, t + 1), r.integers((n,), 0, s + 1)
    o = r.options("ct_ctc_options", reduction=how, blank=blank, zero_infinity=True)
    return ("ctc_loss", [x], lambda u: F.ctc_loss(u.log_softmax(2), labels, long, spoken, blank, word, True),
            lambda u: lib.ct_ctc_loss(lib.ct_log_softmax(u, 2), r.ours(labels), r.ours(long), r.ours(spoken), o), ())


@family()
def label_sets(r):
    n, k, how = r.rng.randint(1, 5), r.rng.randint(1, 6), r.rng.randint(0, 2)
    shape = (n, k) if r.chance(.8) else (k,)
    o = r.options("ct_criterion_options", reduction=how)
    return ("multilabel_margin_loss", [r.floats(shape, -2, 2, r.dtype()), r.integers(shape, -1, k)],
            lambda t, i: F.multilabel_margin_loss(t, i.contiguous(), reduction=("mean", "sum", "none")[how]), lambda t, i: r.lib.ct_multilabel_margin_loss(t, i, o), ())

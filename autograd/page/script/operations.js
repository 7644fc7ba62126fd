/* The operations, once more: for inputs that are moved, and for measuring.
 *
 * RULES says of an operation how its value and its gradients come about. What is not in it cannot be moved, and the page says so; and
 * what is, is offered only if it gives for the inputs as they were what the library gave. Tensors are {dtype, shape, v} in full. */

const tensor = (shape, v, dtype = 'float64') => ({dtype, shape, v});
const rounded = (dtype, v) => dtype === 'float32' ? v.map(Math.fround) : v;
const count = shape => shape.reduce((a, b) => a * b, 1);
function stridesOf(shape) {
  const strides = shape.map(() => 1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = strides[i + 1] * shape[i + 1];
  return strides;
}
function jointShape(a, b) {
  const rank = Math.max(a.length, b.length), at = (s, i) => s[s.length - rank + i] ?? 1;
  return Array.from({length: rank}, (_, i) => at(a, i) === 1 ? at(b, i) : at(a, i));
}
/* For each element of a shape, which element of a tensor that is broadcast to it. */
function places(shape, of) {
  const own = stridesOf(of), strides = stridesOf(shape), skip = shape.length - of.length;
  return Array.from({length: count(shape)}, (_, k) => {
    let place = 0;
    for (let i = skip; i < shape.length; i++)
      if (of[i - skip] !== 1) place += Math.floor(k / strides[i]) % shape[i] * own[i - skip];
    return place;
  });
}
function zip(a, b, f) {
  const shape = jointShape(a.shape, b.shape), pa = places(shape, a.shape), pb = places(shape, b.shape);
  return tensor(shape, rounded(a.dtype, pa.map((p, k) => f(a.v[p], b.v[pb[k]], pa[k], pb[k]))), a.dtype);
}
const map = (x, f) => tensor(x.shape, rounded(x.dtype, x.v.map(f)), x.dtype);
const mul = (a, b) => zip(a, b, (x, y) => x * y);
function sumTo(x, shape) {
  const v = new Array(count(shape)).fill(0), p = places(x.shape, shape);
  x.v.forEach((value, k) => { v[p[k]] += value; });
  return tensor(shape, rounded(x.dtype, v), x.dtype);
}
const spread = (x, shape) => tensor(shape, places(shape, x.shape).map(p => x.v[p]), x.dtype);
const reshaped = (x, shape) => tensor(shape, x.v, x.dtype);

function erf(x) {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a < 2.5) {
    let term = a, sum = a;
    for (let n = 1; Math.abs(term) > 1e-17 * sum && n < 200; n++) {
      term *= -a * a / n;
      sum += term / (2 * n + 1);
    }
    return Math.sign(x) * 2 / Math.sqrt(Math.PI) * sum;
  }
  let f = 0; /* the continued fraction of erfc */
  for (let n = 120; n > 0; n--) f = n / 2 / (a + f);
  return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + f));
}
const sigmoid = x => 1 / (1 + Math.exp(-x));
const density = x => Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);

/* One tensor: y = f(x, p, q), dy/dx = slope(x, y, p, q). */
const one = (f, slope) => ({
  f: ([x], {p = []}) => map(x, e => f(e, p[0], p[1])),
  b: (g, [x], y, {p = []}) => mul(g, tensor(x.shape, rounded(x.dtype, x.v.map((e, k) => slope(e, y.v[k], p[0], p[1]))), x.dtype)),
});
/* Two, broadcast: y = f(a, b), and the slope in each. */
const two = (f, da, db) => ({
  f: ([a, b]) => zip(a, b, f),
  b: (g, [a, b], y, _, i) => mul(g, zip(a, b, i === 0 ? da : db)),
});
/* The axes that a reduction takes away, all without any. */
function axesOf(shape, {axes = []}) {
  const chosen = axes.length ? axes.map(a => a < 0 ? a + shape.length : a) : shape.map((_, i) => i);
  return {kept: shape.map((s, i) => chosen.includes(i) ? 1 : s), n: chosen.reduce((n, i) => n * shape[i], 1)};
}
/* fold(values) of each group; slope(x, y, n) of an element in its group's result. */
const reduction = (fold, slope) => ({
  f: ([x], at, y) => {
    const {kept} = axesOf(x.shape, at), groups = Array.from({length: count(kept)}, () => []);
    places(x.shape, kept).forEach((p, k) => groups[p].push(x.v[k]));
    return tensor(y.shape, rounded(x.dtype, groups.map(fold)), x.dtype);
  },
  b: (g, [x], y, at) => {
    const {kept, n} = axesOf(x.shape, at), p = places(x.shape, kept), same = new Array(count(kept)).fill(0);
    x.v.forEach((e, k) => { same[p[k]] += e === y.v[p[k]]; });
    return tensor(x.shape, rounded(x.dtype, x.v.map((e, k) => g.v[p[k]] * slope(e, y.v[p[k]], n, same[p[k]]))), x.dtype);
  },
});
const total = v => v.reduce((a, b) => a + b, 0);
/* The same elements in another order: from[k] is where element k of the result comes from. */
const moved = from => ({
  f: ([x], at, y) => tensor(y.shape, from(x.shape, at, y.shape).map(k => x.v[k]), x.dtype),
  b: (g, [x], y, at) => {
    const v = new Array(x.v.length).fill(0);
    from(x.shape, at, y.shape).forEach((place, k) => { v[place] += g.v[k]; });
    return tensor(x.shape, v, x.dtype);
  },
});
const inOrder = moved((shape) => Array.from({length: count(shape)}, (_, k) => k));
/* Element k of a shape as indices. */
const indices = (shape, k) => { const s = stridesOf(shape); return shape.map((n, i) => Math.floor(k / s[i]) % n); };
const placeAt = (shape, index) => { const s = stridesOf(shape); return index.reduce((sum, n, i) => sum + n * s[i], 0); };
const permuted = order => moved((shape, at, to) => {
  const axes = order(shape, at);
  return Array.from({length: count(to)}, (_, k) => {
    const from = [];
    indices(to, k).forEach((n, i) => { from[axes[i]] = n; });
    return placeAt(shape, from);
  });
});
const axisOf = (a, rank) => a < 0 ? a + rank : a;

function matmul(a, b) {
  const x = a.shape.length === 1 ? [1, ...a.shape] : a.shape, y = b.shape.length === 1 ? [...b.shape, 1] : b.shape;
  const [m, k] = x.slice(-2), n = y[y.length - 1], batch = jointShape(x.slice(0, -2), y.slice(0, -2));
  const pa = places(batch, x.slice(0, -2)), pb = places(batch, y.slice(0, -2)), v = [];
  for (let t = 0; t < count(batch); t++)
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let l = 0; l < k; l++) sum += a.v[pa[t] * m * k + i * k + l] * b.v[pb[t] * k * n + l * n + j];
        v.push(sum);
      }
  const rows = a.shape.length === 1 ? [] : [m], columns = b.shape.length === 1 ? [] : [n];
  return tensor([...batch, ...rows, ...columns], rounded(a.dtype, v), a.dtype);
}
function flipped(x) {
  const rank = x.shape.length;
  if (rank < 2) return x;
  const shape = [...x.shape.slice(0, -2), x.shape[rank - 1], x.shape[rank - 2]];
  return permuted(() => [...Array.from({length: rank - 2}, (_, i) => i), rank - 1, rank - 2]).f([x], {}, {shape});
}
/* Vectors as matrices, for the gradients of a product. */
function productGradient(g, [a, b], i) {
  const rows = a.shape.length === 1 ? reshaped(a, [1, ...a.shape]) : a, columns = b.shape.length === 1 ? reshaped(b, [...b.shape, 1]) : b;
  let full = g;
  if (b.shape.length === 1) full = reshaped(full, [...full.shape, 1]);
  if (a.shape.length === 1) full = reshaped(full, [...full.shape.slice(0, -1), 1, full.shape[full.shape.length - 1]]);
  const grad = i === 0 ? matmul(full, flipped(columns)) : matmul(flipped(rows), full);
  return reshaped(sumTo(grad, (i === 0 ? rows : columns).shape), (i === 0 ? a : b).shape);
}
/* Along one axis: f(row) gives the row of the result, slope(row of y, row of g) that of the gradient. */
function alongAxis(x, axis, f, other) {
  const n = x.shape.length ? x.shape[axis] : 1, inner = x.shape.length ? stridesOf(x.shape)[axis] : 1, v = new Array(x.v.length);
  for (let k = 0; k < x.v.length; k++) {
    if (Math.floor(k / inner) % n !== 0) continue;
    const at = Array.from({length: n}, (_, i) => k + i * inner);
    f(at.map(i => x.v[i]), other ? at.map(i => other.v[i]) : []).forEach((e, i) => { v[at[i]] = e; });
  }
  return tensor(x.shape, rounded(x.dtype, v), x.dtype);
}
function softmaxRow(x) {
  const most = Math.max(...x), e = x.map(v => Math.exp(v - most)), sum = total(e);
  return e.map(v => v / sum);
}
const rowwise = (f, back) => ({
  f: ([x], {axis}) => alongAxis(x, axisOf(axis[0], x.shape.length), f),
  b: (g, [x], y, {axis}) => alongAxis(y, axisOf(axis[0], x.shape.length), back, g),
});
const share = (a, b) => a > b ? 1 : a < b ? 0 : 0.5;

const RULES = {
  neg: one(x => -x, () => -1),
  exp: one(Math.exp, (x, y) => y),
  log: one(Math.log, x => 1 / x),
  sqrt: one(Math.sqrt, (x, y) => 0.5 / y),
  square: one(x => x * x, x => 2 * x),
  abs: one(Math.abs, Math.sign),
  sign: one(Math.sign, () => 0),
  tanh: one(Math.tanh, (x, y) => 1 - y * y),
  sigmoid: one(sigmoid, (x, y) => y * (1 - y)),
  relu: one(x => x < 0 ? 0 : x, (x, y) => y > 0 ? 1 : 0),
  add_scalar: one((x, p) => x + p, () => 1),
  mul_scalar: one((x, p) => x * p, (x, y, p) => p),
  pow_scalar: one((x, p) => x ** p, (x, y, p) => p * x ** (p === 0 ? 0 : p - 1)),
  rsqrt: one(x => 1 / Math.sqrt(x), (x, y) => -0.5 * y * y * y),
  reciprocal: one(x => 1 / x, (x, y) => -y * y),
  expm1: one(Math.expm1, x => Math.exp(x)),
  log1p: one(Math.log1p, x => 1 / (1 + x)),
  log2: one(Math.log2, x => 1.4426950408889634 / x),
  sin: one(Math.sin, x => Math.cos(x)),
  cos: one(Math.cos, x => -Math.sin(x)),
  tan: one(Math.tan, (x, y) => 1 + y * y),
  asin: one(Math.asin, x => 1 / Math.sqrt(1 - x * x)),
  acos: one(Math.acos, x => -1 / Math.sqrt(1 - x * x)),
  atan: one(Math.atan, x => 1 / (1 + x * x)),
  sinh: one(Math.sinh, x => Math.cosh(x)),
  cosh: one(Math.cosh, x => Math.sinh(x)),
  erf: one(erf, x => 1.1283791670955126 * Math.exp(-x * x)),
  log_sigmoid: one(x => Math.min(x, 0) - Math.log1p(Math.exp(-Math.abs(x))), x => sigmoid(-x)),
  softplus: one((x, p) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(p * x))) / p, (x, y, p) => sigmoid(p * x)),
  leaky_relu: one((x, p) => x > 0 ? x : p * x, (x, y, p) => x > 0 ? 1 : p),
  elu: one((x, p) => x > 0 ? x : p * Math.expm1(x), (x, y, p) => x > 0 ? 1 : p * Math.exp(x)),
  gelu: one(x => x * (erf(x * Math.SQRT1_2) + 1) / 2, x => (erf(x * Math.SQRT1_2) + 1) / 2 + x * density(x)),
  silu: one(x => x * sigmoid(x), x => sigmoid(x) * (1 + x * (1 - sigmoid(x)))),
  softsign: one(x => x / (1 + Math.abs(x)), x => 1 / (1 + Math.abs(x)) ** 2),
  floor: one(Math.floor, () => 0),
  clamp: one((x, p, q) => x < p ? p : x > q ? q : x, (x, y, p, q) => x >= p && x <= q ? 1 : 0),
  clamp_inside: one((x, p, q) => x < p ? p : x > q ? q : x, (x, y, p, q) => x > p && x < q ? 1 : 0),
  add: two((a, b) => a + b, () => 1, () => 1),
  sub: two((a, b) => a - b, () => 1, () => -1),
  mul: two((a, b) => a * b, (a, b) => b, a => a),
  div: two((a, b) => a / b, (a, b) => 1 / b, (a, b) => -a / b / b),
  pow: two((a, b) => a ** b, (a, b) => b === 0 ? 0 : b * a ** (b - 1), (a, b) => a ** b * (a === 0 ? 0 : Math.log(a))),
  maximum: two((a, b) => a > b || a !== a ? a : b, share, (a, b) => share(b, a)),
  minimum: two((a, b) => a < b || a !== a ? a : b, (a, b) => share(b, a), share),
  atan2: two(Math.atan2, (a, b) => b / (a * a + b * b), (a, b) => -a / (a * a + b * b)),
  sum: reduction(total, () => 1),
  mean: reduction(v => total(v) / v.length, (x, y, n) => 1 / n),
  amax: reduction(v => Math.max(...v), (x, y, n, same) => x === y ? 1 / same : 0),
  amin: reduction(v => Math.min(...v), (x, y, n, same) => x === y ? 1 / same : 0),
  sum_to: {f: ([x], at, y) => sumTo(x, y.shape), b: (g, [x]) => spread(g, x.shape)},
  expand: {f: ([x], at, y) => spread(x, y.shape), b: (g, [x]) => sumTo(g, x.shape)},
  reshape: inOrder, flatten: inOrder, unsqueeze: inOrder, squeeze: inOrder, clone: inOrder,
  transpose: permuted((shape, {first, second}) => {
    const order = shape.map((_, i) => i), a = axisOf(first[0], shape.length), b = axisOf(second[0], shape.length);
    [order[a], order[b]] = [b, a];
    return order;
  }),
  permute: permuted((shape, at) => at.shape.slice(0, shape.length).map(a => axisOf(a, shape.length))),
  select: moved((shape, {axis, index}, to) => {
    const a = axisOf(axis[0], shape.length), n = index[0] < 0 ? index[0] + shape[a] : index[0];
    return Array.from({length: count(to)}, (_, k) => { const at = indices(to, k); at.splice(a, 0, n); return placeAt(shape, at); });
  }),
  slice: moved((shape, {axis, start, step}, to) => {
    const a = axisOf(axis[0], shape.length), begin = start[0] < 0 ? start[0] + shape[a] : start[0];
    return Array.from({length: count(to)}, (_, k) => { const at = indices(to, k); at[a] = begin + at[a] * step[0]; return placeAt(shape, at); });
  }),
  softmax: rowwise(softmaxRow, (y, g) => { const dot = total(y.map((v, i) => v * g[i])); return y.map((v, i) => v * (g[i] - dot)); }),
  log_softmax: rowwise(x => { const m = Math.max(...x), s = m + Math.log(total(x.map(v => Math.exp(v - m)))); return x.map(v => v - s); },
    (y, g) => { const sum = total(g); return y.map((v, i) => g[i] - Math.exp(v) * sum); }),
  matmul: {f: ([a, b]) => matmul(a, b), b: (g, inputs, y, _, i) => productGradient(g, inputs, i)},
  linear: {
    f: ([x, w, b]) => { const y = matmul(x, flipped(w)); return b ? zip(y, b, (p, q) => p + q) : y; },
    b: (g, [x, w], y, _, i) => i === 2 ? g : i === 0 ? matmul(g, w) :
      matmul(flipped(reshaped(g, [g.v.length / w.shape[0], w.shape[0]])), reshaped(x, [x.v.length / w.shape[1], w.shape[1]])),
  },
};

/* "axes=0,1 keepdim=0" as {axes: [0, 1], keepdim: [0]}. */
const attributesOf = n => Object.fromEntries((n.attributes || '').split(' ').filter(Boolean).map(word => {
  const [name, values] = word.split('=');
  return [name, values ? values.split(',').map(Number) : []];
}));
const known = n => n.kind !== RESULT || (Object.hasOwn(RULES, n.op) && n.output === 0);
const complete = v => v !== null && v.v !== null && !v.stats;

/* The values of all nodes, where some are given: Map of node to tensor. From is the first that may differ. */
function forward(given) {
  const values = [];
  for (const n of nodes) {
    if (given.has(n.id)) values.push(given.get(n.id));
    else if (n.kind !== RESULT) values.push(n.recordedValue);
    else values.push(RULES[n.op].f(n.inputs.map(i => i < 0 ? undefined : values[i]), n.parameters, n.recordedValue));
  }
  return values;
}
const onesLike = x => map(x, () => 1);
/* What the gradient g of a node gives its input i, in that input's shape. */
function backward(n, i, g, values) {
  const inputs = n.inputs.map(k => k < 0 ? undefined : values[k]);
  return sumTo(RULES[n.op].b(g, inputs, values[n.id], n.parameters, i), inputs[i].shape);
}
function localOf(n, i, values, elementwise) {
  const y = values[n.id];
  if (elementwise) return backward(n, i, onesLike(y), values);
  const rows = y.v.map((_, k) => backward(n, i, tensor(y.shape, y.v.map((_, m) => +(m === k)), y.dtype), values).v);
  return tensor([y.v.length, rows[0].length], rows.flat());
}
/* The steps, with the numbers that follow from these values. */
function replay(values) {
  const sums = new Map();
  return steps.map(s => {
    const r = {...s}, old = sums.get(s.to) || null;
    if (s.action === 1) {
      r.incoming = sums.get(s.from);
      r.contribution = backward(nodes[s.from], s.input, r.incoming, values);
      r.local = s.recorded.local && localOf(nodes[s.from], s.input, values, s.elementwise);
    }
    if (s.action === 2) r.contribution = old;
    else r.old = old;
    r.now = r.old ? zip(r.old, r.contribution, (a, b) => a + b) : r.contribution;
    sums.set(s.to, r.now);
    return r;
  });
}
const near = (a, b, dtype) => Object.is(a, b) || a === b || Math.abs(a - b) <= (dtype === 'float32' ? 2e-5 : 1e-11) * Math.max(1e-30, Math.abs(a), Math.abs(b)) ||
  Math.abs(a - b) < (dtype === 'float32' ? 1e-6 : 1e-14);
const agree = (a, b, dtype = a.dtype) => a.v.length === b.v.length && a.v.every((x, k) => near(x, b.v[k], dtype));

/* Why the inputs of this graph cannot be moved, or null. */
function whyFixed() {
  const failed = nodes.find(n => n.failed);
  if (failed) return `${failed.op} failed`;
  const unknown = [...new Set(nodes.filter(n => !known(n)).map(n => n.op))];
  if (unknown.length) return `this page does not know how to compute ${unknown.slice(0, 5).join(', ')}`;
  if (nodes.some(n => n.op === 'detach')) return 'it has a detached copy, which would stay as it is';
  if (!nodes.every(n => complete(n.value))) return 'there are tensors of more than 64 elements, or some whose values are not known';
  if (nodes.length > 400) return 'the graph is large';
  if (!steps.every(s => s.action !== 1 || s.from >= 0)) return 'its backward began outside of what was seen';
  const values = forward(new Map()), again = replay(values);
  const wrong = nodes.find(n => !agree(n.value, values[n.id]));
  if (wrong) return `computed here ${wrong.label} differs from what the library has`;
  sliders.computes = true;
  const bad = again.findIndex((s, k) => !agree(s.now, steps[k].now) || (s.local && complete(steps[k].local) && !agree(s.local, steps[k].local, nodes[s.to].value.dtype)));
  return bad < 0 ? null : `computed here the gradient of ${nodes[steps[bad].to].label} differs from what the library has`;
}

const sliders = {
  why: null, /* why the inputs cannot be moved; null if they can */
  unknown: null, /* why this page cannot compute the graph itself */
  library: null, /* computes it in the page's place: connect() */
  computes: false, /* values are what the library has; perhaps not gradients */
  given: new Map(),
  movable: nodes.filter(n => n.kind !== RESULT && /^float/.test(n.value ? n.value.dtype : '') && n.value.shape.reduce((a, b) => a * b, 1) <= 9 && n.value.v),

  prepare() {
    nodes.forEach(n => { n.recordedValue = n.value; n.parameters = attributesOf(n); });
    steps.forEach(s => { s.recorded = {...s}; });
    try { this.unknown = whyFixed(); } catch (e) { this.unknown = `this page cannot compute it (${e.message})`; }
    this.why = this.unknown;
  },
  hash() {
    return [...this.given].map(([n, x]) => `x${n}=${x.v.join('_')}`).join('&');
  },
  read(parts) {
    this.given.clear();
    for (const n of this.movable) {
      const v = (parts.get('x' + n.id) || '').split('_').map(Number);
      if (parts.has('x' + n.id) && v.length === n.recordedValue.v.length && v.every(Number.isFinite)) this.given.set(n.id, {...n.recordedValue, v});
    }
    if (this.why) this.given.clear();
    this.compute();
  },
  compute() {
    if (this.why) return;
    const moved = this.given.size > 0, fresh = moved && this.library ? this.ask() : null;
    const values = fresh ? fresh.nodes.map(n => value(n[9])) : moved ? forward(this.given) : nodes.map(n => n.recordedValue);
    nodes.forEach(n => { n.value = values[n.id]; });
    const again = fresh ? readSteps(fresh.steps) : moved ? replay(values) : steps.map(s => s.recorded);
    steps.forEach((s, k) => Object.assign(s, again[k], {recorded: s.recorded}));
  },
  /* The data of the same graph for the inputs as they are now, by the library. */
  ask() {
    return this.library([...this.given].map(([id, x]) => ({name: nodes[id].label, shape: x.shape, v: x.v})));
  },
  set(id, k, x) {
    const n = nodes[id], v = n.value.v.slice();
    v[k] = n.value.dtype === 'float32' ? Math.fround(x) : x;
    this.given.set(id, {...n.recordedValue, v});
    this.compute();
    writeStory();
    update();
    this.tell();
  },
  reset() {
    this.given.clear();
    this.compute();
    writeStory();
    draw();
    this.show();
  },
  /* The result now, and what the gradients at the old place forecast. */
  tell() {
    const root = nodes[data.root], was = root.recordedValue, is = root.value;
    $('moved').hidden = this.given.size === 0;
    if (sizeOf(was) !== 1 || this.given.size === 0) return;
    let forecast = was.v[0];
    for (const [id, x] of this.given) {
      const last = nodes[id].came.filter(c => c.step.action !== 2).pop();
      if (last) x.v.forEach((e, k) => { forecast += last.step.recorded.now.v[k] * (e - nodes[id].recordedValue.v[k]); });
    }
    $('moved').innerHTML = `<b>Computed by ${this.library ? 'the library' : 'this page'}</b>, since inputs were moved. ${esc(root.label)} was ${cell(was.v[0])}; the gradients forecast ${cell(forecast)}; it is ${cell(is.v[0])}.`;
  },
  show() {
    if (!this.movable.length) return;
    if (this.why) {
      $('leaves').innerHTML = `<h2>Move the inputs</h2><p class="state">Not here: ${esc(this.why)}.</p>`;
      return;
    }
    const rows = this.movable.slice(0, 30).flatMap(n => n.value.v.map((x, k) => this.row(n, k, x)));
    $('leaves').innerHTML = `<h2>Move the inputs</h2>${rows.join('')}<p id="moved" hidden></p><button id="reset">As it was</button>`;
    $('reset').addEventListener('click', () => this.reset());
    $('leaves').oninput = e => { if (e.target.dataset.of) this.take(e.target); };
    this.tell();
  },
  row(n, k, x) {
    const was = n.recordedValue.v[k], span = Math.max(2, 2 * Math.abs(was)), name = n.value.v.length > 1 ? `${n.label}[${k}]` : n.label;
    const common = `data-of="${n.id}" data-k="${k}"`;
    return `<div class="slider"><span>${esc(clip(name, 20))}</span><input type="range" ${common} min="${was - span}" max="${was + span}" step="any" value="${x}"
 aria-label="${esc(name)}"><input type="text" ${common} value="${esc(fullText(x))}" aria-label="${esc(name)}, as a number"></div>`;
  },
  take(input) {
    const x = numberFrom(input.value), other = [...$('leaves').querySelectorAll(`[data-of="${input.dataset.of}"][data-k="${input.dataset.k}"]`)].find(o => o !== input);
    input.setAttribute('aria-invalid', !Number.isFinite(x));
    if (!Number.isFinite(x)) return;
    other.value = input.type === 'range' ? numberText(x) : String(x);
    this.set(+input.dataset.of, +input.dataset.k, x);
  },
};

/* "1/2", "-.2", "2e-1"; NaN for what is no number. */
function numberFrom(words) {
  const one = s => /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(s) ? +s : NaN;
  const [a, b, ...more] = words.trim().replace(/\u2212/g, '-').replace(',', '.').split('/');
  return more.length ? NaN : b === undefined ? one(a.trim()) : one(a.trim()) / one(b.trim());
}

/* ---- measured beside calculated ---- */

const nearly = (a, b, share) => Math.abs(a - b) <= share * Math.max(1, Math.abs(a), Math.abs(b));
/* Why nothing can be measured; null if it can. */
function whyNotMeasured() {
  const root = nodes[data.root].value;
  if (sliders.unknown && !sliders.computes) return sliders.unknown;
  return sizeOf(root) === 1 && root.dtype === 'float64' ? null : 'the result is not one number of float64';
}
/* d root / d node, each element: by central differences, and the slopes on both sides, which at a kink stay apart however short the
 * step. The node's value is moved, and what follows is computed again. null: it is too large, or of another type. */
function measured(n) {
  if (whyNotMeasured() || n.value.v.length > 9 || n.value.dtype !== 'float64') return null;
  const seed = steps.find(s => s.action === 0 && s.to === data.root).contribution.v[0];
  return n.value.v.map((x, k) => {
    const h = 6e-6 * Math.max(1, Math.abs(x));
    const at = e => {
      const given = new Map(sliders.given), v = n.value.v.slice();
      v[k] = e;
      given.set(n.id, {...n.value, v});
      return forward(given)[data.root].v[0];
    };
    const here = at(x);
    const sides = h => {
      const below = at(x - h), above = at(x + h);
      return {slope: (above - below) / (2 * h) * seed, left: (here - below) / h * seed, right: (above - here) / h * seed};
    };
    const m = sides(h), finer = nearly(m.left, m.right, 1e-3) ? m : sides(h / 8);
    return {...m, kink: m !== finer && Math.abs(finer.right - finer.left) > Math.abs(m.right - m.left) / 2};
  });
}
/* Whether an element's gradient is what was measured; at a kink any slope between those of its sides will do. */
function verdictOf(now, m) {
  if (!m.kink) return nearly(now, m.slope, 1e-6) ? 'agrees' : 'differs';
  const low = Math.min(m.left, m.right), high = Math.max(m.left, m.right);
  return (now > low || nearly(now, low, 1e-3)) && (now < high || nearly(now, high, 1e-3)) ? 'kink' : 'differs';
}
/* What the library has measured when the page was written: of all elements together, along a random direction. */
function measuredByLibrary(n, by) {
  if (!n.measure || sliders.given.size) return null;
  const [along, left, right] = n.measure.slopes, m = {slope: (left + right) / 2, left, right};
  return {n, by, all: [m], verdict: ['', 'agrees', 'kink', 'differs'][n.measure.verdict], m, now: along, direction: sizeOf(n.value) > 1};
}
/* Of all elements of a node that a gradient has come to; null where there is none, or nothing can be measured. */
function comparison(n) {
  const last = n.came.filter(c => c.step.action !== 2).pop();
  const all = last && n.kind !== CONSTANT ? measured(n) : null;
  if (!all) return last ? measuredByLibrary(n, last.step.from) : null;
  const verdicts = all.map((m, k) => verdictOf(last.step.now.v[k], m));
  const k = Math.max(0, verdicts.indexOf(verdicts.includes('differs') ? 'differs' : 'kink'));
  return {n, by: last.step.from, all, verdict: verdicts[k], m: all[k], now: last.step.now.v[k]};
}
const verdictText = c => c.verdict === 'agrees' ? '\u2713 agrees' : c.verdict === 'kink' ?
  `a kink: the slope is ${numberText(c.m.left)} on one side and ${numberText(c.m.right)} on the other; ${numberText(c.now)} is a convention` : '\u2717 differs';
function measuredHtml(n) {
  const c = state.t < stepped ? null : comparison(n);
  if (!c) return '';
  const along = c.direction ? `along a random direction: by the gradient ${cell(c.now)}, measured ` : '';
  return `<dt>measured</dt><dd id="measured">${along}${c.all.map(m => cell(m.slope)).join(', ')} <span class="${c.verdict === 'differs' ? 'bad' : 'good'}">${esc(verdictText(c))}</span></dd>`;
}
/* Measures every gradient, and marks the first that differs, from the result backwards: what follows from it differs too. */
function checkAll() {
  const found = state.quiz ? [] : nodes.map(comparison).filter(Boolean);
  const why = state.quiz ? 'the quiz is not over' : found.length ? null : text(data.unmeasured) || whyNotMeasured() || 'the tensors are large, and the library was not asked to';
  const of = verdict => found.filter(c => c.verdict === verdict);
  const [kinks, wrong] = [of('kink'), of('differs')], first = wrong.pop() || kinks.pop();
  state.lit = first ? [first.n.id] : [];
  if (!why) state.t = Math.max(state.t, stepped);
  if (first) choose(first.n.id, true);
  draw();
  $('now').textContent = why ? `Not measured here: ${why}.` :
    `Measured beside calculated: ${of('agrees').length} of ${found.length} gradients agree.` + (!first ? '' :
      ` From the result back, ${partial(first.n)}${first.direction ? ', along a random direction,' : ''} = ${numberText(first.now)} is the first that does not: ` +
      (first.verdict === 'kink' ? verdictText(first) : `measured it is ${numberText(first.m.slope)}; ${first.by < 0 ? 'the beginning' : 'the backward of ' + nodes[first.by].op} is to blame`) + '.');
}

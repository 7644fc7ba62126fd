/* The page that cotan writes: draws the graph, steps through what the engine did, and lets the inputs be moved.
 *
 * The data (page_json.c says how it is written) is what the library has computed; nothing is computed here but places, texts, and,
 * once an input is moved, the operations of the table RULES. Invariant: everything shown follows from `data` and `state`. */
'use strict';

const $ = id => document.getElementById(id);
const data = JSON.parse($('data').textContent);
const state = {t: 0, width: 0, fixed: 0, chosen: -1, open: [], zoom: 1, quiz: false, playing: 0, moved: false, lit: [], near: false};

/* ---- numbers ---- */

/* x in four significant digits, rounded half to even as C does: the digits and the decimal exponent. */
function digitsOf(x) {
  let exact = Math.abs(x).toExponential(20);
  if (/5000/.test(exact)) exact = Math.abs(x).toExponential(100); /* perhaps a tie */
  const e = +exact.slice(exact.indexOf('e') + 1);
  const all = exact[0] + exact.slice(2, exact.indexOf('e'));
  let head = +all.slice(0, 4);
  const rest = all.slice(4);
  const half = '5' + '0'.repeat(rest.length - 1);
  if (rest > half || (rest === half && head % 2 === 1)) head++;
  return head === 10000 ? ['1000', e + 1] : [String(head), e];
}

/* A number for people, the same text as ct_number_text() gives. */
function numberText(x) {
  if (Number.isNaN(x)) return 'nan';
  if (!Number.isFinite(x)) return x > 0 ? 'inf' : '-inf';
  if (x === 0) return '0';
  const [digits, e] = digitsOf(x);
  const sign = x < 0 ? '-' : '';
  if (e >= 3 && e < 5) return sign + roundEven(Math.abs(x));
  if (e >= 0 && e < 3) return sign + trim(digits.slice(0, e + 1) + '.' + digits.slice(e + 1));
  if (e >= -3 && e < 0) return sign + trim('0.' + '0'.repeat(-e - 1) + digits);
  return sign + trim(digits[0] + '.' + digits.slice(1)) + 'e' + e;
}
const trim = text => text.replace(/\.?0+$/, '');
function roundEven(x) {
  const low = Math.floor(x), part = x - low;
  return String(part > 0.5 || (part === 0.5 && low % 2 === 1) ? low + 1 : low);
}

/* All digits, as they come back to the same number. */
const fullText = x => Number.isFinite(x) ? (Object.is(x, -0) ? '-0' : String(x)) : numberText(x);

const numberOf = x => typeof x === 'string' ? {nan: NaN, inf: Infinity, '-inf': -Infinity}[x] : x;

/* ---- the data ---- */

/* A value of page_json.c as {dtype, shape, v, stats}; null for none. v is null if it is not known, and has six elements if there are stats. */
function value(x) {
  if (x === null || x === undefined) return null;
  if (!Array.isArray(x)) return {dtype: 'float64', shape: [], v: [numberOf(x)]};
  const [dtype, shape, v, range, counts, bins] = x;
  const stats = range && {min: numberOf(range[0]), max: numberOf(range[1]), mean: numberOf(range[2]), norm: numberOf(range[3]),
    zeros: counts[0], nans: counts[1], infinities: counts[2], bins};
  const number = dtype === 'float32' ? x => Math.fround(numberOf(x)) : numberOf; /* written in as few digits as bring it back */
  return {dtype, shape, v: v ? v.map(number) : null, stats};
}
const sizeOf = v => v.shape.reduce((a, b) => a * b, 1);
const isZero = v => v.stats ? v.stats.zeros === sizeOf(v) : v.v !== null && v.v.every(x => x === 0);
const clip = (s, most) => [...s].length > most ? [...s].slice(0, most).join('') + '\u2026' : s;
const text = k => k < 0 ? null : data.texts[k];
const LEAF = 0, CONSTANT = 1, RESULT = 2;
const NOT_COMPUTED = 0, NONE = 1, ZERO = 2, NUMBER = 3;

const nodes = data.nodes.map((n, id) => ({id, kind: n[0], label: n[1], named: n[2], op: text(n[3]), formula: text(n[4]), file: text(n[5]),
  line: n[6], source: text(n[7]), inputs: n[8], value: value(n[9]), state: n[10], why: text(n[11]), box: n[12], w: n[13], h: n[14],
  wire: n[15], recorded: n[16], kept: value(n[17]), output: n[18], attributes: text(n[19]), reason: text(n[20]), keeps: n[21], bytes: n[22], freed: n[23], trace: n[24], failed: text(n[25]), born: text(n[26]), users: [], came: []}));
const N = nodes.length;
for (const n of nodes)
  for (const i of new Set(n.inputs)) if (i >= 0) nodes[i].users.push(n.id);
const rootLabel = nodes[data.root].label;

const boxes = data.boxes.map((b, id) => ({id: N + id, name: b[0], parent: b[1], open: b[2] === 1, count: b[3], columns: b[4],
  title: clip(b[0], 40) + (b[5] ? ' \u00d7' + b[5] : ''), flow: text(b[6]), gives: b[7], region: b[8]}));
const lanes = new Map();
let tileCount = N + boxes.length;
for (const [from, to, bends] of data.lanes) {
  lanes.set(from + '>' + to, {from, to, bend: tileCount, bends});
  tileCount += bends;
}
const parentOf = tile => tile < N ? N + nodes[tile].box : boxes[tile - N].parent < 0 ? -1 : N + boxes[tile - N].parent;
const isBend = tile => tile >= N + boxes.length;

/* A step with what can be found out: the incoming gradient, and the sums before and after. */
const came = new Map(); /* tile: what has come to it so far */
const steps = data.steps.map(([action, from, input, to, contribution, x, y, now, incoming]) => {
  const s = {action, from, input, to, contribution: value(contribution), old: came.get(to) || null, local: null, elementwise: false, summed: 0};
  if (action === 2) {
    s.old = value(x);
    s.now = value(y);
  } else {
    s.local = value(x);
    s.elementwise = (y & 1) === 1;
    s.summed = y >> 1;
    s.now = now === undefined ? s.contribution : value(now);
    s.incoming = incoming !== undefined ? value(incoming) : from >= 0 ? came.get(from) || null : null;
  }
  came.set(to, s.now);
  return s;
});

/* What an optimiser made of the leaves' gradients, and what came of the root. */
const updates = data.updates.map(([to, change, after, used, norm, factor, by, file, line, arithmetic, element]) => ({to, change: value(change), after: value(after),
  used: value(used), norm, factor, by: text(by), file: text(file), line,
  arithmetic: (text(arithmetic) || '').replaceAll('~=', '\u2248').split('\n').filter(Boolean), element}));
const forecast = data.forecast && {before: numberOf(data.forecast[0]), expected: numberOf(data.forecast[1]), after: numberOf(data.forecast[2])};

/* What happens, in order: each operation, each step back, each update. */
const forwardEvents = nodes.filter(n => n.kind === RESULT).map(n => ({node: n.id}));
const stepped = forwardEvents.length + steps.length; /* number of events after which the backward is over */
const events = forwardEvents.concat(steps.map(step => ({step})), updates.map(update => ({update})), forecast ? [{forecast}] : []);
const targetOf = e => e.step ? e.step.to : e.update ? e.update.to : e.forecast ? data.root : e.node;
const madeAt = new Int32Array(N); /* number of events after which it has a value */
events.forEach((e, k) => {
  if (e.step) nodes[e.step.to].came.push({at: k + 1, step: e.step});
  else if (e.update) nodes[e.update.to].update = {at: k + 1, ...e.update};
  else if (!e.forecast) madeAt[e.node] = k + 1;
});
const lastStep = n => n.came.length ? n.came[n.came.length - 1].step : null;

/* The gradient of a node after t events: its state, its value, and, of NONE, why. */
function gradientAt(n, t) {
  if (n.state === NONE) return {state: NONE, why: n.why};
  let now = null;
  for (const c of n.came) if (c.at <= t) now = c.step.now;
  if (now) return {state: isZero(now) ? ZERO : NUMBER, value: now};
  if (t < stepped && (n.came.length || !n.kept)) return {state: NOT_COMPUTED};
  return {state: n.state, value: n.kept};
}
const isUpdated = n => n.update && n.update.at <= state.t && !sliders.given.size;
const valueNow = n => isUpdated(n) ? n.update.after : n.value;

/* ---- texts ---- */

const esc = s => String(s).replace(/[&<>"']/g, c => '&#' + c.charCodeAt(0) + ';');
const shapeText = v => '[' + v.shape.join(',') + ']';

/* In at most a few words: a number, a short vector, or shape and range. */
function briefly(v) {
  if (!v) return '0';
  const n = sizeOf(v);
  if (!v.v) return shapeText(v) + ' (not kept)';
  if (n === 0) return 'empty ' + shapeText(v);
  if (n === 1) return numberText(v.v[0]);
  if (n <= 3 && v.shape.length === 1) return '[' + v.v.map(numberText).join(', ') + ']';
  return shapeText(v) + ' ' + rangeText(v);
}
function rangeOf(v) {
  if (v.stats) return [v.stats.min, v.stats.max];
  const finite = v.v.filter(Number.isFinite);
  return finite.length ? [Math.min(...finite), Math.max(...finite)] : [NaN, NaN];
}
function rangeText(v) {
  const [low, high] = rangeOf(v);
  if (Number.isNaN(low)) return v.v.some(Number.isNaN) ? 'all nan' : 'all inf';
  return low === high ? 'all ' + numberText(low) : numberText(low) + '..' + numberText(high);
}
const partial = n => '\u2202' + rootLabel + '/\u2202' + n.label;

/* Whether the shown numbers give the shown result: else all are rounded, and it is only nearly so. */
function equals(a, b, result, combine) {
  return numberText(combine(+a, +b)) === result ? '=' : '\u2248';
}

function forwardText(n) {
  const inputs = n.inputs.map(i => i < 0 ? '-' : clip(nodes[i].label, 40));
  return `${clip(n.label, 40)} = ${n.op}(${inputs.join(', ')}) ${n.failed ? 'failed: ' + n.failed : '= ' + briefly(n.value)}`;
}
function productText(s) {
  if (!s.elementwise || !s.incoming || !s.local) return briefly(s.contribution);
  const a = briefly(s.incoming), b = briefly(s.local), c = briefly(s.contribution);
  const single = sizeOf(s.incoming) === 1 && sizeOf(s.local) === 1;
  return `${a} \u00d7 ${b} ${single ? equals(a, b, c, (x, y) => x * y) : '='} ${c}`;
}
/* The same as the terminal's story says of a tensor that was broadcast. */
function summedText(s) {
  const axes = [...s.summed.toString(2)].reverse().flatMap((bit, axis) => bit === '1' ? [axis] : []);
  return axes.length ? `; summed over ${axes.length > 1 ? 'axes' : 'axis'} ${axes.join(' and ')}, along which ${nodes[s.to].label} repeats` : '';
}
function stepText(s) {
  const to = nodes[s.to], who = s.from >= 0 ? nodes[s.from].op : s.action === 2 ? 'earlier runs' : 'begin';
  const head = s.action === 2 ? `${partial(to)}` : `${partial(to)} = ${s.old ? '\u2026 + ' : ''}${productText(s)}`;
  if (!s.old) return `${who}: ${head}${summedText(s)}`;
  const a = briefly(s.old), b = briefly(s.contribution), c = briefly(s.now);
  const single = sizeOf(s.now) === 1;
  return `${who}: ${head}   += from ${who}: ${a} \u2192 ${c}   (${a} + ${b} ${single ? equals(a, b, c, (x, y) => x + y) : '='} ${c})${summedText(s)}`;
}
/* The same as the terminal's story says of an update. */
function updateText(u) {
  const n = nodes[u.to], clipped = u.norm === null ? '' : `, clipped from norm ${numberText(numberOf(u.norm))}`;
  const cause = (u.factor === null ? '' : numberText(u.factor) + ' \u00d7 ') + 'gradient ' + briefly(u.used) + clipped;
  const a = briefly(n.recordedValue || n.value), b = briefly(u.change), c = briefly(u.after);
  const sum = sizeOf(u.change) === 1 ? `${a} + ${b} ${equals(a, b, c, (x, y) => x + y)} ${c}` : `${a} changes by ${b} to ${c}`;
  return `update of ${clip(n.label, 40)}: ${sum}   (${cause})`;
}
function forecastText(f) {
  const a = numberText(f.before), sum = numberText(f.expected - f.before), b = numberText(f.expected);
  const told = data.forecast[1] === null ? '' : `; the gradients forecast ${a} + ${sum} ${equals(a, sum, b, (x, y) => x + y)} ${b}`;
  return `${clip(rootLabel, 40)} was ${a}${told}${data.forecast[2] === null ? '' : `; calculated again it is ${numberText(f.after)}`}`;
}
const eventText = e => e.step ? stepText(e.step) : e.update ? updateText(e.update) : e.forecast ? forecastText(e.forecast) : forwardText(nodes[e.node]);

/* ---- places: the same as place.c, to the pixel ---- */

const GAP_X = 28, GAP_Y = 14, ROW = 40, PADDING_X = 24, PADDING_Y = 14, TITLE = 24, CLOSED_H = 62;
const place = Array.from({length: tileCount}, () => ({x: 0, y: 0, w: 0, h: 12, row: 0, rank: -1}));
nodes.forEach(n => Object.assign(place[n.id], {w: n.w, h: n.h}));
for (const b of boxes) b.columns.forEach((column, rank) => column.forEach(tile => { place[tile].rank = rank; }));

/* Pieces of lanes between neighbouring columns: before[tile] and behind[tile]. */
const before = new Map(), behind = new Map();
const note = (map, a, b) => map.has(a) ? map.get(a).push(b) : map.set(a, [b]);
for (const l of lanes.values()) {
  const into = parentOf(l.to) === l.from, out = parentOf(l.from) === l.to;
  if (!into && !out && place[l.to].rank <= place[l.from].rank) continue;
  const way = [...(into ? [] : [l.from]), ...Array.from({length: l.bends}, (_, i) => l.bend + i), ...(out ? [] : [l.to])];
  for (let i = 0; i + 1 < way.length; i++) {
    note(before, way[i + 1], way[i]);
    note(behind, way[i], way[i + 1]);
  }
}

const center = tile => place[tile].y + place[tile].h / 2;
function settle(column, wish) {
  let moved = 0;
  column.forEach((tile, k) => {
    const p = place[tile];
    p.y = wish[k] - p.h / 2;
    if (k > 0) p.y = Math.max(p.y, place[column[k - 1]].y + place[column[k - 1]].h + GAP_Y);
    moved += wish[k] - (p.y + p.h / 2);
  });
  for (const tile of column) place[tile].y = Math.floor(place[tile].y + moved / column.length + 0.5);
}
function stack(column) {
  let at = -(column.reduce((sum, tile) => sum + place[tile].h + GAP_Y, -GAP_Y)) / 2;
  settle(column, column.map(tile => {
    const wish = at + place[tile].h / 2;
    at += place[tile].h + GAP_Y;
    return wish;
  }));
}
function level(column, side, first, last) {
  settle(column, column.map(tile => {
    const near = (side.get(tile) || []).filter(other => place[other].rank >= first && place[other].rank <= last);
    return near.length ? near.reduce((sum, other) => sum + center(other), 0) / near.length : center(tile);
  }));
}
function levelRow(columns, first, last) {
  columns.forEach(stack);
  columns.forEach(column => level(column, before, first, last));
  columns.slice().reverse().forEach(column => level(column, behind, first, last));
  columns.forEach(column => level(column, before, first, last));
}
function dropRow(columns, y) {
  const all = columns.flat();
  const top = Math.min(...all.map(tile => place[tile].y)), bottom = Math.max(...all.map(tile => place[tile].y + place[tile].h));
  for (const tile of all) {
    place[tile].y += y - top;
    place[tile].row = y;
  }
  return bottom - top;
}
/* The columns that fit beside each other from rank on. */
function takeRow(box, rank) {
  let x = 0;
  const first = rank;
  for (; rank < box.columns.length; rank++) {
    const column = box.columns[rank];
    const width = Math.max(0, ...column.map(tile => isBend(tile) ? 0 : place[tile].w));
    if (x > 0 && x + width > state.width) break;
    for (const tile of column) {
      place[tile].x = x;
      if (isBend(tile)) place[tile].w = width;
    }
    x += width + GAP_X;
  }
  return {columns: box.columns.slice(first, rank), first, last: rank - 1, end: rank, width: x - GAP_X};
}
function placeBox(box) {
  let width = 0, y = 0;
  for (let rank = 0; box.open && rank < box.columns.length;) {
    const row = takeRow(box, rank);
    levelRow(row.columns, row.first, row.last);
    y += dropRow(row.columns, y) + ROW;
    width = Math.max(width, row.width);
    rank = row.end;
  }
  const title = [...box.title].length * 8 + 40, p = place[box.id], gives = nodes[box.gives];
  p.w = box.open ? Math.max(width, title) + 2 * PADDING_X : Math.max(title, [...box.flow].length * 6 + 20, 110) + (gives ? gives.wire : 0);
  p.h = box.open ? Math.max(y - ROW, 0) + 2 * PADDING_Y + TITLE : Math.max(CLOSED_H, gives ? gives.h : 0);
}
/* All boxes that are seen, outermost first. */
function openBoxes() {
  const seen = [boxes[0]];
  for (let k = 0; k < seen.length; k++)
    if (seen[k].open)
      for (const tile of seen[k].columns.flat()) if (tile >= N && !isBend(tile)) seen.push(boxes[tile - N]);
  return seen;
}
function placeAll() {
  state.width = state.fixed || Math.max(600, $('graph').clientWidth - 2 * PADDING_X - 20);
  const seen = openBoxes();
  seen.slice().reverse().forEach(placeBox);
  place[N].x = place[N].y = 0;
  for (const box of seen.filter(b => b.open))
    for (const tile of box.columns.flat()) {
      place[tile].x += place[box.id].x + PADDING_X;
      place[tile].y += place[box.id].y + PADDING_Y + TITLE;
      place[tile].row += place[box.id].y + PADDING_Y + TITLE;
    }
  return seen;
}

/* ---- drawing ---- */

const SVG = 'http://www.w3.org/2000/svg';
function make(name, attributes, ...children) {
  const e = document.createElementNS(SVG, name);
  for (const key in attributes) e.setAttribute(key, attributes[key]);
  e.append(...children);
  return e;
}
const label = (classes, x, y, words) => make('text', {class: classes, x, y}, words);
const visible = tile => {
  let seen = tile;
  for (let up = parentOf(tile); up >= 0; up = parentOf(up)) if (!boxes[up - N].open) seen = up;
  return seen;
};
const depth = tile => {
  let n = 0;
  for (let up = parentOf(tile); up >= 0; up = parentOf(up)) n++;
  return n;
};

function binsPath(bins, x, y) {
  const most = Math.max(1, ...bins);
  return make('path', {class: 'h', d: bins.map((n, i) => n ? `M${x + 4 * i} ${y}h3v-${Math.ceil(12 * n / most)}h-3z` : '').join('')});
}
const lines = {}; /* of each node that is seen: its texts, to be changed by time */

function drawNode(n) {
  const p = place[n.id], y = center(n.id), width = n.w - n.wire;
  const title = clip(n.label, 18) + (n.kind === RESULT ? ' = ' + clip(n.op, 18) : '');
  const type = n.failed ? 'failed' : n.value ? (n.value.shape.length ? shapeText(n.value) + ' ' : '') + n.value.dtype : '';
  const place_ = n.file ? clip(n.file.slice(n.file.lastIndexOf('/') + 1), 24) + ':' + n.line : '';
  const g = make('g', {tabindex: 0, role: 'button', 'data-tile': n.id},
    make('rect', {class: n.failed ? 'x' : 'lcb'[n.kind], x: p.x, y: y - 23, width, height: 46, rx: n.kind === RESULT ? 12 : 3}),
    label('t', p.x + 9, y - 6, title), label('s', p.x + 9, y + 7, type), label('s', p.x + 9, y + 18, place_),
    ...drawWire(n, p.x + width, y));
  lines[n.id].g = g;
  return g;
}
/* The wire that leaves at (x, y), and what stands at it. */
function drawWire(n, x, y) {
  const at = x + 6, words = [label('v', at, 0, ''), label('s v', at, y - 5, ''), label('g', at, y + 14, ''), label('s', at, y + 27, '')];
  lines[n.id] = {words, x: at, y, bins: [], part: ''};
  return [make('path', {class: 'w', d: `M${x} ${y}h${n.wire}`}), ...words];
}
function moreText(v) {
  if (!v || !v.v || sizeOf(v) === 0 || sizeOf(v) === 1 || (sizeOf(v) <= 3 && v.shape.length === 1)) return '';
  const nans = v.stats ? v.stats.nans : v.v.filter(Number.isNaN).length;
  const infinities = v.stats ? v.stats.infinities : v.v.filter(x => Math.abs(x) === Infinity).length;
  if (nans + infinities === sizeOf(v)) return ' ';
  if (nans + infinities) return `${nans} nan, ${infinities} inf`;
  return 'mean ' + numberText(v.stats ? v.stats.mean : v.v.reduce((a, b) => a + b, 0) / v.v.length);
}
const shortText = v => !v || !v.v ? '' : moreText(v) ? rangeText(v) : sizeOf(v) === 0 ? 'empty' : v.shape.length && sizeOf(v) === 1 ?
  '[' + numberText(v.v[0]) + ']' : briefly(v);
const hidden = n => state.quiz && quiz.hides(n.id);
function gradientText(n, gradient) {
  if (gradient.state === NUMBER && hidden(n)) return '?';
  return gradient.state === NUMBER ? shortText(gradient.value) : [state.t < stepped ? 'not yet' : 'not computed', 'none', '0'][gradient.state];
}

/* Value and gradient of a node as they are now. */
function updateNode(n) {
  const l = lines[n.id], made = madeAt[n.id] <= state.t, gradient = gradientAt(n, state.t), secret = hidden(n);
  const now = valueNow(n), more = moreText(now), number = gradient.state === NUMBER && !secret;
  l.words[0].setAttribute('y', l.y - (more ? 18 : 5));
  l.words[0].textContent = made ? shortText(now) : '';
  l.words[1].textContent = made ? more : '';
  l.words[2].textContent = n.failed ? '' : '\u2202 ' + gradientText(n, gradient);
  l.words[2].setAttribute('class', gradient.state === NUMBER || gradient.state === ZERO ? 'g' : 'n');
  l.words[3].textContent = number ? moreText(gradient.value) : '';
  l.bins.forEach(b => b.remove());
  l.bins = [];
  if (made && now && now.stats) l.bins.push(binsPath(now.stats.bins, l.x, l.y - 30));
  if (number && gradient.value.stats) l.bins.push(binsPath(gradient.value.stats.bins, l.x, l.y + 45));
  l.g.append(...l.bins);
  const words = n.failed ? `${n.label}, ${n.op}, failed` :
    `${l.part}${n.label}, ${n.op || ''}, value ${made ? briefly(now) : 'not computed'}, gradient ${gradientText(n, gradient)}`;
  l.g.setAttribute('aria-label', words);
}

function drawBox(b) {
  if (b.id === N) return '';
  const p = place[b.id], part = `part ${b.title}, ${b.count} tensors`;
  const g = make('g', {tabindex: 0, role: 'button', 'data-tile': b.id, 'aria-expanded': b.open, 'aria-label': part});
  if (b.open)
    g.append(make('rect', {class: 'r', x: p.x, y: p.y, width: p.w, height: p.h, rx: 6}), label('t', p.x + 24, p.y + 18, '\u2212 ' + b.title),
      make('rect', {class: 'open', x: p.x, y: p.y, width: p.w, height: TITLE, fill: 'transparent', stroke: 'none'}));
  else drawClosed(b, g, part);
  return g;
}
/* Closed, it shows what is inside counted, its shapes, and at its wire what it gives. */
function drawClosed(b, g, part) {
  const p = place[b.id], y = center(b.id), gives = nodes[b.gives], width = p.w - (gives ? gives.wire : 0);
  g.append(make('rect', {class: 'f', x: p.x, y: y - 31, width, height: 62, rx: 6}), label('t', p.x + 10, y - 10, '+ ' + b.title),
    label('s', p.x + 10, y + 7, b.count + ' tensors'), label('s', p.x + 10, y + 21, b.flow));
  if (!gives) return;
  g.append(...drawWire(gives, p.x + width, y));
  Object.assign(lines[gives.id], {g, part: part + ', gives '});
}

/* The path of the wire into input i of a node. */
function wirePath(n, i) {
  const from = visible(n.inputs[i]), to = visible(n.id);
  if (from === to) return null;
  const begin = place[from], end = place[to], many = to === n.id ? n.inputs.length : 1;
  const y = end.y + end.h / 2 + (many > 1 && many <= 5 ? 8 * i - 4 * (many - 1) : 0);
  const pen = {d: `M${begin.x + begin.w} ${begin.y + begin.h / 2}`, x: begin.x + begin.w, y: begin.y + begin.h / 2, row: 0};
  const out = [], into = [];
  let a = n.inputs[i], b = n.id;
  while (parentOf(a) !== parentOf(b)) {
    const da = depth(a), db = depth(b);
    if (da >= db) { out.push([a, parentOf(a)]); a = parentOf(a); }
    if (db >= da) { into.unshift([parentOf(b), b]); b = parentOf(b); }
  }
  out.forEach(lane => throughLane(pen, ...lane));
  throughLane(pen, a, b);
  pen.row = place[b].row - 18 + 4 * (i % 3);
  into.forEach(lane => throughLane(pen, ...lane));
  drawTo(pen, end.x - 7, y);
  return {line: pen.d, head: `M${end.x} ${y}l-8 -4v8z`};
}
function drawTo(pen, x, y) {
  const middle = Math.floor((pen.x + x) / 2);
  pen.d += x >= pen.x ? `C${middle} ${pen.y} ${middle} ${y} ${x} ${y}` : `h10V${pen.row}H${x - 10}V${y}H${x}`;
  pen.x = x;
  pen.y = y;
}
function throughLane(pen, from, to) {
  const l = lanes.get(from + '>' + to), box = parentOf(from) === to ? to : parentOf(to);
  if (!boxes[box - N].open || visible(box) !== box) return;
  for (let i = 0; i < l.bends; i++) {
    const bend = place[l.bend + i];
    if (from !== box || i > 0) pen.row = bend.row - 18;
    drawTo(pen, bend.x, bend.y + bend.h / 2);
    pen.d += 'h' + bend.w;
    pen.x += bend.w;
  }
}

let picture = null, wires = new Map(); /* "node.input": path */
function drawWires(shown) {
  const drawn = new Map();
  wires = new Map();
  const paths = [];
  for (const n of nodes)
    n.inputs.forEach((from, i) => {
      if (from < 0) return;
      const a = visible(from), b = visible(n.id), key = a + '>' + b + (b === n.id ? '.' + i : '');
      if (a === b) return;
      if (!drawn.has(key)) {
        const path = wirePath(n, i);
        drawn.set(key, make('path', {class: 'w', d: path.line}));
        paths.push(drawn.get(key), make('path', {class: 'h', d: path.head}));
      }
      wires.set(n.id + '.' + i, drawn.get(key));
    });
  return paths;
}
function draw() {
  const seen = placeAll();
  for (const key in lines) delete lines[key];
  const shown = seen.filter(b => b.open).flatMap(b => b.columns.flat()).filter(tile => tile < N).sort((a, b) => a - b);
  const root = place[N];
  picture = make('svg', {viewBox: `0 0 ${root.w} ${root.h}`, role: 'group', 'aria-label': 'The graph, from inputs to result'},
    ...seen.map(drawBox), ...drawWires(shown), ...shown.map(k => drawNode(nodes[k])));
  for (const id of state.lit) {
    const tile = visible(id), p = place[tile];
    picture.querySelector(`[data-tile="${tile}"]`).classList.add('lit');
    picture.append(label('lit-mark', p.x - 14, p.y + p.h / 2 + 5, '\u2260'));
  }
  $('graph').replaceChildren(picture);
  zoomTo(state.zoom);
  update();
}
function zoomTo(zoom) {
  state.zoom = Math.min(4, Math.max(0.2, zoom));
  picture.setAttribute('width', Math.round(place[N].w * state.zoom));
  picture.setAttribute('height', Math.round(place[N].h * state.zoom));
}
/* As wide as there is room: rows are made anew. */
function fit() {
  state.zoom = 1;
  draw();
  zoomTo(Math.min(1, Math.max(0.6, ($('graph').clientWidth - 4) / place[N].w)));
}

/* ---- the story ---- */

/* All of it, or, of what is longer than anybody reads, what is near. */
const STORY = 400;
const shownText = e => (e.update || e.forecast) && sliders.given.size ? 'update: not for inputs that were moved' : state.quiz && e.step && quiz.hidesStep(e.step) ? hiddenText(e.step) : eventText(e);
let told = {first: 0, end: 0};
function writeStory() {
  const first = Math.max(0, Math.min(state.t - STORY / 2, events.length - STORY));
  told = {first, end: Math.min(events.length, first + STORY)};
  const more = (k, words) => `<li data-k="${k}" class="later">${words}</li>`;
  $('story').innerHTML = (first > 0 ? more(first, `${first} steps before`) : '') +
    events.slice(first, told.end).map((e, k) => `<li value="${first + k + 1}" data-k="${first + k + 1}">${esc(shownText(e))}</li>`).join('') +
    (told.end < events.length ? more(told.end + 1, `${events.length - told.end} steps behind`) : '');
}
const toldAt = k => k > told.first && k <= told.end ? $('story').querySelector(`li[value="${k}"]`) : null;
const hiddenText = s => `${s.from >= 0 ? nodes[s.from].op : 'begin'}: ${partial(nodes[s.to])} = ?`;

/* Where the story is. */
function mark(k, on) {
  const li = toldAt(k);
  if (!li) return;
  if (on) li.setAttribute('aria-current', 'step');
  else li.removeAttribute('aria-current');
}
let marked = 0;

/* Shows everything as it is after state.t events. */
function update() {
  for (const key in lines) {
    const n = nodes[key];
    updateNode(n);
    lines[key].g.classList.toggle('later', madeAt[key] > state.t);
    lines[key].g.classList.toggle('chosen', +key === state.chosen);
  }
  dim();
  for (const tile of picture.querySelectorAll('.from, .to')) tile.classList.remove('from', 'to');
  for (const w of wires.values()) w.classList.remove('moves');
  const e = events[state.t - 1];
  if (e) point(e);
  mark(marked, false);
  if (events.length > STORY && (state.t < told.first || state.t > told.end)) writeStory();
  mark(marked = state.t, true);
  $('now').textContent = e ? shownText(e) : 'Nothing is computed yet: the inputs have their values.';
  $('time').value = state.t;
  $('count').value = `${state.t} of ${events.length}`;
  $('back').disabled = $('first').disabled = state.t === 0;
  $('step').disabled = $('last').disabled = state.t === events.length;
  showDetails();
  writeHash();
}
/* Leaves what is at most two wires from the chosen node, if that is asked for, and dims all else. */
function dim() {
  const on = state.near && state.chosen >= 0, close = new Set([state.chosen]);
  for (let wires = 0; on && wires < 2; wires++)
    for (const id of [...close]) for (const k of nodes[id].inputs.concat(nodes[id].users)) if (k >= 0) close.add(k);
  const tiles = new Set([...close].filter(id => id >= 0).map(visible));
  for (const g of picture.querySelectorAll('[data-tile]')) {
    const tile = +g.dataset.tile, open = tile >= N && boxes[tile - N].open;
    g.classList.toggle('far', on && !open && !tiles.has(tile));
  }
  for (const [key, w] of wires) {
    const [to, input] = key.split('.').map(Number), far = on && !(close.has(to) && close.has(nodes[to].inputs[input]));
    for (const path of [w, w.nextSibling]) path.classList.toggle('far', far);
  }
  $('near').setAttribute('aria-pressed', on);
  $('near').disabled = state.chosen < 0;
}
function point(e) {
  const to = visible(targetOf(e)), from = e.step && e.step.from >= 0 ? visible(e.step.from) : -1;
  const tile = k => picture.querySelector(`[data-tile="${k}"]`);
  if (tile(to)) tile(to).classList.add('to');
  if (from >= 0 && tile(from)) tile(from).classList.add('from');
  if (e.step && e.step.from >= 0) {
    const w = wires.get(e.step.from + '.' + e.step.input);
    if (w) w.classList.add('moves');
  } else if (e.node !== undefined) {
    nodes[e.node].inputs.forEach((_, i) => { const w = wires.get(e.node + '.' + i); if (w) w.classList.add('moves'); });
  }
}

function goTo(t, follow = true) {
  state.t = Math.min(events.length, Math.max(0, t));
  update();
  const li = toldAt(state.t), e = events[state.t - 1];
  if (li && follow) keepInside($('told'), li);
  if (e && follow) showTile(visible(targetOf(e)));
}
function keepInside(around, inner) {
  const a = around.getBoundingClientRect(), b = inner.getBoundingClientRect();
  if (b.top < a.top) around.scrollTop -= a.top - b.top + 30;
  if (b.bottom > a.bottom) around.scrollTop += b.bottom - a.bottom + 30;
}
function showTile(tile) {
  const p = place[tile], g = $('graph'), z = state.zoom;
  const x = p.x * z, y = p.y * z;
  if (x < g.scrollLeft || x + p.w * z > g.scrollLeft + g.clientWidth) g.scrollLeft = x - g.clientWidth / 3;
  if (y < g.scrollTop || y + p.h * z > g.scrollTop + g.clientHeight) g.scrollTop = y - g.clientHeight / 3;
}

/* ---- details of what is chosen ---- */

const link = n => n < 0 ? '-' : `<button class="link" data-choose="${n}">${esc(nodes[n].label)}</button>`;
const cell = x => `<span class="num" tabindex="0" title="${esc(fullText(x))}" data-full="${esc(fullText(x))}">${esc(numberText(x))}</span>`;
function tableOf(v) {
  if (!v) return '';
  const n = sizeOf(v);
  if (!v.v) return `<span class="state">${esc(shapeText(v))} not kept</span>`;
  if (n === 0) return `<span class="state">empty ${esc(shapeText(v))}</span>`;
  if (n === 1) return cell(v.v[0]);
  if (v.stats) return statsOf(v);
  const width = v.shape[v.shape.length - 1];
  const rows = Array.from({length: n / width}, (_, r) => '<tr>' + v.v.slice(r * width, (r + 1) * width).map(x => `<td>${cell(x)}</td>`).join('') + '</tr>');
  return `<div class="wide"><table>${rows.join('')}</table></div>`;
}
function statsOf(v) {
  const s = v.stats, some = v.v.map(cell);
  return `<span class="num">${some.slice(0, 3).join(', ')} \u2026 ${some.slice(3).join(', ')}</span><br>from ${cell(s.min)} to ${cell(s.max)}, mean ${cell(s.mean)},
norm ${cell(s.norm)}; ${sizeOf(v)} elements, ${s.zeros} zero, ${s.nans} nan, ${s.infinities} infinite
<br><svg width="200" height="44" viewBox="0 0 64 14" role="img" aria-label="histogram">${binsPath(s.bins, 0, 13).outerHTML}</svg>`;
}
function gradientHtml(n) {
  const gradient = gradientAt(n, state.t);
  if (gradient.state === NOT_COMPUTED)
    return `<p class="state">not computed${data.runs ? ' yet' : ': no backward was seen'}</p>`;
  if (gradient.state === NONE) return `<p class="state">none: ${esc(gradient.why)}</p>`;
  if (hidden(n)) return '<p class="state">? (answer, or end the quiz)</p>';
  if (gradient.state === ZERO) return `<p id="gradient">${gradient.value ? tableOf(gradient.value) : '0'} <span class="state">exactly zero</span></p>`;
  return `<div id="gradient">${tableOf(gradient.value)}</div>`;
}
function sumHtml(n) {
  const all = n.came.filter(c => c.at <= state.t);
  if (all.length < 1 || hidden(n)) return '';
  return '<ul>' + all.map(c => `<li>${esc(stepText(c.step))}</li>`).join('') + '</ul>';
}
function localHtml(n) {
  const own = steps.filter(s => s.from === n.id && s.local);
  return own.map(s => `<dt>\u2202${esc(n.label)}/\u2202${esc(nodes[s.to].label)}</dt><dd>${tableOf(s.local)}</dd>`).join('');
}
function showDetails() {
  const n = nodes[state.chosen];
  if (!n) {
    $('details').innerHTML = '<h2 class="screen">Details</h2><p class="state screen">Choose a node for its value, gradient, local derivatives, rule and source line.</p>';
    return;
  }
  const kind = ['asks for a gradient', 'data: asks for no gradient', 'result of ' + esc(n.op)][n.kind];
  const where = n.file ? `<dt>where</dt><dd>${esc(n.file)}:${n.line}${n.source === null ? '' : `<code class="source">${esc(n.source)}</code>`}</dd>` : '';
  const made = madeAt[n.id] <= state.t;
  if (n.failed) {
    $('details').innerHTML = `<h2>${esc(n.label)}</h2><p>${esc(n.failed)}</p><dl><dt>takes</dt><dd>${n.inputs.map(link).join(', ')}</dd>${bornHtml(n)}${optionsHtml(n)}${where}</dl>`;
    return;
  }
  $('details').innerHTML = `<h2>${esc(n.label)}</h2><p class="state">${kind}${n.value ? ', ' + esc(shapeText(n.value)) + ' ' + n.value.dtype : ''}</p>
<h3>Value</h3><div id="value">${made ? tableOf(valueNow(n)) : '<span class="state">not computed yet</span>'}</div>
<h3>Gradient ${esc(partial(n))}</h3>${gradientHtml(n)}${sumHtml(n)}${updateHtml(n)}
<dl>${n.inputs.length ? `<dt>takes</dt><dd>${n.inputs.map(link).join(', ')}</dd>` : ''}${n.users.length ? `<dt>used by</dt><dd>${n.users.slice(0, 20).map(link).join(', ')}</dd>` : ''}
${n.formula ? `<dt>rule</dt><dd><code>${esc(n.formula)}</code> <span class="state">(g: the incoming gradient)</span></dd>` : ''}${optionsHtml(n)}${state.quiz ? '' : localHtml(n) + measuredHtml(n) + reasonHtml(n)}
${keepsHtml(n)}${bornHtml(n)}${pathOf(n)}${where}</dl>`;
}
/* Where its sizes come from; of an operation that failed, those of its inputs. */
const bornHtml = n => n.born ? `<dt>sizes</dt><dd id="born">${esc(n.born)}</dd>` : '';
function optionsHtml(n) {
  const words = (n.attributes || '').split(' ').filter(Boolean);
  return words.length ? `<dt>options</dt><dd id="options">${words.map(w => esc(w.replace(/,/g, ', '))).join('<br>')}</dd>` : '';
}
/* What a step of an optimiser made of a leaf, once it has been told of. */
function updateHtml(n) {
  if (!isUpdated(n)) return '';
  const u = n.update, where = u.file ? ` at ${esc(u.file)}:${u.line}` : '';
  return `<h3>Update</h3><p>${esc(updateText(u))} <span class="state">by ${esc(u.by)}${where}</span></p><dl><dt>before</dt><dd>${tableOf(n.value)}</dd>
<dt>change</dt><dd>${tableOf(u.change)}</dd></dl>${arithmeticHtml(n, u)}`;
}
/* What the optimiser's rule says of the element with the largest gradient. */
function arithmeticHtml(n, u) {
  if (!u.arithmetic.length) return '';
  const which = sizeOf(n.value) > 1 ? `element ${u.element}, whose gradient is the largest` : 'the step';
  return `<p class="state">p is ${esc(n.label)}, g its gradient; ${which}:</p><ol id="arithmetic">${u.arithmetic.map(s => `<li><code>${esc(s)}</code></li>`).join('')}</ol>`;
}
/* What the operation holds on to for the backward, and until when. */
function keepsHtml(n) {
  if (!n.keeps.length) return '';
  const until = n.freed < 0 ? 'and still does' : state.t >= forwardEvents.length + n.freed ? `freed after step ${forwardEvents.length + n.freed}` : `until step ${forwardEvents.length + n.freed}`;
  return `<dt>keeps</dt><dd id="keeps">${n.keeps.map(link).join(', ')}: ${n.bytes} bytes, ${until}</dd>`;
}
/* Why the gradient is what it is, as the library says it of the inputs as they were. */
function reasonHtml(n) {
  const given = n.reason && state.t >= stepped && !sliders.given.size && !n.came.some(c => c.step.action === 0);
  return given ? `<dt>why</dt><dd>${esc(n.reason)}</dd>` : '';
}
function pathOf(n) {
  const path = [];
  for (let b = n.box; b > 0; b = boxes[b].parent) path.unshift(boxes[b].title);
  return path.length ? `<dt>in</dt><dd>${esc(path.join(' > '))}</dd>` : '';
}
function choose(id, show) {
  state.chosen = id;
  if (show) reveal(id);
  update();
}
/* Opens what is around a node, and brings it into sight. */
function reveal(id) {
  let changed = false;
  for (let b = nodes[id].box; b >= 0; b = boxes[b].parent) {
    changed = changed || !boxes[b].open;
    boxes[b].open = true;
  }
  if (changed) draw();
  showTile(id);
}
function toggleBox(b) {
  b.open = !b.open;
  draw();
  const again = picture.querySelector(`[data-tile="${b.id}"]`);
  if (again) again.focus({preventScroll: true});
}
/* How many tiles there would be to see. */
function openAll() {
  const all = boxes.slice().sort((a, b) => depth(a.id) - depth(b.id));
  let seen = boxes[0].columns.flat().length;
  for (const b of all) {
    const more = b.columns.flat().filter(tile => !isBend(tile)).length;
    b.open = b.id === N || (seen + more <= 300 && (b.parent < 0 || boxes[b.parent].open));
    if (b.open && b.id !== N) seen += more;
  }
  draw();
}
function closeAll() {
  boxes.forEach(b => { b.open = b.id === N; });
  draw();
}

/* ---- where the reader is, in the address ---- */

function writeHash() {
  const open = boxes.filter(b => b.open && b.id !== N).map(b => b.id - N);
  const parts = [`t=${state.t}`];
  if (state.fixed) parts.push(`width=${state.fixed}`);
  if (state.chosen >= 0) parts.push(`n=${state.chosen}`);
  if (open.join() !== initial) parts.push(`open=${open.join('.')}`);
  if (state.quiz) parts.push('quiz=1');
  if (document.documentElement.classList.contains('embed')) parts.push('embed=1');
  if (sliders.hash()) parts.push(sliders.hash());
  try { history.replaceState(null, '', '#' + parts.join('&')); } catch { /* an embedded page has no history */ }
}
const initial = boxes.filter(b => b.open && b.id !== N).map(b => b.id - N).join();
function readHash() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const t = parts.get('t'), n = parts.get('n'), open = parts.get('open');
  state.t = t === null || !(+t >= 0) ? (data.at ? forwardEvents.length + data.at : events.length) : Math.min(events.length, Math.floor(+t));
  state.chosen = n !== null && nodes[+n] ? +n : nodes[data.root].failed ? data.root : -1;
  if (open !== null) {
    const set = new Set(open.split('.').filter(Boolean).map(Number));
    boxes.forEach((b, k) => { b.open = k === 0 || set.has(k); });
  }
  state.quiz = parts.get('quiz') === '1';
  document.documentElement.classList.toggle('embed', parts.get('embed') === '1');
  state.fixed = +parts.get('width') || 0;
  sliders.read(parts);
}

/* ---- for the page around, which shows two of these (cotan diff) ---- */

/* Marks the nodes of these ids in the trace, and shows the first. */
function light(ids) {
  state.lit = nodes.filter(n => ids.includes(n.trace)).map(n => n.id);
  const first = nodes.find(n => n.trace === ids[0]);
  draw();
  if (first) choose(first.id, true);
}
function stepBy(n) {
  goTo(state.t + n);
}

/* ---- playing ---- */

function play(on) {
  clearInterval(state.playing);
  state.playing = on ? setInterval(() => state.t < events.length ? goTo(state.t + 1) : play(false), 900) : 0;
  if (on && state.t === events.length) goTo(0);
  $('play').textContent = on ? 'Pause' : 'Play';
  $('play').setAttribute('aria-pressed', on);
}

/* ---- the operations, once more: for inputs that are moved ----
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
  why: null,
  computes: false, /* values are what the library has; perhaps not gradients */
  given: new Map(),
  movable: nodes.filter(n => n.kind !== RESULT && /^float/.test(n.value ? n.value.dtype : '') && n.value.shape.reduce((a, b) => a * b, 1) <= 9 && n.value.v),

  prepare() {
    nodes.forEach(n => { n.recordedValue = n.value; n.parameters = attributesOf(n); });
    steps.forEach(s => { s.recorded = {...s}; });
    try { this.why = whyFixed(); } catch (e) { this.why = `this page cannot compute it (${e.message})`; }
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
    const moved = this.given.size > 0, values = moved ? forward(this.given) : nodes.map(n => n.recordedValue);
    nodes.forEach(n => { n.value = values[n.id]; });
    const again = moved ? replay(values) : steps.map(s => s.recorded);
    steps.forEach((s, k) => Object.assign(s, again[k], {recorded: s.recorded}));
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
    $('moved').innerHTML = `<b>Computed by this page</b>, since inputs were moved. ${esc(root.label)} was ${cell(was.v[0])}; the gradients forecast ${cell(forecast)}; it is ${cell(is.v[0])}.`;
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
  if (sliders.why && !sliders.computes) return sliders.why;
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
/* Of all elements of a node that a gradient has come to; null where there is none, or nothing can be measured. */
function comparison(n) {
  const last = n.came.filter(c => c.step.action !== 2).pop();
  const all = last && n.kind !== CONSTANT ? measured(n) : null;
  if (!all) return null;
  const verdicts = all.map((m, k) => verdictOf(last.step.now.v[k], m));
  const k = Math.max(0, verdicts.indexOf(verdicts.includes('differs') ? 'differs' : 'kink'));
  return {n, by: last.step.from, all, verdict: verdicts[k], m: all[k], now: last.step.now.v[k]};
}
const verdictText = c => c.verdict === 'agrees' ? '\u2713 agrees' : c.verdict === 'kink' ?
  `a kink: the slope is ${numberText(c.m.left)} on one side and ${numberText(c.m.right)} on the other; ${numberText(c.now)} is a convention` : '\u2717 differs';
function measuredHtml(n) {
  const c = state.t < stepped ? null : comparison(n);
  if (!c) return '';
  return `<dt>measured</dt><dd id="measured">${c.all.map(m => cell(m.slope)).join(', ')} <span class="${c.verdict === 'differs' ? 'bad' : 'good'}">${esc(verdictText(c))}</span></dd>`;
}
/* Measures every gradient, and marks the first that differs, from the result backwards: what follows from it differs too. */
function checkAll() {
  const why = state.quiz ? 'the quiz is not over' : whyNotMeasured();
  const found = why ? [] : nodes.map(comparison).filter(Boolean), of = verdict => found.filter(c => c.verdict === verdict);
  const [kinks, wrong] = [of('kink'), of('differs')], first = wrong.pop() || kinks.pop();
  state.lit = first ? [first.n.id] : [];
  if (!why) state.t = Math.max(state.t, stepped);
  if (first) choose(first.n.id, true);
  draw();
  $('now').textContent = why ? `Not measured here: ${why}.` :
    `Measured beside calculated: ${of('agrees').length} of ${found.length} gradients agree.` + (!first ? '' :
      ` From the result back, ${partial(first.n)} = ${numberText(first.now)} is the first that does not: ` +
      (first.verdict === 'kink' ? verdictText(first) : `measured it is ${numberText(first.m.slope)}; ${first.by < 0 ? 'the beginning' : 'the backward of ' + nodes[first.by].op} is to blame`) + '.');
}

/* ---- the quiz: gradients are hidden until asked ---- */

/* The value of an expression of MISTAKES ("-g*a/b^2", "transpose(r)", "a @ g") for tensors by name. */
function evaluate(words, names) {
  const tokens = words.match(/[\w.]+|[-+*/^@()]/g);
  let at = 0;
  const take = token => tokens[at] === token && ++at;
  const functions = {exp: x => map(x, Math.exp), sin: x => map(x, Math.sin), cos: x => map(x, Math.cos), transpose: flipped};
  const need = token => { if (!take(token)) throw new Error(`no ${token} in ${words}`); };
  function atom() {
    if (take('(')) {
      const inner = sum();
      need(')');
      return inner;
    }
    const word = tokens[at++];
    if (Object.hasOwn(functions, word)) {
      need('(');
      const inner = sum();
      need(')');
      return functions[word](inner);
    }
    if (/^[\d.]+$/.test(word)) return tensor([], [+word]);
    if (!names[word]) throw new Error(`no ${word}`);
    return names[word];
  }
  const power = () => { const base = atom(); return take('^') ? zip(base, power(), (x, y) => x ** y) : base; };
  const signed = () => take('-') ? map(signed(), x => -x) : power();
  function product() {
    let left = signed();
    for (;;)
      if (take('*')) left = zip(left, signed(), (x, y) => x * y);
      else if (take('/')) left = zip(left, signed(), (x, y) => x / y);
      else if (take('@')) left = matmul(left, signed());
      else return left;
  }
  function sum() {
    let left = product();
    for (;;)
      if (take('+')) left = zip(left, product(), (x, y) => x + y);
      else if (take('-')) left = zip(left, product(), (x, y) => x - y);
      else return left;
  }
  const result = sum();
  if (at < tokens.length) throw new Error(`what is behind ${words.slice(0, at)}`);
  return result;
}

/* Three significant digits suffice. */
const closeTo = (answer, right) => answer.length === right.length &&
  right.every((r, k) => answer[k] === r || Math.abs(answer[k] - r) <= 5e-3 * Math.abs(r) || (r === 0 && Math.abs(answer[k]) < 1e-9));

const quiz = {
  answered: new Set(), tries: 0, hints: 0, again: [],

  /* What is asked, in the order in which gradients are complete. */
  get questions() {
    return nodes.filter(n => n.came.some(c => c.step.action === 1) && complete(n.value) && n.value.v.length <= 9)
      .map(n => ({node: n, parts: n.came.filter(c => c.step.action === 1).map(c => c.step), at: n.came[n.came.length - 1].at}))
      .filter(q => q.parts.every(s => s.incoming && complete(s.incoming) && complete(s.contribution)) && !q.node.came.some(c => c.step.action !== 1))
      .sort((a, b) => a.at - b.at);
  },
  get question() { return this.questions.find(q => !this.answered.has(q.node.id)); },
  hides(id) { return !this.answered.has(id) && this.questions.some(q => q.node.id === id); },
  hidesStep(s) { return this.hides(s.to); },

  turn(on) {
    state.quiz = on;
    this.answered.clear();
    this.again = [];
    this.tries = this.hints = 0;
    if (on) play(false);
    this.redraw(on ? forwardEvents.length + 1 : events.length);
  },
  redraw(t) {
    writeStory();
    this.show();
    goTo(t);
    if ($('answer')) $('answer').focus();
  },
  show() {
    $('quiz').setAttribute('aria-pressed', state.quiz);
    $('ask').hidden = !state.quiz;
    if (!state.quiz) return;
    const q = this.question, all = this.questions.length;
    if (!q) {
      $('ask').innerHTML = `<h2>Quiz</h2><p class="good">${all ? 'All gradients are found.' : 'There is nothing small enough here to ask for.'}</p>
${this.again.length ? `<p>To repeat: ${esc([...new Set(this.again)].join('; '))}.</p>` : ''}<button id="over">End the quiz</button>`;
      $('over').addEventListener('click', () => this.turn(false));
      return;
    }
    const n = q.node, many = n.value.v.length > 1 ? ` (${n.value.v.length} numbers with commas between them)` : '';
    $('ask').innerHTML = `<h2>Quiz: ${this.answered.size + 1} of ${all}</h2><form id="form"><label>${esc(partial(n))} = <input id="answer" type="text" size="12" autocomplete="off"
 aria-describedby="verdict"></label>${many} <button>Check</button> <button type="button" id="hint">Hint</button></form><p id="verdict" role="status"></p>`;
    $('form').addEventListener('submit', e => { e.preventDefault(); this.check($('answer').value); });
    $('hint').addEventListener('click', () => this.hint());
  },
  check(words) {
    const q = this.question, right = lastStep(q.node).now.v, answer = words.replace(/[[\]]/g, ' ').split(/[,;]|\s+(?=[-+.\d])/).filter(s => s.trim()).map(numberFrom);
    if (!answer.length || answer.some(Number.isNaN)) return this.say('That is no number: write 0.5, 1/2, -.2 or 2e-1.', 'bad');
    if (answer.length !== right.length) return this.say(`${right.length} number${right.length > 1 ? 's' : ''} are asked for.`, 'bad');
    if (closeTo(answer, right)) {
      this.answered.add(q.node.id);
      this.tries = this.hints = 0;
      this.redraw(q.at);
      return this.say(`Right: ${eventText({step: q.parts[q.parts.length - 1]})}`, 'good', true);
    }
    this.tries++;
    const why = this.mistake(q, answer);
    if (why) this.again.push(why);
    this.say('Not that. ' + (why ? why[0].toUpperCase() + why.slice(1) + '.' : 'Follow the wire back: what is the slope of what uses it?'), 'bad');
  },
  /* What a wrong answer may come from, or null. */
  mistake(q, answer) {
    if (q.parts.length > 1 && q.parts.some(s => closeTo(answer, s.contribution.v)))
      return `that is what comes over one of ${q.parts.length} ways: ${q.node.label} is used ${q.parts.length} times, and what comes is added up`;
    for (const s of q.parts) {
      const from = nodes[s.from], inputs = from.inputs.map(i => nodes[i] && nodes[i].value);
      const names = {g: s.incoming, v: q.node.value, r: s.contribution, n: tensor([], [q.node.value.v.length]), a: inputs[0], x: inputs[0], b: inputs[1], y: from.value};
      const rest = q.parts.filter(o => o !== s).reduce((sum, o) => zip(sum, o.contribution, (x, y) => x + y), map(s.contribution, () => 0));
      for (const [op, input, words, why] of MISTAKES) {
        if ((op !== '*' && op !== from.op) || (input >= 0 && input !== s.input)) continue;
        try {
          const wrong = zip(rest, evaluate(words, names), (x, y) => x + y);
          if (closeTo(answer, wrong.v)) return why;
        } catch { /* its shapes do not fit here */ }
      }
    }
    return null;
  },
  hint() {
    const q = this.question, s = q.parts[Math.min(this.hints, 100) % q.parts.length], from = nodes[s.from];
    const rungs = [
      q.parts.length > 1 ? `${q.node.label} is used ${q.parts.length} times: add up what comes over each.` : `${q.node.label} is used by ${from.op}: incoming gradient times its slope.`,
      `The rule of ${from.op}: ${from.formula} (g: the incoming gradient, here ${briefly(s.incoming)}).`,
      ...q.parts.map(p => stepText(p)),
    ];
    this.say(rungs[Math.min(this.hints, rungs.length - 1)], '');
    this.hints++;
    this.again.push(partial(q.node));
  },
  say(words, kind, before) {
    if (before && $('ask').querySelector('h2')) {
      $('ask').querySelector('.said')?.remove();
      $('ask').querySelector('h2').insertAdjacentHTML('afterend', `<p class="said ${kind}" role="status">${esc(words)}</p>`);
      return;
    }
    $('verdict').className = kind;
    $('verdict').textContent = words;
  },
};

/* ---- controls ---- */

function find(words) {
  const w = words.trim().toLowerCase();
  if (!w) return -1;
  const fits = n => [n.label, n.op, pathNames(n), n.file ? n.file + ':' + n.line : ''].some(s => (s || '').toLowerCase().includes(w));
  const exact = nodes.findIndex(n => n.label.toLowerCase() === w);
  const after = nodes.slice(state.chosen + 1).findIndex(fits);
  return exact >= 0 && exact !== state.chosen ? exact : after >= 0 ? state.chosen + 1 + after : nodes.findIndex(fits);
}
function pathNames(n) {
  const path = [];
  for (let b = n.box; b > 0; b = boxes[b].parent) if (boxes[b].region) path.unshift(boxes[b].name);
  return path.join('.');
}
function search() {
  const found = find($('search').value);
  $('search').setAttribute('aria-invalid', found < 0 && $('search').value !== '');
  if (found >= 0) choose(found, true);
}
const themes = ['system', 'light', 'dark'];
const darkWanted = matchMedia('(prefers-color-scheme: dark)');
let theme = 0;
function showTheme() {
  const dark = themes[theme] === 'dark' || (themes[theme] === 'system' && darkWanted.matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  $('theme').textContent = themes[theme] === 'system' ? 'Theme' : themes[theme] === 'dark' ? 'Dark' : 'Light';
}

const commands = {
  first: () => goTo(0), back: () => goTo(state.t - 1), step: () => goTo(state.t + 1), last: () => goTo(events.length),
  play: () => play(!state.playing), smaller: () => zoomTo(state.zoom / 1.2), larger: () => zoomTo(state.zoom * 1.2), fit,
  unfold: openAll, fold: closeAll, check: checkAll, near: () => { state.near = !state.near; update(); }, quiz: () => quiz.turn(!state.quiz),
  theme: () => { theme = (theme + 1) % 3; showTheme(); },
};
const keys = {ArrowRight: 'step', ArrowLeft: 'back', ' ': 'play', Home: 'first', End: 'last', '+': 'larger', '=': 'larger', '-': 'smaller', 0: 'fit', q: 'quiz', c: 'check', n: 'near'};

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const on = event.target, types = on.matches('input[type=text], input[type=search]');
  if (types) return;
  const tile = on.dataset && on.dataset.tile;
  if (tile !== undefined && (event.key === 'Enter' || event.key === ' ')) {
    pick(+tile);
    event.preventDefault();
  } else if (event.key === '/') {
    $('search').focus();
    event.preventDefault();
  } else if (keys[event.key] && !(on.matches('button') && event.key === ' ') && !on.matches('input[type=range]')) {
    commands[keys[event.key]]();
    event.preventDefault();
  }
}
function pick(tile) {
  if (tile >= N) toggleBox(boxes[tile - N]);
  else choose(state.chosen === tile ? -1 : tile, false);
}

/* The graph is moved by dragging; its scroll bars do the same. */
function dragging() {
  const g = $('graph');
  let from = null;
  g.addEventListener('pointerdown', e => {
    if (e.button === 0 && !e.target.closest('[role=button]')) from = {x: e.clientX + g.scrollLeft, y: e.clientY + g.scrollTop};
  });
  addEventListener('pointermove', e => {
    if (!from) return;
    g.classList.add('moving');
    g.scrollLeft = from.x - e.clientX;
    g.scrollTop = from.y - e.clientY;
  });
  addEventListener('pointerup', () => { from = null; g.classList.remove('moving'); });
  g.addEventListener('wheel', e => {
    if (!e.ctrlKey) return;
    e.preventDefault();
    zoomTo(state.zoom * (e.deltaY < 0 ? 1.1 : 1 / 1.1));
  }, {passive: false});
}

/* On paper everything is open that can be read there. */
let opened = null;
addEventListener('beforeprint', () => {
  opened = boxes.map(b => b.open);
  openAll();
});
addEventListener('afterprint', () => {
  boxes.forEach((b, k) => { b.open = opened[k]; });
  draw();
});

function begin() {
  for (const name in commands) $(name).addEventListener('click', commands[name]);
  $('time').max = events.length;
  $('time').addEventListener('input', () => goTo(+$('time').value));
  $('search').addEventListener('change', search);
  $('search').addEventListener('keydown', e => { if (e.key === 'Enter') search(); });
  $('found').innerHTML = [...new Set(nodes.filter(n => n.named).map(n => n.label))].slice(0, 200).map(s => `<option value="${esc(s)}">`).join('');
  $('story').addEventListener('click', e => { const li = e.target.closest('li'); if (li) goTo(+li.dataset.k); });
  $('graph').addEventListener('click', e => { const g = e.target.closest('[data-tile]'); if (g) pick(+g.dataset.tile); });
  $('details').addEventListener('click', e => { if (e.target.dataset.choose) choose(+e.target.dataset.choose, true); });
  for (const kind of ['focusin', 'focusout'])
    $('details').addEventListener(kind, e => { if (e.target.dataset.full) e.target.textContent = kind === 'focusin' ? e.target.dataset.full : numberText(+e.target.dataset.full.replace('inf', 'Infinity')); });
  addEventListener('keydown', pressed);
  addEventListener('hashchange', () => { readHash(); writeStory(); draw(); quiz.show(); sliders.show(); });
  darkWanted.addEventListener('change', showTheme);
  dragging();
  showTheme();
  sliders.prepare();
  readHash();
  writeStory();
  draw();
  fit();
  quiz.show();
  sliders.show();
}
begin();

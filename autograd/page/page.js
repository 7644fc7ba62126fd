/* The page that cotan writes: draws the graph, steps through what the engine did.
 *
 * The data (page_json.c says how it is written) is what the library has computed; nothing is computed here but places and texts.
 * Invariant: everything shown follows from `data` and `state`. */
'use strict';

const $ = id => document.getElementById(id);
const data = JSON.parse($('data').textContent);
const state = {t: 0, width: 0, chosen: -1, open: [], zoom: 1, playing: 0};

/* ---- numbers ---- */

/* x in four significant digits, rounded half to even as C does: the digits and the decimal exponent. */
function digitsOf(x) {
  const exact = Math.abs(x).toExponential(100);
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
  return {dtype, shape, v: v ? v.map(numberOf) : null, stats};
}
const sizeOf = v => v.shape.reduce((a, b) => a * b, 1);
const isZero = v => v.stats ? v.stats.zeros === sizeOf(v) : v.v !== null && v.v.every(x => x === 0);
const text = k => k < 0 ? null : data.texts[k];
const LEAF = 0, CONSTANT = 1, RESULT = 2;
const NOT_COMPUTED = 0, NONE = 1, ZERO = 2, NUMBER = 3;

const nodes = data.nodes.map((n, id) => ({id, kind: n[0], label: n[1], named: n[2], op: text(n[3]), formula: text(n[4]), file: text(n[5]),
  line: n[6], source: text(n[7]), inputs: n[8], value: value(n[9]), state: n[10], why: text(n[11]), box: n[12], w: n[13], h: n[14],
  wire: n[15], recorded: n[16], kept: value(n[17]), users: [], came: []}));
const N = nodes.length;
for (const n of nodes)
  for (const i of new Set(n.inputs)) if (i >= 0) nodes[i].users.push(n.id);
const rootLabel = nodes[data.root].label;

const boxes = data.boxes.map((b, id) => ({id: N + id, name: b[0], parent: b[1], open: b[2] === 1, count: b[3], columns: b[4]}));
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
  const s = {action, from, input, to, contribution: value(contribution), old: came.get(to) || null, local: null, elementwise: false};
  if (action === 2) {
    s.old = value(x);
    s.now = value(y);
  } else {
    s.local = value(x);
    s.elementwise = y === 1;
    s.now = now === undefined ? s.contribution : value(now);
    s.incoming = incoming !== undefined ? value(incoming) : from >= 0 ? came.get(from) || null : null;
  }
  came.set(to, s.now);
  return s;
});

/* What happens, in order: each operation, then each step back. */
const events = nodes.filter(n => n.kind === RESULT).map(n => ({node: n.id})).concat(steps.map(step => ({step})));
const madeAt = new Int32Array(N); /* number of events after which it has a value */
events.forEach((e, k) => {
  if (e.step) nodes[e.step.to].came.push({at: k + 1, step: e.step});
  else madeAt[e.node] = k + 1;
});
const lastStep = n => n.came.length ? n.came[n.came.length - 1].step : null;

/* The gradient of a node after t events: its state, its value, and, of NONE, why. */
function gradientAt(n, t) {
  if (n.state === NONE) return {state: NONE, why: n.why};
  let now = null;
  for (const c of n.came) if (c.at <= t) now = c.step.now;
  if (now) return {state: isZero(now) ? ZERO : NUMBER, value: now};
  if (t < events.length && (n.came.length || !n.kept)) return {state: NOT_COMPUTED};
  return {state: n.state, value: n.kept};
}

/* ---- texts ---- */

const esc = s => String(s).replace(/[&<>"']/g, c => '&#' + c.charCodeAt(0) + ';');
const shapeText = v => '[' + v.shape.join(',') + ']';
const clip = (s, most) => [...s].length > most ? [...s].slice(0, most).join('') + '\u2026' : s;

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
  return `${clip(n.label, 40)} = ${n.op}(${inputs.join(', ')}) = ${briefly(n.value)}`;
}
function productText(s) {
  if (!s.elementwise || !s.incoming || !s.local) return briefly(s.contribution);
  const a = briefly(s.incoming), b = briefly(s.local), c = briefly(s.contribution);
  const single = sizeOf(s.incoming) === 1 && sizeOf(s.local) === 1;
  return `${a} \u00d7 ${b} ${single ? equals(a, b, c, (x, y) => x * y) : '='} ${c}`;
}
function stepText(s) {
  const to = nodes[s.to], who = s.from >= 0 ? nodes[s.from].op : s.action === 2 ? 'earlier runs' : 'begin';
  const head = s.action === 2 ? `${partial(to)}` : `${partial(to)} = ${s.old ? '\u2026 + ' : ''}${productText(s)}`;
  if (!s.old) return `${who}: ${head}`;
  const a = briefly(s.old), b = briefly(s.contribution), c = briefly(s.now);
  const single = sizeOf(s.now) === 1;
  return `${who}: ${head}   += from ${who}: ${a} \u2192 ${c}   (${a} + ${b} ${single ? equals(a, b, c, (x, y) => x + y) : '='} ${c})`;
}
const eventText = e => e.step ? stepText(e.step) : forwardText(nodes[e.node]);

/* ---- places: the same as place.c, to the pixel ---- */

const GAP_X = 28, GAP_Y = 14, ROW = 40, PADDING_X = 24, PADDING_Y = 14, TITLE = 24, CLOSED_H = 56;
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
  const title = [...clip(box.name, 40)].length * 8 + 40, p = place[box.id];
  p.w = box.open ? Math.max(width, title) + 2 * PADDING_X : Math.max(title, 110);
  p.h = box.open ? Math.max(y - ROW, 0) + 2 * PADDING_Y + TITLE : CLOSED_H;
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
  state.width = +new URLSearchParams(location.hash.slice(1)).get('width') || Math.max(600, $('graph').clientWidth - 2 * PADDING_X - 20);
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
  const p = place[n.id], y = center(n.id), width = n.w - n.wire, x = p.x + width + 6;
  const title = clip(n.label, 18) + (n.kind === RESULT ? ' = ' + clip(n.op, 18) : '');
  const type = n.value ? (n.value.shape.length ? shapeText(n.value) + ' ' : '') + n.value.dtype : '';
  const place_ = n.file ? clip(n.file.slice(n.file.lastIndexOf('/') + 1), 24) + ':' + n.line : '';
  const g = make('g', {tabindex: 0, role: 'button', 'data-tile': n.id},
    make('rect', {class: 'lcb'[n.kind], x: p.x, y: y - 23, width, height: 46, rx: n.kind === RESULT ? 12 : 3}),
    label('t', p.x + 9, y - 6, title), label('s', p.x + 9, y + 7, type), label('s', p.x + 9, y + 18, place_),
    make('path', {class: 'w', d: `M${p.x + width} ${y}h${n.wire}`}));
  const words = [label('v', x, 0, ''), label('s v', x, y - 5, ''), label('g', x, y + 14, ''), label('s', x, y + 27, '')];
  g.append(...words);
  lines[n.id] = {g, words, x, y, bins: []};
  return g;
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
function gradientText(n, gradient) {
  return gradient.state === NUMBER ? shortText(gradient.value) : [state.t < events.length ? 'not yet' : 'not computed', 'none', '0'][gradient.state];
}

/* Value and gradient of a node as they are now. */
function updateNode(n) {
  const l = lines[n.id], made = madeAt[n.id] <= state.t, gradient = gradientAt(n, state.t);
  const more = moreText(n.value), number = gradient.state === NUMBER;
  l.words[0].setAttribute('y', l.y - (more ? 18 : 5));
  l.words[0].textContent = made ? shortText(n.value) : '';
  l.words[1].textContent = made ? more : '';
  l.words[2].textContent = '\u2202 ' + gradientText(n, gradient);
  l.words[2].setAttribute('class', gradient.state === NUMBER || gradient.state === ZERO ? 'g' : 'n');
  l.words[3].textContent = number ? moreText(gradient.value) : '';
  l.bins.forEach(b => b.remove());
  l.bins = [];
  if (made && n.value && n.value.stats) l.bins.push(binsPath(n.value.stats.bins, l.x, l.y - 30));
  if (number && gradient.value.stats) l.bins.push(binsPath(gradient.value.stats.bins, l.x, l.y + 45));
  l.g.append(...l.bins);
  const words = `${n.label}, ${n.op || ''}, value ${made ? briefly(n.value) : 'not computed'}, gradient ${gradientText(n, gradient)}`;
  l.g.setAttribute('aria-label', words);
}

function drawBox(b) {
  if (b.id === N) return '';
  const p = place[b.id], name = clip(b.name, 40);
  const g = make('g', {tabindex: 0, role: 'button', 'data-tile': b.id, 'aria-expanded': b.open, 'aria-label': `part ${b.name}, ${b.count} tensors`},
    make('rect', {class: b.open ? 'r' : 'f', x: p.x, y: p.y, width: p.w, height: p.h, rx: 6}),
    label('t', p.x + (b.open ? 24 : 10), p.y + (b.open ? 18 : 24), (b.open ? '\u2212 ' : '+ ') + name));
  if (b.open) g.append(make('rect', {class: 'open', x: p.x, y: p.y, width: p.w, height: TITLE, fill: 'transparent', stroke: 'none'}));
  else g.append(label('s', p.x + 10, p.y + 42, b.count + ' tensors'));
  return g;
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
  zoomTo(Math.min(1.25, Math.max(0.6, ($('graph').clientWidth - 4) / place[N].w)));
}

/* ---- the story ---- */

function writeStory() {
  $('story').innerHTML = events.map((e, k) => `<li data-k="${k + 1}">${esc(eventText(e))}</li>`).join('');
}

/* Where the story is. */
function mark(k, on) {
  const li = $('story').children[k - 1];
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
    lines[key].g.classList.remove('from', 'to');
    lines[key].g.classList.toggle('chosen', +key === state.chosen);
  }
  for (const w of wires.values()) w.classList.remove('moves');
  const e = events[state.t - 1];
  if (e) point(e);
  mark(marked, false);
  mark(marked = state.t, true);
  $('now').textContent = e ? eventText(e) : 'Nothing is computed yet: the inputs have their values.';
  $('time').value = state.t;
  $('count').value = `${state.t} of ${events.length}`;
  $('back').disabled = $('first').disabled = state.t === 0;
  $('step').disabled = $('last').disabled = state.t === events.length;
  showDetails();
  writeHash();
}
function point(e) {
  const to = visible(e.step ? e.step.to : e.node), from = e.step && e.step.from >= 0 ? visible(e.step.from) : -1;
  const tile = k => picture.querySelector(`[data-tile="${k}"]`);
  if (tile(to)) tile(to).classList.add('to');
  if (from >= 0 && tile(from)) tile(from).classList.add('from');
  if (e.step && e.step.from >= 0) {
    const w = wires.get(e.step.from + '.' + e.step.input);
    if (w) w.classList.add('moves');
  } else if (!e.step) {
    nodes[e.node].inputs.forEach((_, i) => { const w = wires.get(e.node + '.' + i); if (w) w.classList.add('moves'); });
  }
}

function goTo(t, follow = true) {
  state.t = Math.min(events.length, Math.max(0, t));
  update();
  const li = $('story').children[state.t - 1], e = events[state.t - 1];
  if (li && follow) keepInside($('told'), li);
  if (e && follow) showTile(visible(e.step ? e.step.to : e.node));
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
  if (gradient.state === ZERO) return `<p id="gradient">${gradient.value ? tableOf(gradient.value) : '0'} <span class="state">exactly zero</span></p>`;
  return `<div id="gradient">${tableOf(gradient.value)}</div>`;
}
function sumHtml(n) {
  const all = n.came.filter(c => c.at <= state.t);
  if (all.length < 1) return '';
  return '<ul>' + all.map(c => `<li>${esc(stepText(c.step))}</li>`).join('') + '</ul>';
}
function localHtml(n) {
  const own = steps.filter(s => s.from === n.id && s.local);
  return own.map(s => `<dt>\u2202${esc(n.label)}/\u2202${esc(nodes[s.to].label)}</dt><dd>${tableOf(s.local)}</dd>`).join('');
}
function showDetails() {
  const n = nodes[state.chosen];
  if (!n) {
    $('details').innerHTML = '<h2>Details</h2><p class="state">Choose a node for its value, gradient, local derivatives, rule and source line.</p>';
    return;
  }
  const kind = ['asks for a gradient', 'data: asks for no gradient', 'result of ' + esc(n.op)][n.kind];
  const where = n.file ? `<dt>where</dt><dd>${esc(n.file)}:${n.line}${n.source === null ? '' : `<code class="source">${esc(n.source)}</code>`}</dd>` : '';
  const made = madeAt[n.id] <= state.t;
  $('details').innerHTML = `<h2>${esc(n.label)}</h2><p class="state">${kind}${n.value ? ', ' + esc(shapeText(n.value)) + ' ' + n.value.dtype : ''}</p>
<h3>Value</h3><div id="value">${made ? tableOf(n.value) : '<span class="state">not computed yet</span>'}</div>
<h3>Gradient ${esc(partial(n))}</h3>${gradientHtml(n)}${sumHtml(n)}
<dl>${n.inputs.length ? `<dt>takes</dt><dd>${n.inputs.map(link).join(', ')}</dd>` : ''}${n.users.length ? `<dt>used by</dt><dd>${n.users.slice(0, 20).map(link).join(', ')}</dd>` : ''}
${n.formula ? `<dt>rule</dt><dd><code>${esc(n.formula)}</code> <span class="state">(g: the incoming gradient)</span></dd>` : ''}${localHtml(n)}
${pathOf(n)}${where}</dl>`;
}
function pathOf(n) {
  const path = [];
  for (let b = n.box; b > 0; b = boxes[b].parent) path.unshift(boxes[b].name);
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
  if (state.chosen >= 0) parts.push(`n=${state.chosen}`);
  if (open.join() !== initial) parts.push(`open=${open.join('.')}`);
  try { history.replaceState(null, '', '#' + parts.join('&')); } catch { /* an embedded page has no history */ }
}
const initial = boxes.filter(b => b.open && b.id !== N).map(b => b.id - N).join();
function readHash() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const t = parts.get('t'), n = parts.get('n'), open = parts.get('open');
  state.t = t === null || !(+t >= 0) ? events.length : Math.min(events.length, Math.floor(+t));
  state.chosen = n !== null && nodes[+n] ? +n : -1;
  if (open !== null) {
    const set = new Set(open.split('.').filter(Boolean).map(Number));
    boxes.forEach((b, k) => { b.open = k === 0 || set.has(k); });
  }
}

/* ---- playing ---- */

function play(on) {
  clearInterval(state.playing);
  state.playing = on ? setInterval(() => state.t < events.length ? goTo(state.t + 1) : play(false), 900) : 0;
  if (on && state.t === events.length) goTo(0);
  $('play').textContent = on ? 'Pause' : 'Play';
  $('play').setAttribute('aria-pressed', on);
}

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
  for (let b = n.box; b > 0; b = boxes[b].parent) path.unshift(boxes[b].name);
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
  $('theme').textContent = 'Theme: ' + themes[theme];
}

const commands = {
  first: () => goTo(0), back: () => goTo(state.t - 1), step: () => goTo(state.t + 1), last: () => goTo(events.length),
  play: () => play(!state.playing), smaller: () => zoomTo(state.zoom / 1.2), larger: () => zoomTo(state.zoom * 1.2), fit,
  unfold: openAll, fold: closeAll,
  theme: () => { theme = (theme + 1) % 3; showTheme(); },
};
const keys = {ArrowRight: 'step', ArrowLeft: 'back', ' ': 'play', Home: 'first', End: 'last', '+': 'larger', '=': 'larger', '-': 'smaller', 0: 'fit'};

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
  addEventListener('hashchange', () => { readHash(); writeStory(); draw(); });
  darkWanted.addEventListener('change', showTheme);
  dragging();
  showTheme();
  readHash();
  writeStory();
  draw();
  fit();
}
begin();

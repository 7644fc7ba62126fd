/* The picture: where everything lies, and the SVG of it. */
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

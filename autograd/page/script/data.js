/* The page that cotan writes: draws the graph, steps through what the engine did, and lets the inputs be moved.
 *
 * The data (page_json.c says how it is written) is what the library has computed; nothing is computed here but places, texts, and,
 * once an input is moved, the operations of the table RULES. Invariant: everything shown follows from `data` and `state`.
 *
 * One script in six files, which embed.py puts together: data.js, picture.js, story.js, operations.js, quiz.js, controls.js. */
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
  wire: n[15], recorded: n[16], kept: value(n[17]), output: n[18], attributes: text(n[19]), reason: text(n[20]), keeps: n[21], bytes: n[22], freed: n[23], trace: n[24], failed: text(n[25]), born: text(n[26]), measure: n[27] ? {verdict: n[27], slopes: n[28].map(numberOf)} : null, users: [], came: []}));
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

/* Steps with what can be found out: the incoming gradient, and the sums before and after. */
function readSteps(list) {
  const came = new Map(); /* tile: what has come to it so far */
  return list.map(([action, from, input, to, contribution, x, y, now, incoming]) => {
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
}
const steps = readSteps(data.steps);

for (const [k, elements] of data.kinks) steps[k].kinks = elements;

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
/* The same as the terminal's story says; of inputs that were moved it is not known. */
function kinkText(s) {
  if (!s.kinks || sliders.given.size) return '';
  return sizeOf(s.local) === 1 ? `; at a kink: ${numberText(s.local.v[0])} is a convention`
    : `; at a kink in ${s.kinks} of ${sizeOf(s.local)} elements, where the slope is a convention`;
}
function stepText(s) {
  const to = nodes[s.to], who = s.from >= 0 ? nodes[s.from].op : s.action === 2 ? 'earlier runs' : 'begin';
  const head = s.action === 2 ? `${partial(to)}` : `${partial(to)} = ${s.old ? '\u2026 + ' : ''}${productText(s)}`;
  if (!s.old) return `${who}: ${head}${summedText(s)}${kinkText(s)}`;
  const a = briefly(s.old), b = briefly(s.contribution), c = briefly(s.now);
  const single = sizeOf(s.now) === 1;
  return `${who}: ${head}   += from ${who}: ${a} \u2192 ${c}   (${a} + ${b} ${single ? equals(a, b, c, (x, y) => x + y) : '='} ${c})${summedText(s)}${kinkText(s)}`;
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

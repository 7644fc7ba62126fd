/* The playground: what is asked for goes to the library, compiled to WebAssembly as cotanLibrary(), and what it answers is shown. The
 * graph is drawn by the page that the library writes, in a frame. Invariant: no
 * value, loss or gradient is calculated here. */
'use strict';

const $ = id => document.getElementById(id);
const PAGE = '/page.html'; /* in the library's memory */

const EXAMPLES = [
  ['the circuit of the lectures', 'f = 1/(1+exp(-(w0*x0 + w1*x1 + w2)))', 'w0=2 x0=-1 w1=-3 x1=-2 w2=-3'],
  ['a name used twice', 'f = x*y + x', 'x=3 y=4'],
  ['a neuron', 'y = sigmoid(sum(w * x) + b)', 'w=[1,-2] x=[0.5,1] b=0.5'],
  ['a line and its loss', 'loss = mean((w*[0,1,2,3] + b - [1,3,5,7])^2)', 'w=0 b=0', 'sgd lr=0.05'],
  ['a network of two layers', 'h = tanh(W1 @ x + b1); loss = (sum(w2 * h) + b2 - 1)^2', 'W1=[[0.5,-1],[1,0.5]] x=[1,-1] b1=[0,0] w2=[1,-1] b2=0', 'sgd lr=0.1'],
  ['softmax and cross entropy', 'p = softmax(W @ x + b); loss = -sum([1,0,0] * log(p))', 'W=[[1,0],[0,1],[-1,1]] x=[2,1] b=[0,0,0]'],
  ['attention', 'P = softmax(Q @ transpose(K, 0, 1) / sqrt(2), axis=1); loss = sum((P @ V)^2)', 'Q=[[1,0],[0,1]] K=[[1,1],[-1,1]] V=[[1,2],[3,4]]'],
  ['layer norm', 'loss = sum(layer_norm(x) * [1,-1,2])', 'x=[1,2,4]'],
  ['a kink', 'f = abs(x) + relu(x)', 'x=0'],
  ['sizes that do not go together', 'h = X @ W; sum(h + v)', 'X=[[1,2],[3,4]] W=[[1,0,1],[0,1,2]] v=[1,2]'],
];
const STEPS = ['', 'sgd lr=0.1', 'sgd lr=0.05', 'adam lr=0.1'];

/* ---- the library ---- */

let library = null;
let said = {out: [], err: []};

/* Runs cotan explain: its exit status, what it wrote, and the page if it wrote one. */
function explain(...words) {
  said = {out: [], err: []};
  try { library.FS.unlink(PAGE); } catch { /* it is not there */ }
  const status = library.callMain(words);
  const exists = library.FS.analyzePath(PAGE).exists;
  return {status, out: said.out.join('\n'), err: said.err.join('\n'), page: exists ? library.FS.readFile(PAGE, {encoding: 'utf8'}) : null};
}
const numbers = (address, n) => library.HEAPF64.subarray(address / 8, address / 8 + n);

/* ---- the frame ---- */

/* Shows a page of the library's; compute, if given, is asked when its inputs are moved. */
function show(page, compute) {
  const theme = document.documentElement.dataset.theme;
  $('page').onload = () => {
    const inner = $('page').contentWindow, root = inner.document.documentElement;
    const follow = () => { document.documentElement.dataset.theme = root.dataset.theme; };
    if (compute) inner.connect(compute);
    follow();
    new MutationObserver(follow).observe(root, {attributes: true, attributeFilter: ['data-theme']});
  };
  $('page').srcdoc = chosenTheme ? page.replace('<html lang="en">', `<html lang="en" data-theme="${theme}">`) : page;
}
/* The theme of the frame, once the reader has chosen one there. */
let chosenTheme = false;
const frameTheme = () => {
  const button = $('page').contentDocument && $('page').contentDocument.getElementById('theme');
  chosenTheme = chosenTheme || (button !== null && button.textContent !== 'Theme');
};

/* ---- an expression ---- */

/* Words with blanks between them, those in brackets or quotes held together. */
function split(words) {
  const all = [];
  let depth = 0, word = '';
  for (const c of words) {
    if ('[('.includes(c)) depth++;
    if ('])'.includes(c)) depth--;
    if (/\s/.test(c) && depth <= 0) {
      if (word) all.push(word);
      word = '';
    } else if (!/\s/.test(c)) word += c;
  }
  return word ? [...all, word] : all;
}
const nested = (shape, v) => {
  if (!shape.length) return String(v[0]);
  const each = v.length / shape[0];
  return '[' + Array.from({length: shape[0]}, (_, i) => nested(shape.slice(1), v.slice(i * each, (i + 1) * each))).join(',') + ']';
};
const asked = () => ({text: $('text').value, values: split($('values').value), rule: $('rule').value});
const wordsOf = a => ['--', a.text, ...a.values];

function say(id, words, bad) {
  $(id).textContent = words;
  $(id).hidden = !words;
  $(id).classList.toggle('bad', bad);
}
function remember(a) {
  const parts = new URLSearchParams();
  parts.set('e', a.text);
  a.values.forEach(v => parts.append('v', v));
  if (a.rule) parts.set('step', a.rule);
  try { history.replaceState(null, '', '#' + parts); } catch { /* an embedded page has no history */ }
}
function explainAsked() {
  const a = asked();
  if (!a.text.trim()) return say('said', 'An expression is missing.', true);
  const got = explain(`--html=${PAGE}`, ...(a.rule ? [`--step=${a.rule}`] : []), ...wordsOf(a));
  say('said', got.err.replaceAll('cotan explain: ', ''), true);
  frameTheme();
  if (got.page) show(got.page, leaves => compute(a, leaves));
  remember(a);
}
/* What the page of the same expression has for these leaves: connect() of autograd/page/script/story.js. */
function compute(a, leaves) {
  const values = a.values.map(word => {
    const leaf = leaves.find(l => word.startsWith(l.name + '='));
    return leaf ? leaf.name + '=' + nested(leaf.shape, leaf.v) : word;
  });
  const got = explain(`--html=${PAGE}`, ...wordsOf({...a, values}));
  $('values').value = values.join(' ');
  remember({...a, values});
  return JSON.parse(/<script type="application\/json" id="data">([^]*?)<\/script>/.exec(got.page)[1]);
}
function checkAsked() {
  const a = asked(), got = explain('--check', ...wordsOf(a));
  say('said', (got.err.replaceAll('cotan explain: ', '') + '\n' + got.out).trim(), got.status !== 0);
}
function fill(text, values, rule = '') {
  $('text').value = text;
  $('values').value = values;
  if (![...$('rule').options].some(o => o.value === rule)) $('rule').add(new Option(rule, rule));
  $('rule').value = rule;
  explainAsked();
}
/* What the address asks for, as the pages of cotan explain do; else the first example. */
function readAddress() {
  const parts = new URLSearchParams(location.hash.slice(1));
  if (parts.has('train')) choose('train');
  else if (parts.has('e')) fill(parts.get('e'), parts.getAll('v').join(' '), parts.get('step') || '');
  else fill(...EXAMPLES[0].slice(1));
}

/* ---- a network ---- */

const SIDE = 48, CURVE = 2000;
let losses = [], steps = 0, running = 0;

const CALLS = {
  begin: ['boolean', 7], train: ['number', 1], plane: ['number', 1], points: ['number', 0], count: ['number', 0], choice: ['string', 2],
  page: ['boolean', ['string']], check: ['string', 0], error: ['string', 0],
};
const call = {};
function bindCalls() {
  for (const name in CALLS) {
    const [gives, takes] = CALLS[name];
    call[name] = library.cwrap('playground_' + name, gives, Array.isArray(takes) ? takes : Array(takes).fill('number'));
  }
}
function fillChoices() {
  ['set', 'activation', 'optimizer'].forEach((id, list) => {
    for (let i = 0, name; (name = call.choice(list, i)); i++) $(id).add(new Option(name, i));
  });
}
function startAgain() {
  const chosen = ['set', 'layers', 'width', 'activation', 'optimizer', 'lr', 'seed'].map(id => +$(id).value);
  losses = [];
  steps = 0;
  say('verdict', chosen.every(Number.isFinite) && call.begin(...chosen) ? '' : call.error() || 'lr and seed are numbers', true);
  $('page').srcdoc = '';
  drawTraining();
}
function train(n) {
  const loss = call.train(n);
  if (Number.isNaN(loss)) {
    run(false);
    return say('verdict', call.error() || 'the loss is not a number', true);
  }
  steps += n;
  losses.push(loss);
  if (losses.length > CURVE) losses = losses.filter((_, i) => i % 2);
  drawTraining();
}
function run(on) {
  clearInterval(running);
  running = on ? setInterval(() => train(5), 30) : 0;
  $('run').setAttribute('aria-pressed', on);
  $('run').textContent = on ? 'Pause' : 'Train';
}
function drawTraining() {
  const plane = call.plane(SIDE);
  if (!plane) return say('verdict', call.error(), true);
  drawPlane(numbers(plane, SIDE * SIDE));
  const last = losses[losses.length - 1];
  $('progress').textContent = last === undefined ? 'Not trained yet. Blue: class 0, orange: class 1.' :
    `After ${steps} steps the loss is ${last.toPrecision(4)}; ${right()} of ${call.count()} points are right.`;
  drawCurve();
}
/* Of the points, those on whose side of 0.5 the plane is: the library's values at the nearest squares. */
function right() {
  const values = numbers(call.plane(SIDE), SIDE * SIDE).slice(), n = call.count(), p = numbers(call.points(), 3 * n);
  const at = x => Math.round((x + 1) / 2 * (SIDE - 1));
  let good = 0;
  for (let i = 0; i < n; i++) good += (values[at(-p[3 * i + 1]) * SIDE + at(p[3 * i])] > 0.5) === (p[3 * i + 2] > 0.5);
  return good;
}
const COLD = [59, 118, 196], WARM = [222, 125, 44], PAPER = [245, 245, 245];
function drawPlane(values) {
  const canvas = $('plane'), g = canvas.getContext('2d'), cell = canvas.width / SIDE;
  values.forEach((p, k) => {
    const far = Math.abs(p - 0.5) * 2, to = p > 0.5 ? WARM : COLD;
    g.fillStyle = `rgb(${PAPER.map((c, i) => Math.round(c + (to[i] - c) * far * 0.8))})`;
    g.fillRect(k % SIDE * cell, Math.floor(k / SIDE) * cell, cell + 0.5, cell + 0.5);
  });
  const n = call.count(), p = numbers(call.points(), 3 * n), radius = n > 20 ? 3 : 7;
  for (let i = 0; i < n; i++) {
    g.beginPath();
    g.arc((p[3 * i] + 1) / 2 * canvas.width, (1 - p[3 * i + 1]) / 2 * canvas.height, radius, 0, 7);
    g.fillStyle = `rgb(${p[3 * i + 2] ? WARM : COLD})`;
    g.fill();
    g.lineWidth = 1.5;
    g.strokeStyle = '#111';
    g.stroke();
  }
}
function drawCurve() {
  const most = Math.max(1e-9, ...losses), n = Math.max(1, losses.length - 1);
  const d = losses.map((l, i) => `${i ? 'L' : 'M'}${(4 + 312 * i / n).toFixed(1)} ${(86 - 80 * l / most).toFixed(1)}`).join('');
  $('curve').innerHTML = `<path d="${d}"/>`;
}
function look() {
  run(false);
  if (!call.page(PAGE)) return say('verdict', call.error(), true);
  steps++;
  frameTheme();
  show(library.FS.readFile(PAGE, {encoding: 'utf8'}));
  drawTraining();
}
function measure() {
  run(false);
  const words = call.check();
  say('verdict', words || call.error(), !words);
}

/* ---- the whole ---- */

function choose(which) {
  for (const id of ['expression', 'train']) {
    $(id).hidden = id !== which;
    $('tab-' + id).setAttribute('aria-selected', id === which);
  }
  run(false);
  if (which === 'train') startAgain();
  else explainAsked();
}
function begin(loaded) {
  library = loaded;
  bindCalls();
  fillChoices();
  EXAMPLES.forEach(([name], k) => $('examples').add(new Option(name, k)));
  STEPS.forEach(rule => $('rule').add(new Option(rule || 'no step', rule)));
  $('form').addEventListener('submit', e => { e.preventDefault(); explainAsked(); });
  $('check').addEventListener('click', checkAsked);
  $('rule').addEventListener('change', explainAsked);
  $('examples').addEventListener('change', () => fill(...EXAMPLES[$('examples').value].slice(1)));
  for (const id of ['expression', 'train']) $('tab-' + id).addEventListener('click', () => choose(id));
  for (const id of ['set', 'layers', 'width', 'activation', 'optimizer', 'lr', 'seed']) $(id).addEventListener('change', startAgain);
  $('run').addEventListener('click', () => run(!running));
  $('one').addEventListener('click', () => train(1));
  $('again').addEventListener('click', startAgain);
  $('look').addEventListener('click', look);
  $('measure').addEventListener('click', measure);
  addEventListener('hashchange', readAddress);
  $('loading').hidden = true;
  readAddress();
}
document.documentElement.dataset.theme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
/* The library's bytes, which are part of this page, zlib's compression around them. */
async function unpacked() {
  const packed = Uint8Array.from(atob(cotanPacked), c => c.charCodeAt(0));
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate'))).arrayBuffer();
}
unpacked().then(wasmBinary => cotanLibrary({
  wasmBinary,
  print: line => said.out.push(line),
  printErr: line => said.err.push(line),
  preRun: [module => Object.assign(module.ENV, {COLUMNS: '100', LC_ALL: 'C.UTF-8', NO_COLOR: '1'})],
})).then(begin).catch(e => { $('loading').textContent = `This browser cannot run the library: ${e.message}`; });

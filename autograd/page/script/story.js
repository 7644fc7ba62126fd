/* The steps as a list, the details of what is chosen, and where the reader is. */
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

/* ---- for a page around: cotan diff, which shows two of these, and the playground ---- */

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
/* For the playground, which has the library: from now on that computes what follows from moved inputs, whatever operations there are.
 * library([{name, shape, v}]) gives the data of the same graph for these leaves. */
function connect(library) {
  if (nodes.some(n => n.failed)) return;
  Object.assign(sliders, {library, why: null, movable: sliders.movable.filter(n => n.kind === LEAF)});
  sliders.show();
}

/* ---- playing ---- */

function play(on) {
  clearInterval(state.playing);
  state.playing = on ? setInterval(() => state.t < events.length ? goTo(state.t + 1) : play(false), 900) : 0;
  if (on && state.t === events.length) goTo(0);
  $('play').textContent = on ? 'Pause' : 'Play';
  $('play').setAttribute('aria-pressed', on);
}

/* Buttons, keys and the mouse; and the beginning of it all. */
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
let theme = Math.max(0, themes.indexOf(document.documentElement.dataset.theme)); /* the page around may have chosen */
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
  if (/[#&]t=/.test(location.hash)) goTo(state.t);
}
begin();

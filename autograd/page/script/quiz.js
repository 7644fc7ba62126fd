/* The quiz: gradients are hidden until asked, and a wrong answer is compared with what wrong rules give (docs/cli/mistakes.h). */
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

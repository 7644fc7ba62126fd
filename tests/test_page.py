#!/usr/bin/env python3
"""Reads the pages that page_samples writes in a headless Chromium, from files, without a network: steps, clicks, presses keys, moves
inputs, answers the quiz, and compares what is shown with the traces. Says so and passes nothing where there is no Chromium.
usage: test_page.py PAGE_SAMPLES COTAN"""
import json
import math
import os
import re
import pathlib
import subprocess
import sys
import tempfile
import traceback
from browser import Browser, find_browser


# ---- what is compared ----

def number(x):
    return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}.get(x, x)


def same(a, b):
    a, b = number(a), number(b)
    return a == b and math.copysign(1, a) == math.copysign(1, b) or (a != a and b != b)


def load(folder, name):
    return json.loads((folder / f"{name}.json").read_text())


# ---- the tests ----

def every_number_is_the_engines(b, folder):
    """At the end every node's value and gradient, in full, are those of the trace, and so is every step."""
    for name in ("circuit", "nasty", "leaf", "transformer", "lenet"):
        trace = load(folder, name)
        b.open(folder / f"{name}.html", "#t=99999")
        shown = b.run("""nodes.map(n => { choose(n.id, false); const all = s => [...document.querySelectorAll(s + ' .num[data-full]')].map(e => e.dataset.full);
          return {label: n.label, value: all('#value'), gradient: all('#gradient'), words: $('details').textContent}; })""")
        behind = behind_root(trace)
        assert len(shown) == len(behind) > 0, name
        for got, node in zip(shown, behind):
            check_value(name, got["value"], node["value"])
            state = node["gradient"]["state"]
            if state == "number" or (state == "zero" and "dtype" in node["gradient"]):
                check_value(name, got["gradient"], node["gradient"])
            else:
                assert not got["gradient"], (name, node)
                words = {"zero": "exactly zero", "none": node["gradient"].get("why", ""), "not computed": "not computed"}[state]
                assert words in got["words"], (name, words, got["words"])
        ids = {node["id"] for node in behind}
        steps = [s for s in trace["steps"] if s["to"] in ids and (s["action"] != "leaf" or s["old"])]
        assert b.run("steps.map(s => s.summed)") == [sum(1 << axis for axis in s["summed"]) for s in steps], name
        seen = b.run("steps.map(s => ['incoming', 'local', 'contribution', 'old', 'now'].map(k => s[k] && s[k].v ? s[k].v.map(fullText) : null))")
        assert len(seen) == len(steps), name
        for got, step in zip(seen, steps):
            for key, values in zip(("incoming", "local", "contribution", "old", "now"), got):
                check_value((name, key), values or [], step[key])


def behind_root(trace):
    told = {trace["root"]}
    for node in reversed(trace["nodes"]):
        if node["id"] in told:
            told.update(i for i in node["inputs"] if i >= 0)
    return [node for node in trace["nodes"] if node["id"] in told]


def check_value(name, got, value):
    if value is None:
        assert got == [], (name, got)
        return
    wanted = value["values"] if "values" in value else value["first"] + value["last"] + [value[k] for k in ("min", "max", "mean", "norm")]
    got = [float(x) for x in got]
    wanted = wanted[:len(got)] if "values" not in value and len(got) == 6 else wanted
    assert len(got) == len(wanted) and all(map(same, got, wanted)), (name, got, wanted)


def stepping(b, folder):
    b.open(folder / "circuit.html", "#t=0")
    total = b.run("events.length")
    gradient = "(label => lines[nodes.find(n => n.label === label).id].words[2].textContent)"
    assert b.run(gradient + "('w0')") == "\u2202 not yet"
    for _ in range(total):
        b.press("ArrowRight")
    assert b.run("state.t") == total
    assert b.run(gradient + "('w0')") == "\u2202 3.803"
    assert b.run(gradient + "('x1')") == "\u2202 none"
    assert b.run("$('story').children.length") == total
    assert b.run("$('story').tagName") == "OL"
    # The fork: 0.1966 * -1 comes to what the square has brought.
    fork = [s for s in b.run("[...$('story').children].map(e => e.textContent)") if "+= from" in s]
    assert fork == ["mul: \u2202f/\u2202w0 = \u2026 + 0.1966 \u00d7 -1 = -0.1966   += from mul: 4 \u2192 3.803   (4 + -0.1966 = 3.803)"], fork
    assert b.run("$('now').textContent") == b.run("$('story').querySelector('[aria-current]').textContent")
    b.press("ArrowLeft")
    assert b.run("state.t") == total - 1
    b.press("Home")
    assert b.run("state.t") == 0 and b.run("$('back').disabled")
    b.click("#step")
    b.click("#step")
    b.click("#back")
    assert b.run("state.t") == 1
    assert "t=1" in b.run("location.hash")
    b.press("End")
    assert b.run("state.t") == total
    b.run("document.activeElement.blur()")  # a button that has the focus takes the space itself
    b.press(" ")
    assert b.run("$('play').textContent") == "Pause" and b.run("state.t") == 0
    b.run("new Promise(done => setTimeout(done, 1100))")
    assert b.run("state.t") >= 1
    b.press(" ")
    assert b.run("$('play').textContent") == "Play"
    b.click("#story li:nth-child(3)")
    assert b.run("state.t") == 3
    b.open(folder / "lenet.html", "#t=36")  # a link to a step leads to it in the list, too
    assert b.run("(a => a[1] <= a[0] + 1)([$('told'), $('story').querySelector('[aria-current]')].map(e => e.getBoundingClientRect().bottom))")


def whole_networks_by_keys(b, folder):
    """LeNet-5 and a transformer, from the first operation to the last gradient: after each key the step is told, the list marks it, and its
    tensor has the gradient that the step brought (which are the engine's: every_number_is_the_engines)."""
    for name in ("lenet", "transformer"):
        b.open(folder / f"{name}.html", "#t=0")
        total = b.run("events.length")
        assert total > 35, (name, total)
        for k in range(total):
            b.press("ArrowRight")
            at, told, marked, right = b.run("""(e => [state.t, $('now').textContent === eventText(e), $('story').querySelector('[aria-current]').textContent === eventText(e),
              e.step ? gradientAt(nodes[e.step.to], state.t).value === e.step.now : madeAt[e.node] === state.t])(events[state.t - 1])""")
            assert at == k + 1 and told and marked and right, (name, k, at, told, marked, right)
        b.press("ArrowRight")
        assert b.run("state.t") == total


def embedding(b, folder):
    """#embed=1 leaves the graph and the words of the step; keys still step, and the mode stays in the address."""
    b.open(folder / "circuit.html", "#embed=1&t=3")
    seen = "[...document.querySelectorAll('h1, .bar, aside, #told, footer')].filter(e => e.offsetParent !== null).length"
    assert b.run(seen) == 0 and b.run("$('now').offsetHeight") > 0
    assert b.run("$('graph').offsetHeight > innerHeight * 0.8")
    b.press("ArrowRight")
    assert b.run("state.t") == 4 and "embed=1" in b.run("location.hash") and b.run(seen) == 0
    b.open(folder / "circuit.html")
    assert b.run(seen) > 4


def choosing(b, folder):
    b.open(folder / "circuit.html")
    w0 = b.run("nodes.findIndex(n => n.label === 'w0')")
    b.click(f"[data-tile='{w0}'] rect")
    words = b.run("$('details').textContent")
    assert "asks for a gradient" in words and "page_samples.c" in words and "ct_scalar(dtype, value)" in words, words
    assert f"n={w0}" in b.run("location.hash")
    b.run(f"picture.querySelector('[data-tile=\"{w0 + 1}\"]').focus()")
    b.press("Enter")
    assert b.run("state.chosen") == w0 + 1
    b.press("/")
    assert b.run("document.activeElement.id") == "search"
    b.call("Input.insertText", text="exp")
    b.press("Enter")
    assert b.run("nodes[state.chosen].op") == "exp"
    assert "measured" in b.run("$('details').textContent") and "agrees" in b.run("$('measured').textContent")


def folding(b, folder):
    for name, tiles in (("lenet", 40), ("transformer", 40), ("chain", 40)):
        taken = b.open(folder / f"{name}.html")
        shown = b.run("picture.querySelectorAll('[data-tile]').length")
        assert 1 < shown <= tiles, (name, shown)
        assert taken < 2, f"{name} took {taken:.1f} s"
        assert (folder / f"{name}.html").stat().st_size < 2e6
    b.open(folder / "transformer.html")
    before = b.run("picture.querySelectorAll('[data-tile]').length")
    b.run("picture.querySelector('[aria-expanded=false]').focus()")
    b.press("Enter")
    assert b.run("picture.querySelectorAll('[data-tile]').length") > before
    assert b.run("document.activeElement.getAttribute('aria-expanded')") == "true"
    hash = b.run("location.hash")
    b.press("Enter")
    assert b.run("picture.querySelectorAll('[data-tile]').length") == before
    b.open(folder / "transformer.html", hash)
    assert b.run("picture.querySelectorAll('[data-tile]').length") > before
    b.click("#unfold")
    assert b.run("picture.querySelectorAll('g[aria-expanded=false]').length") == 0
    b.click("#fold")
    assert b.run("picture.querySelectorAll('g[aria-expanded=true]').length") == 0


def repeated_regions(b, folder):
    """What follows in one shape is one box at first, in page and picture; it opens to the single ones. A closed box has its values at its wire."""
    b.open(folder / "repeated.html")
    titles = "[...picture.querySelectorAll('[aria-expanded] > text.t')].map(e => e.textContent)"
    assert b.run(titles) == ["+ blocks \u00d712", "+ tail12", "+ tail13", "+ tail14"], b.run(titles)
    assert "blocks \u00d712" in (folder / "repeated.svg").read_text()
    trace = load(folder, "repeated")
    out = max(n["id"] for n in trace["nodes"] if n["region"].startswith("blocks."))
    label = b.run("boxes.find(b => b.name === 'blocks').gives")
    shown = b.run(f"lines[{label}].words.map(w => w.textContent)")
    for words, value in ((shown[:2], trace["nodes"][out]["value"]), (shown[2:], trace["nodes"][out]["gradient"])):
        low, high, mean = (b.run(f"numberText({x!r})") for x in (min(value["values"]), max(value["values"]), sum(value["values"]) / 15))
        assert words[0].endswith(f"{low}..{high}") and words[1] == f"mean {mean}", (words, value)
    b.run("goTo(0)")
    assert b.run(f"lines[{label}].words[0].textContent") == ""
    b.run("toggleBox(boxes.find(b => b.name === 'blocks'))")
    assert {"\u2212 blocks \u00d712", "+ 0", "+ 11"} < set(b.run(titles)) and len(b.run(titles)) == 16, b.run(titles)
    b.run("$('search').value = 'blocks.7'; search()")
    assert b.run("pathNames(nodes[state.chosen]).startsWith('blocks.7')")
    b.open(folder / "transformer.html")
    assert b.run(titles) == ["+ block0 \u2026 block1 \u00d72"]


def places_are_the_librarys(b, folder):
    """The page lays out as place.c does: the boxes of the picture, to the pixel."""
    for name in ("circuit", "lenet", "transformer", "repeated", "chain", "nasty"):
        b.open(folder / f"{name}.html", "#width=1200")
        rects = b.run("[...picture.querySelectorAll('rect:not(.open)')].map(r => ['x', 'y', 'width', 'height'].map(k => +r.getAttribute(k)))")
        wires = b.run("[...picture.querySelectorAll('path.w')].map(p => p.getAttribute('d'))")
        b.open(folder / f"{name}.svg")
        drawn = b.run("[...document.querySelectorAll('rect')].map(r => ['x', 'y', 'width', 'height'].map(k => +r.getAttribute(k)))")
        lines = b.run("[...document.querySelectorAll('path.w')].map(p => p.getAttribute('d'))")
        assert sorted(rects) == sorted(drawn), name
        assert set(wires) == set(lines), (name, set(wires) ^ set(lines))


def numbers_are_the_librarys(b, folder):
    b.open(folder / "leaf.html")
    lines = [line.split() for line in (folder / "numbers.txt").read_text().splitlines()]
    assert len(lines) == 100000
    wrong = b.run("(all => all.filter(([x, words]) => numberText(x === 'nan' || x === '-nan' ? NaN : x.endsWith('inf') ? Infinity * (x[0] === '-' ? -1 : 1) : +x) !== words)"
                  f".slice(0, 5))({json.dumps(lines)})")
    assert wrong == [], wrong


def moved_inputs(b, folder):
    """Every operation of RULES, moved from one place to another, gives what the library gives there."""
    for bits, tolerance in ((64, 1e-10), (32, 1e-4)):
        b.open(folder / f"operations{bits}.html")
        assert b.run("sliders.why") is None, b.run("sliders.why")
        unseen = b.run("Object.keys(RULES).filter(op => !nodes.some(n => n.op === op))")
        assert unseen == [], f"no sample has {unseen}"
        trace = load(folder, f"operations{bits}_moved")
        for k, node in enumerate(trace["nodes"]):
            if node["kind"] == "leaf":
                for i, x in enumerate(node["value"]["values"]):
                    b.run(f"sliders.set({k}, {i}, {x!r})")
        got = b.run("nodes.map(n => ({label: n.label, op: n.op, value: n.value.v, gradient: (gradientAt(n, events.length).value || {v: null}).v}))")
        for node, mine in zip(trace["nodes"], got):
            check_near(node["op"], mine["value"], node["value"]["values"], tolerance)
            if node["gradient"]["state"] == "number":
                check_near(node["op"], mine["gradient"], node["gradient"]["values"], tolerance)
        locals_ = b.run("steps.map(s => s.local && s.local.v)")
        for step, mine in zip(trace["steps"], locals_):
            if mine and "values" in step["local"]:
                check_near(trace["nodes"][step["from"]]["op"], mine, step["local"]["values"], tolerance)
        assert "Computed by this page" in b.run("$('moved').textContent")
    for name, words in (("lenet", "does not know how to compute"), ("nasty", "differ")):
        b.open(folder / f"{name}.html")
        assert "Not here" in b.run("$('leaves').textContent") or b.run("sliders.why") is None, name


def check_near(op, got, wanted, tolerance):
    for a, b in zip(got, wanted):
        assert abs(a - b) <= tolerance * max(1, abs(b)), (op, got, wanted)
    assert len(got) == len(wanted)


def sliders(b, folder):
    b.open(folder / "circuit.html")
    w0 = b.run("nodes.findIndex(n => n.label === 'w0')")
    b.write_in(f"input[type=text][data-of='{w0}']", "1/2")
    s = 0.5 * -1 + -3 * -2 - 3
    f = 1 / (1 + math.exp(-s))
    assert abs(b.run("nodes[data.root].value.v[0]") - (f + 0.25)) < 1e-12
    assert "the gradients forecast" in b.run("$('moved').textContent")
    hash = b.run("location.hash")
    b.open(folder / "circuit.html", hash)
    assert abs(b.run("nodes[data.root].value.v[0]") - (f + 0.25)) < 1e-12
    b.click("#reset")
    assert b.run("nodes[data.root].value.v[0]") == b.run("nodes[data.root].recordedValue.v[0]")
    b.run(f"document.querySelector(\"input[type=range][data-of='{w0}']\").focus()")
    b.press("ArrowRight")
    assert b.run(f"nodes[{w0}].value.v[0]") != 2


def the_quiz(b, folder):
    b.open(folder / "circuit.html")
    b.press("q")
    assert b.run("state.quiz") and not b.run("$('ask').hidden")
    asked = b.run("quiz.questions.length")
    assert asked > 6
    secret = b.run("[...$('story').children].filter(e => e.textContent.endsWith('= ?')).length")
    assert secret >= asked
    assert b.run("$('details').textContent + $('told').textContent").count("3.803") == 0
    # The first: of a sum, its gradient is 1. Wrong answers are named, hints go up a ladder.
    b.write_in("#answer", "nonsense")
    b.press("Enter")
    assert "no number" in b.run("$('verdict').textContent")
    b.click("#hint")
    assert "slope" in b.run("$('verdict').textContent")
    seen = []
    for k in range(asked):
        right = b.run("lastStep(quiz.question.node).now.v[0]")
        label, op, parts = b.run("[quiz.question.node.label, nodes[quiz.question.parts[0].from].op, quiz.question.parts.length]")
        if label == "w0":
            b.write_in("#answer", "4")
            b.press("Enter")
            seen.append(b.run("$('verdict').textContent"))
        elif op == "neg":
            b.write_in("#answer", str(-right))
            b.press("Enter")
            seen.append(b.run("$('verdict').textContent"))
        b.write_in("#answer", "4e0/1" if right == 4 else f"{right:.3g}")
        b.press("Enter")
        assert b.run("quiz.answered.size") == k + 1, (label, right)
    assert any("one of 2 ways" in s for s in seen) and any("The sign" in s for s in seen), seen
    assert "All gradients are found" in b.run("$('ask').textContent")
    b.click("#over")
    assert not b.run("state.quiz")


def a_training_step(b, folder):
    """The updates are the trace's, in the story, at the wires and in the details."""
    trace, page = load(folder, "step"), folder / "step.html"
    b.open(page, "#t=99999")
    told = b.run("[...$('story').children].map(e => e.textContent)")
    assert len(trace["updates"]) == 2 and len(told) == b.run("stepped") + 3, told
    got = b.run("updates.map(u => ({label: nodes[u.to].label, change: u.change.v, after: u.after.v, used: u.used.v, factor: u.factor}))")
    for mine, update in zip(got, trace["updates"]):
        assert mine["label"] == trace["nodes"][update["to"]]["name"]
        for key in ("change", "after", "used"):
            check_value(key, mine[key], update[key])
        assert same(mine["factor"], update["factor"]) and abs(mine["factor"] + 0.1) < 1e-12
    bias = next(u for u in trace["updates"] if trace["nodes"][u["to"]]["name"] == "fit.bias")
    at = b.run("nodes.findIndex(n => n.label === 'fit.bias')")
    words = b.run(f"choose({at}, true), $('details').textContent")
    assert "by optimizer_step at" in words and "-0.1 × gradient" in words and "clipped from norm" in words, words
    assert b.run("[...document.querySelectorAll('#arithmetic li')].map(e => e.textContent)") == bias["arithmetic"].replace("~=", "\u2248").split("\n")
    square = next(n for n in trace["nodes"] if n["op"] == "square")
    assert square["kept_bytes"] == 8 * 7 and square["freed"]
    assert "56 bytes, freed after step" in b.run("choose(nodes.findIndex(n => n.op === 'square'), true), $('keeps').textContent")
    assert "56 bytes, until step" in b.run("goTo(0), $('keeps').textContent")
    b.run(f"choose({at}, true), goTo(99999)")
    shown = f"(k => lines[k].words[0].textContent)({at})"
    texts = b.run(f"[numberText({bias['after']['values'][0]!r}), numberText({bias['before']['values'][0]!r})]")
    assert "[" + texts[0] + "]" == b.run(shown) and texts[0] != texts[1]
    b.run("goTo(stepped)")
    assert "[" + texts[1] + "]" == b.run(shown), (texts, b.run(shown))
    losses = [n["value"]["values"][0] for n in trace["nodes"] if n["op"] == "mean"]
    forecast = losses[0] + sum(u["forecast"] for u in trace["updates"])
    assert len(losses) == 2 and losses[1] < losses[0]
    was, foretold, is_ = (b.run(f"numberText({x!r})") for x in (losses[0], forecast, losses[1]))
    parts = told[-1].split("; ")
    assert parts[0].endswith(f"loss was {was}") and parts[1].endswith(foretold) and parts[2] == f"calculated again it is {is_}", told[-1]


def two_pages_in_one(b, folder):
    """cotan diff --html: both graphs, what differs first marked in each and shown, stepped together; and nothing is asked for."""
    path = folder / "both.html"
    words = ["diff", folder / "operations64.json", folder / "operations64_moved.json", "--html", path]
    if subprocess.run([sys.argv[2], *words], stdout=subprocess.DEVNULL).returncode != 1:
        raise AssertionError("they do not differ")
    b.open(path)
    b.run("new Promise(done => setTimeout(done, 300))")
    both = "[...document.querySelectorAll('iframe')].map(f => f.contentDocument)"
    assert b.run(both + ".map(d => d.querySelectorAll('.lit').length)") == [2, 2]
    assert b.run(both + ".map(d => d.querySelector('#details h2').textContent)") == ["x", "x"]
    before = b.run(both + ".map(d => d.getElementById('count').value)")
    b.click("#back")
    after = b.run(both + ".map(d => d.getElementById('count').value)")
    assert [int(x.split()[0]) for x in after] == [int(x.split()[0]) - 1 for x in before], (before, after)
    b.check_quiet(path)


def measuring(b, folder):
    """The check button measures every gradient; what differs first on the way back is marked, and the operation to blame is named."""
    b.open(folder / "circuit.html")
    b.click("#check")
    assert b.run("$('now').textContent") == "Measured beside calculated: 14 of 14 gradients agree.", b.run("$('now').textContent")
    assert b.run("state.lit.length") == 0
    wrong = b.run("nodes.find(n => n.op === 'exp').inputs[0]")
    b.run(f"for (const s of steps) if (s.to === {wrong}) s.now.v[0] *= 2")
    b.press("c")
    assert b.run("state.lit") == [wrong] and b.run("document.querySelectorAll('.lit').length") == 1
    assert "13 of 14" in b.run("$('now').textContent") and "the backward of exp is to blame" in b.run("$('now').textContent"), b.run("$('now').textContent")
    path = folder / "kink.html"
    subprocess.run([sys.argv[2], "explain", "f = abs(x) * y", "x=0", "y=2", "--html", path], check=True)
    b.open(path)
    b.click("#check")
    assert "∂f/∂x = 0 is the first that does not: a kink: the slope is -2 on one side and 2 on the other; 0 is a convention" in b.run("$('now').textContent"), b.run("$('now').textContent")
    # Large tensors the library has measured, along a random direction: all to which a gradient has come.
    for name in ("lenet", "transformer"):
        b.open(folder / f"{name}.html", "#t=99999")
        known = [[m[k] for k in ("along", "left", "right")] if (m := node["measured"]) else None for node in behind_root(load(folder, name))]
        for got, wanted in zip(b.run("nodes.map(n => n.measure && n.measure.slopes)"), known, strict=True):
            assert (got is None) == (wanted is None) and (got is None or all(map(same, got, wanted))), (name, got, wanted)
        b.click("#check")
        words, came = b.run("$('now').textContent"), b.run("nodes.filter(n => n.kind !== CONSTANT && n.came.length).map(n => n.id)")
        agree, of = map(int, re.match(r"Measured beside calculated: (\d+) of (\d+) gradients agree", words).groups())
        assert of == len(came) > 20 and agree >= of - 2 and "differs" not in words and ("kink" in words) == (agree < of), (name, words)
        shown = b.run(f"{came}.map(id => {{ choose(id, false); return $('measured') && $('measured').textContent; }})")
        assert all(text and ("along a random direction" in text or "agrees" in text) for text in shown), (name, shown)


def what_is_near(b, folder):
    """What is more than two wires away from the chosen node is dimmed, and is back when that is over."""
    b.open(folder / "circuit.html")
    far = "[...document.querySelectorAll('g.far')].map(g => nodes[+g.dataset.tile].label)"
    assert b.run("$('near').disabled")
    b.run("choose(nodes.findIndex(n => n.op === 'exp'), false)")
    b.click("#near")
    seen = b.run("nodes.map(n => n.label)")
    want = b.run("(() => { const e = nodes.find(n => n.op === 'exp'), all = [e]; for (let i = 0; i < 2; i++) for (const n of [...all])"
                 " for (const k of n.inputs.concat(n.users)) if (k >= 0) all.push(nodes[k]); return all.map(n => n.label); })()")
    assert sorted(b.run(far)) == sorted(set(seen) - set(want)) and b.run(far)
    b.press("n")
    assert b.run(far) == []


def on_paper(b, folder):
    """Everything is open, nothing is cut off or lies on something else, on a page narrower than a screen; who made it stands below."""
    b.open(folder / "lenet.html")
    b.call("Emulation.setEmulatedMedia", media="print")
    b.call("Emulation.setDeviceMetricsOverride", width=700, height=1000, deviceScaleFactor=1, mobile=False)
    b.run("dispatchEvent(new Event('beforeprint'))")
    parts = b.run("['#graph svg', '#told', 'footer'].map(s => { const r = document.querySelector(s).getBoundingClientRect(); return [r.top, r.bottom]; })")
    assert all(above[1] <= below[0] + 1 for above, below in zip(parts, parts[1:])), parts
    assert b.run("$('told').scrollHeight <= $('told').clientHeight + 1 && document.body.scrollWidth <= innerWidth"), parts
    assert "cotan " in b.run("document.querySelector('footer').innerText") and "Keys" not in b.run("document.querySelector('footer').innerText")
    b.run("dispatchEvent(new Event('afterprint'))")
    b.call("Emulation.setEmulatedMedia", media="")
    b.call("Emulation.clearDeviceMetricsOverride")


def a_broadcast_is_told(b, folder):
    """In the same words as the terminal's story has."""
    path, words = folder / "broadcast.html", ["explain", "f = sum((X + b) * c)", "X=[[1,2],[3,4]]", "b=[1,-1]", "c=2"]
    subprocess.run([sys.argv[2], *words, "--html", path], check=True)
    told = subprocess.run([sys.argv[2], *words], check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "200"}).stdout
    b.open(path)
    for words in "; summed over axis 0, along which b repeats", "; summed over axes 0 and 1, along which c repeats":
        assert words in told and sum(words in step for step in b.run("steps.map(stepText)")) == 1, (words, told)


def story_and_page(b, folder):
    """The terminal's backward has the page's steps: in their order, by the same names, with the same numbers."""
    path = folder / "same.html"
    for words in (["f = 1/(1+exp(-(w0*x0 + w1*x1 + w2)))", "w0=2", "x0=-1", "w1=-3", "x1=-2", "w2=-3"], ["f = x*y + x + exp(x)*y^2", "x=3e-5", "y=-4"],
                  ["l = mean((W @ x - y)^2)", "W=[[1,2],[3,4]]", "x=[1,-1]", "y=[0,1]"], ["f = sum(softmax(x) * x)", "x=randn([20])"]):
        subprocess.run([sys.argv[2], "explain", *words, "--html", path], check=True)
        told = subprocess.run([sys.argv[2], "explain", *words], check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "1000"}).stdout
        lines = told.split("backward\n")[1].split("gradients\n")[0].splitlines()
        b.open(path)
        steps = b.run("""(list => steps.map(s => [s.from >= 0 ? nodes[s.from].op : 'begin', partial(nodes[s.to]), [briefly(s.contribution), list(s.contribution)],
          s.old ? briefly(s.now) : '']))(({v, shape}) => { let all = v.map(numberText);
            for (const n of [...shape].reverse()) all = Array.from({length: all.length / n}, (_, k) => '[' + all.slice(k * n, k * n + n).join(', ') + ']');
            return all[0]; })""")
        assert len(lines) == len(steps) > 4, (lines, steps)
        for line, (op, name, contribution, now) in zip(lines, steps):
            said = line.split("  (")[0]  # the sum and the rule stand behind it
            assert said.split()[0] == op and f" {name} " in said and said.rstrip().endswith(tuple(contribution)), (line, op, name, contribution)
            assert not now or f"{now})" in line or f"{now};" in line, (line, now)


def a_kink_is_told(b, folder):
    """Likewise, as long as the inputs are where they were."""
    path, words = folder / "kinks.html", ["explain", "f = abs(a) + sum(relu(x))", "a=0", "x=[0,-1,0]"]
    subprocess.run([sys.argv[2], *words, "--html", path], check=True)
    told = subprocess.run([sys.argv[2], *words], check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "200"}).stdout
    b.open(path)
    for words in "; at a kink: 0 is a convention", "; at a kink in 2 of 3 elements, where the slope is a convention":
        assert words in told and sum(words in step for step in b.run("steps.map(stepText)")) == 1, (words, told)
    b.run("sliders.set(nodes.findIndex(n => n.label === 'a'), 0, 1)")
    assert not any("kink" in step for step in b.run("steps.map(stepText)"))


def a_failure_is_drawn(b, folder):
    """Of an expression whose shapes do not go together: what was calculated, what failed, and where the sizes come from."""
    path = folder / "failed.html"
    words = ["explain", "h = X @ W; sum(h + v)", "X=[[1,2],[3,4]]", "W=[[1,0,1],[0,1,2]]", "v=[1,2]", "--html", path]
    assert subprocess.run([sys.argv[2], *words], stderr=subprocess.DEVNULL).returncode == 2
    b.open(path)
    assert b.run("nodes[state.chosen].op") == "add"
    details = b.run("$('details').textContent")
    assert "add: shapes do not broadcast: [2,3], [2]" in details, details
    assert "h is [2,3]: 2 is axis 0 of X, 3 is axis 1 of W; v is [2], its own" in details, details
    assert b.run("forwardText(nodes[state.chosen])") == "t1 = add(h, v) failed: add: shapes do not broadcast: [2,3], [2]"
    assert b.run("document.querySelectorAll('svg .x').length") == 1
    assert "add failed" in b.run("$('leaves').textContent")
    b.run("choose(nodes.findIndex(n => n.label === 'h'), true)")
    assert b.run("$('born').textContent") == "[2,3]: 2 is axis 0 of X, 3 is axis 1 of W"


def nothing_breaks_out(b, folder):
    b.open(folder / "nasty.html", "#t=99999&n=0")
    assert b.run("document.title") != "broken"
    assert b.run("document.scripts.length") == 3
    assert b.run("document.images.length") == 0
    for k in range(b.run("N")):
        b.run(f"choose({k}, true)")
    b.run("$('search').value = '</script>'; search()")
    assert b.run("document.scripts.length") == 3 and b.run("document.images.length") == 0
    assert b.run("document.title") != "broken"


def contrast(b, folder):
    """WCAG: 4.5 for text, 3 for shapes, light and dark; every button has a name."""
    for theme in ("light", "dark"):
        b.open(folder / "circuit.html")
        b.run(f"theme = themes.indexOf('{theme}'); showTheme()")
        colors = b.run("""Object.fromEntries(['back', 'front', 'soft', 'line', 'panel', 'mark', 'mark-back', 'leaf', 'leaf-line', 'op', 'op-line', 'part', 'part-line', 'good', 'bad']
          .map(k => [k, getComputedStyle(document.documentElement).getPropertyValue('--' + k).trim()]))""")
        pairs = [("front", "back"), ("front", "panel"), ("front", "leaf"), ("front", "op"), ("front", "part"), ("front", "mark-back"), ("soft", "back"),
                 ("soft", "panel"), ("soft", "leaf"), ("soft", "op"), ("soft", "part"), ("soft", "mark-back"), ("mark", "panel"), ("good", "panel"), ("bad", "panel")]
        for front, back in pairs:
            assert ratio(colors[front], colors[back]) >= 4.5, (theme, front, back, ratio(colors[front], colors[back]))
        for front in ("line", "mark", "leaf-line", "op-line", "part-line"):
            assert ratio(colors[front], colors["back"]) >= 3, (theme, front)
    nameless = b.run("[...document.querySelectorAll('button, input, [role=button]')].filter(e => !(e.textContent.trim() || e.ariaLabel || (e.labels || []).length)).map(e => e.outerHTML)")
    assert nameless == [], nameless


def ratio(a, b):
    def light(color):
        parts = [int(color[i:i + 2], 16) / 255 for i in (1, 3, 5)]
        r, g, bl = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * r + 0.7152 * g + 0.0722 * bl
    high, low = sorted((light(a), light(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


TESTS = [every_number_is_the_engines, stepping, whole_networks_by_keys, embedding, choosing, folding, repeated_regions, places_are_the_librarys, numbers_are_the_librarys, moved_inputs, sliders, the_quiz,
         a_training_step, two_pages_in_one, measuring, what_is_near, on_paper, story_and_page, a_broadcast_is_told, a_kink_is_told, a_failure_is_drawn, nothing_breaks_out,
         contrast]


def main():
    program = find_browser()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="cotan_page_") as name:
        folder = pathlib.Path(name).resolve()
        program_path = pathlib.Path(sys.argv[1]).resolve()
        subprocess.run([program_path, folder], cwd=program_path.parent.parent, check=True) # from where the paths of source files lead on
        browser = Browser(program, name)
        for test in TESTS:
            try:
                test(browser, folder)
            except AssertionError as error:
                failed += 1
                line = traceback.extract_tb(error.__traceback__)[1 if len(traceback.extract_tb(error.__traceback__)) > 1 else 0]
                print(f"{test.__name__}:{line.lineno}: {str(error)[:2000]}")
        browser.close()
    print(f"{len(TESTS) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


main()

#!/usr/bin/env python3
"""Builds the playground, opens it from the disk in a headless Chromium without a network, and compares what it shows with what the command
cotan says: values, gradients, moved inputs, mistakes, the checker; and trains XOR in it. Skipped where there is no Emscripten or Chromium.
usage: test_playground.py COTAN TOP FOLDER [PICTURES]      PICTURES: a folder for screenshots"""
import json
import math
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import traceback
from urllib.parse import quote
from browser import Browser, find_browser

cotan, top, folder = (pathlib.Path(word).resolve() for word in sys.argv[1:4])
page = folder / "playground.html"

def waiting(condition):
    """A script that ends when that holds, or with an error after 20 s."""
    return f"new Promise((done, fail) => {{ const end = Date.now() + 2e4; (function look() {{ if ({condition}) done(); else if (Date.now() > end) fail('{condition}'); else setTimeout(look, 10); }})(); }})"


LOADED = waiting("library")
READY = waiting("library && $(\"page\").contentWindow.connect && $(\"page\").contentDocument.querySelector(\"#graph svg\")")

def build():
    if not shutil.which("emcc"):
        print("SKIPPED: there is no emcc: apt-get install emscripten")
        sys.exit(77)
    subprocess.run(["sh", top / "docs/playground.sh", page, "-O0"], check=True, stdout=subprocess.DEVNULL)


def told(*words, option="--json"):
    env = {**os.environ, "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "COLUMNS": "100"}
    done = subprocess.run([cotan, "explain", *([option] if option else []), *words], capture_output=True, text=True, env=env)
    return done.stdout, done.stderr


def open_page(b, words=(), extra=""):
    """Opens the playground on the words, and waits for the graph."""
    address = "#e=" + "&v=".join(quote(w, safe="") for w in words) + extra if words else ""
    b.open(page, address)
    b.run(READY)
    b.check_quiet(page)


def inside(b, script):
    """Runs in the frame, which has the graph."""
    b.run(READY)
    return b.run(script, contextId=b.inner())


SHOWN = """nodes.map(n => ({id: n.trace, value: n.value && n.value.v && n.value.v.map(fullText),
 gradient: (g => g.value && g.value.v ? g.value.v.map(fullText) : null)(gradientAt(n, events.length))}))"""


def near(got, want):
    """Both none, or the same numbers: exp and its like are another library's here."""
    if not got or not want:
        return not got and not want
    return len(got) == len(want) and all(math.isclose(float(a), float(b), rel_tol=1e-13, abs_tol=1e-15) for a, b in zip(got, want))


def assert_same(b, words):
    """Every value and gradient in the frame is the one of cotan explain --json."""
    nodes, shown = json.loads(told(*words)[0])["nodes"], inside(b, SHOWN)
    assert {n["id"] for n in nodes if n["kind"] == "leaf"} <= {n["id"] for n in shown}, words
    for n in shown:
        want = nodes[n["id"]]
        for what in ("value", "gradient"):
            assert near(n[what], (want[what] or {}).get("values")), (words, want["name"], what, n[what], want[what])


WORDS = [
    ("f = 1/(1+exp(-(w0*x0 + w1*x1 + w2)))", "w0=2", "x0=-1", "w1=-3", "x1=-2", "w2=-3"),
    ("h = tanh(W1 @ x + b1); loss = (sum(w2 * h) + b2 - 1)^2", "W1=[[0.5,-1],[1,0.5]]", "x=[1,-1]", "b1=[0,0]", "w2=[1,-1]", "b2=0"),
    ("loss = sum(layer_norm(x) * [1,-1,2])", "x=[1,2,4]"),
    ("erfc(x) * digamma(x + 2)", "x=0.3"),
]


def values_are_those_of_the_command(b):
    for words in WORDS:
        open_page(b, words)
        assert_same(b, words)
        assert b.run("$('said').hidden"), b.run("$('said').textContent")


def inputs_are_moved_by_the_library(b):
    """digamma is no operation that the page itself knows."""
    words = WORDS[3]
    open_page(b, words)
    assert inside(b, "sliders.unknown") and inside(b, "sliders.why") is None
    inside(b, "sliders.set(nodes.find(n => n.label === 'x').id, 0, 0.75)")
    assert_same(b, (words[0], "x=0.75"))
    assert b.run("$('values').value") == "x=0.75"
    assert "by the library" in inside(b, "$('moved').textContent")
    inside(b, "sliders.reset()")
    assert_same(b, words)


def steps_go_backward(b):
    open_page(b, WORDS[0])
    inside(b, "goTo(0)")
    texts = []
    for _ in range(inside(b, "events.length")):
        inside(b, "$('step').click()")
        texts.append(inside(b, "$('now').textContent"))
    assert texts[-1] == "mul: \u2202f/\u2202x0 = 0.1966 \u00d7 2 = 0.3932", texts[-1]
    assert inside(b, "$('step').disabled")


def the_checker_speaks(b):
    for words in WORDS[:2]:
        open_page(b, words)
        b.click("#check")
        said, expected = b.run("$('said').textContent").strip(), told(*words, option="--check")[0].strip()
        assert said == expected, (said, expected)


def mistakes_are_told(b):
    words = ("h = X @ W; sum(h + v)", "X=[[1,2],[3,4]]", "W=[[1,0,1],[0,1,2]]", "v=[1,2]")
    open_page(b, words)
    said = b.run("$('said').textContent")
    expected = told(*words, option=None)[1].replace("cotan explain: ", "").strip()
    assert said.startswith(expected), (said, expected)
    assert inside(b, "nodes.some(n => n.failed)")
    for text in ("f = sigmod(x)", "--html=/x", "f = x +", "", "'", "\u2212x", "x" * 5000):
        b.run(f"$('text').value = {json.dumps(text)}; explainAsked(); 0")
        assert b.run("$('said').textContent"), text
    b.run("fill('f = x*2', 'x=1'); 0")
    assert b.run("$('said').hidden")


def a_page_leads_here(b):
    """cotan explain --html links to the playground that lies beside; to none else."""
    words = ("f = a*b + c", "a=1", "b=2", "c=[[1, 2]]", "--seed", "[[1, 1]]")
    path = folder / "circuit.html"
    subprocess.run([cotan, "explain", *words, "--html", path], check=True)
    b.open(path)
    address = b.run("$('edit').getAttribute('href')")
    b.open(page, address[len("playground.html"):])
    b.run(LOADED)
    assert b.run("[$('text').value, $('values').value]") == ["f = a*b + c", "a=1 b=2 c=[[1, 2]]"], address
    with tempfile.TemporaryDirectory() as other:
        subprocess.run([cotan, "explain", *words, "--html", f"{other}/circuit.html"], check=True)
        assert 'id="edit"' not in pathlib.Path(other, "circuit.html").read_text()


def xor_is_learnt(b):
    b.open(page, "#train")
    b.run(LOADED)
    b.run("$('width').value = '4'; startAgain(); 0")
    first = b.run("train(1), losses[0]")
    last = b.run("train(400), losses[losses.length - 1]")
    assert 0.5 < first < 1.5 and last < 0.01, (first, last)
    assert "4 of 4 points are right" in b.run("$('progress').textContent")
    b.click("#measure")
    assert "PASS" in b.run("$('verdict').textContent"), b.run("$('verdict').textContent")
    b.click("#look")
    b.run(READY)
    assert inside(b, "data.updates.length") == 4 and inside(b, "nodes[data.root].label") == "loss"
    b.run("$('lr').value = 'x'; startAgain(); 0")
    assert b.run("$('verdict').textContent") == "lr and seed are numbers"
    b.check_quiet(page)


def examples_all_run(b):
    open_page(b)
    for k in range(b.run("EXAMPLES.length")):
        b.run(f"fill(...EXAMPLES[{k}].slice(1)); 0")
        said = b.run("$('said').hidden ? '' : $('said').textContent")
        assert bool(said) == ("sizes that" in b.run(f"EXAMPLES[{k}][0]")), (k, said)
    b.check_quiet(page)


TESTS = [values_are_those_of_the_command, inputs_are_moved_by_the_library, steps_go_backward, the_checker_speaks, mistakes_are_told,
         a_page_leads_here, xor_is_learnt, examples_all_run]


def take_pictures(b, to):
    for name, width, height, scheme in (("light", 1200, 800, "light"), ("dark", 1200, 800, "dark"), ("narrow", 420, 900, "light")):
        b.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        b.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        open_page(b, WORDS[0])
        b.screenshot(f"{to}/{name}.png", width, height, scheme)
        b.open(page, "#train")
        b.run("new Promise(done => setTimeout(done, 500))")
        b.run("train(1), [...Array(60)].forEach(() => train(5)), look(), 0")
        b.screenshot(f"{to}/train_{name}.png", width, height, scheme)


def main():
    program = find_browser()
    build()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="cotan_playground_") as name:
        b = Browser(program, name)
        if len(sys.argv) > 4:
            return take_pictures(b, sys.argv[4])
        for test in TESTS:
            try:
                test(b)
            except AssertionError as error:
                failed += 1
                print(f"{test.__name__}:{traceback.extract_tb(error.__traceback__)[-1].lineno}: {str(error)[:700]}")
        b.close()
    print(f"{len(TESTS) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


main()

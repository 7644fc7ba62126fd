#!/usr/bin/env python3
"""Runs the command cotan as a user does: each subcommand with right and with wrong input, and looks at what it prints, where,
and with which status. Ends with "N passed, N failed".

usage: test_cli.py COTAN TOP LIBRARY COMPILER... [-- SANITIZER [--renew]]
--renew writes the samples in docs anew.
"""
import difflib, html, json, math, os, pathlib, pty, re, struct, subprocess, sys, tempfile, xml.etree.ElementTree, zipfile

cotan, top, library = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve(), pathlib.Path(sys.argv[3]).resolve()
compiler = sys.argv[4:sys.argv.index("--")]
sanitizer = sys.argv[sys.argv.index("--") + 1]
renewing = sys.argv[-1] == "--renew"
work = tempfile.TemporaryDirectory()
os.chdir(work.name)
passed = failed = 0


def check(what, good, *seen):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("not so:", what[:500])
        for text in seen:
            print("    " + str(text)[:2000].replace("\n", "\n    "))


def run(*words, stdin="", **environment):
    """(status, standard output, standard error) of cotan WORDS..."""
    env = {**os.environ, "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "COLUMNS": "80", **environment}
    done = subprocess.run([cotan, *words], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    return done.returncode, done.stdout, done.stderr


def says(words, *parts, status=0, stdin="", **environment):
    """Runs well (with that status), says nothing on standard error, and prints each part, blanks counting as one."""
    got, out, err = run(*words, stdin=stdin, **environment)
    text = re.sub(r"\s+", " ", out)
    missing = [part for part in parts if re.sub(r"\s+", " ", part) not in text]
    check(f"cotan {' '.join(words)}: status {status}, {missing or 'quiet'}", got == status and not err and not missing, got, out, err)
    return out


def refuses(words, message, lines=1, **environment):
    """Status 2, nothing on standard output, and one line (and a place below it, if lines is 3) that says the message."""
    status, out, err = run(*words, **environment)
    check(f"cotan {' '.join(words)}: refused with {message!r}",
          status == 2 and not out and err.count("\n") == lines and message in err and err.startswith("cotan"), status, out, err)
    return err


def points_at(words, message, column, text):
    """Refused, with the text in the second line and the caret of the third under its byte's column."""
    err = refuses(words, message, lines=3).splitlines()
    check(f"the caret of {' '.join(words)}", len(err) == 3 and f"column {column}: " in err[0] and err[1] == "  " + text
          and err[2] == " " * (column + 1) + "^", err)


# ---- the command itself ----
commands = ["explain", "check", "ops", "info", "graph", "diff", "config"]
says(["--help"], *commands, "exit status")
says(["--version"], "cotan ")
for name in commands:
    says([name, "--help"], f"usage: cotan {name}")
    refuses([name, "--wrong"], "there is no option --wrong")
    out = run(name, "--help", COLUMNS="60")[1].split("examples:")[0]
    check(f"{name} --help keeps to 60 columns", max(map(len, out.splitlines())) <= 60, out)
refuses([], "a command is missing")
check("help where one looks for it", run("-h") == run("--help") and run("help", "explain") == run("explain", "--help") == run("explain", "-h")
      == run("explain", "x", "x=1", "--help") and run("help", "explain")[0] == 0)
refuses(["help", "explian"], "the nearest is 'explain'")
refuses(["--version", "x"], "--version stands alone")
refuses(["chek"], "the nearest is 'check'")
refuses(["--man", "x"], "--man stands alone")
says(["config"], "kernels", "BLIS", "threads")
refuses(["config", "x"], "'x' is one word too many: cotan config takes none")
refuses(["explain", "x", "x=1", "--seed"], "needs an argument")
refuses(["explain", "x", "x=1", "--check=3"], "takes no argument")
refuses(["explain", "x", "x=1", "--check", "--check"], "given twice")
if os.path.exists("/dev/full"):
    with open("/dev/full", "w") as full:
        done = subprocess.run([cotan, "config"], stdout=full, stderr=subprocess.PIPE, text=True)
        told = subprocess.run([cotan, "explain", "x*y", "x=1", "y=2"], stdout=full, stderr=subprocess.PIPE, text=True)
    check("a full disk is noticed", done.returncode == 2 and "cannot be written" in done.stderr, done)
    check("and said once", told.returncode == 2 and told.stderr.count("\n") == 1 and "No space" in told.stderr, told)

# ---- the manual page and the completion follow from the same rows ----
manual = run("--man")[1]
options = {name: re.findall(r"^  --([\w-]+)", run(name, "--help")[1], re.M) for name in commands}
for name in commands:
    check(f"the manual has {name}", f".SS cotan {name}" in manual)
    for option in options[name]:
        check(f"the manual has {name} --{option}", ".B \\-\\-" + option.replace("-", "\\-") in manual)
if subprocess.run("command -v groff", shell=True, stdout=subprocess.DEVNULL).returncode == 0:
    done = subprocess.run(["groff", "-man", "-ww", "-Tascii", "-z"], input=manual, stderr=subprocess.PIPE, text=True)
    check("groff has no complaint", done.returncode == 0 and not done.stderr, done.stderr)
completion = run("--completion")[1]


def completes(*words):
    script = completion + f"\nCOMP_WORDS=(cotan {' '.join(words)}); COMP_CWORD={len(words)}; _cotan; echo ${{COMPREPLY[@]}}"
    path = f"{os.path.dirname(cotan)}:{os.environ['PATH']}"
    return subprocess.run(["bash", "-c", script], stdout=subprocess.PIPE, text=True, env={**os.environ, "PATH": path}).stdout.split()


check("bash completes commands", completes("e") == ["explain"], completes("e"))
check("bash completes options", completes("explain", "--ch") == ["--check"], completes("explain", "--ch"))
check("bash completes operations", {"softmax", "softplus"} <= set(completes("ops", "soft")), completes("ops", "soft"))

# ---- the language: values ----
for expression, value in {
        "2^3^2": "512", "-2^2": "-4", "2^-1*3": "1.5", "1 - 2 - 3": "-4", "8/4/2": "1", "2*(3+4)": "14", "--3": "result = 3", "-[1]": "[-1]",
        ".5+1.": "1.5", "2e-1 + 1E2": "100.2", "-(-2)^3": "8", "a=1; b=a+2;": "3", "[1,2,3]": "[1, 2, 3]", "[]": "result = []",
        "[[1,2],[3,4]] @ [1,1]": "[3, 7]", "[1,2]*3": "[3, 6]", "sum([[1,2],[3,4]], axis=0)": "[4, 6]", "sum([])": "0",
        "sum([[1,2],[3,4]], [0,1])": "10", "sum([[1,2],[3,4]], keepdim=true, axis=1)": "[[3], [7]]", "mean([1,2])": "1.5",
        "clamp([-3,0.5,3], low=-1, high=1)": "[-1, 0.5, 1]", "clamp([-3,3], high=1)": "[-3, 1]", "softmax([0,0])": "[0.5, 0.5]",
        "sigmoid(0)": "0.5", "exp(0)": "1", "maximum(1, 2)": "2", "relu([-1, 2])": "[0, 2]", "pi": "3.142", "inf": "inf",
        "0/0": "nan", "-inf": "-inf", "matmul([1,2], [3,4])": "11", "transpose([[1,2],[3,4]])": "[[1, 3], [2, 4]]",
        "reshape([1,2,3,4], [2,2])": "[[1, 2], [3, 4]]", "concat([[1,2],[3]])": "[1, 2, 3]", "where([1,0], 5, 6)": "[5, 6]",
        'einsum("i,i->", [[1,2],[3,4]])': "11", "cross_entropy([[0,0]], [1])": "0.6931", "one_hot([1], 2)": "[[0, 1]]",
        "layer_norm([1,1])": "[0, 0]", "huber_loss(3, 0, delta=1)": "2.5", "mse_loss([1,2], [0,0], reduction=sum)": "5",
        "cross_entropy([0,0], [0.5,0.5])": "0.6931", "argmax([1,3,2])": "1", "norm([3,4])": "5", "eye(2)": "[[1, 0], [0, 1]]",
        "max_pool1d([[1,3,2,4]], 2)": "[[3, 4]]", "conv1d([[1,2,3]], [[[1,1]]], stride=1)": "[[3, 5]]", "embedding([[1],[2]], [1])": "[[2]]",
        "gcd(12, 18)": "6", "bitwise_and([12, 7], 6)": "[4, 6]",
}.items():
    says(["explain", "--", expression], f"{value} No gradients")

# ---- the language: mistakes, each at its column ----
for expression, column, message in [
        ("gcd(12.5, 18)", 5, "'gcd' takes whole numbers: 12.5 is none that fits"),
        ("", 1, "there is nothing to calculate"), ("1+", 3, "the line ends where a value is needed"), ("1+2)", 4, "')' is not expected"),
        ("(1+2", 5, "the line ends where ')' is needed"), ("2x", 2, "an operator is missing before 'x'"), ("2 ** 3", 3, "write ^"),
        ("3 − 1", 3, "write -"), ("3 $ 1", 3, "'$' is not known"), ("é", 1, "'é' is not known"), ("1e999", 1, "no number that fits"),
        ("sigmod(1)", 1, "nearest is 'sigmoid'"), ("exp", 1, "write exp(...)"), ("exp(1,2)", 7, "too many arguments"),
        ("add(1)", 1, "takes 2 arguments"), ("exp(1", 6, "',' or ')' is needed"), ("[1,2", 5, "',' or ']' is needed"),
        ("[1,[2]]", 1, "differ in shape"), ("sum([1], dim=0)", 10, "sum has no argument 'dim'"), ("sum([1], axis=0, axis=0)", 18, "given twice"),
        ("sum([1], axis=0.5)", 15, "whole numbers"), ("softmax([1], axis=[0,1])", 19, "takes one number"), ("one_hot([1])", 1, "'classes' is missing"),
        ("1; 2; q", 7, "'q' has no value"), ("a=1; a=2", 6, "'a' has a value already"), ("a=b=1", 3, "'=' stands only"),
        ("concat(1)", 8, "a list is needed"), ('einsum("i', 8, "the quote does not end"), ("mse_loss(1,2,reduction=all)", 24, "mean, sum or none"),
        ("lstm([1],[2])", 1, "lstm: takes x [T,N,I]"), ("cross_entropy([[1,2]], [1.5])", 24, "whole numbers"), ("; 1", 1, "';' stands where"),
        ("[1,2] @ [1,2,3]", 7, "matmul: inner sizes differ: [2] @ [3]"), ("1 + softmax([1], axis=3)", 5, "softmax: axis 3"),
        ("mean(argmax([1]))", 1, "mean: takes float32 or float64, not int64"), ("[1,2] + [1,2,3]", 7, "add: shapes do not broadcast"), ("add(1;2)", 6, "',' or ')'"),
]:
    points_at(["explain", expression], message, column, expression)
points_at(["explain", "x + w3", "x=1", "w2=1"], "'w3' has no value (the nearest name is 'w2')", 5, "x + w3")
points_at(["explain", "x", "x=1", "y=2"], "the expression does not use 'y'", 1, "y=2")
points_at(["explain", "x", "x=1", "x=2"], "'x' has a value already", 1, "x=2")
points_at(["explain", "x", "x=[1,"], "the line ends where a value is needed", 6, "x=[1,")
points_at(["explain", "x", "x=y"], "'y' stands where a number", 3, "x=y")
points_at(["explain", "x", "x"], "a name and its value are needed", 1, "x")
points_at(["explain", "f", "=", "x*y", "x=1", "y=2"], "needs quotes around it", 1, "=")
points_at(["explain", "clamp(x, low=y)", "x=1", "y=2"], "'low' takes plain numbers", 14, "clamp(x, low=y)")
refuses(["explain", "(" * 100000 + "1"], "nested more than", lines=3)
refuses(["explain", "--", "-" * 100000 + "1"], "nested more than", lines=3)
err = refuses(["explain", "1+" * 200 + "q" + "+1" * 200], "column 401: 'q' has no value", lines=3, COLUMNS="60").splitlines()
check("a long line is cut around the mistake", len(err[1]) <= 60 and err[1][err[2].index("^")] == "q", *err)

# ---- explain: the story ----
circuit = ["f = 1/(1+exp(-(w0*x0 + w1*x1 + w2)))", "w0=2", "x0=-1", "w1=-3", "x1=-2", "w2=-3"]
slide = {"w0": "-0.1966", "x0": "0.3932", "w1": "-0.3932", "x1": "-0.5898", "w2": "0.1966"}
out = says(["explain", *circuit], "f = div(1, v4) = 0.7311", *(f"∂f/∂{name} = {value}" for name, value in slide.items()),
           "-0.1966 × -1 = 0.1966", "(w0: 0 + -0.1966)")
check("the story keeps to 80 columns", max(map(len, out.splitlines())) <= 80, out)
out = says(["explain", *circuit], *(f"df/d{name} = {value}" for name, value in slide.items()), "-0.1966 x -1 = 0.1966", LC_ALL="C", COLUMNS="60")
check("the story is ASCII under LC_ALL=C, in 60 columns", out.isascii() and max(map(len, out.splitlines())) <= 60, out)
says(["explain", "f = x*y + x", "x=3", "y=4"], "(x: 1 + 4 = 5)", "∂f/∂x = 5")
says(["explain", "abs(x)", "x=0"], "(x: 0 + 0; at a kink: 0 is a convention)")
says(["explain", "maximum(x, y)", "x=2", "y=2"], "(y: 0 + 0.5; at a kink: 0.5 is a convention)")
says(["explain", "sum(relu(x))", "x=[0,-1,3]"], "at a kink in 1 of 3 elements, where the slope is a convention")
out = says(["explain", "sum(V @ h)", "V=[[0.1234,0.2345,0.3456,0.4567],[0.5678,0.6789,0.7891,0.8912]]", "h=[0.1234,0.2345,0.3456,0.4567]"])
check("no line ends with a blank", not re.search(" $", out, re.M), out)
check("of what is no kink nothing is said", "kink" not in run("explain", "tanh(x) + x^2 + relu(x + 1e-12)", "x=0")[1])
says(["explain", "1+2"], "result = 3", "No gradients")
out = says(["explain", "f = x*y + x", "x=3", "y=4", "--to", "y"], "∂f/∂y = 3")
check("--to leaves out what is not on the way", "∂f/∂x" not in out, out)
refuses(["explain", "f = x*y", "x=3", "y=4", "--to", "z"], "there is no 'z' in the expression")
refuses(["explain", "f = alpha*y", "alpha=3", "y=4", "--to", "alpa"], "the nearest is 'alpha'")
says(["explain", "relu(x)*y", "x=-3", "y=4", "--why", "x"], "relu")
refuses(["explain", "relu(x)", "x=-3", "--why", "q"], "there is no 'q'")
refuses(["explain", "x*[1,2]", "x=3"], "result has shape [2], and a gradient is that of one number")
says(["explain", "y = x*[1,2]", "x=3", "--seed", "[0,1]"], "gradients of sum(seed × y), the seed times the Jacobian, with seed = [0, 1] inputs", "y = mul(x, [1,2]) = [3, 6]", "∂y/∂x = 2")
refuses(["explain", "x*[1,2]", "x=3", "--seed", "[0,1,2]"], "--seed has shape [3], the result [2]")
refuses(["explain", "x*[1,2]", "x=3", "--seed", "[0,"], "column 4", lines=3)
refuses(["explain", "x", "x=1", "--quiz", "--json"], "--quiz and --json do not go together")
err = refuses(["explain", "log(x)*y*w", "x=1", "y=[1,2]", "w=[1,2,3]"], "mul: shapes do not broadcast: [2], [3]", lines=5)
check("it is told where sizes come from", err.endswith("  (log(x)*y) is [2]: 2 is axis 0 of y; w is [3], its own\n"), err)
failing = ["explain", "h = X @ W; sum(h + v)", "X=[[1,2],[3,4]]", "W=[[1,0,1],[0,1,2]]", "v=[1,2]", "--svg", "until.svg"]
err = refuses(failing, "add: shapes do not broadcast: [2,3], [2]", lines=6)
check("each size of a failing operation is followed to where it was born", "  h is [2,3]: 2 is axis 0 of X, 3 is axis 1 of W; v is [2], its own\n" in err, err)
picture = pathlib.Path("until.svg").read_text()
check("a failing shape draws what was calculated until then, and what failed", all(part in picture for part in ("matmul", "[2,3]", 'class="b x"', "failed: add: shapes", ">v<")), picture)
refuses(["explain", "X @ v", "X=[[1,2],[3,4]]", "v=[1,2,3]", "--svg", "first.svg"], "inner sizes differ", lines=5)
check("an operation that fails first is drawn, with what it was given", "failed: matmul" in pathlib.Path("first.svg").read_text())
refuses(["explain", "X @ v; q", "X=[[1,2],[3,4]]", "v=[1,2]", "--svg", "none.svg"], "'q' has no value", lines=3)
check("a mistake that is none of shapes draws nothing", not pathlib.Path("none.svg").exists())
shapes = ["h = conv1d(x, w); sum(flatten(h))", "x=randn([1,2,9])", "w=randn([4,2,3])"]
says(["explain", *shapes, "--shape", "h"], "h is [1,4,7]: 1 is axis 0 of x, 4 is axis 0 of w, 7 is made by 'conv1d' (expression:5) of 9 (axis 2 of x) and 3 (axis 2 of w)")
says(["explain", *shapes, "--shape", "x"], "x is [1,2,9], its own")
says(["explain", "sum(x*y)", "x=[1,2]", "y=3", "--shape", "y"], "y is [], one number")
refuses(["explain", *shapes, "--shape", "z"], "there is no 'z' in the expression")
pathlib.Path("shapes.json").write_text(says(["explain", *shapes, "--json"]))
check("the same of a recorded graph", run("explain", "shapes.json", "--shape", "h") == run("explain", *shapes, "--shape", "h"))
trace = json.loads(says(["explain", *circuit, "--json"]))
check("--json places no leaf in the expression", all(n["file"] is None for n in trace["nodes"] if n["kind"] == "leaf"), trace["nodes"])
got = {n["name"]: n["gradient"]["values"][0] for n in trace["nodes"] if n["kind"] == "leaf"}
check("--json has the slide's gradients", {k: f"{v:.4f}" for k, v in got.items()} == slide, got)
check("--json has columns as lines", [n["line"] for n in trace["nodes"] if n["name"] == "f"] == [6], trace["nodes"])

def on_a_terminal(**environment):
    """What the story looks like there, in bytes."""
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS")}
    mine, its = pty.openpty()
    done = subprocess.run([cotan, "ops", "tanh"], stdout=its, env={**env, "LC_ALL": "C.UTF-8", "TERM": "xterm", **environment})
    os.close(its)
    return os.read(mine, 10000) if done.returncode == 0 else b""


check("a terminal shows what is bold", b"\x1b[1mtanh\x1b[0m" in on_a_terminal(), on_a_terminal())
for plain in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
    check(f"no codes with {plain}", b"tanh" in on_a_terminal(**plain) and b"\x1b" not in on_a_terminal(**plain), on_a_terminal(**plain))

# ---- explain: the quiz ----
def quiz(words, lines, status, *parts):
    return says(["explain", *words, "--quiz"], *parts, status=status, stdin="".join(line + "\n" for line in lines))


def order(words):
    """The names asked for, in order: a game in which every answer is three hints away."""
    out = run("explain", *words, "--quiz", stdin="\n" * 99)[1]
    return list(dict.fromkeys(re.findall(r"^\d+/\d+  ∂\w+/∂(.*?) = \?", out, re.M)))


fork = ["f = x*y + x", "x=3", "y=4"]
check("the quiz asks in the order of the backward pass", order(fork) == ["(x*y)", "x", "y"], order(fork))
quiz(fork, ["1", "5", "3"], 0, "(x*y): 1 * 4 = 4", "together: 1 + 4 = 5", "3 of 3 right at once")
quiz(fork, ["2/2", "+5.01e0", ".3e1"], 0, "3 of 3")
quiz(fork, ["1", "5.1", "q"], 1, "Not so", "1 of 3 right at once, and the answers ended early", "To repeat: adding up")
quiz(fork, ["1", "1", "4", "7", "5"], 1, "that comes through f alone", "that comes through (x*y) alone, as if it replaced what was there",
     "x is used 2 times, and the parts add up", "and the answers ended early")
quiz(fork, ["1", "", "", "5", "3"], 1, "x is used 2 times. Each use gives a part", "x goes into mul, which makes (x*y)",
     "The rule of mul: g b with g = 1, a = 3, b = 4, y = 12", "2 of 3 right at once.", "To repeat: adding up")
quiz(fork, ["1", "", "", "", "3"], 1, "together: 1 + 4 = 5", "3/3 ∂f/∂y = ? 3 Right.", "2 of 3")
quiz(fork, ["one", "1+", "x", "1", "5", "3"], 0, "That is no number: column 1: 'one' has no value. 1/3", "column 3", "3 of 3")
quiz(fork, ["[1,2]", "1", "5", "3"], 1, "Not so: the gradient has the shape of (x*y), scalar; the answer has [2].", "2 of 3")
quiz(["f = x*2", "x=3"], ["-2", "2"], 1, "Not so: the sign", "0 of 1 right at once.", "To repeat: mul")
quiz(["sum(W @ x)", "W=[[1,2],[3,4]]", "x=[1,-1]"], ["[1,1]", "[1,-1]", "[[1,-1],[1,-1]]", "[4,6]"], 1,
     "the gradient has the shape of W, [2, 2]; the answer has [2]", "2 of 3 right at once.")
quiz(["f = relu(x)*y", "x=-2", "y=3"], ["3", "0", "3", "0"], 1, "relu passes a gradient only where its input is above 0")
says(["explain", *circuit, "--quiz"], "0 of 12 right at once, and the answers ended early.", status=1)
quiz(circuit, ["-.534", "-.534", "-0.197", "0.197"], 1, "v4", "4 of 12")
refuses(["explain", "sum(x)", "x=randn([100])", "--quiz"], "there is no gradient to ask for")
out = run("explain", *fork, "--quiz", stdin="1\n", LC_ALL="C")[1]
check("the quiz is ASCII under LC_ALL=C", out.isascii() and "df/dx" in out, out)

# ---- every operation by its name: those with a row, and the others by what their records say of their attributes ----
for call, value in {
        "sum(conv_transpose2d(x, [[[[1,2],[3,4]]]], stride=2))": "100", "sum(conv_transpose1d([[[1,2]]], [[[1,2]]], output_padding=1, stride=2)) + sum(x)": "19",
        "sum(unfold(x, 1)) + sum(unfold(x, [2,1])) + sum(unfold(x, 2, padding=1))": "60",
        "sum(fold(unfold(x, 2), [2,2], 2))": "10", "sum(interpolate(x, 2))": "40", "sum(interpolate(x, size=[3,1]))": "5",
        "sum(interpolate(x, 3, linear=1, align_corners=1))": "90", "sum(adaptive_avg_pool2d(x, 1, 2))": "5",
        "sum(local_response_norm(x, 1, alpha=0, k=4, beta=0.5))": "5", "sum(roll(x, 1))": "10", "max_pool_gather(x, [[[[0,3]]]])": None,
        "sum(rnn([[[1]]], [[[1]], [[0]], [0], [0]])) + sum(x)": "10.76", "sum(lstm([[[1]]], [[[0],[0],[9],[0]], [[0],[0],[0],[0]], [0,0,0,0], [0,0,0,0]])) + sum(x)": "10.23",
        "sum(gru([[[1]]], [[[0],[0],[9]], [[0],[0],[0]], [0,0,0], [0,0,0]], bidirectional=0)) + sum(x)": "10.5",
        "sum(lstm_cell([[1]], [[0]], [[0]], [[0],[0],[9],[0]], [[0],[0],[0],[0]])) + sum(x)": "10.23"}.items():
    got, out, err = run("explain", "f = " + call, "x=[[[[1,2],[3,4]]]]", "--json")
    root = json.loads(out)["root"] if got == 0 else None
    check(f"explain {call}", value is None or (got == 0 and f"{json.loads(out)['nodes'][root]['value']['values'][0]:.4g}" == value), out[-300:], err)
says(["explain", "sum(softmax_backward(x, y, axis=0))", "x=[1,2]", "y=[.5,.5]"], "softmax_backward(x, y; axis=0)")
refuses(["explain", "sum(softmax_backward(x, y, ax=0))", "x=[1,2]", "y=[.5,.5]"], "softmax_backward has no option 'ax'", lines=3)
refuses(["explain", "sum(softmax_backward(x, y, axis=[0,1]))", "x=[1,2]", "y=[.5,.5]"], "'axis' takes 1 number", lines=3)
refuses(["explain", "sum(softmax_backward(x, y, axis=0.5))", "x=[1,2]", "y=[.5,.5]"], "whole numbers", lines=3)
refuses(["explain", "exp(x, p=1)", "x=1"], "exp has no option 'p'", lines=3)

# ---- a step ----
out = says(["explain", "f = (w*3 - 1)^2 + v", "w=2", "v=1", "--step", "sgd lr=0.1"], "update by optimizer_step",
           "w = 2 + -3 = -1 (-0.1 × gradient 30)", "v = 1 + -0.1 = 0.9 (-0.1 × gradient 1)", "before = 26",
           "forecast = 26 + -90.1 = -64.1", "after = 16.9")
says(["explain", "f = (w*3 - 1)^2", "w=2", "--step", "adam, lr=0.25"], "w = 2 + -0.25 = 1.75", "after = 18.06")
says(["explain", "f = w^2", "w=2", "--step", "sgd lr=0.25 maximize"], "w = 2 + 1 = 3 (0.25 × gradient 4)")
check("a step draws the same random numbers again", len(set(re.findall(r"= (-?[\d.]+)\s+\(calc|before\s+= (-?[\d.]+)", run(
    "explain", "sum(randn([3])) + 0*x", "x=1", "--step", "sgd")[1])[0])) == 2 and (lambda t: re.search(r"before\s+= (\S+)", t)[1] == re.search(
        r"after\s+= (\S+)", t)[1])(run("explain", "sum(randn([3])) + 0*x", "x=1", "--step", "sgd")[1]))
step = ["explain", "f = w^2", "w=2", "--step"]
refuses([*step, "sdg"], "--step: there is no rule 'sdg'; the nearest is sgd")
refuses([*step, " "], "--step: a rule is missing")
refuses([*step, "sgd lt=1"], "--step: there is no option 'lt'; the nearest is 'lr'")
refuses([*step, "sgd lr"], "--step: 'lr' takes a number")
refuses([*step, "sgd lr=1x"], "--step: 'lr' takes a number")
refuses([*step, "sgd nesterov=1"], "--step: 'nesterov' takes no number")
refuses([*step, "sgd " + 40 * "x"], "is too long a word")
refuses([*step, "adam momentum=0.9"], "optimizer adam: has no option momentum")
refuses([*step, "sgd lr=-1"], "lr out of range: -1")
refuses(["explain", "f = 3", "--step", "sgd"], "--step: no name has a value that could be changed")
for other in (["--check"], ["--quiz"], ["--why", "w"]):
    refuses([*step, "sgd", *other], "--step does not go together with")

# Every row of the table of mistakes: its answer in a place where the operation has it, and the words.
rows = re.findall(r'^MISTAKE\("(.*?)", +(-?\d), "(.*?)", +"(.*?)"\)', (top / "docs/cli/mistakes.h").read_text(), re.M)
check("there are rows", len(rows) > 30)
X = 0.7
places = {  # operation: expression, then for each input a name, and the values of its letters
    "mul": ("f = 3*(p*q)", {0: ("p", dict(v=2, a=2, b=5, y=10, r=15)), 1: ("q", dict(v=5, a=2, b=5, y=10, r=6))}),
    "div": ("f = 3*(p/q)", {0: ("p", dict(v=2, a=2, b=5, y=.4, r=.6)), 1: ("q", dict(v=5, a=2, b=5, y=.4, r=-.24))}),
    "sub": ("f = 3*(p-q)", {1: ("q", dict(v=5, a=2, b=5, y=-3, r=-3))}),
    "maximum": ("f = 3*maximum(p,q)", {0: ("p", dict(v=2, a=2, b=5, y=5, r=0))}),
    "minimum": ("f = 3*minimum(p,q)", {1: ("q", dict(v=5, a=2, b=5, y=2, r=0))}),
    "neg": ("f = 3*-p", {0: ("p", dict(v=2, y=-2, r=-3))}), "square": ("f = 3*square(p)", {0: ("p", dict(v=2, y=4, r=12))}),
    "pow_scalar": ("f = 3*p^4", {0: ("p", dict(v=2, y=16, r=96))}), "relu": ("f = 3*relu(-1*p)", {0: ("(-1*p)", dict(v=-2, y=0, r=0))}),
    "abs": ("f = 3*abs(-1*p)", {0: ("(-1*p)", dict(v=-2, y=2, r=-3))}),
}
for op, y, slope in [("exp", math.exp(2), math.exp(2)), ("log", math.log(2), .5), ("sigmoid", 1 / (1 + math.exp(-2)), None),
                     ("tanh", math.tanh(2), 1 - math.tanh(2)**2), ("sin", math.sin(2), math.cos(2)),
                     ("cos", math.cos(2), -math.sin(2))]:
    places[op] = (f"f = 3*{op}(p)", {0: ("p", dict(v=2, y=y, r=3 * (slope or y * (1 - y))))})
places["sqrt"] = ("f = 3*sqrt(p+1)", {0: ("(p+1)", dict(v=3, y=math.sqrt(3), r=1.5 / math.sqrt(3)))})
tensors = {  # operation, input, answer: a game of its own
    ("matmul", "0", "g @ b"): (["sum([[1,2],[3,4]] * (p @ [[1,2],[3,5]]))", "p=[[1,0],[2,1]]"], "p", "[[7,12],[15,26]]"),
    ("matmul", "1", "a @ g"): (["sum([[1,2],[3,4]] * ([[1,2],[3,5]] @ p))", "p=[[1,0],[2,1]]"], "p", "[[7,10],[18,26]]"),
    ("matmul", "-1", "transpose(r)"): (["sum([[1,2],[3,4]] * (p @ [[1,2],[3,5]]))", "p=[[1,0],[2,1]]"], "p", "[[5,11],[13,29]]"),
    ("mean", "0", "r*n"): (["mean(p)*3", "p=[1,2]"], "p", "[3,3]"), ("sum", "0", "r/n"): (["sum(p)*3", "p=[1,2]"], "p", "[1.5,1.5]"),
    ("softmax", "0", "g*y*(1-y)"): (["sum(softmax(p)*[1,3])", "p=[0,0]"], "p", "[.25,.75]"),
    ("softmax", "0", "g*y"): (["sum(softmax(p)*[1,3])", "p=[0,0]"], "p", "[.5,1.5]"),
}
generic = {"-r": "-15", "r/g": "5", "g + 0*r": "3", "g + r/g": "8", "v": "2", "y + 0*r": "10", "1/r": "1/15"}
for op, place, answer, words in rows:
    if (op, place, answer) in tensors:
        line, name, given = tensors[op, place, answer]
    elif op == "*":
        line, name, given = ["f = 3*(p*q)" if answer != "y + 0*r" else "f = 3*(p+q)", "p=2", "q=5"], "p", generic[answer]
        given = "7" if answer == "y + 0*r" else given
    else:
        expression, inputs = places[op]
        at = int(place) if int(place) >= 0 else min(inputs)
        name, letters = inputs[at]
        given = repr(eval(answer.replace("^", "**"), dict(vars(math), g=3, n=1, x=letters["v"], **letters)))
        line = [expression, "p=2"] + (["q=5"] if "q" in expression.replace("sqrt", "").replace("square", "") else [])
    asked = order(line)
    out = run("explain", *line, "--quiz", stdin="\n\n\n" * asked.index(name) + given + "\n")[1]
    check(f"the mistake {op} {answer}: {given} for {name} in {line[0]}", f"= ? {given} Not so: {words}." in " ".join(out.split()), out)

# ---- explain: the check and the graph ----
out = says(["explain", *circuit, "--check"], "w0 2 -0.1966 -0.1966 agrees", "x1 -2 -0.5898 -0.5898 agrees", "PASS")
says(["explain", "relu(x)", "x=0", "--check"], "x 0 0 0.5 a kink", "KINK")
says(["explain", "cross_entropy(x, t)", "x=[[1,2,3]]", "t=[1]", "--check"], "x[0, 1] 2 -0.7553 -0.7553 agrees", "t [1] none - no gradient flows")
says(["explain", "sum(dropout(x))", "x=[1,2,3,4]", "--check"], "PASS")
says(["explain", "x+y", "x=1", "y=nan", "--check"], "FAIL", "not finite", status=1)
says(["explain", "sum(x*x)", "x=randn([3,40])", "--check"], "PASS: ")
says(["explain", "sum(x*x)", "x=randn([300,300])", "--check"], "x[0, 0]", "PASS: ", "directions compared")
refuses(["explain", "1+2", "--check"], "there is nothing to check")
for kind, holds in {"dot": ["digraph", "0.7311"], "svg": ["</svg>", "0.7311"], "html": ["</html>", "0.73105857"]}.items():
    check(f"--{kind} prints nothing", says(["explain", *circuit, f"--{kind}", f"x.{kind}"]) == "")
    text = pathlib.Path(f"x.{kind}").read_text()
    check(f"--{kind} writes the graph", "w0*x0" in text and all(part in text for part in holds), text)
    refuses(["explain", *circuit, f"--{kind}", f"/nowhere/x.{kind}"], f"/nowhere/x.{kind}")
    refuses(["explain", *circuit, f"--{kind}", "x.txt"], f"--{kind} x.txt: the name must end in .{kind}")
out = says(["explain", "f = x*y + x", "x=3", "y=4", "--frames", "frames"], "5 pictures in frames")
frames = [pathlib.Path(f"frames/step_{k:03}.svg").read_text() for k in range(1, 6)]
check("frames: all of one size", len({re.search("viewBox=.*?>", f)[0] for f in frames}) == 1 and len(list(pathlib.Path("frames").iterdir())) == 5)
check("frames: what has not come is not shown", [f.count("∂ …</text>") for f in frames] == [3, 2, 1, 1, 0], [f.count("∂ …</text>") for f in frames])
check("frames: each step is told", "step 1 of 5, begin: ∂f/∂f = 1<" in frames[0] and "step 4 of 5, mul: ∂f/∂x = 1 × 4 = 4;   1 + 4 = 5<" in frames[3], frames[3])
check("frames: x has 1, then 5", "∂ 1</text>" in frames[2] and "∂ 5</text>" not in frames[2] and "∂ 5</text>" in frames[3])
check("frames: the same bytes again", run("explain", "f = x*y + x", "x=3", "y=4", "--frames", "frames")[0] == 0 and [
    pathlib.Path(f"frames/step_{k:03}.svg").read_text() for k in range(1, 6)] == frames)
refuses(["explain", "f = 3", "--frames", "frames"], "--frames: there is no backward")
refuses(["explain", "x", "x=1", "--frames", "/nowhere/frames"], "--frames: /nowhere/frames: ")
says(["explain", "f = x*y + x", "x=3", "y=4", "--handout", "sheet.svg"])
sheet, solution = pathlib.Path("sheet.svg").read_text(), pathlib.Path("sheet.solution.svg").read_text()
check("the handout has blanks, the solution none", sheet.count("∂ ______") == 4 and "∂ 5" not in sheet and "______" not in solution and "∂ 5</text>" in solution, sheet)
check("handout and solution lie on one another", re.findall("<rect.*?>", sheet) == re.findall("<rect.*?>", solution))
def leaves(*words):
    return {n["name"]: n for n in json.loads(run("explain", *words, "--json")[1])["nodes"] if n["kind"] == "leaf"}
numbers = [[n["value"]["values"] for n in leaves("f = sum(x*y + exp(z))", "x=3", "y=[4,0,-2]", "z=0.25", "--student", name).values()]
           for name in ("ada", "ada", "ben", "cleo", "dan")]
check("a student's numbers follow from the name", numbers[0] == numbers[1] and len({str(n) for n in numbers}) == 4, numbers)
flat = [[x for leaf in sorted(n, key=len) for x in leaf] for n in numbers]
check("signs, zeros and whole numbers stay", all([(x > 0) - (x < 0) for x in n] == [1, 1, 1, 0, -1] and all(x == int(x) for x in n[:1] + n[2:]) for n in flat), flat)
says(["explain", "f = x*y + x", "x=3", "y=4", "--handout", "own.svg", "--student", "ada"])
own, own_solution = pathlib.Path("own.svg").read_text(), pathlib.Path("own.solution.svg").read_text()
x = leaves("f = x*y + x", "x=3", "y=4", "--student", "ada")["x"]
check("the solution follows the student's numbers", f"∂ {x['gradient']['values'][0]:g}</text>" in own_solution and "∂ ______" in own and "(ada)" in own, own_solution)
says(["explain", "f = x*y + x", "x=3", "y=4", "--svg", "one.svg", "--step", "2"])
says(["explain", "f = x*y + x", "x=3", "y=4", "--frames", "all"], "pictures in all")
check("--step 2 is the second frame", pathlib.Path("one.svg").read_text() == pathlib.Path("all/step_002.svg").read_text())
says(["explain", "f = x*y + x", "x=3", "y=4", "--html", "one.html", "--step", "2"])
check("a page opens at the step", '"at":2' in pathlib.Path("one.html").read_text())
refuses(["explain", "x^2", "x=1", "--step", "2"], "--step 2: goes with --svg or --html; a training step is 'sgd lr=0.1'")
refuses(["explain", "x^2", "x=1", "--svg", "one.svg", "--step", "99"], "step 99 is behind the last")
refuses(["explain", "x^2", "x=1", "--svg", "one.svg", "--step", "0"], "--step 0: steps count from 1")
vector = ["explain", "f = sum(b^2)", "b=[0.3171,-0.07471,0.1505,0.008963,0.2846,-0.1161,0.01764,0.03374]"]
stories = {" ".join(run(*vector, COLUMNS=str(width))[1].split()) for width in range(60, 84)}
check("no width joins words or parts them", len(stories) == 1 and all(len(line) <= 60 for line in run(*vector, COLUMNS="60")[1].splitlines()), stories)
refuses(["explain", "x^2", "x=1", "--svg", "one.svg", "--student", ""], "--student: the name is empty")
refuses(["explain", "x", "x=1", "--handout", "sheet.pdf"], "--handout sheet.pdf: the name must end in .svg")
refuses(["explain", *circuit, "--svg", "x.svg", "--html", "x.html"], "--html and --svg do not go together")

picture = top / "docs" / "circuit.svg"
says(["explain", *circuit, "--svg", "circuit.svg"])
check("README's picture is what the command beside it draws", pathlib.Path("circuit.svg").read_bytes() == picture.read_bytes())

# ---- ops ----
all_ops = run("ops", "--names")[1].split()
check("ops --names lists many", len(all_ops) > 100 and {"add", "matmul", "softmax", "conv2d"} <= set(all_ops))
records = json.loads(says(["ops", "--json"]))
check("ops --json has them all", [r["name"] for r in records] == all_ops)
check("ops --json has shapes", {"inputs": "3x4 4x5", "outputs": "3x5"} in [r for r in records if r["name"] == "matmul"][0]["samples"])
for name in all_ops:
    says(["ops", name], name, "gradient")
says(["ops", "matmul"], "ct_tensor *ct_matmul(ct_tensor *a, ct_tensor *b);", "a @ b", "g b^T, a^T g", "3x4 4x5 → 3x5")
says(["ops", "matmul"], "3x4 4x5 -> 3x5", LC_ALL="C")
out = says(["ops"], "sigmoid g y (1 - y)", COLUMNS="60")
check("ops keeps to 60 columns", max(map(len, out.splitlines())) <= 60)
check("ops NAME keeps to 60 columns", max(map(len, run("ops", "cross_entropy", COLUMNS="60")[1].splitlines())) <= 60)
refuses(["ops", "sofmax"], "the nearest is 'softmax'")
refuses(["ops", "zzzzzzzz"], "there is no operation 'zzzzzzzz'")


# ---- info ----
def safetensors(path, tensors):
    header, data = {}, b""
    for name, (dtype, code, shape, values) in tensors.items():
        packed = struct.pack(f"<{len(values)}{code}", *values)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    text = json.dumps(header).encode()
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)


nan, inf = float("nan"), float("inf")
safetensors("m.safetensors", {"w": ("F32", "f", [2, 2], [1, 2, 3, 4]), "bad": ("F64", "d", [3], [nan, inf, 5]), "none": ("F32", "f", [0], []),
                              "label": ("I64", "q", [], [7])})
out = says(["info", "m.safetensors"], "w [2, 2] float32 16 B 1 4 2.5 1.118 0 0", "bad [3] float64 24 B 5 5 5 0 1 1",
           "none [0] float32 0 B - - - - 0 0", "label scalar int64 8 B 7 7 7 0 0 0", "4 tensors, 8 elements, 48 B; 1 nan, 1 inf")
check("info's columns stand below each other", len({line.index("float") for line in out.splitlines() if "float" in line}) == 1, out)
check("graph is info", run("graph", "m.safetensors")[1] == out)
out = says(["info", "m.safetensors"], "w shape [2, 2] dtype float32 size 16 B", COLUMNS="60")
check("info keeps to 60 columns", max(map(len, out.splitlines()[:-1])) <= 60, out)
values = {t["name"]: t for t in json.loads(says(["info", "m.safetensors", "--json"]))}
check("info --json", values["w"]["mean"] == 2.5 and values["none"]["min"] is None and values["bad"]["nan"] == 1, values)
resnet, gpt = (top / "tests/data" / name for name in ("resnet18.safetensors", "gpt2.safetensors"))
out = says(["info", str(resnet), "--layers"], "layer (kind) weights parameters", "conv1 (convolution) weight [4, 3, 7, 7] 588",
           "layer1.0.bn1 (batch_norm) weight [4], bias [4] 8", "fc (linear) weight [5, 8], bias [5] 45",
           "14091 parameters, 240 numbers in buffers", COLUMNS="100")
rows = [line.split() for line in out.splitlines()]
check("--layers has each layer once, and their sum", len({row[0] for row in rows[1:-1]}) == len(rows) - 2 and
      sum(int(row[-1]) for row in rows[1:-1]) == 14091, out)
says(["info", str(gpt), "--layers"], "transformer.h.0.attn.c_proj weight [8, 8], bias [8] 72", COLUMNS="100")
says(["info", "m.safetensors", "--layers"], "w [2, 2]", "0 numbers in buffers")
refuses(["info", "m.safetensors", "--layers", "--json"], "--layers and --json: give one of the two")
refuses(["info", "a.csv", "--layers"], "a.csv")
header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }"
header += (118 - len(header) - 1 - 1) % 64 * " " + "\n"
pathlib.Path("a.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + struct.pack("<4d", 1, 2, nan, 5))
says(["info", "a.npy"], "a.npy [2, 2] float64 32 B 1 5 2.667 1.7 1 0", "1 tensor, 4 elements")
with zipfile.ZipFile("a.npz", "w") as archive:
    archive.write("a.npy", "first.npy")
    archive.write("a.npy", "second.npy")
says(["info", "a.npz"], "first [2, 2] float64 32 B 1 5 2.667 1.7 1 0", "second [2, 2]", "2 tensors, 8 elements")
pathlib.Path("named.csv").write_text('height, "weight",\n1,10,7\n3,30,7\n')
says(["info", "named.csv"], "height [2] float64 16 B 1 3 2 1 0 0", "weight [2] float64 16 B 10 30 20 10", "column 3 [2] float64 16 B 7 7 7 0", "3 tensors")
pathlib.Path("plain.csv").write_text("1,10\n3,30\n")
says(["info", "plain.csv"], "column 1 [2] float64 16 B 1 3 2 1 0 0", "column 2", "2 tensors, 4 elements")
import gzip
pathlib.Path("plain.csv.gz").write_bytes(gzip.compress(b"1,10\n3,30\n"))
check("info reads a compressed CSV", run("info", "plain.csv.gz")[1] == run("info", "plain.csv")[1])
pathlib.Path("quoted.csv").write_text('"height, cm","the ""weight"""\n1,10\n3,30\n')
says(["info", "quoted.csv"], "height, cm [2] float64 16 B 1 3", 'the "weight" [2] float64 16 B 10 30', "2 tensors")
pathlib.Path("named.csv.gz").write_bytes(gzip.compress(pathlib.Path("named.csv").read_bytes()))
check("info reads the names of a compressed CSV", run("info", "named.csv.gz")[1] == run("info", "named.csv")[1])
for name, sign in ("semi.csv", ";"), ("tabs.tsv", "\t"):
    pathlib.Path(name).write_text(f"height{sign}weight\n1{sign}10\n3{sign}30\n")
    says(["info", name], "height [2] float64 16 B 1 3", "weight [2] float64 16 B 10 30", "2 tensors")
pathlib.Path("text.txt").write_text("no numbers at all\n")
says(["info", str(top / "tests/data/types.gguf")], "q8_0 [3, 64] float32 768 B", "bf16 [2, 3] bfloat16 12 B", "8 tensors")
refuses(["info", "text.txt"], "text.txt: this is no .safetensors, .gguf, .npz, .npy, IDX or .csv")
pathlib.Path("graph.txt").write_text('{"format": "cotan trace"}')
refuses(["info", "graph.txt"], "if it is a recorded graph, cotan explain tells it")
pathlib.Path("iris.csv").write_text("length,width,species\n5.1,3.5,setosa\n4.9,,virginica\n6.1,2.5,setosa\n")
says(["info", "iris.csv"], "length [3] float64 24 B 4.9 6.1", "width [3] float64 24 B 2.5 3.5 3 0.5 1 0", "species [3] text - 2 different", "2 tensors, 6 elements, 48 B; 1 column of text")
got = {row["name"]: row for row in json.loads(says(["info", "iris.csv", "--json"]))}
check("info --json of text", got["species"]["different"] == 2 and got["width"]["nan"] == 1 and got["length"]["max"] == 6.1, got)
says(["info", str(top / "docs/data/breast_cancer.csv")], "column 1 [569] float64", "column 31 [569]", "31 tensors", "the first line, of 4 fields, is left out", COLUMNS="100")
pathlib.Path("unnamed.csv").write_text("a,1\nb,2\n,3\n")
says(["info", "unnamed.csv"], "column 1 [3] text - 2 different - - - 1 0", "column 2 [3] float64 24 B 1 3")
for cut, message in {"a,b,c\n1,2\n": "line 2 has 2 fields, the first has 3", "a,b\n1,2,3\n": "line 2 has more than the 2 fields of the first",
                     "a,b,c\n1,2,3\n4,5\n": "line 3 has 2 fields", "a,b,c\n1,x\n": "line 2 has 2 fields"}.items():
    pathlib.Path("cut.csv").write_text(cut)
    refuses(["info", "cut.csv"], message)
pathlib.Path("bad.csv").write_text("a,b\n1,x,3\n")
refuses(["info", "bad.csv"], "bad.csv")
pathlib.Path("bad.csv").write_text("")
refuses(["info", "bad.csv"], "bad.csv")
refuses(["info", "absent.csv"], "absent.csv")
pathlib.Path("short.safetensors").write_bytes(pathlib.Path("m.safetensors").read_bytes()[:-3])
refuses(["info", "short.safetensors"], "short.safetensors")
refuses(["info", "absent.safetensors"], "absent.safetensors")
refuses(["info", "/"], "/")
refuses(["info"], "FILE is missing")
pathlib.Path("y-idx1").write_bytes(b"\0\0\x08\x01" + struct.pack(">I", 3) + bytes([1, 2, 6]))
says(["info", "y-idx1"], "y-idx1 [3] uint8 3 B 1 6 3 2.16 0 0")
pathlib.Path("bad-idx1").write_bytes(b"\0\0\x08\x01" + struct.pack(">I", 4) + bytes([1, 2, 6]))
refuses(["info", "bad-idx1"], "bad-idx1")

# ---- diff ----
for name, words in {"a": ["h = w*x; relu(h)", "w=2", "x=3"], "b": ["h = w*x; relu(h)", "w=2", "x=4"], "near": ["h = w*x; relu(h)", "w=2.00000001", "x=3"],
                    "longer": ["h = w*x; exp(relu(h))", "w=2", "x=3"], "big": ["sum(x*2)", "x=randn([100])"], "bigger": ["sum(x*2)", "x=randn([100])*2"]}.items():
    pathlib.Path(f"{name}.json").write_text(says(["explain", *words, "--json"]))
says(["diff", "a.json", "a.json"], "values: the same in all 4 nodes", "gradients: the same in all 4 nodes")
says(["diff", "a.json", "b.json"], "values: first differ at leaf 'x'", "a.json: [3]", "b.json: [4]", "3 of 4 differ", "gradients: first differ at leaf 'w'", status=1)
says(["diff", "a.json", "near.json"], "values: the same")
says(["diff", "a.json", "near.json", "--tolerance", "0"], "values: first differ at leaf 'w'", status=1)
says(["diff", "a.json", "longer.json"], "values: the same in all 4", "gradients: first differ at relu", "only in longer.json: 1 node, the first is exp", status=1)
says(["diff", "longer.json", "a.json"], "only in longer.json: 1 node", status=1)
says(["diff", "big.json", "bigger.json"], "values: first differ at leaf 'x'", "mean", "gradients: the same", status=1)
got = json.loads(says(["diff", "a.json", "b.json", "--json"], status=1))
check("diff --json", got["values"] == 3 and got["gradients"] == 1 and got["pairs"] == 4, got)
pathlib.Path("none.json").write_text("{}")
pathlib.Path("broken.json").write_text('{"format":\n 3')
for name, rate in (("slow", 0.1), ("fast", 0.2)):
    pathlib.Path(f"{name}.json").write_text(says(["explain", "f = (w*x - 1)^2", "w=2", "x=3", "--step", f"sgd lr={rate}", "--json"]))
says(["diff", "slow.json", "fast.json", "--compare", "updates"], "updates: first differ at leaf 'w'", "slow.json: [-1]", "fast.json: [-4]", status=1)
says(["diff", "slow.json", "slow.json"], "updates: the same")
says(["diff", "a.json", "b.json", "--compare", "gradients"], "gradients: first differ at leaf 'w'", status=1)
says(["diff", "a.json", "b.json", "--compare", "gradients,updates", "--tolerance", "0.5"], "gradients: the same")
refuses(["diff", "a.json", "b.json", "--compare", "gradient"], "--compare gradient: values, gradients and updates can be compared")
out = says(["diff", "a.json", "b.json", "--html", "both.html"], "values: first differ at leaf 'x'", status=1)
both = pathlib.Path("both.html").read_text()
check("diff --html says the same, and has both pages", html.unescape(re.search("<pre.*?>(.*?)</pre>", both, re.S)[1]) == out and both.count("srcdoc=") == 2, both[:2000])
check("diff --html leaves no other file", not list(pathlib.Path(".").glob("both.html.*")))
refuses(["diff", "a.json", "b.json", "--html", "/nowhere/both.html"], "/nowhere/both.html")
pathlib.Path("odd.json").write_text(pathlib.Path("a.json").read_text().replace('"id":1,', '"id":77,'))
refuses(["diff", "a.json", "odd.json", "--html", "both.html"], "no trace: 'id' is missing or cannot be so")
refuses(["diff", "a.json", "b.json", "--html", "both.svg"], "--html both.svg: the name must end in .html")
refuses(["diff", "a.json"], "A.json B.json is missing")
refuses(["diff", "a.json", "absent.json"], "absent.json: cannot open: No such file")
words = ["f = sum((W @ x - y)^2)", "W=[[1,2],[3,4]]", "x=[1,-1]", "y=[0,1]"]
pathlib.Path("run.json").write_text(says(["explain", *words, "--json"]))
check("a recorded graph is told as it was run", run("explain", "run.json") == run("explain", *words) and run("explain", "run.json")[0] == 0)
check("and written as it was read", run("explain", "run.json", "--json")[1] == pathlib.Path("run.json").read_text())
check("and asked", run("explain", "run.json", "--why", "x") == run("explain", *words, "--why", "x"))
says(["explain", "run.json", "--svg", "run.svg"])
says(["explain", "run.json", "--svg", "near.svg", "--around", "y"])
check("--around shows less", 0 < pathlib.Path("near.svg").read_text().count("<rect") < pathlib.Path("run.svg").read_text().count("<rect"))
says(["explain", "run.json", "--html", "run.html", "--step", "2"])
check("a page of it opens at its step", '"at":2' in pathlib.Path("run.html").read_text())
refuses(["explain", "run.json", "--svg", "near.svg", "--around", "z"], "'z'")
refuses(["explain", "run.json", "--region", "fc1"], "there is no region 'fc1': nothing in the graph is in one")
pathlib.Path("region.json").write_text(pathlib.Path("run.json").read_text().replace('"region":""', '"region":"net.fc1"'))
refuses(["explain", "region.json", "--region", "net.fc"], "there is no region 'net.fc'; the nearest is 'net.fc1'")
refuses(["explain", "region.json", "--region", "x"], "there is no region 'x'; the first is 'net.fc1'")
says(["explain", "region.json", "--region", "net"], "gradients")
refuses(["explain", "run.json", "--to", "z"], "there is no 'z' in the graph")
refuses(["explain", "run.json", "x=1"], "'x=1': the values of a recorded graph stay as they are")
for option in (["--check"], ["--quiz"], ["--seed", "1"], ["--student", "ada"], ["--step", "sgd lr=0.1"], ["--ops", "./good.so"]):
    refuses(["explain", "run.json", *option], f"{option[0]} needs an expression, and run.json is a recorded graph")
refuses(["explain", "none.json"], "none.json: trace_read_json: no trace: 'format'")
made = json.loads(pathlib.Path("run.json").read_text())
made["nodes"][1]["inputs"] = [0, 0]
pathlib.Path("made.json").write_text(json.dumps(made))
refuses(["explain", "made.json", "--svg", "made.svg"], "no trace: 'inputs' is missing or cannot be so")
made = json.loads(says(["explain", "abs(x)", "x=0", "--json"]))
kinked = next(step for step in made["steps"] if step["kinks"])
kinked["local"] = {key: value for key, value in kinked["local"].items() if key in ("dtype", "shape")}
pathlib.Path("kinks.json").write_text(json.dumps(made))
refuses(["explain", "kinks.json"], "no trace: 'kinks' is missing or cannot be so")
refuses(["explain", "absent.json"], "absent.json: cannot open: No such file")
os.mkfifo("nobody.json")
for words in (["explain", "nobody.json"], ["diff", "nobody.json", "nobody.json"], ["check", "./nobody.json"], ["check", "./"]):
    refuses(words, "not a regular file")
refuses(["diff", "a.json", "none.json"], "none.json is no trace")
refuses(["diff", "broken.json", "a.json"], "broken.json: line 2")
refuses(["diff", "a.json", "a.json", "--tolerance", "-1"], "--tolerance -1")

# ---- check ----
SOURCE = """
#include <cotan/cotan.h>
static ct_tensor *twice(ct_call *call) { return ct_mul_scalar(ct_call_input(call, 0), 2); }
static ct_status shape(ct_call *call) { return ct_call_output_like(call, 0, ct_call_input(call, 0)); }
static ct_status forward(ct_call *call)
{
    const void *x = ct_call_input_data(call, 0);
    void *y = ct_call_output_data(call, 0);
    bool wide = ct_dtype_of(ct_call_input(call, 0)) == CT_FLOAT64;
    for (int64_t i = 0; x && y && i < ct_numel(ct_call_output(call, 0)); i++)
        if (wide)
            ((double *)y)[i] = 3 * ((const double *)x)[i];
        else
            ((float *)y)[i] = 3 * ((const float *)x)[i];
    return x && y ? CT_OK : ct_error_code();
}
static ct_status half(ct_call *call) { return ct_call_set_grad(call, 0, ct_mul_scalar(ct_call_grad_output(call, 0), 1.5)); }
static ct_status crash(ct_call *call) { (void)call; return *(volatile ct_status *)8; }
#define SAMPLES .samples = (const ct_sample[]){{"3x4", NULL}, {0}}
#define RULES .infer = shape, .forward = forward
const ct_op a_twice = {.name = "twice", .gradient = "2 g", .min_inputs = 1, .max_inputs = 1, .expression = twice, SAMPLES};
#ifdef WRONG
const ct_op b_half = {.name = "half", .gradient = "1.5 g", .min_inputs = 1, .max_inputs = 1, RULES, .backward = half, SAMPLES};
const ct_op c_bare = {.name = "bare", .gradient = "3 g", .min_inputs = 1, .max_inputs = 1, RULES, .backward = half};
#endif
#ifdef CRASH
const ct_op d_crash = {.name = "crash", .gradient = "g", .min_inputs = 1, .max_inputs = 1, .infer = shape, .forward = crash, SAMPLES};
#endif
#ifdef NARROW /* for float32 alone, with a definition beside it */
static ct_status narrow_forward(ct_call *call)
{
    const float *x = CT_INPUT(float, call, 0);
    float *y = CT_OUTPUT(float, call, 0);
    for (int64_t i = 0; x && y && i < ct_numel(ct_call_output(call, 0)); i++)
        y[i] = x[i] * x[i];
    return x && y ? CT_OK : ct_error_code();
}
static ct_status narrow_backward(ct_call *call)
{
    return ct_call_set_grad(call, 0, ct_mul(ct_call_grad_output(call, 0), ct_mul_scalar(ct_call_input(call, 0), 2)));
}
static ct_tensor *narrow_definition(ct_call *call) { return NARROW(ct_call_input(call, 0)); }
const ct_op e_narrow = {.name = "narrow", .gradient = "2 g x", .takes = {CT_ONLY(CT_FLOAT32)}, .min_inputs = 1, .max_inputs = 1,
    .saves = CT_SAVE_INPUT(0), .infer = shape, .forward = narrow_forward, .backward = narrow_backward, .expression = narrow_definition, SAMPLES};
#endif
char stranger[sizeof(ct_op)] = "of a record's size";
"""
pathlib.Path("ops.c").write_text(SOURCE)
includes = [f"-I{top}/{folder}/include" for folder in ("core", "autograd", "ops", "nn")]
for name, flags in {"good": [], "wrong": ["-DWRONG"], "crash": ["-DCRASH"], "hidden": ["-fvisibility=hidden"],
                    "narrow": ["-DNARROW=ct_square"], "apart": ["-DNARROW=ct_abs"]}.items():
    subprocess.run([*compiler, "-shared", "-fPIC", *flags, *includes, "ops.c", "-o", f"{name}.so"], check=True)
says(["check", "./good.so"], "PASS twice", "1 of 1 operation right")
says(["check", "./wrong.so"], "FAIL half", "gradient of input 0", "VACUOUS bare", "no samples", "PASS twice", "1 of 3 operations right", status=1)
says(["explain", "sum(twice(x)^2)", "x=[1,2]", "--ops", "./good.so"], "∂result/∂x = [8, 16]")
refuses(["explain", "twise(x)", "x=1", "--ops", "./good.so"], "the nearest is 'twice'", lines=3)
refuses(["explain", "twice(x, x)", "x=1", "--ops", "./good.so"], "too many arguments: twice takes 1", lines=3)
refuses(["explain", "x", "x=1", "--ops", "./absent.so"], "./absent.so: cannot open")
out = says(["explain", "x", "x=nan", "--check"], "FAIL: 0 gradients compared", "the result is not finite", status=1)
check("nothing is blamed where nothing was compared", "to blame" not in out and "verdict" not in out, out)
says(["explain", "half(x)", "x=2", "--ops", "./wrong.so", "--check"], "x 2 1.5 3 WRONG", "FAIL", "to blame: half, at column 1", status=1)
verdicts = {v["op"]: v for v in json.loads(says(["check", "./wrong.so", "--json"], status=1))}
check("check --json", [verdicts[n]["verdict"] for n in ("half", "twice")] == ["FAIL", "PASS"] and verdicts["half"]["argument"] == 0, verdicts)
check("check --json has the whole report", verdicts["half"]["report"]["tensors"][0]["verdict"] == "FAIL" and verdicts["half"]["report"]["cause"], verdicts)
says(["check", "./narrow.so"], "PASS narrow", "2 of 2 operations right")
says(["check", "./apart.so", "--order", "1"], "FAIL narrow", "element", "of result 0", "its definition says", "1 of 2 operations right", status=1)
says(["check", "./wrong.so", "--junit", "report.xml"], "1 of 3 operations right", status=1)
cases = {case.get("name"): case for case in xml.etree.ElementTree.parse("report.xml").getroot()}
check("check --junit", sorted(cases) == ["bare", "half", "twice"] and [cases[n].find("failure") is None for n in sorted(cases)] == [False, False, True]
      and "no samples" in cases["bare"].find("failure").get("message"), {n: [(e.tag, e.attrib) for e in c] for n, c in cases.items()})
orders = [json.loads(says(["check", "tanh", "--json", "--order", n]))[0]["report"]["tensors"] for n in "123"]
check("check --order", [max(t["order"] for t in tensors) for tensors in orders] == [1, 2, 3])
says(["check", "layer_norm", "--fast", "--order", "1", "--seed", "3"], "probes")
for budget in ("0", "-1", "x", "1s", "nan", "inf", ""):
    refuses(["check", "relu", "--budget", budget], f"--budget {budget}: a number of seconds above 0 is needed")
says(["check", "softmax", "--budget", "1e-9"], "INCONCLUSIVE softmax budget: the budget of seconds is spent; not looked at: sample 0", "0 of 1 operation right", status=1)
spent = json.loads(says(["check", "softmax", "--budget", "1e-9", "--json"], status=1))[0]
check("a spent budget in JSON", spent["verdict"] == "INCONCLUSIVE" and not spent["good"] and "sample 0" in spent["report"]["unlooked"], spent)
says(["check", "relu", "--order", "1", "--budget", "1e6"], "PASS relu")
refuses(["check", "relu", "--order", "4"], "--order 4: a whole number from 1 to 3 is needed")
refuses(["check", "relu", "--seed", "1e3"], "--seed 1e3: a whole number from 0 on is needed")
refuses(["check", "relu", "--junit", "/nowhere/report.xml"], "--junit: /nowhere/report.xml: cannot open the directory") # before it checks
pathlib.Path("kept.xml").write_text("as it was")
refuses(["check", "softmx", "--junit", "kept.xml"], "the nearest is 'softmax'")
check("what is asked before leaves a file as it was", pathlib.Path("kept.xml").read_text() == "as it was" and not list(pathlib.Path(".").glob("*kept.xml?*")))
for option, path in (("--html", "/nowhere/x.html"), ("--svg", "/nowhere/x.svg"), ("--dot", "/nowhere/x.dot"), ("--handout", "/nowhere/x.svg"), ("--frames", "/nowhere/x"),
                     ("--frames", "kept.xml/x")):
    refuses(["explain", "x + y", "x=1", option, path], f"{option}: {path}: cannot open the directory") # before it misses y
status, out, err = run("check", "./crash.so")
check("a crash is named", status == 1 and err == "cotan check: 'crash' crashed while it was run on its samples\n" and "PASS" not in out.split("crash")[-1], status, out, err)
refuses(["check", "./hidden.so"], "exports no operation")
refuses(["check", "./ops.c"], "ops.c")
refuses(["check", "./absent.so"], "./absent.so: cannot open: No such file")
pathlib.Path("damaged.so").write_bytes(pathlib.Path("good.so").read_bytes()[:3000])
refuses(["check", "./damaged.so"], "damaged.so")
says(["check", "softmax"], "PASS softmax")
says(["check", "argmax"], "none argmax", "1 of 1")
refuses(["check", "softmx"], "the nearest is 'softmax'")
says(["check", "relu", "--verbose"], "gradient check of relu", "structural checks")

# ---- the samples of docs: what stands below "$ cotan ..." is what it prints ----
def printed(command):
    """What the line of a shell prints, on both streams; its status, if not 0, as a last line."""
    env = {**os.environ, "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "COLUMNS": "80", "PATH": f"{os.path.dirname(cotan)}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
    return done.stdout


def renew(page, block):
    """The console block with what its commands print."""
    commands = re.findall(r"^\$ (.*)$", block, re.M)
    return "".join(f"$ {command}\n{printed(command)}" for command in commands)


for page in [top / "README.md", *sorted((top / "docs").rglob("*.md"))]:
    text = page.read_text()
    fresh = re.sub(r"^```console\n(.*?)^```$", lambda m: f"```console\n{renew(page, m[1])}```", text, flags=re.M | re.S)
    if renewing:
        page.write_text(fresh)
    if "```console" in text:
        check(f"the samples of {page.name} print what it says: test_cli.py --renew writes them anew", text == fresh,
              "\n".join(difflib.unified_diff(text.splitlines(), fresh.splitlines(), "the page", "what is printed", "", "", 1, "")))

print(f"{passed} passed, {failed} failed")
sys.exit(passed == 0 or failed > 0)

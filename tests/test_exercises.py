#!/usr/bin/env python3
"""Grades the exercises of docs/course by check.sh, as a student does: every solution passes, every stub fails kindly, and every mistake
of the table below, planted into a solution, fails in words that no other mistake of its exercise gets.
usage: test_exercises.py TOP BUILD COMPILER...
"""
import concurrent.futures, csv, json, os, pathlib, re, shutil, subprocess, sys, tempfile, urllib.parse

top, build, compiler = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3:]
course = top / "docs/course"
work = tempfile.TemporaryDirectory()
folder = pathlib.Path(work.name)
passed = failed = 0

LEFT_OUT = "what arrives, g, was left out"
SIGN = "the sign is wrong"
ZEROS = "the gradient is zero everywhere"
ROWS = "CT_AXES(-1), .keepdim = true"

# exercise: what stands in the solution, what somebody writes in its place, and what the grader says of it
MISTAKES = {
    1: [("ct_mul(g, ct_mul_scalar(x, 2))", "ct_mul_scalar(x, 2)", LEFT_OUT),
        ("ct_mul_scalar(x, 2)", "x", "a factor 2 is missing"),
        ("ct_mul_scalar(x, 2)", "ct_mul_scalar(x, -2)", SIGN),
        ("ct_mul_scalar(x, 2)", "ct_square(x)", "the power is still there"),
        ("ct_mul_scalar(x, 2)", "ct_mul_scalar(ct_square(x), 2)", "a factor x too much"),
        ("ct_mul(g, ct_mul_scalar(x, 2))", "ct_mul_scalar(g, 2)", "not the same at every x"),
        ("ct_mul(g, ct_mul_scalar(x, 2))", "ct_zeros_like(x)", ZEROS)],
    2: [("0, ct_mul(g, b)", "0, ct_mul(g, a)", "it is g a: a product hands each input the other one"),
        ("1, ct_mul(g, a)", "1, ct_mul(g, b)", "it is g b: a product hands each input the other one"),
        ("0, ct_mul(g, b)", "0, g", "that is the rule of a sum"),
        ("1, ct_mul(g, a)", "1, a", LEFT_OUT),
        ("1, ct_mul(g, a)", "1, ct_neg(ct_mul(g, a))", SIGN),
        ("ct_call_set_grad(call, 1, ct_mul(g, a)) : status", "CT_OK : status", ZEROS),
        ("0, ct_mul(g, b)", "0, ct_mul(g, ct_mul(a, b))", "the product itself is no derivative")],
    3: [("ct_add(ct_add(from_left, from_right), from_sum)", "from_sum", "the other branches were overwritten"),
        ("ct_add(ct_add(from_left, from_right), from_sum)", "ct_add(from_left, from_sum)", "x is used twice in x x"),
        ("ct_add(ct_add(from_left, from_right), from_sum)", "ct_add(from_left, from_right)", "the branch through the sum"),
        ("ct_add(ct_add(from_left, from_right), from_sum)", "from_right", "only one of three branches"),
        ("ct_add(ct_add(from_left, from_right), from_sum)",
         "ct_mul_scalar(ct_add(ct_add(from_left, from_right), from_sum), 1.0 / 3)", "added, not averaged"),
        ("ct_add(ct_add(from_left, from_right), from_sum)", "ct_mul(g, ct_mul(x, x))", "multiplied, not added"),
        ("*from_sum = g", "*from_sum = ct_neg(g)", "what you calculate is -g + 2 g x"),
        ("ct_add(ct_add(from_left, from_right), from_sum)", "ct_add_scalar(ct_mul_scalar(x, 2), 1)", LEFT_OUT)],
    4: [("g = ct_sum(g, CT_AXES(axis), .keepdim = true);\n    return ct_reshape(g, ct_shape(t), ct_rank(t));", "break;\n    return g;",
         "the gradient of b is [3,3], and b is [3]"),
        ("g = ct_sum(", "g = ct_mean(", "added, not averaged"),
        ("g = ct_sum(g, CT_AXES(axis), .keepdim = true);", "g = ct_slice(g, axis, 0, 1, 1);", "it is the first row of g"),
        ("g = ct_sum(g, CT_AXES(axis), .keepdim = true);", "g = ct_slice(g, axis, -1, CT_END, 1);", "it is the last row of g"),
        ("CT_AXES(axis)", "CT_AXES(ct_rank(g) - 1 - axis)", "the axis that b does not have is the first one"),
        ("return ct_reshape(g, ct_shape(t), ct_rank(t));",
         "return in_front ? ct_expand(ct_sum(g), ct_shape(t), ct_rank(t)) : g;", "it is the sum of all of g"),
        (" || ct_size(t, axis - in_front) == 1", "", "numbers of elements differ: [3,4] to [3,1]"),
        ("return ct_reshape(g, ct_shape(t), ct_rank(t));", "return g;", "the gradient of b is [1,3], and b is [3]")],
    5: [("ct_matmul(g, ct_transpose(w, 0, 1))", "ct_matmul(g, w)", "w is not transposed"),
        ("ct_matmul(ct_transpose(x, 0, 1), g)", "ct_matmul(x, g)", "x is not transposed"),
        ("ct_matmul(g, ct_transpose(w, 0, 1))", "ct_matmul(ct_transpose(w, 0, 1), g)", "it is w^T @ g: the factors"),
        ("ct_matmul(ct_transpose(x, 0, 1), g)", "ct_matmul(g, ct_transpose(x, 0, 1))", "it is g @ x^T: the factors"),
        ("ct_matmul(g, ct_transpose(w, 0, 1))", "ct_mul(g, w)", "element by element"),
        ("ct_matmul(ct_transpose(x, 0, 1), g)", "ct_matmul(ct_transpose(x, 0, 1), ct_ones_like(g))", LEFT_OUT),
        ("ct_matmul(g, ct_transpose(w, 0, 1))", "ct_matmul(w, ct_transpose(g, 0, 1))", "the right gradient, transposed")],
    6: [("2 / n", "2", "the 1/n of the mean is missing"),
        ("2 / n", "1 / n", "the square's 2 is missing"),
        ("2 / n", "2 / (n - 1)", "n - 1 where the forward has n"),
        ("ct_mul_scalar(centred", "ct_mul_scalar(x", "the mean of the row was not subtracted"),
        ("ct_unsqueeze(g, 1)", "g", "g [m] was laid along the rows"),
        ("ct_mul(ct_unsqueeze(g, 1), ct_mul_scalar(centred, 2 / n))", "ct_mul_scalar(centred, 2 / n)", LEFT_OUT),
        ("ct_sub(x, ct_mean", "ct_sub(ct_zeros_like(x), ct_mean", "what is missing is linear in the input")],
    7: [("ct_mul(y, ct_add_scalar(ct_neg(y), 1))", "ct_mul(ct_sigmoid(y), ct_add_scalar(ct_neg(ct_sigmoid(y)), 1))", "y is the sigmoid already"),
        ("ct_mul(g, slope)", "slope", LEFT_OUT),
        ("ct_mul(y, ct_add_scalar(ct_neg(y), 1))", "ct_add_scalar(ct_neg(y), 1)", "a factor y is missing"),
        ("ct_mul(y, ct_add_scalar(ct_neg(y), 1))", "ct_add_scalar(ct_neg(ct_square(y)), 1)", "the rule of tanh"),
        ("ct_mul(y, ct_add_scalar(ct_neg(y), 1))", "y", "the rule of exp"),
        ("ct_add_scalar(ct_neg(y), 1)", "ct_add_scalar(y, -1)", SIGN),
        ("ct_mul(y, ct_add", "ct_mul(ct_sigmoid(ct_call_input(call, 0)), ct_add", "the operation does not save input 0")],
    8: [("ct_sub(g, through_the_sum)", "g", "only the way through the numerator"),
        ("ct_sub(g, through_the_sum)", "ct_mul(g, ct_add_scalar(ct_neg(y), 1))", "only what x[i] does to its own y[i]"),
        (f"ct_sum(ct_mul(g, y), {ROWS})", "ct_sum(ct_mul(g, y))", "each row is a softmax of its own"),
        ("*through_the_sum = ct_sum", "*through_the_sum = ct_mean", "the mean of g y"),
        ("ct_sum(ct_mul(g, y)", "ct_sum(g", "the sum of g in place"),
        ("ct_mul(y, ct_sub(g, through_the_sum))", "ct_sub(g, through_the_sum)", "the factor y before it"),
        ("ct_sub(g, through_the_sum)", "ct_sub(through_the_sum, g)", SIGN),
        ("ct_mul(y, ct_sub(g, through_the_sum))", "ct_zeros_like(y)", ZEROS)],
    9: [("1 / (double)ct_size(x, 0)", "1", "1/n of the mean over the rows is missing"),
        ("ct_sub(p, hot)", "p", "the 1 at the label was not subtracted"),
        ("ct_sub(p, hot)", "ct_sub(hot, p)", SIGN),
        ("ct_mul(g, of_the_mean)", "of_the_mean", LEFT_OUT),
        ("ct_softmax(x, -1)", "x", "the scores, where the probabilities belong"),
        ("ct_sub(p, hot)", "ct_mul(hot, ct_sub(p, hot))", "only the label's column"),
        ("ct_softmax(x, -1)", "ct_softmax(x, 0)", "the softmax goes down the columns"),
        ("(double)ct_size(x, 0)", "(double)ct_numel(x)", "divided by the number of scores")],
    10: [("ct_sub(ct_sub(g, through_mean), through_s)", "g", "treated as constants"),
         ("ct_sub(ct_sub(g, through_mean), through_s)", "ct_sub(g, through_s)", "the way through the mean is missing"),
         ("ct_sub(ct_sub(g, through_mean), through_s)", "ct_sub(g, through_mean)", "the way through s is missing"),
         ("ct_mul(one_over_s, ct_sub(ct_sub(g, through_mean), through_s))", "ct_sub(ct_sub(g, through_mean), through_s)", "the 1/s is missing"),
         ("ct_mean(", "ct_sum(", "sums where means belong"),
         ("ct_mul(y, ct_mean", "ct_mul(x, ct_mean", "it must be y")],
    11: [("ct_pad(g, CT_SHAPE(ends, ends)), turned", "ct_pad(g, CT_SHAPE(ends, ends)), w", "the kernel is not turned around"),
         ("CT_SHAPE(ends, ends)", "CT_SHAPE(ends - 1, ends + 1)", "it is late by one"),
         ("CT_SHAPE(ends, ends)", "CT_SHAPE(ends + 1, ends - 1)", "it is early by one"),
         ("CT_SHAPE(ends, ends)", "CT_SHAPE(ends + 1, ends + 1)", "the gradient of x is [9], and x is [7]"),
         ("slide(x, g)", "ct_flip(slide(x, g), CT_SHAPE(0))", "the gradient of w is turned around"),
         ("slide(x, g)", "slide(x, ct_flip(g, CT_SHAPE(0)))", "g is turned around"),
         ("slide(x, g)", "slide(x, ct_ones_like(g))", LEFT_OUT),
         ("ct_call_set_grad(call, 1, slide(x, g)) : status", "CT_OK : status", ZEROS)],
    12: [("ct_matmul(transposed(a), g)", "ct_matmul(a, g)", "a is not transposed"),
         ("ct_mul_scalar(ct_matmul(grad_s, k), scale)", "ct_matmul(grad_s, k)", "missing on the way to q"),
         ("ct_mul_scalar(ct_matmul(transposed(grad_s), q), scale)", "ct_matmul(transposed(grad_s), q)", "missing on the way to k"),
         ("ct_sub(grad_a, ct_sum(ct_mul(grad_a, a), CT_AXES(-1), .keepdim = true))", "grad_a", "the softmax's sum is missing"),
         ("*grad_s = ct_mul(a, ", "*grad_s = ct_add(ct_zeros_like(a), ", "no simple pattern"),
         ("ct_matmul(grad_s, k)", "ct_matmul(grad_a, k)", "skips the softmax"),
         ("ct_matmul(transposed(grad_s), q)", "ct_matmul(grad_s, q)", "not transposed on the way to k")],
}

# Mistakes that nobody had planted before they were tried, in the order of the exercises; the grader finds some of them by itself, as a
# formula of g and the inputs or a product of two of them.
for number, rows in {
    1: [("ct_mul(g, ct_mul_scalar(x, 2))", "ct_add(g, ct_mul_scalar(x, 2))",
          "g, was added"),
        ("ct_mul(g, ct_mul_scalar(x, 2))", "ct_mul(ct_square(g), ct_mul_scalar(x, 2))",
          "what you calculate is 2 g^2 x"),
        ("ct_mul_scalar(x, 2)", "ct_mul_scalar(ct_pow_scalar(x, 3), 1.0 / 3)",
          "what you calculate is 1/3 g x^3")],
    2: [("0, ct_mul(g, b)", "0, ct_mul(g, ct_add(a, b))",
          "what you calculate is g a + g b"),
        ("0, ct_mul(g, b)", "0, ct_div(g, b)",
          "what you calculate is g / b")],
    3: [("ct_add(ct_add(from_left, from_right), from_sum)", "ct_mul_scalar(ct_mul(g, x), 3)",
          "what you calculate is 3 g x"),
        ("ct_add(ct_add(from_left, from_right), from_sum)", "ct_add(ct_mul(g, ct_square(x)), g)",
          "what you calculate is g + g x^2")],
    5: [("ct_matmul(g, ct_transpose(w, 0, 1))", "ct_matmul(ct_transpose(g, 0, 1), ct_transpose(w, 0, 1))",
          "what you calculate is g^T @ w^T"),
        ("ct_matmul(g, ct_transpose(w, 0, 1))", "ct_matmul(ct_transpose(x, 0, 1), g)",
          "it is the gradient of w: the inputs"),
        ("ct_matmul(ct_transpose(x, 0, 1), g)", "ct_matmul(g, ct_transpose(w, 0, 1))",
          "it is the gradient of x: the inputs")],
    6: [("ct_mul_scalar(centred, 2 / n)", "ct_mul_scalar(ct_square(centred), 1 / n)",
          "the square is still there"),
        ("ct_mul_scalar(centred, 2 / n)", "ct_mul_scalar(ct_sign(centred), 2 / n)",
          "the sign of x - mean"),
        ("ct_mean(x, CT_AXES(-1), .keepdim = true)", "ct_mean(x, CT_AXES(0), .keepdim = true)",
          "the mean goes down the columns")],
    7: [("ct_mul(y, ct_add_scalar(ct_neg(y), 1))", "ct_mul(ct_square(y), ct_add_scalar(ct_neg(y), 1))",
          "what you calculate is g y^2 - g y^3"),
        ("ct_mul(g, slope)", "ct_add(g, slope)",
          "g, was added")],
    8: [("ct_sum(ct_mul(g, y), CT_AXES(-1), .keepdim = true)", "ct_sum(ct_mul(g, y), CT_AXES(0), .keepdim = true)",
          "the sum goes down the columns"),
        ("ct_mul(y, ct_sub(g, through_the_sum))", "ct_sub(g, ct_mul(y, ct_sum(g, CT_AXES(-1), .keepdim = true)))",
          "the rule of log-softmax"),
        ("ct_mul(y, ct_sub(g, through_the_sum))", "ct_mul(y, ct_sub(g, y))",
          "sums to 0 along axis 1"),
        ("ct_mul(y, ct_sub(g, through_the_sum))", "ct_sub(ct_mul(g, y), through_the_sum)",
          "the factor y belongs before both"),
        ("ct_mul(y, ct_sub(g, through_the_sum))", "ct_mul(y, ct_add(g, through_the_sum))",
          "the sum of g y was added")],
    9: [("ct_softmax(x, -1)", "ct_log_softmax(x, -1)",
          "the logarithm of p stands"),
        ("1 / (double)ct_size(x, 0)", "1 / (double)ct_size(x, 1)",
          "divided by the number of classes"),
        ("ct_sub(p, hot)", "ct_neg(ct_div(hot, p))",
          "the gradient with respect to p"),
        ("ct_sub(p, hot)", "ct_neg(hot)",
          "only the way through x[label]"),
        ("ct_sub(p, hot)", "ct_add(p, hot)",
          "the one-hot was added")],
    10: [("ct_mul(y, ct_mean(ct_mul(g, y), CT_AXES(-1), .keepdim = true))", "ct_mul(y, ct_mean(g, CT_AXES(-1), .keepdim = true))",
          "y times the mean of g:"),
        ("ct_mean(g, CT_AXES(-1), .keepdim = true)", "ct_mean(g, CT_AXES(0), .keepdim = true)",
          "the mean of g goes down the columns"),
        ("ct_mul(y, ct_mean(ct_mul(g, y), CT_AXES(-1), .keepdim = true))", "ct_mean(ct_mul(g, y), CT_AXES(-1), .keepdim = true)",
          "without a y before it"),
        ("ct_sub(ct_sub(g, through_mean), through_s)", "ct_add(ct_sub(g, through_mean), through_s)",
          "the way through s was added"),
        ("ct_mul(one_over_s, ct_sub(ct_sub(g, through_mean), through_s))", "ct_div(ct_sub(ct_sub(g, through_mean), through_s), one_over_s)",
          "multiplied by s, and not divided"),
        ("ct_sub(ct_sub(g, through_mean), through_s)", "ct_sub(ct_sub(g, ct_mean(g)), ct_mul(y, ct_mean(ct_mul(g, y))))",
          "the means go over everything")],
    11: [("slide(ct_pad(g, CT_SHAPE(ends, ends)), turned)", "slide(ct_pad(ct_flip(g, CT_SHAPE(0)), CT_SHAPE(ends, ends)), w)",
          "the gradient of x is turned around"),
        ("CT_SHAPE(ends, ends)", "CT_SHAPE(0, 2 * ends)",
          "all zeros stand behind g")],
    12: [("ct_mul_scalar(ct_matmul(grad_s, k), scale)", "ct_mul_scalar(ct_matmul(grad_s, k), 1 / scale)",
          "multiplied by sqrt(d), and not divided, on the way to q"),
        ("ct_mul_scalar(ct_matmul(transposed(grad_s), q), scale)", "ct_mul_scalar(ct_matmul(transposed(grad_s), q), scale * scale)",
          "is there twice on the way to k"),
        ("ct_sub(grad_a, ct_sum(ct_mul(grad_a, a), CT_AXES(-1), .keepdim = true))", "ct_sub(grad_a, ct_sum(ct_mul(grad_a, a), CT_AXES(0), .keepdim = true))",
          "the softmax's sum goes down the columns"),
        ("ct_matmul(grad_s, k)", "ct_matmul(grad_s, q)",
          "it is multiplied by q"),
        ("ct_matmul(g, transposed(v))", "ct_matmul(g, v)",
          "v is not transposed on the way to a"),
        ("ct_sub(grad_a, ct_sum(ct_mul(grad_a, a), CT_AXES(-1), .keepdim = true))", "ct_mul(grad_a, ct_add_scalar(ct_neg(a), 1))",
          "it has a (1 - a)"),
        ("ct_matmul(transposed(a), g)", "g",
          "it is g alone: v was multiplied")],
}.items():
    MISTAKES[number] += rows


def check(what, holds, report=""):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    if not holds:
        print(f"not so: {what}\n{report}")


def grade(number, file, *options, state="state", **environment):
    """The exit status, standard output and all output of check.sh."""
    variables = {**os.environ, "COTAN_BUILD": str(build), "COURSE_STATE": str(folder / state), "CC": " ".join(compiler), **environment}
    done = subprocess.run(["sh", course / "check.sh", str(number), *([file] if file else []), *options],
                          capture_output=True, text=True, timeout=120, env=variables)
    return done.returncode, done.stdout, done.stdout + done.stderr


def solution(number):
    return next((course / "solutions").glob(f"{number:02}_*.c"))


def check_solution_and_stub(number):
    status, printed, everything = grade(number, solution(number))
    check(f"{number}: the solution passes without a warning", status == 0 and f"Exercise {number} is right" in printed
          and "warning" not in everything, everything)
    status, printed, everything = grade(number, None, state=f"stub{number}")
    kind = status == 3 and "Nothing is written yet" in printed and "hint" not in printed
    check(f"{number}: the exercise as it is handed out", status == 0 if number == 1 else kind, everything)


def check_mistake(row):
    number, i, (old, new, words) = row
    text = solution(number).read_text()
    check(f"{number}: '{old}' stands in the solution", old in text)
    file = folder / f"mistake_{number}_{i}.c"
    file.write_text(text.replace(old, new))
    options = ["--seed", f"student {i}"] if i % 2 else []
    status, printed, everything = grade(number, file, *options, state=f"mistake{number}_{i}")
    check(f"{number}: {new} in place of {old} gets its own words: {words}",
          status == 1 and words in printed and "hint 1 of 3" in printed and "hint 2" not in printed, everything)
    others = [w for _, _, w in MISTAKES[number] if w != words and w in printed]
    check(f"{number}: {new} in place of {old} gets no other's: {others}", not others, everything)


def check_ladder():
    wrong = folder / "mistake_5_0.c"
    for run, rungs in enumerate([1, 2, 3, 3], 1):
        _, printed, _ = grade(5, wrong, state="ladder")
        check(f"run {run} shows {rungs} hints", printed.count("hint ") == rungs, printed)
    grade(5, solution(5), state="ladder")
    check("after a success the ladder starts below", grade(5, wrong, state="ladder")[1].count("hint ") == 1)
    check("it says at once that it compiles", printed.startswith("compiling mistake_5_0.c ..."))
    check("it names the element", "gradient of x, element [" in printed and "expected" in printed and "ratio" in printed)


def check_seed():
    """Each student has numbers of his own, the same at each run, and the solution is right on them."""
    def element(*options):
        report = json.loads(grade(5, folder / "mistake_5_0.c", "--json", *options, state="seed")[1])
        check(f"{options}: the mistake keeps its name", "w is not transposed" in report["cause"], report)
        return report["got"], report["expected"]

    ada, bo, everybody = element("--seed", "ada"), element("--seed", "bo"), element()
    check("other students, other numbers", len({ada, bo, everybody}) == 3, [ada, bo, everybody])
    check("the same student, the same numbers", element("--seed", "ada") == ada == element("--student", "ada"))
    check("the solution is right on them", grade(5, solution(5), "--seed", "ada", state="seed")[0] == 0)


def check_hints():
    """The first two rungs are as long as teachers like them best, no line number goes stale in them, and the last one is the solution."""
    text = (course / "grader" / "hints.c").read_text()
    strings = [[json.loads(f'"{s}"') for s in re.findall(r'"((?:[^"\\]|\\.)*)"', rung)]
               for block in re.findall(r"^    \{(.*?)\},$", text, re.M | re.S) for rung in re.split(r'(?<="),\n', block)]
    rungs = ["".join(parts) for parts in strings]
    check("three rungs each", len(rungs) == 3 * len(MISTAKES), len(rungs))
    for k, rung in enumerate(rungs):
        words, number = len(rung.split()), k // 3 + 1
        if k % 3 < 2:
            check(f"{number}: hint {k % 3 + 1} has 80 to 160 words", 80 <= words <= 160, f"{words}: {rung}")
            check(f"{number}: hint {k % 3 + 1} names no line", not re.search(r"\bline \d", rung), rung)
        elif number > 1:
            code = " ".join(rung.split(":\n", 1)[1].split())
            check(f"{number}: hint 3 is the solution", code in " ".join(solution(number).read_text().split()), code)


def check_sample():
    page, file = (course / "exercises.md").read_text(), folder / "05_matmul.c"
    file.write_text((folder / "mistake_5_0.c").read_text())
    shown, printed = page.split("```text\n")[1].split("```")[0], grade(5, file, state="sample")[1]
    check("exercises.md shows what is printed", shown == printed, shown + printed)


def check_json():
    status, printed, everything = grade(5, folder / "mistake_5_0.c", "--json", state="json")
    report = json.loads(printed)
    check("a mistake as JSON", status == 1 and not report["passed"] and report["input"] == "x" and len(report["element"]) == 2
          and "w is not transposed" in report["cause"] and len(report["hints"]) == 1 and report["hints"][0].startswith("Take x [2,3]"), everything)
    check("got, expected and ratio go together", abs(report["got"] / report["expected"] - report["ratio"]) < 1e-9, everything)
    check("the checks that were done", [c["passed"] for c in report["checks"]] == [True, True, False], everything)
    report = json.loads(grade(5, solution(5), "--json")[1])
    check("a success as JSON", report["passed"] and all(c["passed"] for c in report["checks"]) and len(report["checks"]) == 8)
    report = json.loads(grade(2, None, "--json")[1])
    check("a stub as JSON", not report["passed"] and not report["written"] and report["hints"] == [])
    for body in ["this is no C", "#include <stdlib.h>\n#include \"exercise.h\"\nct_status backward(ct_call *c) { (void)c; abort(); }"]:
        (folder / "broken.c").write_text(body)
        report = json.loads(grade(2, folder / "broken.c", "--json", state="json")[1])
        check("what does not get so far as JSON", not report["passed"] and report["checks"][-1]["passed"] is False)


def check_show():
    _, printed, everything = grade(5, folder / "mistake_5_1.c", "--show", state="show")
    address = re.search(r"in a browser: file://(\S+)#n=(\d+)$", printed, re.M)
    check("--show writes a page and says where", address and address[1] == str(folder / "show/05_matmul.html"), everything)
    nodes = json.loads(grade(5, folder / "mistake_5_1.c", "--show", "--json", state="show")[1])
    check("--show as JSON", nodes["page"] == f"file://{address[1]}#n={address[2]}")
    check("it opens at w, the second input", address[2] == "1" and '"w"' in pathlib.Path(address[1]).read_text())
    _, printed, everything = grade(2, None, "--show", state="show")
    check("of what is not written there is nothing to show", "browser" not in printed and not (folder / "show/02_product.html").exists(), everything)


def check_odd_names():
    """A folder with a blank in its name, of which an address has none; a number with a zero before it."""
    (folder / "a folder, 50%").mkdir()
    file = folder / "a folder, 50%" / "08 softmax.c"
    file.write_text(solution(8).read_text().replace("ct_sub(g, through_the_sum)", "g"))
    report = json.loads(grade("08", file, "--show", "--json", state="a folder, 50%/state")[1])
    path = urllib.parse.unquote(report["page"].removeprefix("file://").split("#")[0])
    check("--show in a folder with a blank", report["exercise"] == 8 and " " not in report["page"] and pathlib.Path(path).is_file(), report)
    file.write_text("no C")
    status, printed, everything = grade("08", file, "--json", state="a folder, 50%/state")
    check("exercise 08 is exercise 8", status == 1 and json.loads(printed)["exercise"] == 8 and "printf" not in everything, everything)


def check_without_solutions():
    """What students get: the course without its solutions."""
    shutil.copytree(course, folder / "given/docs/course", ignore=shutil.ignore_patterns("solutions", "*.svg"))
    for part in ["core", "autograd", "ops", "nn"]:
        (folder / "given" / part).symlink_to((top / part).resolve())
    variables = {**os.environ, "COTAN_BUILD": str(build), "COURSE_STATE": str(folder / "given/state"), "CC": " ".join(compiler)}
    done = subprocess.run(["sh", folder / "given/docs/course/check.sh", "1"], capture_output=True, text=True, env=variables)
    check("without the solutions a success names none", done.returncode == 0 and "solutions" not in done.stdout, done.stdout + done.stderr)
    check("with them it does", "Another way to write it: docs/course/solutions/01_square.c" in grade(1, None)[1])


HEAD = '#include "exercise.h"\n#include <stdlib.h>\nct_status backward(ct_call *call)\n{\n    (void)call;\n'
BAD_ENDS = {
    "compiles": ("no C", "NOT YET compiles: the compiler says why above"),
    "empty": ("", "undefined reference to `backward'"),
    "only half": ('#include "exercise.h"\nct_status backward(ct_call *call)\n{\n', "error: expected"),
    "crash": (HEAD + "    return *(volatile ct_status *)0;\n}\n", "NOT YET shape: it crashed"),
    "loop": (HEAD + "    for (volatile int i = 0;; i++)\n        ;\n}\n", "NOT YET shape: it ran for more than 1 seconds"),
    "sleep": (HEAD + "    extern unsigned sleep(unsigned);\n    sleep(100);\n    return CT_OK;\n}\n", "NOT YET shape: it ran for more than 1 seconds"),
    "leaves": (HEAD + "    exit(0);\n}\n", "NOT YET shape: it ended by itself, with status 0, before it was graded"),
    "memory": (HEAD + "    for (;;)\n        *(volatile char *)malloc(1 << 26) = 1;\n}\n", "NOT YET shape: it crashed"),
    "nothing set": (HEAD + "    return CT_OK;\n}\n", "the gradient is zero everywhere"),
    "status only": (HEAD + "    return CT_ERROR_SHAPE;\n}\n", "NOT YET shape"),
}


def check_bad_end(name):
    text, words = BAD_ENDS[name]
    file = folder / f"end_{name.replace(' ', '_')}.c"
    file.write_text(text)
    status, printed, everything = grade(2, file, state=name, COURSE_SECONDS="1" if "1 seconds" in words else "10")
    check(f"{name}: {words}", status == 1 and words in everything, everything)


def check_use():
    for arguments in [[], ["0"], ["13"], ["x"], ["2", "/nowhere.c"], ["--wrong", "2"], ["1", "a", "b"], ["1", "--seed"], ["1", "--seed", ""]]:
        done = subprocess.run(["sh", course / "check.sh", *arguments], capture_output=True, text=True)
        check(f"check.sh {arguments}: status 2 and words", done.returncode == 2 and done.stderr and not done.stdout, done.stdout + done.stderr)
    subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", folder / "root"], check=True, capture_output=True)
    package = next((folder / "root").rglob("cotan.pc")).parent
    environment = {"COTAN_BUILD": "/nowhere", "PKG_CONFIG_PATH": str(package), "PKG_CONFIG_SYSROOT_DIR": str(folder / "root"),
                   "LD_LIBRARY_PATH": str(package.parent)}
    status, _, everything = grade(1, None, state="installed", **environment)
    check("against a library that pkg-config finds", status == 0, everything)
    status, _, everything = grade(1, None, state="absent", COTAN_BUILD="/nowhere", PKG_CONFIG_LIBDIR="/nowhere")
    check("without a library: what to do", status == 2 and "meson setup build" in everything, everything)


def check_stubs():
    subprocess.run(["sh", course / "stubs.sh", folder / "stubs"], check=True)
    for made in sorted((folder / "stubs").iterdir()):
        handed_out = course / "exercises" / made.name
        check(f"exercises/{made.name} is what sh docs/course/stubs.sh makes", handed_out.read_text() == made.read_text())
        check(f"{made.name} holds nothing of the solution", "SOLUTION" not in made.read_text())
    check("twelve of them", len(list((folder / "stubs").iterdir())) == len(list((course / "exercises").iterdir())) == 12)
    page = (course / "exercises.md").read_text()
    for made in sorted((folder / "stubs").iterdir()):
        check(f"exercises.md lists {made.name}", f"(exercises/{made.name})" in page)


def check_marks():
    """A table of a group: each way that an exercise can end, and a name that CSV must quote."""
    group = folder / "group"
    for student, files in {"ada": {2: solution(2).read_text(), 5: (folder / "mistake_5_0.c").read_text()},
                           'bo, "the" second': {2: (course / "exercises/02_product.c").read_text(), 5: "int broken(\n"}}.items():
        (group / student).mkdir(parents=True)
        for number, text in files.items():
            (group / student / solution(number).name).write_text(text)
    (group / "a file").write_text("no student")
    environment = {**os.environ, "COTAN_BUILD": str(build), "CC": " ".join(compiler), "COURSE_STATE": str(folder / "marks")}
    done = subprocess.run(["sh", course / "marks.sh", group, "2", "5", "12"], capture_output=True, text=True, env=environment)
    rows = list(csv.reader(done.stdout.splitlines()))
    wanted = [["student", "exercise", "name", "result", "check", "cause"],
              ["ada", "2", "product", "passed", "", ""],
              ["ada", "5", "matmul", "failed", "values", "it is g @ w: w is not transposed"],
              ["ada", "12", "attention", "missing", "", ""],
              ['bo, "the" second', "2", "product", "untouched", "", ""],
              ['bo, "the" second', "5", "matmul", "failed", "compiles", "the compiler says why above"],
              ['bo, "the" second', "12", "attention", "missing", "", ""]]
    check("marks.sh writes the table", rows == wanted and done.returncode == 0, done.stdout + done.stderr)
    for arguments in [[], ["/nowhere"], [group, "13"], [group, "x"]]:
        done = subprocess.run(["sh", course / "marks.sh", *arguments], capture_output=True, text=True, env=environment)
        check(f"marks.sh {arguments}: status 2 and words", done.returncode == 2 and done.stderr and not done.stdout, done.stdout + done.stderr)


grade(1, None)  # compiles the grader once, for all
check_stubs()
check_use()
for number, rows in MISTAKES.items():
    check(f"{number}: six mistakes at least", len(rows) >= 6)
with concurrent.futures.ThreadPoolExecutor(max(2, os.cpu_count() or 2)) as pool:
    list(pool.map(check_solution_and_stub, range(1, 13)))
    list(pool.map(check_mistake, [(number, i, row) for number, rows in MISTAKES.items() for i, row in enumerate(rows)]))
    list(pool.map(check_bad_end, BAD_ENDS))
check_ladder()
check_seed()
check_hints()
check_sample()
check_json()
check_show()
check_odd_names()
check_without_solutions()
check_marks()
print(f"{passed} passed, {failed} failed")
sys.exit(passed == 0 or failed > 0)

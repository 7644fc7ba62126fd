#!/usr/bin/env python3
"""Times the workloads on cotan and on every peer that is installed, in turn on this machine, and prints a table.

A time is the smallest of the rounds' medians, or with --fastest that of the fastest step, where the machine is too busy for
medians to say much; a ratio is a peer's time over cotan's, so above 1 cotan is ahead. The floor is
what this machine can do at all, measured in the same run: the rate of a large matrix product, or that of a triad over memory,
whichever bounds a workload; the work is that of the definition, so that Winograd's convolutions may be above it. What takes
torch.compile more than two minutes to compile is left out. Losses that differ by more than a thousandth are reported: then the work is not the same.

usage: compare.sh [--threads N] [--only NAME[,NAME]] [--seconds S] [--rounds R] [--peers NAME[,NAME]]
                  [--fastest] [--train]
peers: torch (eager), compile (torch.compile), jax (jax.jit). PYTHON=that/python3 has PyTorch, JAX_PYTHON=that/python3 has JAX.
--train: the main job, five epochs of LeNet-5 on Fashion-MNIST, on cotan and PyTorch.
needs: the benchmark built in build/ (sh tests/run.sh)
"""
import argparse, json, math, os, pathlib, re, subprocess, sys

TOP = pathlib.Path(__file__).resolve().parents[2]
HERE = TOP / "tests/bench"
BENCH = TOP / "build/tests/bench/bench"
TORCH = os.environ.get("PYTHON", "/usr/bin/python3")
JAX = os.environ.get("JAX_PYTHON", TORCH)
PEERS = {"torch": [TORCH, HERE / "torch_baseline.py"], "compile": [TORCH, HERE / "torch_compile_baseline.py", "--limit", "120"],
         "jax": [JAX, HERE / "jax_baseline.py"]}
MODULE = {"torch": "torch", "compile": "torch", "jax": "jax"}
UNSTABLE = {"resnet20"}     # its loss falls to a twelfth in five steps, and rounding errors grow as fast


def has(python, module):
    """Whether that Python has the module."""
    try:
        return subprocess.run([python, "-c", "import " + module], capture_output=True).returncode == 0
    except OSError:
        return False


def run(command, args, workload):
    """The figures of one workload on one program; {} if it failed."""
    done = subprocess.run([*map(str, command), "--threads", str(args.threads), "--seconds", str(args.seconds),
                           "--only", workload], capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    figures = json.loads(lines[-1]) if lines else {}
    return {**figures, "ms": figures.get("ms_min")} if args.fastest else figures


def best(rounds):
    """The round with the smallest time."""
    timed = [r for r in rounds if r.get("ms")]
    return min(timed, key=lambda r: r["ms"]) if timed else {}


def floor_ms(cotan, floors):
    """What the workload's arithmetic takes at the product's rate, or its memory at the triad's, and the rate it ran at."""
    if cotan.get("gflop"):
        return cotan["gflop"] / floors["product_gflops"] * 1e3, "%.0f GFLOP/s" % (cotan["gflop"] / cotan["ms"] * 1e3)
    if cotan.get("gbyte"):
        return cotan["gbyte"] / floors["triad_gbs"] * 1e3, "%.0f GB/s" % (cotan["gbyte"] / cotan["ms"] * 1e3)
    return None, ""


def row(workload, results, floors):
    """A line of the table, and what is to be said of it."""
    cotan = results["cotan"]
    cells, notes = ["%-17s%9.3f" % (workload, cotan["ms"])], []
    for peer, r in results.items():
        if peer == "cotan":
            continue
        cells.append("%10.3f%7.2f" % (r["ms"], r["ms"] / cotan["ms"]) if r else "%10s%7s" % ("-", "-"))
        if r and workload not in UNSTABLE and not math.isclose(r["loss_first"], cotan["loss_first"], rel_tol=1e-3,
                                                             abs_tol=1e-6):
            notes.append("%s: the loss on %s is %g, not %g" % (workload, peer, r["loss_first"], cotan["loss_first"]))
    floor, rate = floor_ms(cotan, floors)
    cells.append("%14s%7s" % (rate, "%.0f %%" % (100 * floor / cotan["ms"]) if floor else ""))
    cells.append("   " + "/".join(str(r.get("peak_rss_mib", "-")) for r in results.values()))
    return "".join(cells), notes


def compare(args):
    names = subprocess.run([BENCH, "--list"], capture_output=True, text=True, check=True).stdout.split()
    names = [n for n in names if not args.only or n in args.only.split(",")]
    wanted = args.peers.split(",") if args.peers else PEERS
    programs = {"cotan": [BENCH], **{p: PEERS[p] for p in PEERS if p in wanted and has(PEERS[p][0], MODULE[p])}}
    floors = json.loads(subprocess.run([BENCH, "--floors", "--threads", str(args.threads)], capture_output=True,
                                       text=True, check=True).stdout)
    print("floor: product %(product_gflops).0f GFLOP/s, triad %(triad_gbs).0f GB/s" % floors)
    print("%-17s%9s" % ("workload", "cotan ms")
          + "".join("%10s%7s" % (p + " ms", "ratio") for p in programs if p != "cotan")
          + "%14s%7s   MiB: %s" % ("rate", "floor", "/".join(programs)), flush=True)
    notes, by = [], {}
    for name in names:
        rounds = {p: [] for p in programs}
        for _ in range(args.rounds):
            for p, command in programs.items():
                rounds[p].append(run(command, args, name))
        results = {p: best(r) for p, r in rounds.items()}
        by.update({p: r["by"] for p, r in results.items() if r})
        line, more = row(name, results, floors) if results["cotan"] else (name + ": cotan failed", [])
        notes += more
        print(line, flush=True)
    print("%d thread(s), best of %d: " % (args.threads, args.rounds) + "; ".join(by.values()))
    print("\n".join(notes), end="\n" if notes else "")


def train(args):
    """Both programs of the main job, in turn, and their figures."""
    for command in ([TOP / "build/docs/examples/train"], [TORCH, HERE / "torch_train.py"]):
        done = subprocess.run([*map(str, command), "--threads", str(args.threads)], capture_output=True, text=True)
        said = re.findall("^(?:trained in|test accuracy).*$", done.stdout, re.MULTILINE)
        print("%s: %s" % (command[-1].name, ", ".join(said) or done.stderr.strip()[-300:]), flush=True)


def main():
    ap = argparse.ArgumentParser(usage=re.search("usage: (.*?)\npeers", __doc__, re.DOTALL)[1])
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--only", default="")
    ap.add_argument("--seconds", type=float, default=2)
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--peers", default="")
    ap.add_argument("--fastest", action="store_true")
    ap.add_argument("--train", action="store_true")
    args = ap.parse_args()
    if not BENCH.exists():
        sys.exit("%s is not there: run sh tests/run.sh first" % BENCH)
    train(args) if args.train else compare(args)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Programs of docs/examples beside twins in PyTorch: same data, sizes, rules and epochs; each draws its own first weights, order and parts. A
row for each as docs/networks.md has it: both figures, and the seconds of processor time of both, one thread each, from start to end less the
loading of torch.

usage: networks.py [NAME]...        with PyTorch's python; the programs are those in build/
"""
import importlib, pathlib, resource, subprocess, sys, tempfile, time

TOP = pathlib.Path(__file__).parents[2]


def main(names):
    names = names or list(TWINS)
    twins = output([sys.executable, pathlib.Path(__file__).resolve(), "--twin", *names])
    print("| program | figure | PyTorch's | seconds | PyTorch's |\n|---|---|---|---|---|")
    for name, figure, torch_seconds in zip(names, twins[::2], twins[1::2]):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        ours = output([TOP / "build/docs/examples" / name, "--threads", "1", *["--quick"] * (name in BRIEF)])[-1]
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"| {name} | {ours} | {figure} | {seconds:.2f} | {float(torch_seconds):.2f} |", flush=True)


def output(command):
    """The lines that it prints."""
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run([str(c) for c in command], cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout.strip().split("\n")


# ---- the twins; torch is imported when one runs ----

TWINS = {name: module for module, names in {
    "twins_classical": ("perceptron", "linear_regression", "logistic_regression", "softmax_regression", "decision_boundary", "mlp",
                        "normalisation", "initialisation", "optimizers", "schedules", "regularisation", "autoencoder", "gcn", "reinforce"),
    "twins_deep": ("small_cnn", "capsule", "transfer", "saliency", "segmentation", "degradation", "very_deep"),
    "twins_sequences": ("adding", "char_lstm", "seq2seq", "gpt", "vae", "gan", "search"),
}.items() for name in names}
BRIEF = {"degradation", "very_deep"}  # of --quick, as their rows are


def run_twins(names):
    import torch
    torch.set_num_threads(1)
    for name in names:
        twin = getattr(importlib.import_module(TWINS[name]), name)
        torch.manual_seed(1)
        begin = time.process_time()
        print(twin(), time.process_time() - begin, sep="\n", flush=True)


if __name__ == "__main__":
    run_twins(sys.argv[2:]) if sys.argv[1:2] == ["--twin"] else main(sys.argv[1:])

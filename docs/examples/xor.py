"""cotan in Python, by docs/python/cotan.py, one file over ctypes: learns XOR.

usage: python3 xor.py [LIBRARY] [options]      such as build/libcotan.so"""
import argparse, os, pathlib, sys

options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
options.add_argument("library", nargs="?", help="default: that of the build folder, or the system's")
options.add_argument("--epochs", type=int, help="of 10 steps (150)")
options.add_argument("--seed", type=int, default=1)
options.add_argument("--threads", type=int)
options.add_argument("--out", default=".", type=pathlib.Path)
options.add_argument("--data", help="none is read")
options.add_argument("--quick", action="store_true")
options = options.parse_args()
epochs = options.epochs or (3 if options.quick else 150)

if options.library:
    os.environ["COTAN_LIBRARY"] = options.library
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "python"))
import cotan

cotan.seed(options.seed)
if options.threads:
    cotan.set_num_threads(options.threads)
x, y = cotan.tensor([[0, 0], [0, 1], [1, 0], [1, 1]]), cotan.tensor([[0], [1], [1], [0]])
net = cotan.Module()
cotan.nn.linear(net, None, 2, 8), cotan.nn.tanh(net, None), cotan.nn.linear(net, None, 8, 1)
adam = cotan.Optimizer(net, "adam")
options.out.mkdir(parents=True, exist_ok=True)
with open(options.out / "xor.py.csv", "w") as log:
    begin, end = ("\r", "") if sys.stdout.isatty() else ("", "\n")
    for step in range(1, 10 * epochs + 1):
        loss = adam.minimize(cotan.binary_cross_entropy_with_logits(net(x), y))
        if step % 10 == 0:
            print(f"{begin}epoch {step // 10}/{epochs}  loss {loss:.4f}", end=end, flush=True)
            print(loss, file=log)
print("\n" if sys.stdout.isatty() else "", end="")
print("loss below 0.1:", "yes" if loss < 0.1 else "no")

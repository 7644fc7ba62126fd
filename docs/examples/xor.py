"""cotan in Python, by ctypes alone: learns XOR. What is bound below is what is used; docs/reference/signatures.json has all the rest.

usage: python3 xor.py [LIBRARY] [options]      such as build/libcotan.so"""
import argparse, ctypes as c, pathlib, sys

options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
options.add_argument("library", nargs="?", default=str(pathlib.Path(__file__).parents[2] / "build/libcotan.so"))
options.add_argument("--epochs", type=int, help="of 10 steps (150)")
options.add_argument("--seed", type=int, default=1)
options.add_argument("--threads", type=int)
options.add_argument("--out", default=".", type=pathlib.Path)
options.add_argument("--data", help="none is read")
options.add_argument("--quick", action="store_true")
options = options.parse_args()
epochs = options.epochs or (3 if options.quick else 150)

cotan = c.CDLL(options.library)
FLOAT64 = 1
P, I, D, S = c.c_void_p, c.c_int64, c.c_double, c.c_char_p
for name, result, *arguments in [
        ("ct_seed", c.c_int, c.c_uint64), ("ct_set_num_threads", c.c_int, c.c_int), ("ct_scope_open", c.c_int), ("ct_scope_close", c.c_int), ("ct_item", D, P),
        ("ct_from_values", P, c.c_int, P, I, P, c.c_int), ("ct_module_new", P, c.c_int), ("ct_module_free", None, P),
        ("ct_linear_new", P, P, S, I, I, P), ("ct_tanh_new", P, P, S), ("ct_forward", P, P, P),
        ("ct_binary_cross_entropy_with_logits", P, P, P, P), ("ct_backward", c.c_int, P, P),
        ("ct_optimizer_new", P, P, P, P), ("ct_optimizer_zero_grad", c.c_int, P), ("ct_optimizer_step", c.c_int, P),
        ("ct_optimizer_free", None, P), ("ct_error_code", c.c_int), ("ct_error_message", S)]:
    function = getattr(cotan, name)
    function.restype, function.argtypes = result, arguments


def tensor(values, *shape):
    return cotan.ct_from_values(FLOAT64, (D * len(values))(*values), len(values), (I * len(shape))(*shape), len(shape))


cotan.ct_seed(options.seed)
if options.threads:
    cotan.ct_set_num_threads(options.threads)
options.out.mkdir(parents=True, exist_ok=True)
log = open(options.out / "xor.py.csv", "w")
cotan.ct_scope_open()
x, y = tensor([0, 0, 0, 1, 1, 0, 1, 1], 4, 2), tensor([0, 1, 1, 0], 4, 1)
net = cotan.ct_module_new(FLOAT64)
cotan.ct_linear_new(net, None, 2, 8, None)
cotan.ct_tanh_new(net, None)
cotan.ct_linear_new(net, None, 8, 1, None)
adam = cotan.ct_optimizer_new(net, c.addressof(c.c_char.in_dll(cotan, "ct_rule_adam")), None)
for step in range(1, 10 * epochs + 1):
    cotan.ct_scope_open()
    cotan.ct_optimizer_zero_grad(adam)
    error = cotan.ct_binary_cross_entropy_with_logits(cotan.ct_forward(net, x), y, None)
    cotan.ct_backward(error, None)
    cotan.ct_optimizer_step(adam)
    loss = cotan.ct_item(error)
    cotan.ct_scope_close()
    if step % 10 == 0:
        begin, end = ("\r", "") if sys.stdout.isatty() else ("", "\n")
        print(f"{begin}epoch {step // 10}/{epochs}  loss {loss:.4f}", end=end, flush=True)
        print(loss, file=log)
print("\n" if sys.stdout.isatty() else "", end="")
print("loss below 0.1:", "yes" if loss < 0.1 else "no")
cotan.ct_optimizer_free(adam)
cotan.ct_module_free(net)
cotan.ct_scope_close()
if cotan.ct_error_code():
    sys.exit(cotan.ct_error_message().decode())

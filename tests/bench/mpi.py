#!/usr/bin/env python3
"""Measures training by several processes, and holds a model of a step's time against it; then has the model tell of 1 to 4,096 ranks.

usage: mpi.py [MPI_STEPS [REPEATS]]        (root, for the network namespaces; REPEATS: the fastest of so many runs, default 3; without
arguments the model's table alone)

MPI_STEPS is the program tests/mpi_steps of the build. Processes on one machine talk over shared memory; two network namespaces, joined
by a link whose bandwidth tc limits, stand for two machines. Prints the tables of docs/distributed.md. Nothing else should be running.

The model, for a bucket of B bytes on n ranks, with the latency a, the bandwidth b and o for each message that a rank sends: by shares, as cotan does,
2 (a + (n - 1) o + (n - 1) / n B / b); by a ring 2 (n - 1) (a + o + B / (n b)); by a tree, up and down, 2 log2(n) (a + o + B / b). Buckets are ready at even
distances in backward, and go one after the other; what is left when backward ends is waited for. What a bucket costs here is measured with
next to nothing to compute; all else is then foretold."""
import math, os, pathlib, subprocess, sys, tempfile

ENVIRONMENT = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_rmaps_base_oversubscribe": "1"}
# Whole shares go into the socket at once, so that the kernel sends them while backward computes.
TCP = [word for name in ("eager_limit", "rndv_eager_limit", "max_send_size") for word in ("--mca", f"btl_tcp_{name}", str(4 << 20))]
LAYERS, WIDTH = 8, 1024
MIB = 1 << 20
BY_THREAD, BY_HOOKS, AFTER = 0, 1, 2
HOSTS = {"ctmpia": "10.77.0.1", "ctmpib": "10.77.0.2"}


# ---- measuring ----

def fastest(repeats, launcher, program, batch, progress, layers=LAYERS, width=WIDTH, threads=1, steps=8):
    """Milliseconds of the run with the fastest step: step, forward and backward with sending, waiting."""
    rows = []
    for _ in range(repeats):
        out = subprocess.run([*launcher, program, *map(str, (layers, width, batch, 4096, progress, steps))], capture_output=True, text=True,
                             env={**ENVIRONMENT, "COTAN_NUM_THREADS": str(threads)}, timeout=300)
        if out.returncode:
            sys.exit(out.stdout + out.stderr)
        words = out.stdout.split()
        rows.append([float(words[words.index(name) + 1]) for name in ("step", "gradients", "waited")])
    return min(rows)


def command(*words):
    subprocess.run(words, check=True)


def up(folder):
    """Two namespaces and the link between them; the launcher's words."""
    names = "127.0.0.1 localhost\n" + "".join(f"{address} {host}\n" for host, address in HOSTS.items())
    for host in HOSTS:
        command("ip", "netns", "add", host)
        command("ip", "-n", host, "link", "set", "lo", "up")
        pathlib.Path(f"/etc/netns/{host}").mkdir(parents=True, exist_ok=True)
        pathlib.Path(f"/etc/netns/{host}/hosts").write_text(names)
    a, b = HOSTS
    net = "10.77.0.0/24"
    command("ip", "link", "add", "veth0", "netns", a, "type", "veth", "peer", "name", "veth0", "netns", b)
    for host, address in HOSTS.items():
        command("ip", "-n", host, "addr", "add", f"{address}/24", "dev", "veth0")
        command("ip", "-n", host, "link", "set", "veth0", "up")
    agent = folder / "agent" # in place of ssh; each host needs temporary files of its own
    agent.write_text(f'#!/bin/sh\nhost=$1; shift\nexport TMPDIR={folder}/$host\nmkdir -p "$TMPDIR"\nexec ip netns exec "$host" sh -c "$*"\n')
    agent.chmod(0o755)
    return ["ip", "netns", "exec", a, "mpirun", "--mca", "plm_rsh_agent", str(agent), "--host", f"{a}:1,{b}:1", "--mca", "btl", "tcp,self",
            "--mca", "btl_tcp_if_include", net, "--mca", "oob_tcp_if_include", net, "--bind-to", "none", "-n", "2"]


def limit(gigabits):
    for host in HOSTS:
        command("tc", "-n", host, "qdisc", "replace", "dev", "veth0", "root", "tbf", "rate", f"{gigabits * 1000:.0f}mbit", "burst", "256kb",
                "latency", "100ms")


def down():
    for host in HOSTS:
        subprocess.run(["ip", "netns", "del", host], stderr=subprocess.DEVNULL)
        subprocess.run(["rm", "-rf", f"/etc/netns/{host}"])


# ---- the model; seconds and bytes ----

def by_shares(n, size, a, o, b):
    return 2 * (a + (n - 1) * o + (n - 1) / n * size / b)


def by_ring(n, size, a, o, b):
    return 2 * (n - 1) * (a + o + size / n / b)


def by_tree(n, size, a, o, b):
    return 2 * math.ceil(math.log2(n)) * (a + o + size / b)


def step_time(n, forward, backward, sizes, send, after=False):
    """Time of forward, backward and sending, and what of it is waiting."""
    sent = 0
    for i, size in enumerate(sizes):
        ready = forward + backward * (1 if after else (i + 1) / len(sizes))
        sent = max(sent, ready) + (send(size) if n > 1 else 0)
    done = forward + backward
    return max(sent, done), max(sent - done, 0)


# ---- the tables ----

def measured(name, repeats, launcher, program, ranks, batch, alone):
    """Rows of one network: a and b from small batches of few and of many layers, then a batch with something to compute."""
    size = 4 * WIDTH * WIDTH
    few, many = (fastest(repeats, launcher, program, 1, AFTER, layers=n) for n in (1, LAYERS))
    cost = (many[2] - few[2]) / (LAYERS - 1) / 1e3 # of a bucket
    crowd = max(1, ranks / os.cpu_count())
    copies = max(many[1] - many[2] - crowd * alone[1][1], 0) / 1e3 # of gradients to the buckets and back
    compute = crowd * alone[batch][1] / 1e3
    print(f"\n{name}: {1e3 * cost:.2f} ms for a bucket of 4 MiB, {2 * (ranks - 1) / ranks * size / cost / 1e9:.2f} GB/s; "
          f"{1e3 * copies:.0f} ms of copies\n")
    print("| sending | step | model | waiting | model | hidden |\n|---|---|---|---|---|---|")
    before = None
    for words, progress in (("after backward", AFTER), ("by hooks", BY_HOOKS), ("by a thread", BY_THREAD)):
        step, gradients, waited = fastest(repeats, launcher, program, batch, progress)
        before = before or waited
        whole, wait = step_time(ranks, compute / 3, compute * 2 / 3 + copies, [size] * LAYERS, lambda _: cost, progress == AFTER)
        whole += (many[0] - many[1]) / 1e3 # the optimiser
        print(f"| {words} | {step:.0f} ms | {1e3 * whole:.0f} ms | {waited:.0f} ms | {1e3 * wait:.0f} ms | {1 - waited / before:.0%} |", flush=True)


def processes_or_threads(repeats, local, program):
    print("\n| network | batch in all | one process, two threads | two processes, a thread each |\n|---|---|---|---|")
    for layers, width, batch in ((8, 1024, 32), (8, 1024, 256), (8, 1024, 2048), (32, 64, 64), (32, 64, 1024)):
        threads = fastest(repeats, local(1), program, batch, BY_THREAD, layers, width, threads=2)
        processes = fastest(repeats, local(2), program, batch // 2, BY_THREAD, layers, width)
        print(f"| {layers} layers of {width} x {width} | {batch} | {threads[0]:.2f} ms | {processes[0]:.2f} ms |", flush=True)


def foretell():
    """A network of 25 million parameters (100 MiB) on machines with 100 Gbit/s; 100 ms of forward and backward a step."""
    a, o, b = 5e-6, 1e-6, 12.5e9
    kinds = [(by_shares, [25 * MIB] * 4), (by_ring, [25 * MIB] * 4), (by_tree, [25 * MIB] * 4), (by_shares, [5 * MIB] * 20), (by_shares, [100 * MIB])]
    print("\n| ranks | by shares | ring | tree | by shares, 5 MiB | by shares, one bucket | efficiency by shares |\n|---|---|---|---|---|---|---|")
    for n in (1, 2, 8, 32, 128, 512, 1024, 2048, 4096):
        times = [step_time(n, 0.033, 0.067, sizes, lambda size: kind(n, size, a, o, b))[0] for kind, sizes in kinds]
        print(f"| {n:,} | " + " | ".join(f"{1e3 * t:.1f} ms" for t in times) + f" | {0.1 / times[0]:.0%} |")


def main():
    if len(sys.argv) == 1:
        return foretell()
    program, repeats = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
    program = str(pathlib.Path(program).resolve())
    local = lambda n: ["mpirun", "-n", str(n), "--bind-to", "none"]
    alone = {batch: fastest(repeats, local(1), program, batch, BY_THREAD) for batch in (1, 256, 1024)}
    print("one rank: " + ", ".join(f"batch {batch}: {row[0]:.0f} ms" for batch, row in alone.items()))
    for ranks in (2, 4):
        measured(f"{ranks} ranks, shared memory, batch 256", repeats, local(ranks), program, ranks, 256, alone)
    with tempfile.TemporaryDirectory() as folder:
        down()
        try:
            launcher = up(pathlib.Path(folder))
            limit(1)
            measured("2 ranks, 1 Gbit/s, batch 1024, Open MPI as it comes", repeats, launcher, program, 2, 1024, alone)
            launcher[5:5] = TCP
            for gigabits in (1, 2, 4):
                limit(gigabits)
                measured(f"2 ranks, {gigabits} Gbit/s, batch 1024", repeats, launcher, program, 2, 1024, alone)
        finally:
            down()
    processes_or_threads(repeats, local, program)
    foretell()


main()

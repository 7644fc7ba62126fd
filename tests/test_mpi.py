#!/usr/bin/env python3
"""Several processes over MPI: 1, 2, 3 and 4 ranks end with the bits of one process that accumulates, checks within runs, checkpoints by
changing numbers of ranks, and ranks that fail or are killed.

usage: test_mpi.py [MPI_RANKS MPIRUN TRAIN_MPI]

Without arguments there is no MPI, and the test is skipped. MPI_RANKS is tests/mpi_ranks.c, TRAIN_MPI docs/examples/train_mpi.c. Ends with "N passed, N failed"."""
import json, math, os, pathlib, re, signal, subprocess, sys, tempfile, time

ENVIRONMENT = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_rmaps_base_oversubscribe": "1",
               "OMPI_MCA_btl_vader_single_copy_mechanism": "none", "COTAN_NUM_THREADS": "1"}
passed = failed = 0


def check(what, holds, said=""):
    global passed, failed
    passed += bool(holds)
    failed += not holds
    if not holds:
        print(f"not so: {what}\n{said}")


def run(ranks, *arguments, fails=False):
    """What a run printed, standard output and errors together; ranks 0: without mpirun. One that fails may have any exit status but 0."""
    launcher = [mpirun, "-n", str(ranks), "--bind-to", "none"] if ranks else []
    done = subprocess.run([*launcher, *map(str, arguments)], env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    said = done.stdout + done.stderr
    check(f"{ranks} ranks of {' '.join(map(str, arguments[1:]))} end {'badly' if fails else 'well'}", (done.returncode != 0) == fails, said)
    return said


def counted(said):
    global passed, failed
    line = re.search(r"^(\d+) passed, (\d+) failed$", said, re.M)
    check("a run that checks tells its counts", line, said)
    if line:
        passed += int(line[1])
        failed += int(line[2])
        if int(line[2]):
            print(said)


def same_bits(folder):
    """Each number of ranks with another dtype, way of sending and optimiser, so that each of them is met."""
    run(0, program, "accumulate", folder / "one")
    for ranks, dtype, bucket, progress, shared in ((1, "float64", 600, 0, 1), (2, "float32", 600, 0, 0), (3, "float32", 300, 1, 1),
                                                   (4, "float64", 1 << 20, 2, 0)):
        one, many = folder / f"one-{dtype}-{ranks}", folder / f"many{ranks}"
        run(ranks, program, "train", dtype, many, bucket, progress, shared)
        check(f"{ranks} ranks have the bits of one process that accumulates", one.read_bytes() == many.read_bytes())


def checkpoints(folder):
    """By 4, 1 and 2 ranks in turn, as by 2 alone: means of equal gradients by powers of two are exact."""
    turns, whole = folder / "in-turns", folder / "whole"
    for ranks in (4, 1, 2):
        turns.mkdir(exist_ok=True)
        run(ranks, program, "checkpoint", turns, 2, folder / "turns")
    whole.mkdir()
    run(2, program, "checkpoint", whole, 6, folder / "once")
    for dtype in ("float32", "float64"):
        check("a checkpoint is read by any number of ranks", (folder / f"turns-{dtype}").read_bytes() == (folder / f"once-{dtype}").read_bytes())
        files = sorted(p.name for p in turns.glob(f"{dtype}*"))
        shares = [states(turns / name) for name in files if "optimizer" in name]
        check("each rank has its half of the states", len(shares) == 2 and abs(shares[0] - shares[1]) <= 2 and min(shares) > 100, shares)
        check("one checkpoint stays", len(files) == 5 and all(".3." in name for name in files[:4]), files)
    damaged(turns)


def states(path):
    """Elements of an optimiser's states in its file."""
    data = path.read_bytes()
    header = json.loads(data[8:8 + int.from_bytes(data[:8], "little")])
    return sum(math.prod(t["shape"]) for name, t in header.items() if name.startswith("state."))


def damaged(folder):
    """The checkpoint of 2 ranks, a file of the second cut short: an error on both, which names the file."""
    cut = next(folder.glob("float32.*.1-of-2.optimizer.safetensors"))
    cut.write_bytes(cut.read_bytes()[:-5])
    said = run(2, program, "checkpoint", folder, 1, folder / "none", fails=True)
    check("a damaged file is told by all ranks", all(f"on rank {r}: " in said for r in (0, 1)) and said.count(cut.name) >= 2, said)
    check("nothing is left of the reading", not list(folder.glob("*.loading.*")))


def failures(_):
    begin = time.time()
    said = run(3, program, "fail", "error", fails=True)
    message = "linear: x has 6 features"
    check("an error of one rank is every rank's", all(f"on rank {r}: {'' if r == 2 else 'rank 2: '}first: {message}" in said for r in range(3)), said)
    check("it ends the run", time.time() - begin < 10)
    said = run(2, program, "fail", "away", fails=True)
    check("who is missing is named", "on rank 0: data_parallel: rank 0 of 2 has waited 0.5 seconds for the others: gradients, bucket 0 of 1, from rank 1" in said, said)


def children(pid):
    """Processes below one, by /proc."""
    below = [int(p.name) for p in pathlib.Path("/proc").iterdir() if p.name.isdigit()
             and (status := read(p / "stat")) and int(status.rsplit(")", 1)[1].split()[1]) == pid]
    return below + [q for p in below for q in children(p)]


def read(path):
    try:
        return path.read_text()
    except OSError:
        return ""


def killed(folder):
    """A rank that is killed ends the run; the same command goes on from the checkpoint and ends with the bits of a run that nobody killed."""
    command = [mpirun, "-n", "2", "--bind-to", "none", example, "--epochs", "6", "--out"]
    for name in ("whole", "killed"):
        (folder / name).mkdir()
    done = subprocess.run([*command, folder / "whole"], env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    check("the example runs", done.returncode == 0, done.stdout + done.stderr)
    running = subprocess.Popen([*command, folder / "killed"], env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    begin = time.time()
    while not (folder / "killed/train_mpi.safetensors").exists() and time.time() - begin < 20 and running.poll() is None:
        time.sleep(0.005)
    ranks = [p for p in children(running.pid) if "train_mpi" in read(pathlib.Path(f"/proc/{p}/comm"))]
    check("the run is under way when a rank is killed", len(ranks) == 2, ranks)
    begin = time.time()
    for rank in ranks[1:]:
        os.kill(rank, signal.SIGKILL)
    try:
        status = running.wait(15)
    except subprocess.TimeoutExpired:
        running.kill()
        status = 0
    check("it ends with an error, within seconds", status != 0 and time.time() - begin < 10, f"status {status}")
    again = subprocess.run([*command, folder / "killed"], env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    check("the same command goes on", again.returncode == 0 and "goes on after epoch" in again.stdout, again.stdout + again.stderr)
    ends = [folder / name / "final.safetensors" for name in ("whole", "killed")]
    check("with the same bits", all(p.exists() for p in ends) and ends[0].read_bytes() == ends[1].read_bytes())


def main():
    global program, mpirun, example
    if len(sys.argv) == 1:
        print("there is no MPI: nothing is tested")
        return 77
    program, mpirun, example = sys.argv[1:4]
    with tempfile.TemporaryDirectory() as top:
        for part in (same_bits, checkpoints, failures, killed):
            folder = pathlib.Path(top) / part.__name__
            folder.mkdir()
            part(folder)
    for ranks in (2, 3):
        counted(run(ranks, program, "checks"))
    print(f"{passed} passed, {failed} failed")
    return failed > 0 or passed == 0


sys.exit(main())

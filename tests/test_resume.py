#!/usr/bin/env python3
"""kill -9 at random moments of a training, or of a search, start it again, and so on until it ends: it must leave the same bits as a run
that was not killed: the final weights, the checkpoint and the log; the table and the picture.

usage: test_resume.py PROGRAM [KILLS [SEED]]

PROGRAM is docs/examples/resume or search. KILLS in all (8 in the test run, 100 for a campaign) are spread over as many runs as they
need; a run that ends before its next kill counts, and is followed by another from the beginning. Ends with "N passed, N failed".
"""
import pathlib, random, shutil, subprocess, sys, tempfile, time

FILES = {"resume": ("final.safetensors", "run.safetensors", "run.csv"), "search": ("search.csv", "search.svg")}
OPTIONS = {"resume": (), "search": ("--quick", "--jobs", "2")}


def finished(program, folder, process):
    return process.returncode == 0 and all((folder / name).exists() for name in FILES[program.name])


def run_killed(program, folder, seconds):
    """Starts the program, and kills it after that time, if it still runs. Whether it was killed."""
    command = [program, *OPTIONS[program.name], "--out", folder]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return True
    error = process.stderr.read().decode()
    assert finished(program, folder, process), f"exit status {process.returncode}: {error}"
    return False


def main():
    program, kills = pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 8
    draw = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    passed = failed = killed = 0
    with tempfile.TemporaryDirectory() as top:
        whole, folder = pathlib.Path(top) / "whole", pathlib.Path(top) / "killed"
        whole.mkdir()
        start = time.time()
        assert not run_killed(program, whole, 300)
        seconds = time.time() - start
        while killed < kills:
            folder.mkdir()
            here = 0
            # Kills come early enough that some runs see several.
            while run_killed(program, folder, draw.uniform(0.01, 0.6 * seconds) if killed + here < kills else 300):
                here += 1
            killed += here
            differing = [name for name in FILES[program.name] if (whole / name).read_bytes() != (folder / name).read_bytes()]
            left = sorted(p.name for p in folder.iterdir() if p.name not in FILES[program.name] and not p.name.startswith("."))
            if differing or left:
                failed += 1
                print(f"after {here} kills: other bits in {differing}, left behind {left}")
            else:
                passed += 1
            shutil.rmtree(folder)
    print(f"killed {killed} times, a whole run takes {seconds:.2f} s")
    print(f"{passed} passed, {failed} failed")
    return failed > 0 or passed == 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Times whole processes against each other: pinsql, hand-written Rust (the floor) and other engines (the peers).

Machines are noisy, so the programs take turns, and what counts is the ratio of the medians of one run.

  compare.py DATA --pinsql target/release/pinsql --floor FLOOR [--peers DIR --python PYTHON --peer duckdb …]
             [--job q12|q0] [--rounds 5] [--memory 256MB]

DATA holds topics/. q12 reads three topics, cleans them and answers two questions; q0 counts one topic. The floor's `job`
cleans by rules between our two, so its answers differ in what they count, not in what has to be done.
"""
import argparse, os, statistics, subprocess, sys, tempfile, time

QUERIES = ["queries/top_category.sql", "queries/median_followers_by_age_group.sql"]


def commands(a, one_topic):
    """The commands by name; the floor counts what lies in the directory it is given."""
    settings = ["--source", a.data, "--format", "csv", "--quiet"] + (["--memory", a.memory] if a.memory else [])
    files = [word for query in QUERIES for word in ("-f", query)]
    asked = files if a.job == "q12" else ["-c", "SELECT count(*) FROM pin_raw"]
    yield "pinsql", [a.pinsql, *settings, *asked]
    if a.floor and a.job == "q12":
        yield "floor job", [a.floor, "job", f"{a.data}/topics", str(a.threads)]
    elif a.floor:
        yield "floor parse", [a.floor, "parse", one_topic, str(a.threads)]
    for peer in a.peer:
        script = f"{a.peers}/{peer}_peer.py"
        variant = ["--variant", "orjson"] if peer == "python" else []
        yield peer, [a.python, script, f"{a.data}/topics", "--job", a.job, "--threads", str(a.threads), *variant]


def run(command, cwd):
    """Seconds and peak megabytes of one run."""
    started = time.monotonic()
    child = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        sys.exit(f"{' '.join(command)} failed: {errors.decode()}")
    return time.monotonic() - started, usage.ru_maxrss / 1000


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("data"); ap.add_argument("--pinsql", default="target/release/pinsql")
    ap.add_argument("--floor"); ap.add_argument("--peers"); ap.add_argument("--python", default=sys.executable)
    ap.add_argument("--peer", action="append", default=[]); ap.add_argument("--job", default="q12", choices=["q12", "q0"])
    ap.add_argument("--rounds", type=int, default=5); ap.add_argument("--threads", type=int, default=os.cpu_count())
    ap.add_argument("--memory")
    a = ap.parse_args()
    for name in ("data", "pinsql", "floor", "peers", "python"):
        if getattr(a, name):
            setattr(a, name, os.path.abspath(getattr(a, name)))
    with tempfile.TemporaryDirectory() as scratch:
        # The floor takes a directory of topics: one that holds the posts alone.
        one_topic = os.path.join(scratch, "one")
        os.mkdir(one_topic)
        for topic in os.listdir(f"{a.data}/topics"):
            if topic.endswith(".pin"):
                os.symlink(f"{a.data}/topics/{topic}", f"{one_topic}/{topic}")
        todo = dict(commands(a, one_topic))
        seen = {name: [] for name in todo}
        for name, command in todo.items():
            run(command, scratch)  # warm the cache
        for _ in range(a.rounds):
            for name, command in todo.items():
                seen[name].append(run(command, scratch))
    ours = statistics.median(seconds for seconds, _ in seen["pinsql"])
    print(f"{'':14}{'median s':>10}{'least s':>10}{'peak MB':>10}{'pinsql/it':>11}{'it/pinsql':>11}")
    for name, runs in seen.items():
        median, least = statistics.median(s for s, _ in runs), min(s for s, _ in runs)
        print(f"{name:14}{median:10.3f}{least:10.3f}{max(m for _, m in runs):10.0f}{ours / median:11.2f}{median / ours:11.2f}")


main()

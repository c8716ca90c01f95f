#!/usr/bin/env python3
"""The go command with a count: `gotest.py test …` runs `go test -json …`, prints one line for a package and everything
that a failed test wrote, and adds what passed and failed to the file that ARGO_CI_COUNT names. Every other command is
handed on as it is. `make test GO=.ci/gotest.py` is `make test`, counted."""
import collections
import json
import os
import subprocess
import sys

if sys.argv[1:2] != ["test"] or "-list" in sys.argv or "-fuzz" in sys.argv:
    os.execvp("go", ["go", *sys.argv[1:]])

run = subprocess.Popen(["go", "test", "-json", *sys.argv[2:]], stdout=subprocess.PIPE, text=True)
output, count = collections.defaultdict(list), collections.Counter()
for line in run.stdout:
    try:
        e = json.loads(line)
    except ValueError:
        print(line, end="", flush=True)
        continue
    package, test, action = e.get("Package") or e.get("ImportPath", ""), e.get("Test"), e["Action"]
    if action in ("output", "build-output"):
        output[package, test].append(e["Output"])
    elif action == "build-fail":
        print("".join(output.pop((package, None), [])), end="", flush=True)
    elif action in ("pass", "fail", "skip"):
        text = "".join(output.pop((package, test), []))
        if test:
            count[action] += 1
            if action == "fail":
                print(text, end="", flush=True)
        elif action == "fail":
            count["package"] += 1
            print(f"{text}FAIL  {package}  {e.get('Elapsed', 0):.1f} s", flush=True)
        elif action == "pass":
            print(f"ok    {package}  {e.get('Elapsed', 0):.1f} s", flush=True)
status = run.wait()
failed = count["fail"] or count["package"] or (status != 0)
print(f"go test: {count['pass']} passed, {int(failed)} failed, {count['skip']} skipped", flush=True)
if os.environ.get("ARGO_CI_COUNT"):
    with open(os.environ["ARGO_CI_COUNT"], "a") as f:
        f.write(f"{count['pass']} {int(failed)}\n")
sys.exit(status)

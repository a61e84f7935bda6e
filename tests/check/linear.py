"""Reading takes time in proportion to the text: instructions are counted by valgrind's callgrind, not time.

usage: linear.py GOKORE WORK        a text four times as long may cost 5 times the instructions, less what starting costs
"""
import pathlib, re, subprocess, sys

gokore, work = sys.argv[1], pathlib.Path(sys.argv[2])
HEAD = "apiVersion: concurrency.gokore.io/v1alpha1\nkind: LockPolicy\nmetadata: {name: p}\nspec:\n  qosClass: Burstable\n  hierarchyRules:\n"
N = 15000
CASES = {  # name: (command, file, text of n)
    "opening brackets": ("json", "a.json", lambda n: "[" * n),
    "opening brackets in YAML": ("json", "a.yaml", lambda n: "[" * n),
    "opening braces": ("json", "a.yaml", lambda n: "{" * n),
    "dashes": ("json", "a.yaml", lambda n: "- " * n),
    "question marks and colons": ("json", "a.yaml", lambda n: "?:" * n),
    "one long line of JSON": ("json", "a.json", lambda n: "[" + "1," * n + "1]"),
    "one long text": ("json", "a.json", lambda n: '["' + "x" * min(n, 65000) + '"]'),
    "a long line that is no YAML": ("json", "a.yaml", lambda n: "x" * (n * 17) + "\n"),
    "long comments": ("json", "a.yaml", lambda n: "a: 1 #" + "x" * (n * 17) + "\n"),
    "blanks": ("json", "a.yaml", lambda n: "a:" + " " * (n * 17) + "1\n"),
    "many keys": ("json", "a.yaml", lambda n: "".join(f"k{i}: v\n" for i in range(n))),
    "many keys that begin alike": ("json", "a.yaml", lambda n: "".join(f"{'k' * 20}{i}: v\n" for i in range(n // 2))),
    "many keys of JSON": ("json", "a.json", lambda n: "{" + ",".join(f'"k{i}":1' for i in range(n)) + "}"),
    "many documents with long texts": ("json", "a.yaml", lambda n: ("---\n" + "x " * (n // 60) + "\n") * 250),
    "empty lines": ("json", "a.yaml", lambda n: "a: x\n" + "\n" * (n * 16)),
    "empty lines in a text": ("json", "a.yaml", lambda n: "a: |\n" + "\n" * n + "  x\n"),
    "many texts with empty lines": ("json", "a.yaml", lambda n: "- |\n\n\n\n\n\n\n\n" * n),
    "lines of blanks": ("json", "a.yaml", lambda n: "a: |\n  x\n" + "   \n" * n),
    "folded lines": ("json", "a.yaml", lambda n: "a: x" + "\n y" * n + "\n"),
    "folded quoted lines": ("json", "a.yaml", lambda n: 'a: "x' + "\n y" * n + '"\n'),
    "flow gaps": ("json", "a.yaml", lambda n: "a: [" + "x\n\n\n ," * n + "]\n"),
    "a quote without end": ("json", "a.yaml", lambda n: "a: '" + "x" * (n * 17)),
    "quotes": ("json", "a.yaml", lambda n: "a: '" + "''" * n + "'\n"),
    "escapes": ("json", "a.json", lambda n: '["' + "\\u00e9" * min(n, 30000) + '"]'),
    "unknown fields": ("lint", "a.yaml", lambda n: HEAD.replace("hierarchyRules:\n", "hierarchyRules: []\n") + "".join(f"  f{i}: 1\n" for i in range(n))),
    "a long order": ("lint", "a.yaml", lambda n: HEAD + "  - {name: r, order: [" + ",".join(f"L{i}" for i in range(n // 60)) + "]}\n"),
    "many rules": ("lint", "a.yaml", lambda n: HEAD + "".join(f"  - {{name: r{i}, order: [L{i}, L{i + 1}]}}\n" for i in range(n // 60))),
    "many rules that close a cycle": ("lint", "a.yaml", lambda n: HEAD + "".join(f"  - {{name: r{i}, order: [L{i}, L{(i + 1) % (n // 60)}]}}\n" for i in range(n // 60))),
}


def cost(command, name, text):
    path = work / name
    path.write_text(text)
    run = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", gokore, command, str(path)], capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode not in (0, 1) or not found:
        sys.exit(f"{name}: {run.stderr[-500:]}")
    return int(found[1])


work.mkdir(parents=True, exist_ok=True)
base = cost("json", "empty.json", "[]")
worst, failed = (0, ""), False
for title, (command, name, text) in CASES.items():
    small, large = text(N), text(4 * N)
    if len(large) > 1 << 20:
        sys.exit(f"{title}: {len(large)} bytes are more than the reader takes")
    one, four = cost(command, name, small) - base, cost(command, name, large) - base
    ratio = four / max(one, 1) * (4 * len(small) / len(large))  # texts that stop growing at a limit count as they are
    worst = max(worst, (ratio, title))
    if ratio > 5 and four > base:  # small costs are all start
        print(f"{title}: {one} instructions for {len(small)} bytes, {four} for {len(large)}")
        failed = True
print(f"{len(CASES)} kinds of text, the worst ratio {worst[0]:.2f}: {worst[1]}")
sys.exit(1 if failed else 0)

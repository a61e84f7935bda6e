"""Public test suites for readers of YAML and JSON: what is accepted has the equal value, what is wrong is refused.

usage: suites.py GOKORE yaml DIRECTORY | json DIRECTORY       one line for each failure; exit status 0 if there is none
yaml: the data branch of yaml-test-suite; json: JSONTestSuite. Their data is not part of this project.
"""
import json, pathlib, subprocess, sys

gokore, kind, top = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
# what the strict subset leaves out on purpose, by the code that says so
LEFT_OUT = {"ANCHOR", "ALIAS", "TAG", "DIRECTIVE", "KEY", "AMBIGUOUS", "DUPLICATE", "LIMIT", "EMPTY", "LINE", "CONTROL", "TAB"}
# and where the code is SYNTAX: a:b, [a: b], {a}, keys of several lines, keys that are no text
LEFT_OUT_TEXTS = ("a blank is missing after ':'", "a key in a list", "a key without a value", "no key can be here", "',' or ']' is expected here")
failures, refused, counts = [], [], dict(right=0, equal=0, left_out=0, refused=0, unknown=0)


def read(path):
    run = subprocess.run([gokore, "json", str(path)], capture_output=True)
    if run.returncode not in (0, 1):
        failures.append(f"{path}: status {run.returncode}")
    err = run.stderr.decode(errors="replace")
    if any(text in err for text in LEFT_OUT_TEXTS):
        err = err.replace("GOKORE-E-SYNTAX", "GOKORE-E-KEY")
    code = next((line.rsplit("GOKORE-E-", 1)[1].rstrip("]") for line in err.splitlines() if "GOKORE-E-" in line), None)
    return (None, code) if run.returncode else ([exact(line) for line in run.stdout.decode().splitlines()], None)


def exact(text):
    return json.loads(text, parse_constant=lambda c: sys.exit("not JSON: " + c))


def documents(text):
    decoder, out, at = json.JSONDecoder(), [], 0
    text = text.strip()
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        out.append(value)
        while at < len(text) and text[at].isspace():
            at += 1
    return out


def same(a, b):  # 1 is not True, and 1.0 is 1 as JSON has one kind of number
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def yaml_case(directory):
    value, code = read(directory / "in.yaml")
    if (directory / "error").exists():
        if value is not None:
            failures.append(f"{directory}: wrong, but accepted as {value}")
        counts["right"] += 1
    elif value is None:
        counts["left_out" if code in LEFT_OUT else "refused"] += 1
        if code not in LEFT_OUT:
            refused.append(f"{directory.relative_to(top)} {code}")
    elif not (directory / "in.json").exists():
        counts["unknown"] += 1
    elif same(value, documents((directory / "in.json").read_text())):
        counts["equal"] += 1
    else:
        failures.append(f"{directory}: read as {value}")


def json_case(path):
    value, code = read(path)
    try:
        text = path.read_bytes().decode()
        want = [json.loads(text, parse_constant=lambda c: 1 / 0)]
    except Exception:
        want = None
    if path.name[0] == "n" and value is not None:
        failures.append(f"{path}: wrong, but accepted as {value}")
    elif path.name[0] == "y" and value is None:
        failures.append(f"{path}: right, but refused: {code}")
    elif value is not None and want is not None and not same(value, want):
        failures.append(f"{path}: read as {value}")
    elif value is None:
        counts["right" if path.name[0] == "n" else "left_out"] += 1
    else:
        counts["equal"] += 1


if kind == "yaml":
    cases = sorted(p.parent for p in top.rglob("in.yaml") if not any(part in ("name", "tags") for part in p.parts))
else:
    cases = sorted((top / "test_parsing").glob("*.json"))
if len(cases) < 200:
    sys.exit(f"{top}: no such suite: {len(cases)} cases")
for case in cases:
    (yaml_case if kind == "yaml" else json_case)(case)
for line in failures:
    print(line)
for line in refused:
    print("refused, though of the subset:", line)
print(", ".join(f"{n} {name.replace('_', ' ')}" for name, n in counts.items() if n))
if kind == "yaml" and counts["refused"] * 20 > counts["equal"]:
    sys.exit("more than 5 % of the subset is refused")
sys.exit(1 if failures else 0)

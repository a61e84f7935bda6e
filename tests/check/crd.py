"""The CustomResourceDefinitions against the loader: the same objects, the same verdicts; and what deploy/k8s says of itself.

usage: crd.py GOKORE WORK [FILE]   prints one line for each difference; exit status 0 if there is none; FILE: what cel.mjs needs
The schema's part is jsonschema's. What jsonschema does not know is done here as an API server does it: unknown fields are
refused (strict validation), nulls of properties are dropped, list types, and the few CEL forms that the definitions use.
"""
import copy, json, pathlib, re, subprocess, sys
import jsonschema, yaml

gokore, work = sys.argv[1], pathlib.Path(sys.argv[2])
wrong = []
counts = {"same": 0, "good": 0, "bad": 0, "loader": 0}


def structural(schema, path, inside=False):
    """The rules of structural schemas, and that everything is bounded."""
    if not schema.get("type"):
        wrong.append(f"{path}: no type")
    if schema["type"] == "array":
        if "maxItems" not in schema or "items" not in schema:
            wrong.append(f"{path}: a list without bound or items")
        structural(schema.get("items", {"type": "x"}), path + "[]")
        for key in schema.get("x-kubernetes-list-map-keys", []):
            if key not in schema["items"].get("required", []):
                wrong.append(f"{path}: list key {key} is not required")
    if schema["type"] == "string" and not ({"maxLength", "enum"} & set(schema)) and schema.get("format") != "date-time":
        if path not in (".apiVersion", ".kind"):
            wrong.append(f"{path}: a text without bound")
    if schema["type"] == "integer" and "format" not in schema:
        wrong.append(f"{path}: a number without format")
    for word in ("x-kubernetes-preserve-unknown-fields", "additionalProperties", "$ref", "nullable", "default"):
        if word in schema:
            wrong.append(f"{path}: {word}")
    for name in schema.get("required", []):
        if name not in schema.get("properties", {}):
            wrong.append(f"{path}: required {name} is no property")
    for name, child in schema.get("properties", {}).items():
        structural(child, f"{path}.{name}")


def strict(schema):
    """For jsonschema: unknown fields refused, '$' the end of the text only."""
    schema = dict(schema)
    if "pattern" in schema:
        schema["pattern"] = re.sub(r"\$$", r"\\Z", schema["pattern"])
    if "properties" in schema:
        schema["properties"] = {k: strict(v) for k, v in schema["properties"].items()}
        schema["additionalProperties"] = False
    if "items" in schema:
        schema["items"] = strict(schema["items"])
    return schema


def without_nulls(value):
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    return [without_nulls(v) for v in value] if isinstance(value, list) else value


class Refused(Exception):
    pass


def duration(text):
    number, unit = re.fullmatch(r"(\d+)(ns|us|ms|s|m)", text).groups()
    value = int(number) * {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9}[unit]
    if value > 2**63 - 1:
        raise Refused("duration overflow")
    return value


class View:
    """self.a.b of CEL."""

    def __init__(self, value):
        self.value = value

    def __getattr__(self, name):
        if name not in self.value:
            raise Refused("no such key: " + name)
        value = self.value[name]
        return View(value) if isinstance(value, dict) else value


def has(value, *path):
    for name in path:
        value = value.value if isinstance(value, View) else value
        if name not in value:
            return False
        value = value[name]
    return True


def cel(rule, value):
    text = re.sub(r"has\(self\.([A-Za-z.]+)\)", lambda m: "has(self, " + ", ".join(map(repr, m[1].split("."))) + ")", rule)
    text = re.sub(r"\(((?:[^()?]|\([^()]*\))*) \? (\S+) : (\S+)\)", r"((\2) if (\1) else (\3))", text)
    text = re.sub(r"!(?!=)", " not ", text.replace("&&", " and ").replace("||", " or "))
    known = {"has": has, "duration": duration, "size": len, "bytes": lambda s: s.encode(), "self": View(value) if isinstance(value, dict) else value}
    return eval(text, {"__builtins__": {}}, known)


def beyond(schema, value, rules):
    """List types and rules; raises Refused."""
    kind = schema.get("x-kubernetes-list-type")
    keys = schema.get("x-kubernetes-list-map-keys")
    if kind in ("set", "map"):
        seen = [json.dumps([v[k] for k in keys] if keys else v) for v in value]
        if len(set(seen)) != len(seen):
            raise Refused("twice in a " + kind)
    for rule in schema.get("x-kubernetes-validations", []) if rules else []:
        if not cel(rule["rule"], value):
            raise Refused(rule["message"])
    if isinstance(value, dict):
        for name, child in schema.get("properties", {}).items():
            if name in value:
                beyond(child, value[name], rules)
    if isinstance(value, list):
        for item in value:
            beyond(schema["items"], item, rules)


def verdict(crd, value, rules=True):
    version = crd["spec"]["versions"][0]
    root = version["schema"]["openAPIV3Schema"]
    value = without_nulls(value)
    if value.get("apiVersion") != crd["spec"]["group"] + "/" + version["name"] or value.get("kind") != crd["spec"]["names"]["kind"]:
        return "another kind"
    schema = strict(root)
    schema["properties"]["metadata"] = {"type": "object"}  # the API server's own
    try:
        jsonschema.Draft202012Validator(schema).validate(value)
        beyond(root, value, rules)
    except jsonschema.ValidationError as e:
        return e.message
    except Refused as e:
        return str(e)
    return None


# ---- objects: each field of the schema at and beyond its bounds, then what fields say of each other

LOCK = {"apiVersion": "concurrency.gokore.io/v1alpha1", "kind": "LockPolicy", "metadata": {"name": "p"},
        "spec": {"qosClass": "Burstable", "hierarchyRules": [{"name": "r", "order": ["A", "B"]}]}}
FULL = copy.deepcopy(LOCK)
FULL["spec"].update({
    "containerID": "c", "fallbackStrategy": "Wait", "maxHoldTime": "90ms", "defaultTimeout": "1s",
    "numaAffinity": {"required": False, "preferredNodes": [0, 3], "allowedDistance": 1, "fallbackStrategy": "Steal", "qosOverride": "Burstable"},
    "retryPolicy": {"attempts": 2, "backoffBase": "10ms", "jitterPercent": 5, "stealRetries": 2, "maxWaitTime": "100ms"},
    "exemptions": [{"lockClass": "M", "from": "A", "to": "B"}], "pairLimits": [{"a": "A", "b": "B", "maxHoldTime": "50ms"}]})
WORK = {"apiVersion": "orchestration.gokore.io/v1beta1", "kind": "ConcurrencyPolicy", "metadata": {"name": "p"},
        "spec": {"numa": {"allowedCrossAccess": "15%", "stealThreshold": 5},
                 "qosClassMapping": [{"priority": 0, "name": "critical", "qosClass": "Burstable", "numaExclusive": True}]}}

ANY = [None, True, False, 0, 1, -1, 2, 3, 4, 5, 6, 16, 17, 100, 101, 254, 255, 1023, 1024, 1000000, 1000001, 2**31 - 1, 2**31, 2**63, 1.5, "", "x",
       [], {}, ["A"], [1], "Guaranteed", "Burstable", "BestEffort", "guaranteed", "Default", "Steal", "AnyNode", "Any", "true", "7",
       "0ms", "1ms", "50ms", "51ms", "100ms", "101ms", "200ms", "201ms", "500us", "1.5s", "1h", "-1s", "5", "ms", "01s", "1 s", "1m", "9ns", "1ms\n",
       "9223372036854775807ns", "9223372036854775808ns", "153722867m", "153722868m", "99999999999999999999ns", "0%", "9%", "09%", "100%", "101%", "15", "1.5%",
       "a" * 253, "a" * 254, "\u00e9" * 126, "\u00e9" * 127, "a b", "a/b", "a\nb", "a\tb", "a\x00b", "a\x7fb", "a\u0085b", "a\u2028b", "a\u202eb", "\U0001f512",
       "a:b", "_", ".", "-", "A1.b_c-D", [0, 0], [0, 1023], [1024], [-1], list(range(1024)), list(range(1025)), ["A", "A"], ["A", "B", "C"], ["A", 1], [None],
       [["A"]], ["a b"], [""], ["L%d" % i for i in range(1024)], ["L%d" % i for i in range(1025)]]


def places(value, path=()):
    yield path
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[key], path + (key,))


def put(base, path, value, delete=False):
    out = copy.deepcopy(base)
    at = out
    for key in path[:-1]:
        at = at[key]
    if delete:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return out


def objects():
    for base in (LOCK, FULL, WORK):
        yield base
        for path in places(base):
            if not path or path[0] == "metadata" or path == ("apiVersion",) or path == ("kind",):
                continue
            yield put(base, path, None, delete=True)
            for value in ANY:
                if value is None and isinstance(path[-1], int):
                    continue
                yield put(base, path, value)
        for path in [()] + [p for p in places(base) if p and p[0] == "spec"]:
            at = base
            for key in path:
                at = at[key]
            if isinstance(at, dict):
                yield put(base, path + ("typo",), 1)
    for qos in ("Guaranteed", "Burstable", "BestEffort"):
        for key, values in {"maxHoldTime": ["49ms", "50ms", "51ms", "100ms", "101ms", "60s"], "defaultTimeout": ["99ms", "600ms"]}.items():
            for value in values:
                yield spec(qos, {key: value})
        for attempts in range(0, 7):
            yield spec(qos, {"retryPolicy": {"attempts": attempts, "backoffBase": "1ms", "jitterPercent": 0}})
        for steals in range(0, 18):
            yield spec(qos, {"retryPolicy": {"attempts": 1, "backoffBase": "1ms", "jitterPercent": 0, "stealRetries": steals}})
        for wait in ("99ms", "100ms", "101ms", "200ms", "201ms", "500ms", "501ms", "1m"):
            yield spec(qos, {"retryPolicy": {"attempts": 1, "backoffBase": "1ms", "jitterPercent": 100, "maxWaitTime": wait}})
        for required in (None, True, False):
            for override in (None, "Guaranteed", "Burstable", "BestEffort"):
                yield put(spec(qos, {}), ("spec", "numaAffinity"), {"required": required, "qosOverride": override})
        yield put(spec(qos, {}), ("spec", "numaAffinity"), None)
    for names in (["a", "a"], ["a", "b"], ["a", "A"]):
        yield put(LOCK, ("spec", "hierarchyRules"), [{"name": n, "order": ["L%d" % i]} for i, n in enumerate(names)])
        yield put(WORK, ("spec", "qosClassMapping"), [{"priority": 1, "name": n} for n in names])
    for count in (1024, 1025):
        yield put(LOCK, ("spec", "hierarchyRules"), [{"name": "r%d" % i, "order": ["A"]} for i in range(count)])
    for wrong_kind in ({"kind": "Lockpolicy"}, {"apiVersion": "concurrency.gokore.io/v1"}, {"kind": "ConcurrencyPolicy"}):
        yield {**LOCK, **wrong_kind}


def spec(qos, more):
    out = put(LOCK, ("spec", "qosClass"), qos)
    out["spec"].update(more)
    if qos == "Guaranteed":
        out["spec"]["numaAffinity"] = {"required": True}
    return out


def only_the_loader():
    """What no schema and no bounded rule can say, or where the API server is laxer by design."""
    yield put(LOCK, ("spec", "hierarchyRules"), [{"name": "a", "order": ["A", "B"]}, {"name": "b", "order": ["B", "A"]}])
    yield put(LOCK, ("spec", "hierarchyRules"), [{"name": "a", "order": ["A", "B"]}, {"name": "b", "order": ["B", "C"]}, {"name": "c", "order": ["C", "A"]}])


def loaded(values):
    """The loader's verdict of each object: None or the first finding."""
    work.mkdir(parents=True, exist_ok=True)
    files = []
    for i, value in enumerate(values):
        files.append(work / f"{i}.json")
        files[-1].write_text(json.dumps(value) + "\n")
    found = {}
    for start in range(0, len(files), 500):
        run = subprocess.run([gokore, "lint", "--json", *map(str, files[start:start + 500])], capture_output=True, text=True)
        if run.returncode not in (0, 1):
            sys.exit(f"gokore lint: {run.stderr}")
        for line in run.stdout.split("\n")[:-1]:
            d = json.loads(line)
            if d["severity"] == "error":
                found.setdefault(d["file"], f'{d["path"]}: {d["message"]} [{d["code"]}]')
    return [found.get(str(f)) for f in files]


def deployed():
    """Names in deploy/k8s that must agree."""
    docs = [d for f in sorted(pathlib.Path("deploy/k8s").glob("*.yaml")) for d in yaml.safe_load_all(f.read_text())]
    have = {(d["kind"], d["metadata"]["name"]) for d in docs}
    labels = next(d for d in docs if d["kind"] == "Namespace")["metadata"]["labels"]
    for mode in ("enforce", "audit", "warn"):
        if labels.get(f"pod-security.kubernetes.io/{mode}") != "restricted" or f"pod-security.kubernetes.io/{mode}-version" not in labels:
            wrong.append(f"namespace: {mode} is not restricted at a version")
    for d in docs:
        want = []
        if d["kind"] == "RoleBinding":
            want = [("Role", d["roleRef"]["name"])] + [("ServiceAccount", s["name"]) for s in d["subjects"]]
        if d["kind"] == "ValidatingAdmissionPolicyBinding":
            want = [("ValidatingAdmissionPolicy", d["spec"]["policyName"])]
        if d["kind"] == "Deployment":
            pod = d["spec"]["template"]["spec"]
            want = [("ServiceAccount", pod["serviceAccountName"])] + [("ConfigMap", v["configMap"]["name"]) for v in pod["volumes"]]
            c = pod["containers"][0]
            secure = c["securityContext"]
            if not pod["securityContext"]["runAsNonRoot"] or secure["allowPrivilegeEscalation"] or secure["capabilities"]["drop"] != ["ALL"]:
                wrong.append("deployment: not what the restricted standard asks for")
            if c["resources"]["requests"] != c["resources"]["limits"]:
                wrong.append("deployment: requests are not the limits of a Guaranteed pod")
            ports = {p["name"] for p in c["ports"]}
            for n in (n for n in docs if n["kind"] == "NetworkPolicy"):
                for rule in n["spec"].get("ingress", []):
                    if not {p["port"] for p in rule["ports"] if isinstance(p["port"], str)} <= ports:
                        wrong.append(f'{n["metadata"]["name"]}: a port the deployment does not have')
                selected = n["spec"]["podSelector"].get("matchLabels", {})
                if not selected.items() <= d["spec"]["template"]["metadata"]["labels"].items():
                    wrong.append(f'{n["metadata"]["name"]}: selects no pod of the deployment')
        wrong.extend(f'{d["kind"]} {d["metadata"]["name"]}: no {w[0]} {w[1]}' for w in want if w not in have)
        if d["kind"] == "Role":
            plurals = {c["spec"]["names"]["plural"]: c["spec"]["group"] for c in docs if c["kind"] == "CustomResourceDefinition"}
            for rule in d["rules"]:
                for resource in rule["resources"]:
                    if "events.k8s.io" not in rule["apiGroups"] and plurals.get(resource.split("/")[0]) not in rule["apiGroups"]:
                        wrong.append(f'Role {d["metadata"]["name"]}: no resource {resource}')


crds = {}
for name in ("lockpolicies", "concurrencypolicies"):
    crd = yaml.safe_load(pathlib.Path(f"deploy/k8s/crd-{name}.yaml").read_text())
    crds[crd["spec"]["names"]["kind"]] = crd
    names = crd["spec"]["names"]
    if crd["metadata"]["name"] != f'{names["plural"]}.{crd["spec"]["group"]}':
        wrong.append(f"{name}: metadata.name")
    if sum(v["storage"] for v in crd["spec"]["versions"]) != 1 or crd["spec"]["versions"][0]["subresources"] != {"status": {}}:
        wrong.append(f"{name}: versions")
    structural(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"], "")

values, judged = list(objects()), []
for value, answer in zip(values, loaded(values)):
    crd = crds["ConcurrencyPolicy" if value["apiVersion"] == WORK["apiVersion"] else "LockPolicy"]
    said = verdict(crd, value)
    if verdict(crd, value, rules=False) is None:  # what is left is for the rules
        judged.append({"object": without_nulls(value), "good": answer is None})
    counts["bad" if said else "good"] += 1
    if (said is None) != (answer is None):
        text = json.dumps(value["spec"] if "spec" in value else value)
        wrong.append(f"schema: {said}; loader: {answer}; {text[:300]}")
    else:
        counts["same"] += 1
values = list(only_the_loader())
for value, answer in zip(values, loaded(values)):
    counts["loader"] += 1
    if verdict(crds["LockPolicy"], value) is not None or answer is None:
        wrong.append(f"not the loader alone: {json.dumps(value)[:300]}")
deployed()
if len(sys.argv) > 3:
    rest = yaml.safe_load_all(pathlib.Path("deploy/k8s/validatingadmissionpolicy.yaml").read_text())
    pathlib.Path(sys.argv[3]).write_text(json.dumps({"crds": list(crds.values()), "admission": list(rest), "judged": judged}))
for line in wrong:
    print(line)
print(f'{counts["same"]} objects judged alike, {counts["good"]} good and {counts["bad"]} bad by the schema; {counts["loader"]} that only the loader refuses')
if counts["good"] < 300 or counts["bad"] < 1000:
    sys.exit("too few objects: " + str(counts))
sys.exit(1 if wrong else 0)

// The rules of deploy/k8s by an engine of CEL: the CustomResourceDefinitions' own against the loader's verdicts, and what the
// ValidatingAdmissionPolicies say of objects that they are there for.
//
// usage: node cel.mjs PREFIX FILE    PREFIX: where npm has put @bufbuild/cel; FILE: by crd.py. One line for each difference.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const load = createRequire(process.argv[2] + "/package.json");
const { celEnv, isCelError, parse, plan } = load("@bufbuild/cel");
const { strings } = load("@bufbuild/cel/ext");
const env = celEnv({ funcs: strings }); // Kubernetes has replace() and its like, too
const whole = (key, value) => (Number.isSafeInteger(value) ? BigInt(value) : value); // CEL's int and double are two types
const { crds, admission, judged } = JSON.parse(readFileSync(process.argv[3], "utf8"), whole);
const wrong = [];
const rules = new Map();
let evaluated = 0;

function holds(expression, names) { // true, false, or an error's message
    if (!rules.has(expression)) rules.set(expression, plan(env, parse(expression)));
    evaluated++;
    const answer = rules.get(expression)(names);
    return isCelError(answer) ? answer.message : answer;
}

function refused(schema, self) { // by a rule, which is the answer; an error refuses, as in the API server
    for (const { rule } of schema["x-kubernetes-validations"] ?? [])
        if (holds(rule, { self }) !== true) return rule;
    const fields = Object.entries(schema.properties ?? {}).filter(([name]) => self?.[name] !== undefined);
    const children = Array.isArray(self) ? self.map((item) => [schema.items, item]) : fields.map(([name, child]) => [child, self[name]]);
    for (const [child, value] of children) {
        const rule = refused(child, value);
        if (rule) return rule;
    }
    return null;
}

const text = (value) => JSON.stringify(value, (key, v) => (typeof v === "bigint" ? Number(v) : v)).slice(0, 300);
const counts = { good: 0, bad: 0 };
for (const { object, good } of judged) {
    const crd = crds.find((c) => c.spec.names.kind === object.kind);
    const rule = refused(crd.spec.versions[0].schema.openAPIV3Schema, object);
    counts[rule ? "bad" : "good"]++;
    if ((rule === null) !== good) wrong.push(`rules: ${rule}; the loader ${good ? "accepts" : "refuses"}: ${text(object.spec)}`);
}

// ---- admission: which validations of a policy, by their place, an object does not pass

function failed(policy, object, more) {
    const names = { object, oldObject: null, namespaceObject: { metadata: { name: "n" } }, request: { operation: "CREATE" }, ...more };
    const [group, version] = object.apiVersion.split("/"), resource = object.kind.toLowerCase().replace(/y$/, "ies");
    const matches = policy.spec.matchConstraints.resourceRules.some((r) => r.apiGroups.includes(group) &&
        r.resources.includes(resource) && r.apiVersions.includes(version) && r.operations.includes(names.request.operation));
    if (!matches) return "none";
    const answers = policy.spec.validations.map(({ expression }) => holds(expression, names));
    for (const answer of answers) if (typeof answer !== "boolean") wrong.push(`${policy.metadata.name}: ${answer}: ${text(object)}`);
    return answers.flatMap((answer, i) => (answer === true ? [] : [i])).join();
}

function lock(qosClass, hierarchyRules = [{ name: "r", order: ["A"] }]) {
    const head = { apiVersion: "concurrency.gokore.io/v1alpha1", kind: "LockPolicy", metadata: { name: "p" } };
    return { ...head, spec: { qosClass, hierarchyRules } };
}
function work(spec) {
    return { apiVersion: "orchestration.gokore.io/v1beta1", kind: "ConcurrencyPolicy", metadata: { name: "p" }, spec };
}
const space = (labels) => ({ namespaceObject: { metadata: { name: "n", ...(labels && { labels }) } } });
const update = (oldObject, labels) => ({ oldObject, request: { operation: "UPDATE" }, ...space(labels) });
const allowed = { "gokore.io/guaranteed": "allowed" };
const cases = [ // policy, object, more, validations that fail
    ["gokore-lock-policies", lock("Guaranteed"), space(), "0"],
    ["gokore-lock-policies", lock("Guaranteed"), space({}), "0"],
    ["gokore-lock-policies", lock("Guaranteed"), space({ team: "x" }), "0"],
    ["gokore-lock-policies", lock("Guaranteed"), space({ "gokore.io/guaranteed": "no" }), "0"],
    ["gokore-lock-policies", lock("Guaranteed"), space(allowed), ""],
    ["gokore-lock-policies", lock("Burstable"), space(), ""],
    ["gokore-lock-policies", lock("BestEffort"), space({}), ""],
    ["gokore-lock-policies", lock("Burstable"), update(lock("Burstable")), ""],
    ["gokore-lock-policies", lock("Burstable"), update(lock("BestEffort")), "1"],
    ["gokore-lock-policies", lock("Guaranteed"), update(lock("Burstable")), "0,1"],
    ["gokore-lock-policies", lock("Guaranteed"), update(lock("Guaranteed"), allowed), ""],
    ["gokore-lock-policies", lock("Burstable"), { request: { operation: "DELETE" } }, "none"],
    ["gokore-lock-policies", work({}), {}, "none"],
    ["gokore-advice", lock("Burstable"), {}, ""],
    ["gokore-advice", lock("Burstable", []), {}, "0"],
    ["gokore-advice", work({}), {}, ""],
    ["gokore-advice", work({ numa: {} }), {}, ""],
    ["gokore-advice", work({ numa: { stealThreshold: 5n } }), {}, ""],
    ...[["0%", ""], ["9%", ""], ["15%", ""], ["16%", "1"], ["100%", "1"]].map(([allowedCrossAccess, want]) =>
        ["gokore-advice", work({ numa: { allowedCrossAccess } }), {}, want]),
];
const policies = admission.filter((d) => d.kind === "ValidatingAdmissionPolicy");
for (const [name, object, more, want] of cases) {
    const got = failed(policies.find((p) => p.metadata.name === name), object, more);
    if (got !== want) wrong.push(`${name}: fails '${got}', not '${want}': ${text(object)} ${text(more)}`);
}
for (const policy of policies) { // no expression ends with an error, and each is seen to fail
    for (const { object, good } of judged) if (good) failed(policy, object, {});
    const fail = cases.filter(([name]) => name === policy.metadata.name).flatMap(([, , , want]) => want.split(","));
    policy.spec.validations.forEach((v, i) => fail.includes(String(i)) || wrong.push(`no case fails: ${v.expression}`));
}
if (counts.good < 300 || counts.bad < 50 || rules.size < 15) wrong.push("too few objects or rules");
for (const line of wrong) console.log(line);
console.log(`${counts.good} objects pass the rules and ${counts.bad} do not, as the loader says; ${cases.length} cases of admission; ` +
    `${rules.size} rules, evaluated ${evaluated} times`);
process.exit(wrong.length ? 1 : 0);

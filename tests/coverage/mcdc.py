# mcdc.py FLOORS OUT SHOWN LOG: MC/DC of each header, added up over all programs and variants, as mcdc.sh explains. SHOWN has
# what llvm-cov said, VARIANT.txt and VARIANT.json; LOG is the compiler's output. Writes OUT/mcdc.tsv and OUT/mcdc_missed.txt;
# ends with 1 if a header is below its floor.
import collections
import glob
import json
import os
import re
import sys


ASSERTED = re.compile(r"\bGOKORE_(CHECK_|ASSERT)\(") # no decision of the program
DECISION = re.compile(r"  \|---> MC/DC Decision Region \((\d+):(\d+)\) to")
CONDITION = re.compile(r"  \|     Condition C\d+ --> \((\d+:\d+)\)")
SHOWN = re.compile(r"  \|  C(\d+)-Pair: (constant folded|not covered|covered)")
UNMEASURED = re.compile(r"(gokore_\w+\.h):(\d+):(\d+): warning: unsupported MC/DC boolean expression")
CONSTANT, MISSED, MATTERS = 0, 1, 2 # the more variants, the higher
STATES = {"constant folded": CONSTANT, "not covered": MISSED, "covered": MATTERS}


def add(decision, number, state):
    decision[number] = max(decision.get(number, CONSTANT), state)


def read_text(path, found):
    """What stands in a header as it is. A macro's argument shows at the macro, all conditions at one place: left to read_json."""
    header, decision, places = "gokore_atomic.h", None, [] # llvm-cov names no header where only this is there
    for line in open(path, errors="replace"):
        name = os.path.basename(line.strip().rstrip(":"))
        if line.startswith("/") and name.startswith("gokore_"):
            header = name
        elif match := DECISION.match(line):
            decision, places = (int(match[1]), int(match[2]), ""), []
        elif match := CONDITION.match(line):
            places.append(match[1])
        elif (match := SHOWN.match(line)) and len(set(places)) > 1:
            add(found[header][decision], int(match[1]), STATES[match[2]])


def asserting():
    """Where the macros stand whose argument is asserted."""
    for header in glob.glob("gokore_*.h"):
        for number, line in enumerate(open(header), 1):
            if line.startswith("#define") and ASSERTED.search(line):
                yield number


def read_json(path, found):
    """Decisions that are a macro's argument, by function: their conditions are never constant."""
    asserted = set(asserting())
    for function in json.load(open(path))["data"][0]["functions"]:
        header = os.path.basename(function["filenames"][0])
        first, _, last = function["regions"][0][:3]
        name = re.split("[:;]", function["name"])[-1]
        if header.startswith("gokore_"):
            nth = 0
            for record in function["mcdc_records"]:
                parameter = record[0] == record[2] and record[3] - record[1] == 1 # of one letter
                if parameter and not first <= record[0] <= last and record[0] not in asserted:
                    nth += 1
                    for number, shown in enumerate(record[6], 1):
                        add(found[header][(first, -nth, name)], number, MATTERS if shown else MISSED)


def add_up(shown):
    """{header: {(line, column, function): {condition: state}}}, without what is asserted, and what is constant"""
    found = collections.defaultdict(lambda: collections.defaultdict(dict))
    for path in sorted(glob.glob(shown + "/*.txt")):
        read_text(path, found)
    for path in sorted(glob.glob(shown + "/*.json")):
        read_json(path, found)
    for header in found:
        text = open(header).read().splitlines()
        for key, decision in list(found[header].items()):
            if ASSERTED.search(text[key[0] - 1]) or set(decision.values()) == {CONSTANT}:
                del found[header][key]
    return found


def floors_of(path):
    with open(path) as lines:
        return {line.split("\t")[0]: float(line.split("\t")[2]) for line in lines if line.startswith("gokore_")}


def main(floors, out, shown, log):
    found, floors, low = add_up(shown), floors_of(floors), []
    unmeasured = sorted(set((m[1], int(m[2]), int(m[3])) for m in UNMEASURED.finditer(open(log, errors="replace").read())))
    with open(out + "/mcdc.tsv", "w") as figures, open(out + "/mcdc_missed.txt", "w") as missed:
        for header in sorted(found):
            text = open(header).read().splitlines()
            states = collections.Counter(state for d in found[header].values() for state in d.values())
            total, matter = states[MISSED] + states[MATTERS], states[MATTERS]
            percent, floor = 100 * matter / max(total, 1), floors.get(header, 0)
            left = [line for name, line, _ in unmeasured if name == header]
            figures.write("%s\t%.1f\t%d\t%d\t%d\t%d\n" % (header, percent, matter, total, len(found[header]), len(left)))
            print("%-22s %5.1f %%  %5d of %5d conditions of %4d decisions, floor %5.1f; %d more not measured" %
                  (header, percent, matter, total, len(found[header]), floor, len(left)))
            if percent < floor:
                low.append(header)
            for (line, column, function), decision in sorted(found[header].items()):
                which = ",".join("C%d" % n for n, state in sorted(decision.items()) if state == MISSED)
                if which:
                    source = function or text[line - 1].strip()
                    missed.write("%s:%d: %s of %d: %s\n" % (header, line, which, len(decision), source))
            for line in left:
                missed.write("%s:%d: not measured: %s\n" % (header, line, text[line - 1].strip()))
    for header in low:
        print("below its floor: " + header)
    return 1 if low else 0


sys.exit(main(*sys.argv[1:]))

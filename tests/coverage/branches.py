# branches.py FLOORS MISSED_MD OUT < gcov's JSON, one document after the other: the branches of each header, added up over
# all objects and variants, as coverage.sh explains. Writes OUT/branches.tsv and OUT/missed.txt; ends with 1 if a header is
# below its floor.
import collections
import json
import os
import re
import sys


ASSERTED = re.compile(r"\bGOKORE_(CHECK_|ASSERT)\(") # no decision of the program
# What a macro makes for each type is one function here.
TYPED = re.compile("^gokore_atomic_(bool|[iu](8|16|32|64)|size|ptr)_")

# What has a figure of its own, from one heading to another.
PARTS = {"manifest reader": ("gokore_policy.h", "// >>documents: what both readers make", "// >>documents: JSON out")}


def documents(text):
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        document, at = decoder.raw_decode(text, at)
        yield document
        while at < len(text) and text[at].isspace():
            at += 1


def lines(document):
    for file in document["files"]:
        header = os.path.normpath(file["file"])
        if header.startswith("gokore_") and header.endswith(".h"):
            for line in file["lines"]:
                function, typed = TYPED.subn("gokore_atomic_TYPE_", line.get("function_name", ""))
                counts = [branch["count"] for branch in line["branches"]]
                yield header, (0 if typed else line["line_number"], function), counts


def add_up(text):
    """{header: {(line, function): counts}}: the library's own objects say which branches a line has, all objects which were taken."""
    found, others = collections.defaultdict(dict), []
    for document in documents(text):
        own = os.path.basename(document["data_file"]).startswith("implementation.")
        for header, key, counts in lines(document):
            others.append((header, key, counts))
            if own and len(counts) > len(found[header].get(key, [])):
                found[header][key] = [0] * len(counts)
    for header in found:
        text = open(header).read().splitlines()
        for key in [k for k in found[header] if k[0] and ASSERTED.search(text[k[0] - 1])]:
            del found[header][key]
    for header, key, counts in others:
        if len(counts) == len(found[header].get(key, [])):
            found[header][key] = [a + b for a, b in zip(found[header].get(key, []), counts)]
    return found


def table(path):
    with open(path) as lines:
        return dict(line.split("\t")[:2] for line in (l.strip() for l in lines) if line and not line.startswith("#"))


def part(branches, text, first, last):
    """The branches of the lines between two headings."""
    start, end = (next(i for i, line in enumerate(text, 1) if line.startswith(heading)) for heading in (first, last))
    return {key: counts for key, counts in branches.items() if start < key[0] < end}


def is_low(name, branches, floors, figures):
    total = sum(len(c) for c in branches.values())
    taken = sum(1 for c in branches.values() for n in c if n)
    percent, floor = 100 * taken / max(total, 1), float(floors.get(name, 0))
    figures.write("%s\t%.1f\t%d\t%d\n" % (name, percent, taken, total))
    print("%-22s %5.1f %%  %5d of %5d branches, floor %5.1f" % (name, percent, taken, total, floor))
    return percent < floor


def main(floors, missed_md, out):
    found, floors = add_up(sys.stdin.read()), table(floors)
    named, low, unnamed = open(missed_md).read(), [], []
    with open(out + "/branches.tsv", "w") as figures, open(out + "/missed.txt", "w") as missed:
        for header in sorted(found):
            text = open(header).read().splitlines()
            low += [header] * is_low(header, found[header], floors, figures)
            for (number, function), counts in sorted(found[header].items()):
                if 0 in counts:
                    which = ",".join(str(i) for i, n in enumerate(counts) if not n)
                    source = text[number - 1].strip() if number else ""
                    missed.write("%s:%d: %s: %s of %d: %s\n" % (header, number, function, which, len(counts), source))
                    if "`%s`" % function not in named and function not in unnamed:
                        unnamed.append(function)
        for name, (header, first, last) in PARTS.items():
            if header in found:
                low += [name] * is_low(name, part(found[header], open(header).read().splitlines(), first, last), floors, figures)
    for name in low:
        print("below its floor: " + name)
    if unnamed:
        print("%d functions with a branch that was not taken are not in MISSED.md: %s" % (len(unnamed), " ".join(unnamed)))
    return 1 if low else 0


sys.exit(main(*sys.argv[1:]))

# branches.py FLOORS MISSED_MD OUT < gcov's JSON, one document after the other: the branches of each header, added up over all
# objects and variants, as coverage.sh explains. Writes OUT/branches.tsv and OUT/missed.txt; ends with 1 if a header is below its floor.
import collections
import json
import os
import re
import sys


# What a macro makes for each type is one function here.
TYPED = re.compile("^gokore_atomic_(bool|[iu](8|16|32|64)|size|ptr)_")


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
                yield header, (0 if typed else line["line_number"], function), [branch["count"] for branch in line["branches"]]


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
        for key in [k for k in found[header] if k[0] and "GOKORE_CHECK_(" in text[k[0] - 1]]:
            del found[header][key]
    for header, key, counts in others:
        if len(counts) == len(found[header].get(key, [])):
            found[header][key] = [a + b for a, b in zip(found[header].get(key, []), counts)]
    return found


def table(path):
    with open(path) as lines:
        return dict(line.split("\t")[:2] for line in (l.strip() for l in lines) if line and not line.startswith("#"))


def main(floors, missed_md, out):
    found, floors = add_up(sys.stdin.read()), table(floors)
    named, low, unnamed = open(missed_md).read(), [], []
    with open(out + "/branches.tsv", "w") as figures, open(out + "/missed.txt", "w") as missed:
        for header in sorted(found):
            text = open(header).read().splitlines()
            total = sum(len(c) for c in found[header].values())
            taken = sum(1 for c in found[header].values() for n in c if n)
            percent = 100 * taken / max(total, 1)
            floor = float(floors.get(header, 0))
            figures.write("%s\t%.1f\t%d\t%d\n" % (header, percent, taken, total))
            print("%-22s %5.1f %%  %5d of %5d branches, floor %5.1f" % (header, percent, taken, total, floor))
            if percent < floor:
                low.append(header)
            for (number, function), counts in sorted(found[header].items()):
                if 0 in counts:
                    which = ",".join(str(i) for i, n in enumerate(counts) if not n)
                    missed.write("%s:%d: %s: %s of %d: %s\n" % (header, number, function, which, len(counts), text[number - 1].strip() if number else ""))
                    if "`%s`" % function not in named and function not in unnamed:
                        unnamed.append(function)
    for header in low:
        print("below its floor: " + header)
    if unnamed:
        print("%d functions have a branch that was not taken and that MISSED.md does not explain: %s" % (len(unnamed), " ".join(unnamed[:40])))
    return 1 if low else 0


sys.exit(main(*sys.argv[1:]))

# report.awk - lines "FIGURE PEER WORKERS VALUE", sorted by all four: tables of medians and ratios, and the targets
function at(figure, peer, workers, key) { # the median, 0 if there is none
    key = figure " " peer " " workers
    return n[key] ? value[key, int((n[key] + 1) / 2)] : 0
}
function base(figure, peer) { return at(figure, peer, least) } # of those that have no workers
function target(what, got, bound) {
    if (got > 0) printf "  target %-74s %8.2f  <= %-6.2f %s\n", what, got, bound, got <= bound ? "hit" : "MISSED"
}
function ratio(a, b) { return b > 0 ? a / b : 0 }
function best(figure, workers, names, count, i, m, x) { # the least of the named peers
    count = split(names, list, " ")
    for (i = 1; i <= count; i++) {
        m = at(figure, list[i], workers)
        if (m > 0 && (!x || m < x)) x = m
    }
    return x
}
function table(figure, text, p, w, m, own, peer) {
    if (!(figure in seen)) return
    printf "%s\n", text
    for (p = 1; p <= peers; p++) {
        peer = name[p]
        for (w = 1; w <= widths; w++) {
            m = at(figure, peer, width[w])
            if (!m && !n[figure " " peer " " width[w]]) continue
            own = at(figure, "gokore", peer == "serial" || peer == "semaphore" ? least : width[w])
            printf "  %-12s w=%-3s %12.3f   best %12.3f   x%7.2f\n", peer, width[w], m, value[figure " " peer " " width[w], 1], ratio(m, own)
        }
    }
}
BEGIN { peers = split("serial gokore intrusive mutex semaphore glib libuv tbb openmp", name, " ") }
{
    key = $1 " " $2 " " $3
    value[key, ++n[key]] = $4
    seen[$1] = 1
    if (!($3 in is_width)) { is_width[$3] = 1; order[++widths] = $3 + 0 }
}
END {
    for (i = 1; i <= widths; i++) # few: by insertion
        for (j = i; j > 1 && order[j] < order[j - 1]; j--) { t = order[j]; order[j] = order[j - 1]; order[j - 1] = t }
    for (i = 1; i <= widths; i++) width[i] = order[i]
    least = width[1]

    table("fib", "fib, a task per call: ns per fork")
    target("typed fib, 1 worker / plain calls", ratio(at("fib", "gokore", 1), base("fib", "serial")), 1.8 / 1.42)
    target("typed fib, 2 workers / plain calls", ratio(at("fib", "gokore", 2), base("fib", "serial")), 0.95 / 1.42)
    table("nqueens", "n queens, a task per placement: ns per placement")
    target("nqueens, 1 worker / plain calls", ratio(at("nqueens", "gokore", 1), base("nqueens", "serial")), 40 / 26.7)
    target("nqueens, 2 workers / plain calls", ratio(at("nqueens", "gokore", 2), base("nqueens", "serial")), 20.5 / 26.7)
    table("tree", "unbalanced tree, a task per node: ns per node")
    target("tree, 1 worker / plain calls", ratio(at("tree", "gokore", 1), base("tree", "serial")), 45 / 42.9)
    target("tree, 2 workers / plain calls", ratio(at("tree", "gokore", 2), base("tree", "serial")), 23 / 42.9)
    table("quicksort", "quicksort of 1,000,000 numbers: ms")
    target("quicksort, 2 workers / the best peer's", ratio(at("quicksort", "gokore", 2), best("quicksort", 2, "tbb openmp")), 1)
    table("matrix", "product of two matrices of 300 x 300: ms")
    target("matrix, 2 workers / the best peer's", ratio(at("matrix", "gokore", 2), best("matrix", 2, "tbb openmp glib mutex libuv")), 1.05)
    table("sum80MB", "sum of 80 MB: ms")
    target("sum of 80 MB, 2 workers / plain loop", ratio(at("sum80MB", "gokore", 2), base("sum80MB", "serial")), 1.9 / 3.99)
    table("sum10000", "sum of 10,000 numbers, loop after loop: us")
    target("sum of 10,000, 2 workers / plain loop", ratio(at("sum10000", "gokore", 2), base("sum10000", "serial")), 0.9 / 0.70)
    table("inside", "1,000,000 empty tasks from inside: ns per task")
    target("inside, 1 worker / fib's plain call", ratio(at("inside", "gokore", 1), base("fib", "serial")), 6 / 1.42)
    target("inside, 2 workers / fib's plain call", ratio(at("inside", "gokore", 2), base("fib", "serial")), 8 / 1.42)
    table("outside", "1,000,000 tasks from outside: ns per task")
    target("outside, 1 worker / the best mutex pool's", ratio(at("outside", "gokore", 1), best("outside", 1, "mutex glib libuv")), 60 / 73)
    target("outside, 2 workers / the best mutex pool's", ratio(at("outside", "gokore", 2), best("outside", 2, "mutex glib libuv")), 80 / 102)
    table("start1ms", "one task, 1 ms after the last: us until it starts")
    target("start after 1 ms, 1 worker / a semaphore's", ratio(at("start1ms", "gokore", 1), base("start1ms", "semaphore")), 1.2)
    table("trip1ms", "the same: us there and back")
    target("there and back after 1 ms, 1 worker / a semaphore's", ratio(at("trip1ms", "gokore", 1), base("trip1ms", "semaphore")), 1.2)
    table("trip1msp99", "the same: 99th percentile")
    table("start0", "one task after the other: us until it starts")
    target("start, back to back, 1 worker / a semaphore's", ratio(at("start0", "gokore", 1), base("start0", "semaphore")), 1.2)
    table("trip0", "the same: us there and back")
    target("there and back, back to back, 1 worker / a semaphore's", ratio(at("trip0", "gokore", 1), base("trip0", "semaphore")), 1.2)
    table("idle", "CPU ms per second of an idle pool, from 100 us after its last task on")
    target("idle CPU, 2 workers, ms per second", at("idle", "gokore", 2), 0.1)
    table("life", "create, run one task, destroy: us")
    target("life, 2 workers / GLib's", ratio(at("life", "gokore", 2), at("life", "glib", 2)), 80 / 65)
    table("memory_worker", "KB resident per idle worker, of 64")
    table("memory_task", "bytes resident per task that is queued from outside, of 1,000,000")
    for (f in seen) if (f ~ /^growth_/) kinds[++count] = f
    for (i = 1; i <= count; i++) for (j = i; j > 1 && (length(kinds[j]) < length(kinds[j - 1]) || (length(kinds[j]) == length(kinds[j - 1]) && kinds[j] < kinds[j - 1])); j--) { t = kinds[j]; kinds[j] = kinds[j - 1]; kinds[j - 1] = t }
    if (count) print "as work grows: ns per task"
    for (i = 1; i <= count; i++) {
        split(kinds[i], word, "_")
        m = at(kinds[i], "gokore", least)
        if (!m) continue
        printf "  %-4s %12s tasks %12.2f\n", word[2] == "in" ? "from inside" : "from outside", word[3], m
        if (!low[word[2]] || m < low[word[2]]) low[word[2]] = m
        if (m > high[word[2]]) high[word[2]] = m
    }
    if (count) target("from inside: most / least", ratio(high["in"], low["in"]), 1.5)
    if (count) target("from outside: most / least", ratio(high["out"], low["out"]), 1.5)
    if ("deque_pair" in seen) {
        print "the deque alone: ns, and how often an atomic exchange's"
        split("deque_pair deque_batch deque_steal exchange", word, " ")
        for (i = 1; i <= 4; i++) printf "  %-12s %8.2f   x%5.2f\n", word[i], base(word[i], "gokore"), ratio(base(word[i], "gokore"), base("exchange", "gokore"))
        target("push and pop of one item, ns", base("deque_pair", "gokore"), 4.6)
        target("push and pop of 256 items, ns", base("deque_batch", "gokore"), 2.8)
        target("steal, ns", base("deque_steal", "gokore"), 5)
    }
    table("oversubscribed", "unbalanced tree with as many workers as CPUs, and twice as many: ns per node")
    for (p = 2; p <= peers; p++)
        if (at("oversubscribed", name[p], 2 * cpus)) printf "  %-12s 2:1 / 1:1  x%5.2f\n", name[p], ratio(at("oversubscribed", name[p], 2 * cpus), at("oversubscribed", name[p], cpus))
    target("oversubscribed 2:1 / 1:1", ratio(at("oversubscribed", "gokore", 2 * cpus), at("oversubscribed", "gokore", cpus)), 1.1)
}

# report.awk - lines "FIGURE PEER WORKERS VALUE", sorted by all four: tables of medians and ratios, and the targets
function at(figure, peer, workers, key) { # the median, 0 if there is none
    key = figure " " peer " " workers
    return n[key] ? value[key, int((n[key] + 1) / 2)] : 0
}
function base(figure, peer) { return at(figure, peer, least) } # of those that have no workers
function ratio(a, b) { return b > 0 ? a / b : 0 }
function target(what, got, bound) {
    if (got > 0) printf "  target %-62s %8.2f  <= %.2f  %s\n", what, got, bound, got <= bound ? "hit" : "MISSED"
}
function own(what, figure, workers, other, bound) { # gokore's figure / other
    target(sprintf("%s, %d worker%s", what, workers, workers > 1 ? "s" : ""), ratio(at(figure, "gokore", workers), other), bound)
}
function best(figure, workers, names, count, i, m, x) { # the least of the named peers
    count = split(names, list, " ")
    for (i = 1; i <= count; i++) {
        m = at(figure, list[i], workers)
        if (m > 0 && (!x || m < x)) x = m
    }
    return x
}
function row(figure, peer, workers, key, same) {
    key = figure " " peer " " workers
    if (!n[key]) return
    same = peer == "serial" || peer == "semaphore" ? least : workers
    printf "  %-12s w=%-3s %12.3f   best %12.3f   x%7.2f\n", peer, workers, at(figure, peer, workers), value[key, 1],
        ratio(at(figure, peer, workers), at(figure, "gokore", same))
}
function table(figure, text, p, w) {
    if (!(figure in seen)) return
    print text
    for (p = 1; p <= peers; p++)
        for (w = 1; w <= widths; w++) row(figure, name[p], width[w])
}
function growth(way, text, size, m, low, high) {
    for (size = 1000; ("growth_" way "_1000") in seen && size <= 1e9; size *= 10) {
        m = at(sprintf("growth_%s_%d", way, size), "gokore", least)
        if (!m) continue
        printf "%s, %d tasks: %.2f CPU ns per task\n", text, size, m
        if (!low || m < low) low = m
        if (m > high) high = m
    }
    target(text ", as work grows: most / least", ratio(high, low), 1.5)
}
function deque(figure, text, published, m) {
    m = base(figure, "gokore")
    if (!m) return
    printf "the deque, %s: %.2f CPU ns\n", text, m
    if (published) target(text " / the published deque's", ratio(m, base(published, "gokore")), 1)
}
BEGIN { peers = split("serial gokore intrusive mutex semaphore glib libuv tbb openmp", name, " ") }
{
    key = $1 " " $2 " " $3
    value[key, ++n[key]] = $4
    seen[$1] = 1
    if (!($3 in is_width)) {
        is_width[$3] = 1
        for (i = ++widths; i > 1 && width[i - 1] > $3 + 0; i--) width[i] = width[i - 1] # in order
        width[i] = $3 + 0
    }
}
END {
    least = width[1]
    flat = "mutex glib libuv" # pools with one queue

    # the bounds are what the best of other libraries reach on a Zen 4, beside plain calls there
    table("fib", "fib, a task per call: ns per fork")
    own("typed fib / plain calls", "fib", 1, base("fib", "serial"), 1.8 / 1.42)
    own("typed fib / plain calls", "fib", 2, base("fib", "serial"), 0.95 / 1.42)
    table("nqueens", "n queens, a task per placement: ns per placement")
    own("nqueens / plain calls", "nqueens", 1, base("nqueens", "serial"), 40 / 26.7)
    own("nqueens / plain calls", "nqueens", 2, base("nqueens", "serial"), 20.5 / 26.7)
    table("tree", "unbalanced tree, a task per node: ns per node")
    own("tree / plain calls", "tree", 1, base("tree", "serial"), 45 / 42.9)
    own("tree / plain calls", "tree", 2, base("tree", "serial"), 23 / 42.9)
    table("quicksort", "quicksort of 100,000 numbers: ms")
    own("quicksort / the best peer's", "quicksort", 2, best("quicksort", 2, "tbb openmp"), 1)
    table("matrix", "product of two matrices of 300 x 300: ms")
    own("matrix / the best peer's", "matrix", 2, best("matrix", 2, flat " tbb openmp"), 1)
    table("sum80MB", "sum of 80 MB: ms")
    own("sum of 80 MB / plain loop", "sum80MB", 2, base("sum80MB", "serial"), 1.9 / 3.99)
    table("sum10000", "sum of 10,000 numbers, loop after loop: us")
    own("sum of 10,000 / plain loop", "sum10000", 2, base("sum10000", "serial"), 0.9 / 0.70)
    table("inside", "1,000,000 empty tasks from inside, in slices of 50,000: ns per task")
    own("inside / a plain call of fib", "inside", 1, base("fib", "serial"), 6 / 1.42)
    own("inside / a plain call of fib", "inside", 2, base("fib", "serial"), 8 / 1.42)
    table("outside", "1,000,000 tasks from outside, in slices of 50,000: ns per task")
    own("outside / the best one-queue pool's", "outside", 1, best("outside", 1, flat), 60 / 73)
    own("outside / the best one-queue pool's", "outside", 2, best("outside", 2, flat), 80 / 102)
    table("start1ms", "one task, 1 ms after the last: us until it starts")
    own("start after 1 ms / a semaphore's", "start1ms", 1, base("start1ms", "semaphore"), 1.2)
    table("trip1ms", "the same: us there and back")
    own("there and back after 1 ms / a semaphore's", "trip1ms", 1, base("trip1ms", "semaphore"), 1.2)
    table("trip1msp99", "the same: 99th percentile")
    table("start0", "one task after the other: us until it starts")
    own("start, back to back / a semaphore's", "start0", 1, base("start0", "semaphore"), 1.2)
    table("trip0", "the same: us there and back")
    own("there and back, back to back / a semaphore's", "trip0", 1, base("trip0", "semaphore"), 1.2)
    table("idle", "CPU ms per second of an idle pool, from 100 us after its last task on")
    own("idle, ms per second", "idle", 2, 1, 0.1)
    table("life", "create, run one task, destroy: us")
    own("life / GLib's", "life", 2, at("life", "glib", 2), 80 / 65)
    table("memory_worker", "KB resident per idle worker, of 64")
    table("memory_task", "bytes resident per task that is queued from outside, of 1,000,000")
    growth("in", "from inside")
    growth("out", "from outside")
    deque("deque_pair", "push and pop of one item", "published_pair")
    deque("deque_batch", "push and pop of 256 items", "published_batch")
    deque("deque_steal", "steal", "")
    table("oversubscribed", "unbalanced tree with as many workers as CPUs, and twice as many: ns per node")
    for (p = 1; p <= peers; p++) {
        m = ratio(at("oversubscribed", name[p], 2 * cpus), at("oversubscribed", name[p], cpus))
        if (m) printf "  %-12s 2:1 / 1:1  x%5.2f\n", name[p], m
        if (name[p] == "gokore") over = m
    }
    target("oversubscribed 2:1 / 1:1", over, 1.1)
}

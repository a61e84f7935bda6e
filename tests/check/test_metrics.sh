# Both text formats of the metrics against the readers of those who made them: promtool (Debian: prometheus) and the
# OpenMetrics parser of python3-prometheus-client, which sees what promtool lets pass.
. tests/support/script.sh
cat > "$work/metrics.c" <<'END'
#define GOKORE_IMPLEMENTATION
#include "gokore.h"
#include <stdio.h>
int main(int argc, char **argv) {
    (void)argv;
    const gokore_instrumenter *i = gokore_instrumenter_get();
    static const char *const names[] = { "NetworkWriter", "odd \" \\ \n \xc3\xa9 name", "" };
    for (int n = 0; n < 3; n++) {
        for (int s = 0; s <= GOKORE_SYSTEM; s++) i->lock_wait(NULL, names[n], (gokore_qos)(s % 4), (gokore_status)s, (int64_t)s * s * s * 1000000);
        i->lock_held(NULL, names[n], 1);
        i->lock_retry(NULL, names[n]);
        i->task_begin(NULL, names[n]);
        i->task_end(NULL, names[n], 7);
        i->task_cancel(NULL, names[n], GOKORE_SHUTDOWN);
        i->steal(NULL, names[n], true);
        i->pool(NULL, names[n], 3, 1000000);
        i->channel(NULL, names[n], n & 1, GOKORE_OK, 12345);
        i->atomic_ops(NULL, "cas", 1u << 31);
    }
    i->lock_violation(NULL, GOKORE_REPORT_LOCK_ORDER);
    i->deadlock(NULL);
    (void)gokore_qos_violation_report(&(gokore_qos_violation) { .kind = "hold" });
    const gokore_provider *p = gokore_provider_get();
    p->report_anomaly(p->user, "heat", -1.5e300);
    return (argc > 1 ? gokore_metrics_write_openmetrics : gokore_metrics_write_prometheus)(gokore_writer_file(stdout)) == GOKORE_OK ? 0 : 1;
}
END
cat > "$work/parse.py" <<'END'
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
text = open(sys.argv[1]).read()
names, seen = set(), set()
for family in text_string_to_metric_families(text):
    names.add(family.name)
    for s in family.samples:
        key = (s.name, tuple(sorted(s.labels.items())))
        assert key not in seen, key
        seen.add(key)
assert "gokore_lock_wait_seconds" in names and len(names) > 15, names
END
works "a program with every metric of the library" cc_run -DGOKORE_METRICS=1 "$work/metrics.c"
"$work/program" > "$work/prometheus.txt"
"$work/program" open > "$work/openmetrics.txt"
if command -v promtool > /dev/null 2>&1; then
    works "promtool has nothing to say" sh -c "promtool check metrics < '$work/prometheus.txt'"
else
    skip "promtool" "it is not installed"
fi
if /usr/bin/python3 -c 'import prometheus_client' 2> /dev/null; then
    works "the OpenMetrics parser reads them" /usr/bin/python3 "$work/parse.py" "$work/openmetrics.txt"
else
    skip "the OpenMetrics parser" "python3-prometheus-client is not installed"
fi
finish

// Threads that steal: included after steal() of a file's own, which takes what it gets.
static void thief(void *arg) {
    for (int times = *(const int *)arg; times > 0; times--) steal();
}
static void go_thief(int times) {
    static int numbers[] = { 0, 1, 2, 3 };
    explore_go(thief, &numbers[times]);
}

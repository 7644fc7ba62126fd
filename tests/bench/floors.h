/* What is not a workload: what this machine can do at all, and how the cost of small things grows. */
#ifndef COTAN_BENCH_FLOORS_H
#define COTAN_BENCH_FLOORS_H

/* Prints the rates as a JSON object; returns what main returns. */
int print_floors(int threads);

/* Prints what one of many costs, a JSON object for each number of them; returns what main returns. */
int print_scaling(void);

/* Milliseconds of a clock that never goes back. */
double now_ms(void);

#endif

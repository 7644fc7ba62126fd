/* What this machine can do at all. */
#ifndef COTAN_BENCH_FLOORS_H
#define COTAN_BENCH_FLOORS_H

/* Prints the rates as a JSON object; returns what main returns. */
int print_floors(int threads);

/* Milliseconds of a clock that never goes back. */
double now_ms(void);

#endif

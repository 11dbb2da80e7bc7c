/*
 * Shows a program the time of day shifted by SHIFT_US microseconds; loaded by LD_PRELOAD. Clocks that only
 * measure are left alone: a second stays a second.
 *
 * Everything is looked up before the program's main begins, and nothing is written after that, so the time may be
 * asked for in a signal handler too: PostgreSQL decides there whether somebody has waited for too long.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static int (*true_time)(clockid_t, struct timespec *);
static long seconds, microseconds;

__attribute__((constructor)) static void begin(void)
{
    const char *by = getenv("SHIFT_US");
    long long shift = by ? atoll(by) : 0;

    true_time = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    seconds = shift / 1000000;
    microseconds = shift % 1000000;
}

int clock_gettime(clockid_t clock, struct timespec *told)
{
    if (true_time == NULL) /* another library's constructor came first */
        begin();
    int failed = true_time(clock, told);
    if (failed || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
        return failed;
    told->tv_sec += seconds;
    told->tv_nsec += microseconds * 1000;
    if (told->tv_nsec >= 1000000000) {
        told->tv_nsec -= 1000000000;
        told->tv_sec += 1;
    } else if (told->tv_nsec < 0) {
        told->tv_nsec += 1000000000;
        told->tv_sec -= 1;
    }
    return 0;
}

int gettimeofday(struct timeval *restrict told, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now))
        return -1;
    told->tv_sec = now.tv_sec;
    told->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *told)
{
    struct timespec now;

    if (clock_gettime(CLOCK_REALTIME, &now))
        return -1;
    if (told)
        *told = now.tv_sec;
    return now.tv_sec;
}

/* probe FILE         writes when it began to run and, until it is killed, when it last ran.
 * probe --once FILE  writes both once and exits at once.
 * FILE holds two native 64-bit integers: CLOCK_MONOTONIC in ns, first and last.
 * The clock is the machine's, so a reader outside the container can compare. */
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int main(int argc, char **argv)
{
    int64_t first = now();
    int once = argc > 2 && strcmp(argv[1], "--once") == 0;
    if (argc < 2 + once)
        return 2;
    int file = open(argv[1 + once], O_RDWR | O_CREAT, 0666);
    if (file < 0 || ftruncate(file, 2 * sizeof(int64_t)) != 0)
        return 1;
    volatile int64_t *times =
        mmap(0, 2 * sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (times == MAP_FAILED)
        return 1;
    times[0] = first;
    times[1] = now();
    struct timespec pause = {0, 50 * 1000}; /* leaves the cores to what is being measured */
    while (!once) {
        nanosleep(&pause, 0);
        times[1] = now();
    }
    return 0;
}

/* Where the example prints: on a core, by semihosting, on QEMU's console as through a probe; elsewhere by stdio. */

#ifndef CONSOLE_H
#define CONSOLE_H

#include <stdint.h>

void print(const char *text);

static inline void print_char(char c) {
    char text[2] = {c, 0};
    print(text);
}

static inline void print_int(int64_t number) {
    char text[21];
    char *at = text + sizeof text;
    uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
    *--at = 0;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (number < 0) print_char('-');
    print(at);
}

static inline void print_hex(uint32_t number) {
    for (int shift = 28; shift >= 0; shift -= 4) print_char("0123456789abcdef"[number >> shift & 15]);
}

#endif

/* What runs before main on a Cortex-M, and a console by semihosting: no C library is needed. */

#include "console.h"

int main(void);

/* From cortex_m.ld. */
extern uint32_t stack_start, data_start, data_end, data_image, bss_start, bss_end;

static uint32_t semihosting(uint32_t operation, const void *argument) {
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void print(const char *text) { semihosting(0x04, text); /* SYS_WRITE0 */ }

static void end(int code) {
    const uint32_t block[2] = {0x20026, (uint32_t)code}; /* the application ended, with a code */
    semihosting(0x20, block);                            /* SYS_EXIT_EXTENDED */
    for (;;) {
    }
}

/* How far the stack has reached: what lies below it is painted before main runs, and read afterwards. */
#define PAINT 0xccccccccu

static void paint(void) {
    volatile uint32_t *place = &bss_end;
    uint32_t *here = __builtin_frame_address(0);
    while (place < here - 16) *place++ = PAINT;
}

static void print_stack(void) {
    volatile uint32_t *place = &bss_end;
    while (place < &stack_start && *place == PAINT) place++;
    print("meter stack ");
    print_int((&stack_start - place) * (int)sizeof *place);
    print(" bytes\n");
}

static void fault(void) {
    print("fault\n");
    end(1);
}

void reset(void) {
#ifdef __ARM_FP
    *(volatile uint32_t *)0xe000ed88 |= 0xf << 20; /* CPACR: the floating-point unit is off after reset */
    __asm__ volatile("dsb\nisb");
#endif
    for (uint32_t *to = &data_start, *from = &data_image; to < &data_end; to++, from++) *to = *from;
    for (uint32_t *to = &bss_start; to < &bss_end; to++) *to = 0;
    paint();
    int code = main();
    print_stack();
    end(code);
}

/* Where the stack begins, and what runs on reset, on a non-maskable interrupt and on a fault; no interrupt is used. */
struct vectors {
    uint32_t *stack;
    void (*handlers[15])(void);
};
__attribute__((section(".vectors"), used)) static const struct vectors vectors = {&stack_start, {reset, fault, fault}};

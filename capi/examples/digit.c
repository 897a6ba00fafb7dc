/* A core reads a digit, and says which pixels made it say so: relevance in integers alone, from C.
 *
 * model.h is what `relprop convert mnist-tiny.int8.rlp --c-header model.h` writes; docs/c.md builds and runs this. */

#include "console.h"
#include "model.h"
#include "relprop.h"
#include "seven.h"

#define SIDE MODEL_INPUT_0_WIDTH
#define PIXELS MODEL_INPUT_0_LEN

/* All the RAM that the library uses, but for a bounded stack. */
RELPROP_ALIGNED static uint8_t arena[MODEL_ARENA_EXPLAIN];
static relprop_model model;
static relprop_fixed session;

/* Characters for nothing, a little and much relevance: for the class, and against it. */
static const char FOR[4] = {' ', '.', '+', '#'};
static const char AGAINST[4] = {' ', '\'', '-', '='};

static int32_t magnitude(int32_t r) { return r < 0 ? -r : r; }

/* Two rows to a line, as characters are twice as high as they are wide. */
static void draw(const int32_t *relevance) {
    int32_t peak = 1;
    for (unsigned i = 0; i < PIXELS; i++) {
        if (magnitude(relevance[i]) > peak) peak = magnitude(relevance[i]);
    }
    for (unsigned y = 0; y < SIDE; y += 2) {
        print("  ");
        for (unsigned x = 0; x < SIDE; x++) {
            int32_t mean = relevance[y * SIDE + x] / 2 + relevance[(y + 1) * SIDE + x] / 2;
            int32_t eighths = magnitude(mean) / (peak / 8 + 1);
            unsigned shade = eighths > 2 ? 3 : (unsigned)eighths;
            print_char(mean < 0 ? AGAINST[shade] : FOR[shade]);
        }
        print("\n");
    }
}

/* CRC-32 of the relevance and its unit, which on every core is the one that the project's tests know. */
static uint32_t hashed(uint32_t crc, const void *start, size_t bytes) {
    const uint8_t *byte = start;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= byte[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return crc;
}

static relprop_status explain(void) {
    relprop_status status = relprop_model_trust(&model, model_image, MODEL_IMAGE_BYTES);
    if (status == RELPROP_STATUS_OK)
        status = relprop_fixed_open(&session, &model, RELPROP_MODE_EXPLAIN, arena, sizeof arena);
    if (status == RELPROP_STATUS_OK) status = relprop_fixed_run(&session, seven, PIXELS);
    /* The class with the largest score, by the composite epsilon_plus. */
    if (status == RELPROP_STATUS_OK) status = relprop_fixed_explain(&session, NULL, NULL);
    return status;
}

int main(void) {
    relprop_status status = explain();
    if (status != RELPROP_STATUS_OK) {
        print("failed: ");
        print(relprop_status_text(status));
        print("\n");
        return 1;
    }

    size_t digit, len;
    const int32_t *relevance;
    float unit;
    relprop_whole sum;
    int64_t imbalance;
    if (relprop_fixed_top(&session, 0, &digit) != RELPROP_STATUS_OK ||
        relprop_fixed_relevance(&session, 0, &relevance, &len, &unit) != RELPROP_STATUS_OK ||
        relprop_fixed_totals(&session, &sum, &imbalance) != RELPROP_STATUS_OK || len != PIXELS) {
        print("no explanation\n");
        return 1;
    }

    print("reads a ");
    print(model_classes[digit]);
    print(", because of\n");
    draw(relevance);
    print("ledger  ");
    print_int(sum.arrived);
    print(" at the output = ");
    print_int(sum.left);
    print(" on the pixels\n        + ");
    print_int(sum.bias);
    print(" to biases + ");
    print_int(sum.stabilizer);
    print(" to stabilisers + ");
    print_int(sum.dropped);
    print(" dropped\n        + ");
    print_int(sum.rounding);
    print(" rounding; off by ");
    print_int(imbalance);
    print(", ");
    print_int(sum.saturated);
    print(" saturated\n");

    uint32_t crc = hashed(0xffffffffu, relevance, len * sizeof *relevance);
    print("golden mnist-tiny.int8 7 fixed epsilon_plus ");
    print_hex(~hashed(crc, &unit, sizeof unit));
    print("\n");
    return 0;
}

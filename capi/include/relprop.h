/* relprop.h: a neural network, and why it says what it says, in memory of the caller's.
 *
 * Made of capi/src by cbindgen; do not edit.
 *
 *   relprop_model model;          what is in flash: an image that `relprop convert` made
 *   relprop_session session;      what is in RAM: an arena of the caller's; relevance in floats
 *   relprop_fixed fixed;          the same, relevance in integers alone, for networks that are int8 throughout
 *
 * What holds for every function:
 *   - It returns RELPROP_STATUS_OK, or what is wrong; then nothing was written through the pointers that it was given.
 *     relprop_status_text says it in words, relprop_session_error and its relatives with figures.
 *   - A pointer is null, or points to as many elements as its length says (one, without a length). Null, misaligned or
 *     overlapping pointers and wrong lengths are refused.
 *   - Handles are memory of the caller's, as static variables or on the stack. One that was never opened is refused, and
 *     so is one that was moved after it was opened.
 *   - Image and arena stay where they are as long as handles opened over them are used, and nobody writes there.
 *     Nothing has to be closed. A handle is used from one thread at a time.
 *   - Tensors are in the order rows, columns, channels (channels last). Lengths are in elements, sizes of memory in bytes.
 *   - No memory is allocated, nothing panics, and no function calls itself.
 */


#ifndef RELPROP_H
#define RELPROP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In front of an arena, and of `static`: it is used from the first multiple of 16 bytes on. */
#if defined(__cplusplus) && __cplusplus >= 201103L
#define RELPROP_ALIGNED alignas(16)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define RELPROP_ALIGNED _Alignas(16)
#elif defined(__GNUC__)
#define RELPROP_ALIGNED __attribute__((aligned(16)))
#else
#define RELPROP_ALIGNED
#endif

// What a function returns. `relprop_status_text` says it in words.
enum relprop_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // It did what it should.
  RELPROP_STATUS_OK = 0,
  // A pointer is null.
  RELPROP_STATUS_NULL_POINTER = 1,
  // A pointer is not aligned for what it points to.
  RELPROP_STATUS_MISALIGNED = 2,
  // A length is not the one that is needed, or larger than memory can be.
  RELPROP_STATUS_LENGTH = 3,
  // Memory overlaps that must not: an input or a result lies in the arena, the arena in the image or in a handle.
  RELPROP_STATUS_OVERLAP = 4,
  // The handle was never opened, or was moved since.
  RELPROP_STATUS_NOT_OPEN = 5,
  // A number or a name stands for nothing: a mode, a preset, a seed.
  RELPROP_STATUS_UNKNOWN = 6,
  // There is no input, output, step or class with this number.
  RELPROP_STATUS_NO_SUCH_INDEX = 7,
  // More inputs than a call can take.
  RELPROP_STATUS_TOO_MANY_INPUTS = 8,
  // There is no explanation: none was made since the last run.
  RELPROP_STATUS_NOT_EXPLAINED = 9,
  // The values are not int8.
  RELPROP_STATUS_VALUES_NOT_INT8 = 10,
  // The image is refused.
  RELPROP_STATUS_IMAGE = 20,
  // The arena is too small.
  RELPROP_STATUS_ARENA_TOO_SMALL = 21,
  // The image does not begin at a multiple of 4 bytes.
  RELPROP_STATUS_IMAGE_MISALIGNED = 22,
  // Relevance in integers was asked for, and a step needs floats.
  RELPROP_STATUS_NEEDS_FLOATS = 23,
  // The model asks for more than the limits give.
  RELPROP_STATUS_EXCEEDED = 24,
  // The model has another number of inputs.
  RELPROP_STATUS_INPUT_COUNT = 30,
  // An input has the wrong length.
  RELPROP_STATUS_INPUT_LENGTH = 31,
  // An element of an input is not a finite number.
  RELPROP_STATUS_NOT_FINITE = 32,
  // Integers were given for an input of floats.
  RELPROP_STATUS_NOT_INT8 = 33,
  // Numbers were given for an input of tokens.
  RELPROP_STATUS_TAKES_TOKENS = 34,
  // Tokens were given for an input of numbers.
  RELPROP_STATUS_NOT_TOKENS = 35,
  // A text was given for an input that takes none.
  RELPROP_STATUS_NOT_TEXT = 36,
  // The text has no words, or is not UTF-8.
  RELPROP_STATUS_NO_WORDS = 37,
  // The text has more words than the model is planned for.
  RELPROP_STATUS_TOO_MANY_WORDS = 38,
  // A token is not one of the model's.
  RELPROP_STATUS_NO_SUCH_TOKEN = 39,
  // A sequence is empty, too long, or ends amid a moment.
  RELPROP_STATUS_SEQUENCE_LENGTH = 40,
  // Nothing was run yet.
  RELPROP_STATUS_NOT_RUN = 50,
  // The session's mode does not keep what this needs.
  RELPROP_STATUS_WRONG_MODE = 51,
  // The model has no such output.
  RELPROP_STATUS_NO_SUCH_OUTPUT = 52,
  // The output has no such class.
  RELPROP_STATUS_NO_SUCH_CLASS = 53,
  // The relevance to start with has the wrong length, or is not finite.
  RELPROP_STATUS_SEED = 54,
  // The composite has no rule for a step.
  RELPROP_STATUS_NO_RULE = 55,
  // A rule does not apply to a step.
  RELPROP_STATUS_RULE_MISMATCH = 56,
  // A parameter of a rule is out of range.
  RELPROP_STATUS_RULE_PARAMETER = 57,
  // Something else, which a later version of the kernel refuses.
  RELPROP_STATUS_OTHER = 99,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum relprop_status relprop_status;
#else
typedef uint32_t relprop_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What the elements of a tensor are.
enum relprop_type
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Numbers: `float`.
  RELPROP_TYPE_F32 = 0,
  // Integers that stand for `(q - zero_point) * scale`: `int8_t`.
  RELPROP_TYPE_INT8 = 1,
  // Rows of an embedding: `uint16_t`.
  RELPROP_TYPE_TOKEN = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum relprop_type relprop_type;
#else
typedef uint32_t relprop_type;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What an arena is sized for.
enum relprop_mode
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Scores only: the smallest arena.
  RELPROP_MODE_INFER = 0,
  // Scores and explanations. A second explanation of the same input repeats the inference.
  RELPROP_MODE_EXPLAIN = 1,
  // Scores and explanations; several explanations share one inference.
  RELPROP_MODE_RETAIN = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum relprop_mode relprop_mode;
#else
typedef uint32_t relprop_mode;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Rules from the literature, by step; docs/which-rule.md says which to choose.
enum relprop_preset
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // LRP-epsilon on dense layers, z+ on convolutions.
  RELPROP_PRESET_EPSILON_PLUS = 0,
  // The same, flat on the first layer with weights.
  RELPROP_PRESET_EPSILON_PLUS_FLAT = 1,
  // LRP-epsilon on dense layers, alpha=2 beta=1 on convolutions.
  RELPROP_PRESET_EPSILON_ALPHA2_BETA1 = 2,
  // The same, flat on the first layer with weights.
  RELPROP_PRESET_EPSILON_ALPHA2_BETA1_FLAT = 3,
  // z^B on the first convolution, gamma = 0.25 on the others, LRP-epsilon on dense layers; needs `low` and `high`.
  RELPROP_PRESET_EPSILON_GAMMA_BOX = 4,
  // LRP-epsilon on all layers with weights, with `epsilon`.
  RELPROP_PRESET_EPSILON = 5,
  // Deep Taylor decomposition; needs `low` and `high`.
  RELPROP_PRESET_DEEP_TAYLOR = 6,
  // beta=0 on convolutions, epsilon=0.01 on dense layers.
  RELPROP_PRESET_BINDER_HYBRID = 7,
  // Excitation backprop.
  RELPROP_PRESET_EXCITATION_BACKPROP = 8,
  // The gradient; in integers only where no function but ReLU has one.
  RELPROP_PRESET_GRADIENT = 9,
  // Guided backpropagation.
  RELPROP_PRESET_GUIDED_BACKPROP = 10,
  // Deconvnet.
  RELPROP_PRESET_DECONVNET = 11,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum relprop_preset relprop_preset;
#else
typedef uint32_t relprop_preset;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// How relevance starts at an output, f being the output before any softmax.
enum relprop_seed
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // The largest element, with its value.
  RELPROP_SEED_TOP = 0,
  // The element `class_index`, with its value.
  RELPROP_SEED_CLASS = 1,
  // The element `class_index`, with one.
  RELPROP_SEED_ONE_HOT = 2,
  // All elements, with their values.
  RELPROP_SEED_ALL = 3,
  // Why `class_index` and not `other`: the value of the one, minus that of the other.
  RELPROP_SEED_CONTRAST = 4,
  // The caller's own relevance: `values`.
  RELPROP_SEED_VALUES = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum relprop_seed relprop_seed;
#else
typedef uint32_t relprop_seed;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// A network: a validated view over an image in flash, which any number of sessions may share. What it holds is the
// library's own.
typedef struct {
  // The library's own.
  size_t opaque[10];
} relprop_model;

// What a model may ask for at most; zero is no limit.
typedef struct {
  // Bytes of the image.
  uint64_t image;
  // Comparisons that checking the image takes: about the square of its number of records.
  uint64_t checks;
  // Bytes of the arena.
  uint64_t arena;
  // Multiply-accumulates of one run, or what takes about as long.
  uint64_t forward;
  // Of one explanation by the costliest rules; not looked at for RELPROP_MODE_INFER.
  uint64_t explain;
} relprop_limits;

// A text in the image, without a zero at its end: `printf("%.*s", (int)text.len, text.bytes)`.
typedef struct {
  // UTF-8.
  const char *bytes;
  // Bytes.
  size_t len;
} relprop_text;

// An input or an output.
typedef struct {
  // A `relprop_type`.
  uint32_t type;
  // Rows; of a sequence, the most moments.
  size_t height;
  // Columns.
  size_t width;
  // Channels, of which those of one place lie side by side; of a vector, its elements.
  size_t channels;
  // Elements: rows times columns times channels; of a sequence, the most.
  size_t len;
  // Of int8, the real value of one unit.
  float scale;
  // Of int8, the integer that stands for 0.
  int32_t zero_point;
  // It may be shorter than `height`.
  bool is_sequence;
  // It takes the words of an English text.
  bool is_text;
  // `low` and `high` are known.
  bool has_range;
  // Smallest real value that an input may take.
  float low;
  // Largest.
  float high;
  // `pixel_scale` and `pixel_offset` are known.
  bool has_pixels;
  // Channels of pixels are blue, green, red.
  bool is_bgr;
  // A pixel of 0 to 255 of channel c becomes the real value `pixel * pixel_scale[c] + pixel_offset[c]`.
  float pixel_scale[4];
  // See `pixel_scale`.
  float pixel_offset[4];
  // Names of classes that the image has, see `relprop_model_label`.
  size_t labels;
  // Its name.
  relprop_text name;
} relprop_port;

// A step of the network: what an entry of the ledger is about.
typedef struct {
  // Its name in the file that was converted, perhaps empty.
  relprop_text name;
  // What it does: "conv", "dense", "max_pool" and so on.
  relprop_text op;
} relprop_step;

// By which rules. All zeros are `epsilon_plus`.
typedef struct {
  // A `relprop_preset`.
  uint32_t preset;
  // Of `RELPROP_PRESET_EPSILON`: what is added to denominators; zero stands for 1e-6.
  float epsilon;
  // Of presets with a box: the smallest real value that an input may take.
  float low;
  // The largest.
  float high;
  // Measure how well every step is conditioned, in floats only: one more sweep over the weights.
  bool measure_condition;
} relprop_composite;

// A session whose relevance is of floats, over any network. What it holds is the library's own.
typedef struct {
  // The library's own.
  uint64_t opaque[30];
} relprop_session;

// An input of floats, where a network has several.
typedef struct {
  // Rows, columns, channels.
  const float *values;
  // Elements.
  size_t len;
} relprop_numbers;

// An input of integers, where a network has several.
typedef struct {
  // Rows, columns, channels.
  const int8_t *values;
  // Elements.
  size_t len;
} relprop_integers;

// What is explained. All zeros are the largest element of the first output.
typedef struct {
  // A `relprop_seed`.
  uint32_t seed;
  // Which output.
  size_t output;
  // Which class, where the seed is about one.
  size_t class_index;
  // The class that it is told from, for `RELPROP_SEED_CONTRAST`.
  size_t other;
  // For `RELPROP_SEED_VALUES`: relevance, in real numbers.
  const float *values;
  // For `RELPROP_SEED_VALUES`: its elements, as many as the output has.
  size_t len;
} relprop_target;

// The books of a step in floats, in the units of the output: `arrived = left + bias + stabilizer + dropped + rounding`.
typedef struct {
  // Relevance that arrived at the step's output.
  float arrived;
  // Relevance that left to its inputs.
  float left;
  // Absorbed by the bias.
  float bias;
  // Absorbed by the stabiliser.
  float stabilizer;
  // Dropped: what fell on padding, or met no contribution at all.
  float dropped;
  // The rest: what float arithmetic lost or gained.
  float rounding;
  // Largest relevance that arrived, as a magnitude.
  float peak;
  // Smallest |z| / sum |x w| over the outputs, where it was asked for and the rule divides by z; else no number.
  float condition;
} relprop_entry;

// A session whose relevance is of integers alone, over networks that are int8 throughout: a program that has no other
// links no routine for floats. What it holds is the library's own.
typedef struct {
  // The library's own.
  uint64_t opaque[32];
} relprop_fixed;

// The books of a step in integers, which close exactly: `arrived = left + bias + stabilizer + dropped + rounding`.
// `relprop_fixed_explained` says what one unit is.
typedef struct {
  // Relevance that arrived at the step's output.
  int64_t arrived;
  // Relevance that left to its inputs.
  int64_t left;
  // Absorbed by the bias.
  int64_t bias;
  // Absorbed by the stabiliser.
  int64_t stabilizer;
  // Dropped: what fell on padding, or met no contribution at all.
  int64_t dropped;
  // The rest: shares are rounded to whole numbers.
  int64_t rounding;
  // Largest relevance that arrived, as a magnitude.
  int64_t peak;
  // Elements that did not fit 32 bits: zero, or the explanation is wrong there. 255 stands for any more.
  int64_t saturated;
} relprop_whole;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of the library: "0.1.0".
const char *relprop_version(void);

// What a status means, in words that last as long as the program. Never null.
const char *relprop_status_text(uint32_t status);

// Opens a model over an image of so many bytes, and checks all of it: whatever the bytes are, none of these functions
// reads elsewhere. The image begins at a multiple of 4 bytes, and is not copied.
relprop_status relprop_model_open(relprop_model *model, const void *image, size_t bytes);

// The same for an image that comes from anywhere, held to limits before anything runs: a short image may ask for much
// memory and for much time. `mode` is the `relprop_mode` of the sessions to come.
relprop_status relprop_model_open_within(relprop_model *model,
                                         const void *image,
                                         size_t bytes,
                                         uint32_t mode,
                                         const relprop_limits *limits);

// Opens a model without a check, which a program does not link then: for an image in flash that is the one which
// `relprop convert` wrote. Of another one scores mean nothing, and a run may take forever.
relprop_status relprop_model_trust(relprop_model *model, const void *image, size_t bytes);

// Why the model was not opened, as a sentence that names the record: into `buffer` of `capacity` bytes, cut off where
// it is longer, always with a zero at the end. Returns the length of the whole, as snprintf does.
size_t relprop_model_error(const relprop_model *model, char *buffer, size_t capacity);

// Bytes of arena, from a multiple of 16 bytes on, that a session over the model needs in a `relprop_mode`; relevance in
// floats and in integers takes the same.
relprop_status relprop_model_arena(const relprop_model *model, uint32_t mode, size_t *bytes);

// How many inputs the model has.
relprop_status relprop_model_inputs(const relprop_model *model, size_t *count);

// How many outputs it has.
relprop_status relprop_model_outputs(const relprop_model *model, size_t *count);

// How many steps it has, each of which has an entry in the ledger.
relprop_status relprop_model_steps(const relprop_model *model, size_t *count);

// Whether relevance over it can be made of integers alone: whether `relprop_fixed_open` takes it.
relprop_status relprop_model_is_int8(const relprop_model *model, bool *is_int8);

// What the `index`-th input takes.
relprop_status relprop_model_input(const relprop_model *model, size_t index, relprop_port *port);

// What the `index`-th output gives.
relprop_status relprop_model_output(const relprop_model *model, size_t index, relprop_port *port);

// The name of a class of an output; empty where the image has none.
relprop_status relprop_model_label(const relprop_model *model, size_t output, size_t class_index, relprop_text *label);

// What the `index`-th step is.
relprop_status relprop_model_step(const relprop_model *model, size_t index, relprop_step *step);

// The composite with a name ("epsilon_plus"), with the default epsilon and an empty box.
relprop_status relprop_composite_named(const char *name, relprop_composite *composite);

// Opens a session over a model in an arena of so many bytes, for what a `relprop_mode` says. The arena is zeroed; the
// model's handle may go, the image may not.
relprop_status relprop_session_open(relprop_session *session,
                                    const relprop_model *model,
                                    uint32_t mode,
                                    void *arena,
                                    size_t bytes);

// Why the last of the calls that were refused was, as a sentence: into `buffer` of `capacity` bytes, cut off where it is
// longer, always with a zero at the end. Returns the length of the whole, as snprintf does.
size_t relprop_session_error(const relprop_session *session,
                             char *buffer,
                             size_t capacity);

// Runs the network on its one input, in real numbers; what an int8 network takes is quantised.
relprop_status relprop_session_run(relprop_session *session, const float *input, size_t len);

// Runs a network with several inputs, at most eight.
relprop_status relprop_session_run_all(relprop_session *session, const relprop_numbers *inputs, size_t count);

// Runs a network whose one input is int8 on integers as they are.
relprop_status relprop_session_run_int8(relprop_session *session, const int8_t *input, size_t len);

// Runs a network whose inputs, at most eight, are all int8.
relprop_status relprop_session_run_int8_all(relprop_session *session, const relprop_integers *inputs, size_t count);

// Runs a network whose one input is a sequence of tokens.
relprop_status relprop_session_run_tokens(relprop_session *session, const uint16_t *tokens, size_t len);

// Runs a network whose one input is an English text of so many bytes, UTF-8. Each word and each mark of punctuation is
// one moment; a library without the feature `sequence` refuses every text.
relprop_status relprop_session_run_text(relprop_session *session, const char *text, size_t bytes);

// The values of an output after a run, as real numbers: exactly as many as it has.
relprop_status relprop_session_scores(const relprop_session *session, size_t output, float *scores, size_t len);

// Where the integers of an int8 output are, and how many, until the next run; see `relprop_port` for what they stand for.
relprop_status relprop_session_scores_int8(const relprop_session *session,
                                           size_t output,
                                           const int8_t **scores,
                                           size_t *len);

// The index of the largest element of an output, the first of equals: the class.
relprop_status relprop_session_top(const relprop_session *session, size_t output, size_t *class_index);

// Explains the last run. A null target is the top class, a null composite `epsilon_plus`.
relprop_status relprop_session_explain(relprop_session *session,
                                       const relprop_target *target,
                                       const relprop_composite *composite);

// The class that was explained, or SIZE_MAX where the target was about none; and its value before any softmax, or the
// largest.
relprop_status relprop_session_explained(const relprop_session *session, size_t *class_index, float *value);

// Where the relevance of the `input`-th input is, in the units of the output, and how many elements it has: until the
// next run or explanation.
relprop_status relprop_session_relevance(const relprop_session *session,
                                         size_t input,
                                         const float **relevance,
                                         size_t *len);

// The books of the `step`-th step; zeros, where no relevance reached it.
relprop_status relprop_session_ledger(const relprop_session *session, size_t step, relprop_entry *entry);

// The books of the whole network: what began at the output, what arrived at the inputs, and what all steps took. What
// they are off by, `imbalance`, is rounding.
relprop_status relprop_session_totals(const relprop_session *session, relprop_entry *totals, float *imbalance);

// Opens a session over a model in an arena of so many bytes, for what a `relprop_mode` says. The arena is zeroed; the
// model's handle may go, the image may not.
relprop_status relprop_fixed_open(relprop_fixed *fixed,
                                  const relprop_model *model,
                                  uint32_t mode,
                                  void *arena,
                                  size_t bytes);

// Why the last of the calls that were refused was, as a sentence: into `buffer` of `capacity` bytes, cut off where it is
// longer, always with a zero at the end. Returns the length of the whole, as snprintf does.
size_t relprop_fixed_error(const relprop_fixed *fixed,
                           char *buffer,
                           size_t capacity);

// Runs a network with one input.
relprop_status relprop_fixed_run(relprop_fixed *fixed, const int8_t *input, size_t len);

// Runs a network with several inputs, at most eight.
relprop_status relprop_fixed_run_all(relprop_fixed *fixed, const relprop_integers *inputs, size_t count);

// Where the integers of an output are, and how many, until the next run; see `relprop_port` for what they stand for.
relprop_status relprop_fixed_scores(const relprop_fixed *fixed, size_t output, const int8_t **scores, size_t *len);

// The index of the largest element of an output, the first of equals: the class.
relprop_status relprop_fixed_top(const relprop_fixed *fixed, size_t output, size_t *class_index);

// Explains the last run. A null target is the top class, a null composite `epsilon_plus`.
relprop_status relprop_fixed_explain(relprop_fixed *fixed,
                                     const relprop_target *target,
                                     const relprop_composite *composite);

// The class that was explained, or SIZE_MAX where the target was about none; and the real value of one unit of the
// ledger.
relprop_status relprop_fixed_explained(const relprop_fixed *fixed, size_t *class_index, float *ledger_unit);

// Where the relevance of the `input`-th input is, how many elements it has, and the real value of one unit of it: until
// the next run or explanation.
relprop_status relprop_fixed_relevance(const relprop_fixed *fixed,
                                       size_t input,
                                       const int32_t **relevance,
                                       size_t *len,
                                       float *unit);

// The books of the `step`-th step, which close exactly; zeros, where no relevance reached it.
relprop_status relprop_fixed_ledger(const relprop_fixed *fixed, size_t step, relprop_whole *entry);

// The books of the whole network: what began at the output, what arrived at the inputs, and what all steps took. What
// they are off by, `imbalance`, is zero.
relprop_status relprop_fixed_totals(const relprop_fixed *fixed, relprop_whole *totals, int64_t *imbalance);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* RELPROP_H */

/** Composites of rules, named as in the literature; the rules of each are in the documentation of `relprop`. */
export type Composite =
    | "epsilon_plus"
    | "epsilon_plus_flat"
    | "epsilon_alpha2_beta1"
    | "epsilon_alpha2_beta1_flat"
    | "epsilon_gamma_box"
    | "epsilon"
    | "deep_taylor"
    | "binder_hybrid"
    | "excitation_backprop"
    | "gradient"
    | "gradient_x_input"
    | "guided_backprop"
    | "deconvnet"
    | "none";

/** A class, by its position in the scores or by its label. */
export type Class = number | string;

/** What is explained: the best class (`top`), all of them, one, or why one and not another, where `top` may stand, too. */
export type ExplainTarget = "top" | "all" | Class | { class: Class; not: Class };

/** How an `Explainer` works. */
export interface ExplainerOptions {
    /**
     * What relevance is made of: floats, or integers alone as on a device without floats (`"fixed"`), whose books close
     * exactly. Integers need a network that is int8 throughout. Floats, if it is left out.
     */
    relevance?: "float" | "fixed";
    /** Bytes of memory that the model may need besides its image; 2³⁰ if it is left out. */
    maxMemory?: number;
    /**
     * Multiply-accumulates that one inference or explanation may take; 2·10¹¹ if it is left out, which is about a minute.
     * Counted for the costliest rules, before anything runs.
     */
    maxWork?: number;
}

/** A rule for some steps, on top of a composite. Later rules take precedence. */
export interface RuleOption {
    /**
     * Which steps: a group (`all`, `linear`, `first`, `first_conv`, `conv`, `dense`, `pool`, `activation`), an op
     * (`max_pool`, `lstm`, …), or one step by its name or position.
     */
    select: string | number;
    /** The rule. */
    rule:
        | "zero"
        | "epsilon"
        | "norm"
        | "zplus"
        | "alphabeta"
        | "beta"
        | "gamma"
        | "gamma_original"
        | "zbox"
        | "wsquare"
        | "flat"
        | "pass"
        | "gradient"
        | "guided_backprop"
        | "deconvnet"
        | "beta_smooth"
        | "winner"
        | "split_ties"
        | "taylor";
    /** ε of the stabiliser, not negative; 1e-6 if it is left out. */
    epsilon?: number;
    /** Weight of positive contributions, for `alphabeta`: `alpha - beta` must be 1. */
    alpha?: number;
    /** Weight of negative contributions, for `alphabeta` and `beta`; how sharp the softplus is, for `beta_smooth`. */
    beta?: number;
    /** How much positive weights are raised, for `gamma` and `gamma_original`. */
    gamma?: number;
    /** The smallest input, for `zbox`. */
    low?: number;
    /** The largest input, for `zbox`. */
    high?: number;
    /** What becomes of the bias's share: it keeps it, it is left out, or its share is spread over the inputs. */
    bias?: "absorb" | "zero" | "redistribute";
    /** How denominators are kept from zero. */
    stabilizer?: "signed" | "clip" | "norm_scale" | "at_zero" | "unsigned";
    /** What gates of recurrent cells get of the relevance of their products. */
    gates?: "signal" | "half" | "proportional" | "magnitude";
}

/** What to explain, and how. */
export interface ExplainOptions {
    /** What is explained; the best class, if it is left out. */
    target?: ExplainTarget;
    /**
     * What relevance starts with: the score before any softmax, or one. Composites of gradients start with one if it
     * is left out, the others with the score.
     */
    seed?: "logit" | "one";
    /** The composite; `epsilon_plus` if it is left out. */
    composite?: Composite;
    /** Rules on top of it. */
    rules?: RuleOption[];
    /** The smallest input, for `epsilon_gamma_box` and `deep_taylor`: one number, one per channel or one per element. */
    low?: number | Float32Array;
    /** The largest input, likewise. Both are known already where `info().inputs[0].range` is. */
    high?: number | Float32Array;
    /** Measure how near denominators come to zero: one more sweep over the weights. */
    condition?: boolean;
    /** Tell the relevance that arrived at every step, too. */
    layers?: boolean;
}

/** The scores of the first output. */
export interface Scores {
    /** One value per class, in the layout of the model as it was exported. */
    values: Float32Array;
    /** The names of the classes; empty where the model has none. */
    labels: string[];
    /** Position of the largest value. */
    top: number;
}

/** The books of one step: `arrived = left + bias + stabilizer + dropped + rounding`. */
export interface LedgerEntry {
    /** Name of the step. */
    step: string;
    /** What it does: `conv`, `dense`, … */
    op: string;
    /** Its rule, by the name that `rules` has for it; `null` where it needs none. */
    rule: string | null;
    /** Relevance that arrived at its output. */
    arrived: number;
    /** Relevance that left to its inputs. */
    left: number;
    /** Absorbed by the bias. */
    bias: number;
    /** Absorbed by the stabiliser. */
    stabilizer: number;
    /** Dropped: what fell on padding, or met no contribution at all. */
    dropped: number;
    /** What float arithmetic lost or gained. */
    rounding: number;
    /** Largest relevance that arrived, as a magnitude. */
    peak: number;
    /** Smallest `|z| / Σ|x·w|`, where it was measured. Near zero, the explanation is ill-conditioned here. */
    condition: number | null;
}

/** Where relevance went. */
export interface Ledger {
    /** Relevance at the output. */
    seeded: number;
    /** Relevance at the inputs. */
    received: number;
    /** What is left when the books are balanced: zero up to rounding. */
    imbalance: number;
    /** One entry per step, in the order in which the network runs. */
    entries: LedgerEntry[];
    /** Each column's sum over the steps. */
    totals: LedgerEntry;
}

/** The books of one step in integers: `arrived === left + bias + stabilizer + dropped + rounding`. */
export interface ExactLedgerEntry {
    /** Name of the step. */
    step: string;
    /** What it does: `conv`, `dense`, … */
    op: string;
    /** Its rule, by the name that `rules` has for it; `null` where it needs none. */
    rule: string | null;
    /** Relevance that arrived at its output. */
    arrived: bigint;
    /** Relevance that left to its inputs. */
    left: bigint;
    /** Absorbed by the bias. */
    bias: bigint;
    /** Absorbed by the stabiliser. */
    stabilizer: bigint;
    /** Dropped: what fell on padding, or met no contribution at all. */
    dropped: bigint;
    /** What rounding to whole numbers lost or gained. */
    rounding: bigint;
    /** Largest relevance that arrived, as a magnitude. */
    peak: bigint;
    /** Elements that did not fit their integers: zero, or the explanation is wrong there. */
    saturated: bigint;
}

/** Where relevance went, in integers. */
export interface ExactLedger {
    /** The real value of one unit of every figure here. */
    unit: number;
    /** Relevance at the output. */
    seeded: bigint;
    /** Relevance at the inputs. */
    received: bigint;
    /** What is left when the books are balanced: zero. */
    imbalance: bigint;
    /** One entry per step, in the order in which the network runs. */
    entries: ExactLedgerEntry[];
    /** Each column's sum over the steps. */
    totals: ExactLedgerEntry;
}

/** The integers that an explanation is made of, where relevance is of integers. */
export interface ExactRelevance {
    /** Relevance of the first input, in the layout of the model as it was exported. */
    relevance: Int32Array;
    /** Relevance of every input. */
    relevances: Int32Array[];
    /** The real value of one unit of each input's relevance. */
    units: number[];
    /** Where relevance went; it has a unit of its own. */
    ledger: ExactLedger;
}

/** Relevance that arrived at a step. */
export interface LayerRelevance {
    /** Position of the step in `info().steps`. */
    position: number;
    /** Name of the step. */
    step: string;
    /** What it does: `conv`, `dense`, … */
    op: string;
    /** Height, width and channels of its output. Of a text, the height is the number of words. */
    shape: number[];
    /** Relevance of each element of its output, the channels of a position beside each other. */
    relevance: Float32Array;
}

/** A word of a text, or a mark. */
export interface Token {
    /** As the network's vocabulary spells it. */
    word: string;
    /** Where it begins in the text: `text.slice(start, end)`. */
    start: number;
    /** Where it ends. */
    end: number;
    /** Whether the vocabulary has it. */
    known: boolean;
    /** Its relevance. */
    relevance: number;
}

/** Why. All arrays are copies: they stay what they are. */
export interface Explanation {
    /** Relevance of the first input, in the layout of the model as it was exported; of a text, one value per word. */
    relevance: Float32Array;
    /** Relevance of every input. */
    relevances: Float32Array[];
    /** The scores of the run that is explained. */
    scores: Scores;
    /** The class that is explained, `null` for all. */
    class: number | null;
    /** The class that it is told from. */
    not: number | null;
    /** The explained class's value before any softmax. */
    value: number;
    /** Where relevance went; `null` for `gradient_x_input`, which keeps no sum. */
    ledger: Ledger | null;
    /**
     * The integers behind all this, where the explainer was made with `relevance: "fixed"`; else `null`, and for
     * `gradient_x_input`.
     */
    exact: ExactRelevance | null;
    /** Relevance at every step that it reached, in the order in which the network runs; `null` if not asked for. */
    layers: LayerRelevance[] | null;
    /** The words, where the network was run on a text. */
    tokens: Token[] | null;
}

/** What to delete, and what to watch. */
export interface FlipOptions {
    /** Relevance of the input, as `explain` gives it. Colours of a pixel are added up. */
    relevance: Float32Array;
    /** The class whose score is watched, or the difference of two; the best class, if it is left out. */
    target?: Exclude<ExplainTarget, "all">;
    /** In how many steps everything is deleted; 20, if it is left out, and never more than there is to delete. */
    steps?: number;
    /** How often inputs are deleted at random; 10, if it is left out. */
    draws?: number;
    /** What the orders at random follow from, a whole number; 1, if it is left out. */
    seed?: number;
    /** What deleted numbers become; the smallest that the model may be given, or zero, if it is left out. */
    baseline?: number;
}

/** Scores as inputs are deleted. */
export interface FlipCurves {
    /** How many positions are deleted at each point, from none to all. */
    deleted: Float32Array;
    /** The watched score, before any softmax, at each point: the most relevant positions go first. */
    relevance: Float32Array;
    /** The mean over all orders at random; `null` as long as there is none. */
    random: Float32Array | null;
    /** The curve of each order at random. */
    draws: Float32Array[];
    /** How many positions there are to delete. */
    positions: number;
    /** The class that is watched. */
    class: number;
    /** The class that it is told from. */
    not: number | null;
}

/** How a picture becomes an input: `pixel * scale[c] + offset[c]` for pixels from 0 to 255. */
export interface PixelRecipe {
    /** One per channel. */
    scale: number[];
    /** One per channel. */
    offset: number[];
    /** The order of colours. */
    order: "rgb" | "bgr";
}

/** What a model takes. */
export interface ModelInput {
    name: string;
    /** As it was exported; the last axis is the fastest. */
    shape: number[];
    /** How the network holds it. Numbers are given as floats whatever it is. */
    type: "float32" | "int8" | "token";
    /** Whether it is English text, for `runText`. */
    text: boolean;
    /** The smallest and largest values that it may take. */
    range: [number, number] | null;
    /** How to feed a picture. */
    pixels: PixelRecipe | null;
    /** Of an input of integers, what they stand for: `(integer - zeroPoint) * scale`. */
    quantization: { scale: number; zeroPoint: number } | null;
    /** As a picture; `null` where the elements do not lie evenly. */
    grid: ModelGrid | null;
}

/**
 * An input as the network sees it. The value at row `y`, column `x` and channel `c` is element
 * `y * strides[0] + x * strides[1] + c * strides[2]` of the exported layout.
 */
export interface ModelGrid {
    height: number;
    width: number;
    channels: number;
    strides: [number, number, number];
}

/** What a model gives. */
export interface ModelOutput {
    name: string;
    /** As it was exported. */
    shape: number[];
    /** How the network holds it. */
    type: "float32" | "int8" | "token";
    /** Names of the classes. */
    labels: string[];
    /** Whether values are probabilities. Relevance starts before the softmax. */
    softmax: boolean;
}

/** A step of the network. */
export interface ModelStep {
    name: string;
    /** What it does: `conv`, `dense`, … */
    op: string;
    /** Its activation function. */
    function: string | null;
    /** Height, width and channels of what it gives. */
    shape: number[];
}

/** What a model is. */
export interface ModelInfo {
    name: string;
    inputs: ModelInput[];
    outputs: ModelOutput[];
    /** In the order in which they run. */
    steps: ModelStep[];
    /** The longest sequence that it takes; `null` where it takes none. */
    maxLength: number | null;
    /** Bytes of working memory that a device needs: for scores only, for explanations, with all activations kept. */
    ram: { infer: number; explain: number; retain: number };
    /** Bytes of the model itself. */
    flash: number;
}

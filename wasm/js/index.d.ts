/// <reference lib="dom" />
export { Explainer, color, composites, paint, pixels } from "./bindings.js";
export type {
    Class,
    Composite,
    ExactLedger,
    ExactLedgerEntry,
    ExactRelevance,
    ExplainOptions,
    ExplainTarget,
    ExplainerOptions,
    Explanation,
    FlipCurves,
    FlipOptions,
    Flipping,
    LayerRelevance,
    Ledger,
    LedgerEntry,
    ModelGrid,
    ModelInfo,
    ModelInput,
    ModelOutput,
    ModelStep,
    PixelRecipe,
    RuleOption,
    Scores,
    Token,
} from "./bindings.js";

/** Whether this engine has simd128. Both builds of the kernel give the same bits. */
export const simd: boolean;

/**
 * Loads the kernel. Everything else may be called when this has resolved; calling it again costs nothing.
 *
 * @param source the WebAssembly module: its address, its bytes, a response, or a compiled module. If it is left out,
 * it is the one of this package that suits the engine.
 */
export default function load(
    source?: URL | string | Request | Response | BufferSource | WebAssembly.Module,
): Promise<void>;

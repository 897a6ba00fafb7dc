/** What a file does not say of its network. */
export interface ConvertOptions {
    /** Name of the network; that of the graph, if it is left out. */
    name?: string;
    /** Names of the classes, as many as the first output has channels. */
    labels?: string[];
    /** A pixel (0 to 255) becomes `(pixel - inputMean) * inputScale`: one number, or one per channel; 1/255, or 1 where a mean is given. */
    inputScale?: number | number[];
    /** One number, or one per channel; 0, if it is left out. */
    inputMean?: number | number[];
    /** The order of colours in the input; `rgb`, if it is left out. */
    inputLayout?: "rgb" | "bgr";
    /** The smallest and largest value that the first input may take, for composites with a box. */
    inputRange?: [number, number];
    /** ONNX: keep batch normalisation as steps of its own, instead of folding it into the layer before it. */
    keepBatchNorm?: boolean;
    /** ONNX: the most moments of a sequence whose length the file leaves open; what the file says, else 128. */
    maxLength?: number;
}

/** What became of a file. */
export interface Conversion {
    /** The model image (`.rlp`), for `Explainer`. */
    image: Uint8Array;
    /** Its steps, flash and RAM in a sentence. */
    summary: string;
    /** What there is to say beside it: options that change nothing for a file of this kind. */
    notes: string[];
}

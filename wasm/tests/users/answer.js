// What every user of the package does here: a model, an input, its relevance. How it is loaded is the user's.

export async function answer({ Explainer, simd }, address, input) {
    const image = new Uint8Array(await (await fetch(address)).arrayBuffer());
    const explainer = new Explainer(image);
    const { top } = explainer.run(Float32Array.from(input));
    const { relevance } = explainer.explain();
    explainer.free();
    return { top, simd, relevance: Array.from(relevance) };
}

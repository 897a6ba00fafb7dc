// Composites of rules, as the page offers them.

export const COMPOSITES = [
    ["epsilon_plus", "ε on dense, z⁺ on convolutions", "Follows positive contributions through convolutions: calm pictures."],
    ["epsilon_plus_flat", "… and flat at the first layer", "The first convolution spreads relevance evenly over what it reads."],
    ["epsilon_alpha2_beta1", "ε on dense, α2β1 on convolutions", "Positive contributions twice, negative ones once: sharper, with more blue."],
    ["epsilon_gamma_box", "z^B, γ, ε", "Each depth gets the rule that suits it; the first layer knows that pixels lie between black and white."],
    ["epsilon", "ε everywhere", "Nearly gradient × input, if biases are few: exact shares, noisy pictures."],
    ["deep_taylor", "Deep Taylor decomposition", "Only positive contributions: nothing can be blue."],
    ["excitation_backprop", "Excitation backprop", "Probabilities of having excited the winner: never blue."],
    ["gradient", "Gradient", "How the score would change with each pixel. No shares: it keeps no books."],
    ["guided_backprop", "Guided backpropagation", "Shows edges, almost whatever the class: a warning, not an explanation."],
];

/** Whether what arrives at the inputs is what the score was made of. */
export function keepsBooks(composite) {
    return !["gradient", "guided_backprop"].includes(composite);
}

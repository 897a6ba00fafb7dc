//! What each rule does with an int8 layer: every rule is a pair of quotients per output, one for contributions of
//! either sign, and a function of the weights that they are handed out by.

use crate::number::{Fraction, Number, bits_of};
use crate::rule::{Bound, Rule, Stabilizer};

/// Which two sums of an output the rule divides by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sums {
    /// All of `z`, and whether there is any contribution at all: they may cancel.
    Whole,
    /// Contributions above and below zero; whether the second is needed.
    BySign(bool),
    /// What goes through weights above and below zero.
    ByWeight,
    /// `Σ (x − low)·w⁺ + (x − high)·w⁻`, and whether there is any contribution: inside the box none is negative.
    Box,
    /// `Σ w²`, and nothing.
    Squares,
    /// The number of inputs, and nothing.
    Count,
    /// Whether the output was not clamped, of which all of `z` tells, and nothing.
    Gate,
}

/// How quotients are handed out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Hand {
    /// `x·Σ w·s`.
    Whole,
    /// Positive contributions by the first quotient, negative ones by the second; whether there is a second.
    BySign(bool),
    /// The same by the sign of the weight.
    ByWeight,
    /// `(x − low)·Σ w⁺·s + (x − high)·Σ w⁻·s`.
    Box,
    /// `Σ w²·s`.
    Squares,
    /// `Σ s`.
    Ones,
    /// `Σ w·s`.
    Slope,
}

/// A rule, made ready for an int8 layer.
#[derive(Clone, Copy, Debug)]
pub struct Recipe<'a, N: Number> {
    /// What is summed up.
    pub sums: Sums,
    /// What is handed out.
    pub hand: Hand,
    kind: Kind<N>,
    /// Low and high end of the box.
    pub bounds: [Bound<'a>; 2],
}

/// How quotients are made of the two sums.
#[derive(Clone, Copy, Debug)]
enum Kind<N: Number> {
    /// Both `R/z`.
    Whole,
    /// `α·R` over the first, `−β·R` over the second.
    Signs { alpha: N::Wide, minus_beta: N::Wide },
    /// One denominator, in which the contributions of the output's sign are raised by this factor.
    Gamma(N::Wide),
    /// One denominator, in which the first sum is raised by this factor.
    GammaWeights(N::Wide),
    /// `R` over a constant, where the gate lets it through.
    Slope(Gate),
}

/// Which relevance passes the activation that is part of an int8 step.
#[derive(Clone, Copy, Debug)]
enum Gate {
    /// Where the output was not clamped: the derivative.
    Derivative,
    /// There, and above zero (Springenberg et al. 2015).
    Guided,
    /// Above zero (Zeiler & Fergus 2014).
    Deconvnet,
}

/// What an output's relevance is divided by.
#[derive(Clone, Copy, Debug)]
pub struct Denominators<N: Number> {
    /// The two sums.
    pub sums: [N::Wide; 2],
    /// The bias in each (of squares: to be added to the first).
    pub bias: [N::Wide; 2],
    /// The bias, where the sums lack it: the sign of the output is that of all of it.
    pub missing: N::Wide,
    /// Inputs of either sign meet weights of one sign: a sum of zero may be one of many terms.
    pub cancels: bool,
}

/// The quotients of one output, and what else takes part in its denominators.
#[derive(Clone, Copy, Debug)]
pub struct Quotients<N: Number> {
    /// For contributions of the first and of the second kind.
    pub fractions: [Fraction<N>; 2],
    /// What the stabiliser added, by the quotient that its share goes by.
    pub added: [N::Wide; 2],
    /// Relevance that found nothing to be divided by.
    pub dropped: N::Wide,
    /// No input contributes to that denominator: bias and stabiliser take all, and the quotient, which may be large,
    /// is handed to nobody.
    pub silent: [bool; 2],
}

impl<N: Number> Quotients<N> {
    /// Of an output at which nothing arrived.
    pub fn idle() -> Self {
        let nothing = N::Wide::default();
        let fraction = Fraction { numerator: nothing, denominator: nothing };
        Self { fractions: [fraction; 2], added: [nothing; 2], dropped: nothing, silent: [false; 2] }
    }
}

impl<'a, N: Number> Recipe<'a, N> {
    /// The recipe of a rule; `None` for those that need no quotients.
    pub fn new(rule: Rule<'a>) -> Option<Self> {
        let one = N::ONE;
        let of = |sums, hand, kind| Some(Self { sums, hand, kind, bounds: [Bound::Uniform(0.0); 2] });
        let signs = |alpha, beta: f32| {
            let both = bits_of(beta) << 1 != 0;
            let minus_beta = N::minus(N::Wide::default(), N::constant(beta));
            of(Sums::BySign(both), Hand::BySign(both), Kind::Signs { alpha, minus_beta })
        };
        let raised = |gamma| N::plus(one, N::constant(gamma));
        match rule {
            Rule::Zero | Rule::Epsilon(_) | Rule::Norm => of(Sums::Whole, Hand::Whole, Kind::Whole),
            Rule::AlphaBeta { alpha, beta } => signs(N::constant(alpha), beta),
            Rule::ZPlus => signs(one, 0.0),
            Rule::Beta(beta) => signs(raised(beta), beta),
            Rule::Gamma(gamma) => of(Sums::BySign(true), Hand::BySign(true), Kind::Gamma(raised(gamma))),
            Rule::GammaOriginal(gamma) => of(Sums::ByWeight, Hand::ByWeight, Kind::GammaWeights(raised(gamma))),
            Rule::ZBox { low, high } => {
                Some(Self { sums: Sums::Box, hand: Hand::Box, kind: Kind::Whole, bounds: [low, high] })
            }
            Rule::WSquare => of(Sums::Squares, Hand::Squares, Kind::Whole),
            Rule::Flat => of(Sums::Count, Hand::Ones, Kind::Whole),
            Rule::Gradient => of(Sums::Gate, Hand::Slope, Kind::Slope(Gate::Derivative)),
            Rule::GuidedBackprop => of(Sums::Gate, Hand::Slope, Kind::Slope(Gate::Guided)),
            Rule::Deconvnet => of(Sums::Gate, Hand::Slope, Kind::Slope(Gate::Deconvnet)),
            _ => None,
        }
    }

    /// Whether an output's relevance stops at the activation that is part of the step.
    pub fn stops(&self, open: bool, r: N::Word) -> bool {
        let above_zero = || r != N::Word::default() && !N::is_negative(N::numerator(r, N::ONE));
        match self.kind {
            Kind::Slope(Gate::Derivative) => !open,
            Kind::Slope(Gate::Guided) => !open || !above_zero(),
            Kind::Slope(Gate::Deconvnet) => !above_zero(),
            _ => false,
        }
    }

    /// Whether the second quotient is handed out.
    pub const fn uses_second(&self) -> bool {
        matches!(self.hand, Hand::BySign(true) | Hand::ByWeight)
    }

    /// The quotients of one output; `r` is what arrived there. Once where flash is small.
    #[cfg_attr(any(target_pointer_width = "64", target_feature = "simd128"), inline(always))]
    #[cfg_attr(not(any(target_pointer_width = "64", target_feature = "simd128")), inline(never))]
    pub fn quotients(&self, of: &Denominators<N>, r: N::Word, (form, epsilon): (Stabilizer, N::Wide)) -> Quotients<N> {
        let (nothing, one) = (N::Wide::default(), N::ONE);
        let [first, second] = of.sums;
        let over = |factor, denominator| Fraction { numerator: N::numerator(r, factor), denominator };
        let lost = |fraction: Fraction<N>| if fraction.denominator == nothing { fraction.numerator } else { nothing };
        let stable = |z| N::stabilized(z, form, epsilon);
        let empty = [first == of.bias[0], second == of.bias[1]];
        match self.kind {
            Kind::Whole => {
                let sum = if self.sums == Sums::Squares { N::plus(first, of.bias[0]) } else { first };
                let z = stable(sum);
                let fraction = over(one, z);
                let silent = match self.sums {
                    Sums::Squares | Sums::Count => first == nothing,
                    _ => second == nothing,
                };
                let fractions = [fraction, over(nothing, z)];
                Quotients {
                    fractions,
                    added: [N::minus(z, sum), nothing],
                    dropped: lost(fraction),
                    silent: [silent; 2],
                }
            }
            // Contributions of one sign only.
            Kind::Signs { alpha, minus_beta } if minus_beta == nothing => {
                let z = stable(first);
                let fraction = over(alpha, z);
                let fractions = [fraction, Fraction { numerator: nothing, denominator: nothing }];
                let added = [N::minus(z, first), nothing];
                Quotients { fractions, added, dropped: lost(fraction), silent: empty }
            }
            Kind::Signs { alpha, minus_beta } => {
                let z = [stable(first), stable(second)];
                let fractions = [over(alpha, z[0]), over(minus_beta, z[1])];
                let added = [N::minus(z[0], first), N::minus(z[1], second)];
                let dropped = N::plus(lost(fractions[0]), lost(fractions[1]));
                Quotients { fractions, added, dropped, silent: empty }
            }
            Kind::Gamma(raised) => {
                let sum = N::plus(N::plus(first, second), of.missing);
                let [a, b] = if N::is_negative(sum) { [one, raised] } else { [raised, one] };
                let both = N::plus(N::times(first, a), N::times(second, b));
                // An output of exactly zero passes nothing.
                let z = if sum == nothing { nothing } else { stable(both) };
                let added = N::minus(z, both);
                let added = if N::is_negative(sum) { [added, nothing] } else { [nothing, added] };
                let fractions = [over(a, z), over(b, z)];
                Quotients { fractions, added, dropped: lost(over(one, z)), silent: [empty[0] && empty[1]; 2] }
            }
            Kind::GammaWeights(raised) => {
                let both = N::plus(N::times(first, raised), second);
                let z = stable(both);
                let fractions = [over(raised, z), over(one, z)];
                let added = [nothing, N::minus(z, both)];
                let silent = empty[0] && empty[1] && !of.cancels;
                Quotients { fractions, added, dropped: lost(fractions[1]), silent: [silent; 2] }
            }
            Kind::Slope(_) => {
                let fractions = [over(one, epsilon), over(nothing, epsilon)];
                Quotients { fractions, ..Quotients::idle() }
            }
        }
    }
}

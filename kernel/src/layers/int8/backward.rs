//! Finds the memory of an int8 step on its way back and hands it to its layer.

use super::add::Add;
use super::back::Units;
use super::channelwise::Channelwise;
use super::conv::Conv;
use super::dense::Dense;
use super::lstm::{self, Lstm};
use super::recipe::{Denominators, Hand, Recipe, Sums};
use super::sink::{Memory, Place, Sink};
use super::way::{End, Inputs, Layer, Way};
use super::{Output, Scratch};
use crate::error::Mismatch;
use crate::layers::activation::Activation;
use crate::layers::max_pool::MaxPool;
use crate::layers::recurrent::Walk;
use crate::layers::structural::Moves;
use crate::layers::{Tape, bytes};
use crate::model::Model;
use crate::number::{Number, Places, Taken, Unit};
use crate::plan::Room;
use crate::rule::{Bias, Choice, Gates, Rule, Stabilizer};
use crate::step::{Op, SEQUENCE, STEPS, Step, remainder};
use core::ops::Range;

/// Why a step in int8 cannot follow a rule; `None` where it can.
pub fn mismatch<N: Number>(model: &Model<'_>, step: &Step, choice: &Choice<'_>) -> Option<Mismatch> {
    let passes = matches!(choice.rule, Rule::Pass);
    let slopes = matches!(choice.rule, Rule::Gradient);
    match step.op {
        Op::MaxPool => None,
        Op::Activation => (!passes && !N::HAS_FUNCTIONS).then_some(Mismatch::NoDerivative),
        Op::Mul => (slopes && !N::HAS_FUNCTIONS).then_some(Mismatch::NoDerivative),
        Op::Lstm => lstm_mismatch::<N>(choice),
        Op::Softmax => (!passes).then_some(Mismatch::NoInt8),
        _ => linear_mismatch::<N>(model, step, choice),
    }
}

/// The same of an LSTM, whose way back is the ε-rule.
fn lstm_mismatch<N: Number>(choice: &Choice<'_>) -> Option<Mismatch> {
    match choice.rule {
        Rule::Gradient if !N::HAS_FUNCTIONS => Some(Mismatch::NoDerivative),
        Rule::Zero | Rule::Epsilon(_) | Rule::Norm => match (choice.effective_stabilizer(), choice.gates) {
            (Stabilizer::NormScale(_), _) => Some(Mismatch::StabilizerNorm),
            (_, Gates::Signal) => None,
            _ => Some(Mismatch::Gates),
        },
        _ => Some(Mismatch::NoInt8),
    }
}

/// The same of a linear step.
fn linear_mismatch<N: Number>(model: &Model<'_>, step: &Step, choice: &Choice<'_>) -> Option<Mismatch> {
    // Nobody has a figure of the whole step.
    if matches!(choice.effective_stabilizer(), Stabilizer::NormScale(_)) {
        return Some(Mismatch::StabilizerNorm);
    }
    // Where sums of terms of either sign cancel, integers cannot tell that from there being none.
    let tensor = model.tensor(model.operand(step, 0));
    let positive = tensor.non_negative || tensor.zero_point == i32::from(i8::MIN);
    if !N::HAS_FUNCTIONS && !positive && matches!(choice.rule, Rule::GammaOriginal(_)) {
        return Some(Mismatch::Cancelling);
    }
    if !Way::<N>::can(&Choice { bias: Bias::Absorb, ..*choice }) {
        return Some(Mismatch::NoInt8);
    }
    let spreads = Way::<N>::can(choice) && step.op != Op::Add;
    (choice.bias == Bias::Redistribute && !spreads).then_some(Mismatch::Redistribute)
}

impl Tape<'_, '_> {
    /// Passes relevance back through an int8 step to operand `k`; returns what was taken and the exponent of the
    /// operand. Where `fresh`, nothing has been written there. The first operand may overlay what arrived, so it comes
    /// last.
    pub fn backward_int8<N: Number>(
        &mut self,
        index: usize,
        step: &Step,
        k: usize,
        choice: Option<&Choice<'_>>,
        (places, fresh): (Places, bool),
        measures: bool,
    ) -> (Taken<N>, i8) {
        match &mut self.task(index, step, k, (places, fresh), measures) {
            Some((task, sink)) => {
                let taken = task.run(choice, sink);
                (Taken { saturated: sink.saturated, ..taken }, sink.places.sink)
            }
            None => (Taken::default(), places.sink),
        }
    }

    /// Finds the memory of an operand. Apart, so that its stack is free again while the layer works.
    #[inline(never)]
    fn task<'t, N: Number>(
        &'t mut self,
        index: usize,
        step: &'t Step,
        k: usize,
        (places, fresh): (Places, bool),
        measures: bool,
    ) -> Option<(Task<'t>, Sink<'t, N>)> {
        let model = self.model;
        let (r, to) = (self.relevance(step.output), self.relevance(model.operand(step, k)));
        let value = |at: usize| if at < step.operands { self.value(model.operand(step, at)) } else { 0..0 };
        let reads = if step.op.is_structural() { [0..0, 0..0] } else { [value(0), value(1)] };
        let [scratch, tape] = [Room::Back, Room::Kept].map(|room| self.scratch(room, index));
        let walk = Walk::new(&model, self.mode, step);
        let non_negative = self.reads_non_negative(step);
        // What the sink overlays is one piece of memory with it.
        let mut whole = to.clone();
        for _ in 0..2 {
            for part in [&r, &reads[0]] {
                if part.start < whole.end && whole.start < part.end {
                    whole = whole.start.min(part.start)..whole.end.max(part.end);
                }
            }
        }
        let within = |part: &Range<usize>| part.start < whole.end && whole.start < part.end;
        let alone = |part: &Range<usize>| if within(part) { 0..0 } else { part.clone() };
        let memory = [whole.clone(), alone(&r), alone(&reads[0]), reads[1].clone(), scratch, tape];
        let [words, arrived, x, x2, scratch, tape] = self.arena.get_disjoint_mut(memory).ok()?;
        let elements =
            |at: usize| if at < step.operands { model.tensor(model.operand(step, at)).shape.elements() } else { 0 };
        let start = |part: &Range<usize>| part.start - whole.start;
        let memory = Memory {
            words: bytemuck::try_cast_slice_mut(words).unwrap_or(&mut []),
            sink: start(&to)..start(&to) + to.len(),
            arrived: if within(&r) {
                Place::Within(start(&r)..start(&r) + r.len())
            } else {
                Place::Apart(bytemuck::try_cast_slice(arrived).unwrap_or(&[]))
            },
            values: if within(&reads[0]) {
                Place::Within(4 * start(&reads[0])..4 * start(&reads[0]) + elements(0))
            } else {
                Place::Apart(bytes(x).get(..elements(0)).unwrap_or(&[]))
            },
        };
        let x = [bytes(x).get(..elements(0)).unwrap_or(&[]), bytes(x2).get(..elements(1)).unwrap_or(&[])];
        let tape = bytemuck::try_cast_slice(tape).unwrap_or(&[]);
        let task = Task { model, step, k, x, non_negative, measures, scratch, tape, walk, len: r.len() };
        Some((task, Sink::new(memory, places, fresh)))
    }
}

/// One operand of a step on its way back.
struct Task<'t> {
    model: Model<'t>,
    step: &'t Step,
    k: usize,
    x: [&'t [i8]; 2],
    non_negative: bool,
    measures: bool,
    scratch: &'t mut [f32],
    /// What a recurrent step kept on its way forward, and how it walked.
    tape: &'t [i16],
    walk: Walk,
    /// Elements of the output.
    len: usize,
}

/// Every kind of step apart, so that none needs the stack of all.
impl Task<'_> {
    fn run<N: Number>(&mut self, choice: Option<&Choice<'_>>, sink: &mut Sink<'_, N>) -> Taken<N> {
        let rule = choice.map_or(Rule::Pass, |choice| choice.rule);
        match (self.step.op, choice) {
            (op, _) if op.is_structural() => self.moved(sink),
            (Op::MaxPool, _) => self.max_pool(&rule, sink),
            (Op::Mul, _) if STEPS => self.mul(&rule, sink),
            (Op::Activation, _) => self.activation(&rule, sink),
            (Op::Add, Some(choice)) if STEPS => return self.add(choice, sink),
            (Op::Lstm, Some(choice)) if SEQUENCE => return self.lstm(choice, sink),
            (Op::Conv | Op::ConvTranspose | Op::Dense | Op::Depthwise | Op::AveragePool, Some(choice)) => {
                return self.linear(choice, sink);
            }
            _ => self.each(sink, |_| 1),
        }
        Taken::default()
    }

    #[inline(never)]
    fn lstm<N: Number>(&mut self, choice: &Choice<'_>, sink: &mut Sink<'_, N>) -> Taken<N> {
        let layer = Lstm::new(&self.model, self.step);
        let back = lstm::back::Back::<N>::new(&layer, *choice, self.scratch);
        back.map(|back| back.propagate(&self.walk, self.tape, sink)).unwrap_or_default()
    }

    /// Relevance times a whole number, element by element.
    fn each<N: Number>(&self, sink: &mut Sink<'_, N>, factor: impl Fn(usize) -> i16) {
        for at in 0..self.len {
            let r = sink.arrived(at..at + 1).first().copied().unwrap_or_default();
            sink.reach(at + 1);
            sink.add(at, N::share(factor(at), N::whole(r)));
        }
        sink.finish();
    }

    #[inline(never)]
    fn moved<N: Number>(&self, sink: &mut Sink<'_, N>) {
        sink.finish();
        Moves::new(&self.model, self.step, self.k).each(|to, from| {
            let r = sink.arrived(to..to + 1).first().copied().unwrap_or_default();
            sink.add(from, N::whole(r));
        });
    }

    #[inline(never)]
    fn max_pool<N: Number>(&self, rule: &Rule<'_>, sink: &mut Sink<'_, N>) {
        sink.finish();
        let layer = MaxPool::new(&self.model, self.step);
        for at in 0..self.len {
            let r = sink.arrived(at..at + 1).first().copied().unwrap_or_default();
            if r != N::Word::default() {
                layer.heirs(rule, self.x[0], at, |from, heirs| sink.add(from, N::part_of(N::whole(r), heirs)));
            }
        }
    }

    /// Signal takes all (Arras et al. 2017); flat halves; the gradient is the product rule.
    #[inline(never)]
    fn mul<N: Number>(&self, rule: &Rule<'_>, sink: &mut Sink<'_, N>) {
        sink.finish();
        let pixel = self.x[1].len().max(1);
        let other = self.model.tensor(self.model.operand(self.step, 1 - self.k));
        for at in 0..self.len {
            let r = sink.arrived(at..at + 1).first().copied().unwrap_or_default();
            let to = if self.k == 0 { at } else { remainder(at, pixel) };
            let whole = N::whole(r);
            let share = match rule {
                Rule::Gradient => {
                    let q = self.x[1_usize.wrapping_sub(self.k) & 1].get(if self.k == 0 {
                        remainder(at, pixel)
                    } else {
                        at
                    });
                    N::real_share(whole, q.map_or(0.0, |q| other.real(*q)))
                }
                Rule::Flat => N::part_of(whole, 2),
                _ if self.k == 0 => whole,
                _ => continue,
            };
            sink.add(to, share);
        }
    }

    #[inline(never)]
    fn activation<N: Number>(&self, rule: &Rule<'_>, sink: &mut Sink<'_, N>) {
        if matches!(rule, Rule::Pass) || !N::HAS_FUNCTIONS {
            return self.each(sink, |_| 1);
        }
        let layer = Activation::new(&self.model, self.step);
        let tensor = self.model.tensor(self.model.operand(self.step, 0));
        for at in 0..self.len {
            let r = sink.arrived(at..at + 1).first().copied().unwrap_or_default();
            sink.reach(at + 1);
            let x = self.x[0].get(at).map_or(0.0, |q| tensor.real(*q));
            sink.add(at, N::through(r, |r| layer.backward(rule, &[x], at, r)));
        }
        sink.finish();
    }

    /// Both operands are brought to a common unit; there are no weights and no bias.
    #[inline(never)]
    fn add<N: Number>(&self, choice: &Choice<'_>, sink: &mut Sink<'_, N>) -> Taken<N> {
        let mut taken = Taken::default();
        let Some(recipe) = Recipe::<N>::new(choice.rule) else { return taken };
        let out = Output::new(&self.model, self.step);
        let layer = Add::new(&self.model, self.step, &out);
        let (form, factor) = (choice.effective_stabilizer(), out.rescale(2));
        let unit = Unit {
            multiplier: factor.multiplier.max(1) as u32,
            exponent: factor.shift - 31,
            over: self.model.tensor(self.step.output).scale,
            ..Unit::whole(1)
        };
        let whole = matches!(recipe.sums, Sums::Squares | Sums::Count | Sums::Gate);
        let epsilon = match recipe.hand {
            Hand::Slope => N::ONE,
            _ => N::in_units(form.epsilon(), if whole { Unit::whole(1) } else { unit }),
        };
        for at in 0..self.len {
            let r = sink.arrived(at..at + 1).first().copied().unwrap_or_default();
            sink.reach(at + 1);
            if r == N::Word::default() {
                continue;
            }
            let [a, b] = self.x.map(|x| x.get(at).copied().unwrap_or(0));
            let terms = [layer.term(0, a), layer.term(1, b)];
            let q = out.rescale(2).apply(terms[0].wrapping_add(terms[1]));
            if recipe.stops(out.is_inside(q), r) {
                continue;
            }
            let (sums, parts) = shares(&recipe, terms, self.k, self.step.subtracts());
            let nothing = N::Wide::default();
            if self.measures && recipe.sums == Sums::Whole {
                let part = |f: fn(i32) -> i32| N::part(f(terms[0]).wrapping_add(f(terms[1])));
                let condition = N::condition([part(|term| term.max(0)), part(|term| term.min(0))]);
                taken.condition = condition.map_or(taken.condition, |condition| taken.condition.min(condition));
            }
            let sums = sums.map(|sum| N::wide(N::part(sum)));
            let of = Denominators { sums, bias: [nothing; 2], missing: nothing, cancels: true };
            let quotients = recipe.quotients(&of, r, (form, epsilon));
            for (fraction, part) in quotients.fractions.iter().zip(parts) {
                let (s, exponent) = N::quotient(fraction);
                sink.add(at, N::product(part, s, exponent));
            }
            for (fraction, added) in quotients.fractions.iter().zip(quotients.added) {
                let (s, exponent) = N::quotient(fraction);
                N::book(&mut taken.stabilizer, N::taken(s, exponent, added), 0);
            }
            N::book(&mut taken.dropped, N::lost(quotients.dropped), 0);
        }
        sink.finish();
        taken
    }

    #[inline(never)]
    fn linear<N: Number>(&mut self, choice: &Choice<'_>, sink: &mut Sink<'_, N>) -> Taken<N> {
        let (model, step) = (&self.model, self.step);
        match step.op {
            Op::Conv | Op::ConvTranspose => self.through(&Conv::new(model, step), choice, sink),
            Op::Depthwise | Op::AveragePool if STEPS => self.through(&Channelwise::new(model, step), choice, sink),
            _ => self.through(&Dense::new(model, step), choice, sink),
        }
    }

    /// Behind a pointer, so that the rules are compiled once for all layers.
    #[inline(never)]
    fn through<N: Number>(&mut self, layer: &dyn Layer<N>, choice: &Choice<'_>, sink: &mut Sink<'_, N>) -> Taken<N> {
        match &mut self.way(layer, choice) {
            Some(way) => way.propagate(sink),
            None => Taken::default(),
        }
    }

    /// A layer with its rule and the memory for its rows; `None` where the rule needs no quotients. Apart, as the memory is.
    #[inline(never)]
    fn way<'w, 'c, N: Number>(&'w mut self, layer: &'w dyn Layer<N>, choice: &Choice<'c>) -> Option<Way<'w, 'c, N>>
    where
        'c: 'w,
    {
        let (model, step) = (&self.model, self.step);
        let recipe = Recipe::<N>::new(choice.rule)?;
        let tensor = model.tensor(model.operand(step, 0));
        let sizes = Scratch::of(step, tensor.shape, model.tensor(step.output).shape);
        let strip = sizes.depth * (sizes.row + 1);
        let words: &mut [N::Word] = bytemuck::try_cast_slice_mut(self.scratch).unwrap_or(&mut []);
        let (first, rest) = words.split_at_mut_checked(strip)?;
        let (second, rest) = rest.split_at_mut_checked(strip)?;
        Some(Way {
            layer,
            x: Inputs {
                q: &[],
                elements: tensor.shape.elements(),
                zero: tensor.zero_point as i16,
                non_negative: self.non_negative,
                bounds: recipe.bounds.map(|bound| End::new::<N>(bound, tensor.scale, tensor.zero_point)),
                channels: tensor.shape.channels,
            },
            units: Units::new(model, step),
            bias: choice.bias,
            measures: self.measures && recipe.sums == Sums::Whole,
            form: choice.effective_stabilizer(),
            recipe,
            strips: [first, second],
            len: sizes.row,
            patches: bytemuck::try_cast_slice_mut(rest).unwrap_or(&mut []),
            taken: Taken::default(),
        })
    }
}

/// The two sums of an addition, and what operand `k` contributes to each.
fn shares<N: Number>(recipe: &Recipe<'_, N>, terms: [i32; 2], k: usize, subtracts: bool) -> ([i32; 2], [i32; 2]) {
    let mine = terms[k & 1];
    let total = |f: fn(i32) -> i32| f(terms[0]).wrapping_add(f(terms[1]));
    match recipe.sums {
        Sums::Whole => ([total(|t| t), i32::from(terms != [0, 0])], [mine, 0]),
        Sums::BySign(_) => ([total(|t| t.max(0)), total(|t| t.min(0))], [mine.max(0), mine.min(0)]),
        // The weights are one and one, or one and minus one.
        Sums::ByWeight if subtracts => (terms, if k == 0 { [mine, 0] } else { [0, mine] }),
        Sums::ByWeight => ([total(|t| t), 0], [mine, 0]),
        Sums::Squares | Sums::Count => ([2, 0], [1, 0]),
        Sums::Gate => ([1, 0], [if k == 1 && subtracts { -1 } else { 1 }, 0]),
        Sums::Box => ([0, 0], [0, 0]),
    }
}

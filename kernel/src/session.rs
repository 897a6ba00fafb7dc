//! What is in RAM: one arena. `run` walks the steps forward, `explain` walks them back.

use crate::composite::{Composite, is_softmax_head};
use crate::error::{ExplainError, RunError, SessionError};
use crate::explanation::Explanation;
use crate::lanes::{Exact, Sum, absolute, copy};
use crate::layers::way::Taken;
use crate::layers::{Tape, bytes_mut};
use crate::ledger::{Entry, Ledger};
use crate::model::Model;
use crate::model::format::ALIGNMENT;
use crate::plan::Mode;
use crate::rule::{Choice, Rule};
use crate::step::{DType, Op};
use crate::target::{Seed, Target};
use crate::values::Values;

/// An inference in progress: a model, and the caller's arena.
pub struct Session<'m, 'a> {
    tape: Tape<'m, 'a>,
    state: State,
}

/// What the arena holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing yet.
    Empty,
    /// Every activation that an explanation reads.
    Ran,
    /// Inputs and outputs; relevance has overlaid activations.
    Spent,
}

/// What an observer of an explanation sees: a tensor whose relevance is complete.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'s> {
    /// The tensor.
    pub tensor: usize,
    /// The step that wrote it, `None` for an input.
    pub step: Option<usize>,
    /// Its relevance, in the kernel's order.
    pub relevance: &'s [f32],
    /// Its value: kept in [`Mode::Retain`] only, and not where an activation has overwritten it in place.
    pub value: Option<Values<'s>>,
}

impl<'m, 'a> Session<'m, 'a> {
    /// A session in the caller's memory, of which it uses [`Model::arena_bytes`] from the first aligned byte on.
    ///
    /// # Errors
    /// The arena is too small (the error says how many bytes are needed), or the image is not aligned.
    pub fn new(model: &Model<'m>, arena: &'a mut [u8], mode: Mode) -> Result<Self, SessionError> {
        let needed = model.arena_bytes(mode);
        if !model.image().as_ptr().addr().is_multiple_of(4) {
            return Err(SessionError::Misaligned);
        }
        let skipped = arena.as_ptr().align_offset(ALIGNMENT).min(arena.len());
        let available = arena.len() - skipped;
        let memory = arena.get_mut(skipped..skipped + needed.min(available)).unwrap_or(&mut []);
        match bytemuck::try_cast_slice_mut(memory) {
            Ok(arena) if needed <= available => {
                Ok(Self { tape: Tape { model: *model, mode, arena, inputs_non_negative: false }, state: State::Empty })
            }
            _ => Err(SessionError::ArenaTooSmall { needed, available }),
        }
    }

    /// The model.
    pub fn model(&self) -> &Model<'m> {
        &self.tape.model
    }

    /// What the session was opened for.
    pub fn mode(&self) -> Mode {
        self.tape.mode
    }

    /// Runs the network on its one input (in the kernel's order: channels last) and returns the first output. An int8
    /// input is given in real numbers, too, and quantised here.
    ///
    /// # Errors
    /// The input has the wrong length, or an element that is not finite.
    pub fn run(&mut self, input: &[f32]) -> Result<Values<'_>, RunError> {
        self.run_all(&[input])
    }

    /// Runs a network with several inputs and returns the first output.
    ///
    /// # Errors
    /// As [`run`](Self::run), or the wrong number of inputs.
    pub fn run_all(&mut self, inputs: &[&[f32]]) -> Result<Values<'_>, RunError> {
        let model = self.tape.model;
        self.fits(inputs)?;
        for (i, input) in inputs.iter().enumerate() {
            if let Some(index) = input.iter().position(|v| !v.is_finite()) {
                return Err(RunError::NotFinite { input: i, index });
            }
        }
        for (i, input) in inputs.iter().enumerate() {
            let tensor = model.tensor(model.input(i).tensor);
            let place = self.tape.value(model.input(i).tensor);
            let Some(to) = self.tape.arena.get_mut(place) else { continue };
            match tensor.dtype {
                DType::F32 => copy(to, input),
                DType::I8 => bytes_mut(to).iter_mut().zip(*input).for_each(|(to, x)| *to = tensor.quantized(*x)),
            }
        }
        self.tape.inputs_non_negative = inputs.iter().all(|input| input.iter().all(|v| *v >= 0.0));
        self.forward();
        Ok(self.first_output())
    }

    /// Runs a network whose inputs are all int8 on integers as they are.
    ///
    /// # Errors
    /// The wrong number of inputs, one of the wrong length, or one that is not int8.
    pub fn run_int8(&mut self, inputs: &[&[i8]]) -> Result<Values<'_>, RunError> {
        let model = self.tape.model;
        self.fits(inputs)?;
        for i in 0..inputs.len() {
            if model.tensor(model.input(i).tensor).dtype != DType::I8 {
                return Err(RunError::NotInt8 { input: i });
            }
        }
        let mut non_negative = true;
        for (i, input) in inputs.iter().enumerate() {
            let zero_point = model.tensor(model.input(i).tensor).zero_point;
            non_negative &= input.iter().all(|q| i32::from(*q) >= zero_point);
            let place = self.tape.value(model.input(i).tensor);
            let to = bytes_mut(self.tape.arena.get_mut(place).unwrap_or(&mut []));
            to.iter_mut().zip(*input).for_each(|(to, q)| *to = *q);
        }
        self.tape.inputs_non_negative = non_negative;
        self.forward();
        Ok(self.first_output())
    }

    /// As many inputs as the model has, each as long as it should be.
    fn fits<T>(&self, inputs: &[&[T]]) -> Result<(), RunError> {
        let model = self.tape.model;
        if inputs.len() != model.inputs() {
            return Err(RunError::InputCount { expected: model.inputs(), given: inputs.len() });
        }
        for (i, input) in inputs.iter().enumerate() {
            let expected = model.tensor(model.input(i).tensor).shape.elements();
            if input.len() != expected {
                return Err(RunError::InputLength { input: i, expected, given: input.len() });
            }
        }
        Ok(())
    }

    fn first_output(&self) -> Values<'_> {
        self.output(0).unwrap_or(Values::F32(&[]))
    }

    fn forward(&mut self) {
        for i in 0..self.tape.model.steps() {
            let step = self.tape.model.step(i);
            self.tape.forward(i, &step);
        }
        self.state = State::Ran;
    }

    /// An output of the last run, in the kernel's order; `None` before one, or where there is no such output.
    pub fn output(&self, i: usize) -> Option<Values<'_>> {
        if self.state == State::Empty || i >= self.tape.model.outputs() {
            return None;
        }
        self.tape.values_of(self.tape.model.output(i).tensor)
    }

    /// What an output is before any softmax, in the kernel's order: what relevance starts from. `None` before a run and
    /// after an explanation in [`Mode::Explain`], where relevance has overlaid it, and in [`Mode::Infer`].
    pub fn logits(&self, i: usize) -> Option<Values<'_>> {
        if self.state != State::Ran || i >= self.tape.model.outputs() || !self.tape.mode.explains() {
            return None;
        }
        self.tape.values_of(self.tape.model.seed_tensor(&self.tape.model.output(i)))
    }

    /// Explains the last run: relevance of every input for the target.
    ///
    /// In [`Mode::Explain`] the relevance overlays activations, so that the next explanation of the same run repeats
    /// the inference first; in [`Mode::Retain`] it does not have to.
    ///
    /// # Errors
    /// Nothing was run, the mode has no room for relevance, the target does not exist, or a step's rule is missing or
    /// does not apply; the step is named.
    pub fn explain(&mut self, target: &Target<'_>, composite: &Composite<'_>) -> Result<Explanation<'_>, ExplainError> {
        self.explain_with(target, composite, |_| {})
    }

    /// As [`explain`](Self::explain), showing the relevance of every tensor as soon as it is complete.
    ///
    /// # Errors
    /// As [`explain`](Self::explain).
    pub fn explain_with(
        &mut self,
        target: &Target<'_>,
        composite: &Composite<'_>,
        mut observer: impl FnMut(Observed<'_>),
    ) -> Result<Explanation<'_>, ExplainError> {
        let model = self.tape.model;
        if !self.tape.mode.explains() {
            return Err(ExplainError::Mode);
        }
        if self.state == State::Empty {
            return Err(ExplainError::NotRun);
        }
        if target.output >= model.outputs() {
            return Err(ExplainError::NoSuchOutput { output: target.output });
        }
        for i in 0..model.steps() {
            composite.choose(&model, i)?;
        }
        if self.state == State::Spent {
            self.forward();
        }
        self.clear_books();
        let (seed_tensor, class, value) = self.seed(target)?;
        if self.tape.mode == Mode::Explain {
            self.state = State::Spent;
        }
        let seeded = self.total(seed_tensor).value();
        for i in (0..model.steps()).rev() {
            let step = model.step(i);
            let head = is_softmax_head(&model, &step) && model.operand(&step, 0) == seed_tensor;
            if head || !self.is_reached(step.output) {
                continue;
            }
            self.show(step.output, Some(i), &mut observer);
            // Checked above for every step.
            let choice = composite.choose(&model, i)?;
            let entry = self.step_back(i, choice, composite.measure_condition);
            if let Some(place) = self.books().0.get_mut(i) {
                *place = entry.to_words();
            }
        }
        let mut received = Exact::default();
        for i in 0..model.inputs() {
            let tensor = model.input(i).tensor;
            self.reach(tensor);
            self.show(tensor, None, &mut observer);
            received = received.minus(Exact::default().minus(self.total(tensor)));
        }
        Ok(self.explanation(class, value, seeded, received.value()))
    }

    fn explanation(&self, class: Option<usize>, value: f32, seeded: f32, received: f32) -> Explanation<'_> {
        let start = self.tape.model.ledger_offset(self.tape.mode).unwrap_or(0) / 4;
        let words = self.tape.model.steps() * Entry::WORDS;
        let entries = self.tape.arena.get(start..start + words).unwrap_or(&[]).as_chunks().0;
        Explanation { tape: &self.tape, class, value, ledger: Ledger { entries, seeded, received } }
    }

    /// One step on the way back, with its entry in the books.
    fn step_back(&mut self, i: usize, choice: Option<Choice<'_>>, condition: bool) -> Entry {
        let model = self.tape.model;
        let step = model.step(i);
        let arrived = self.total(step.output);
        let peak = self.slice(step.output).iter().fold(0.0, |peak: f32, r| peak.max(absolute(*r)));
        let in_place = model.in_place(&step);
        let mut before = Exact::default();
        for k in 0..if in_place { 0 } else { step.operands } {
            let operand = model.operand(&step, k);
            let first_time_here = (0..k).all(|earlier| model.operand(&step, earlier) != operand);
            if first_time_here && self.reach(operand) {
                before = before.minus(Exact::default().minus(self.total(operand)));
            }
        }
        let taken = self.tape.backward(i, &step, choice, condition);
        let mut after = Exact::default();
        for k in 0..step.operands {
            let operand = model.operand(&step, k);
            if in_place {
                self.mark(operand);
            }
            if (0..k).all(|earlier| model.operand(&step, earlier) != operand) {
                after = after.minus(Exact::default().minus(self.total(operand)));
            }
        }
        entry(step.op, choice.map(|c| c.rule), arrived, after.minus(before), &taken, peak)
    }

    /// Sets the seed; returns the tensor it was set at, the class it is about and that class's value.
    fn seed(&mut self, target: &Target<'_>) -> Result<(usize, Option<usize>, f32), ExplainError> {
        let model = self.tape.model;
        let tensor = model.seed_tensor(&model.output(target.output));
        let classes = model.tensor(tensor).shape.elements();
        let in_range = |class: usize| {
            if class < classes { Ok(class) } else { Err(ExplainError::NoSuchClass { class, classes }) }
        };
        let memory = [self.tape.value(tensor), self.tape.relevance(tensor)];
        let Ok([f, r]) = self.tape.arena.get_disjoint_mut(memory) else { return Err(ExplainError::Mode) };
        let f = Values::new(f, &model.tensor(tensor));
        let value_of = |k: usize| f.get(k).unwrap_or(0.0);
        let top = f.top();
        // What starts where; everything else starts with nothing.
        let (class, starts) = match target.seed {
            Seed::Top => (top, [top.map(|k| (k, value_of(k))), None]),
            Seed::Class(k) => (Some(in_range(k)?), [Some((k, value_of(k))), None]),
            Seed::OneHot(k) => (Some(in_range(k)?), [Some((k, 1.0)), None]),
            Seed::Contrast(k, l) => (Some(in_range(k)?), [Some((k, value_of(k))), Some((in_range(l)?, -value_of(l)))]),
            Seed::All | Seed::Values(_) => (None, [None, None]),
        };
        match target.seed {
            Seed::All => r.iter_mut().zip(f.iter()).for_each(|(r, f)| *r = f),
            Seed::Values(values) if values.len() == r.len() && values.iter().all(|v| v.is_finite()) => {
                copy(r, values);
            }
            Seed::Values(_) => return Err(ExplainError::Seed),
            _ => r.fill(0.0),
        }
        for (k, start) in starts.into_iter().flatten() {
            if let Some(r) = r.get_mut(k) {
                *r += start;
            }
        }
        let value = class.or(top).map_or(0.0, value_of);
        self.mark(tensor);
        Ok((tensor, class, value))
    }

    /// The ledger's entries, and the marks that say which relevances have been written, one byte per tensor.
    fn books(&mut self) -> (&mut [[f32; Entry::WORDS]], &mut [u8]) {
        let model = self.tape.model;
        let start = model.ledger_offset(self.tape.mode).unwrap_or(0) / 4;
        let words = model.steps() * Entry::WORDS;
        let books = self.tape.arena.get_mut(start..).unwrap_or(&mut []);
        let (entries, marks) = books.split_at_mut_checked(words).unwrap_or((&mut [], &mut []));
        let marks: &mut [u8] = bytemuck::try_cast_slice_mut(marks).unwrap_or(&mut []);
        (entries.as_chunks_mut().0, marks)
    }

    fn clear_books(&mut self) {
        let tensors = self.tape.model.tensors();
        let (entries, marks) = self.books();
        entries.fill(Entry { condition: f32::NAN, ..Entry::default() }.to_words());
        marks.iter_mut().take(tensors).for_each(|mark| *mark = 0);
    }

    fn is_reached(&mut self, tensor: usize) -> bool {
        self.books().1.get(tensor).is_some_and(|mark| *mark != 0)
    }

    fn mark(&mut self, tensor: usize) {
        if let Some(mark) = self.books().1.get_mut(tensor) {
            *mark = 1;
        }
    }

    /// Makes sure that a tensor has a relevance: zeros, where none has been written. Returns whether it had.
    fn reach(&mut self, tensor: usize) -> bool {
        if self.is_reached(tensor) {
            return true;
        }
        let place = self.tape.relevance(tensor);
        if let Some(r) = self.tape.arena.get_mut(place) {
            r.fill(0.0);
        }
        self.mark(tensor);
        false
    }

    fn slice(&self, tensor: usize) -> &[f32] {
        self.tape.arena.get(self.tape.relevance(tensor)).unwrap_or(&[])
    }

    fn total(&self, tensor: usize) -> Exact {
        Sum::of(self.slice(tensor)).total()
    }

    fn show(&self, tensor: usize, step: Option<usize>, observer: &mut impl FnMut(Observed<'_>)) {
        let kept = self.tape.mode == Mode::Retain && !self.tape.model.is_overwritten(tensor);
        let value = if kept { self.tape.values_of(tensor) } else { None };
        observer(Observed { tensor, step, relevance: self.slice(tensor), value });
    }
}

/// Closes the books of a step: what neither left nor was taken is rounding; under a rule that keeps no sum, or where
/// elements fall on padding or are sliced away, it was dropped.
fn entry(op: Op, rule: Option<Rule<'_>>, arrived: Exact, left: Exact, taken: &Taken, peak: f32) -> Entry {
    let (bias, stabilizer) = (taken.bias.total(), taken.stabilizer.total());
    let dropped = taken.dropped.total();
    let rest = arrived.minus(left).minus(bias).minus(stabilizer).minus(dropped);
    let drops = op == Op::Pad || rule.is_some_and(|rule| !rule.conserves() || rule == Rule::Taylor);
    let (dropped, rounding) =
        if drops { (dropped.value() + rest.value(), 0.0) } else { (dropped.value(), rest.value()) };
    Entry {
        arrived: arrived.value(),
        left: left.value(),
        bias: bias.value(),
        stabilizer: stabilizer.value(),
        dropped,
        rounding,
        peak,
        condition: taken.condition,
    }
}

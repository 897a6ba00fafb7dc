//! What is in RAM: one arena. `run` walks the steps forward, `explain` walks them back.

use crate::composite::{Composite, is_softmax_head};
use crate::error::{ExplainError, RunError, SessionError};
use crate::explanation::{Explanation, exponent_of_mark, mark_of};
use crate::layers::int8::backward::mismatch;
use crate::layers::{Tape, bytes_mut};
use crate::ledger::Ledger;
use crate::model::Model;
use crate::model::format::ALIGNMENT;
use crate::number::{Fixed, Places, Taken};
use crate::plan::Mode;
use crate::relevance::{Closing, Opening, Relevance, Start};
use crate::rule::Choice;
use crate::step::{DType, Step, quotient};
use crate::target::Target;
#[cfg(feature = "sequence")]
use crate::text::Words;
use crate::values::Values;
use core::marker::PhantomData;

/// An inference in progress: a model, and the caller's arena.
///
/// Relevance is made of floats, or of integers alone: [`Session::new`] opens the one, [`Session::new_fixed`] the other.
pub struct Session<'m, 'a, R: Relevance = f32> {
    tape: Tape<'m, 'a>,
    state: State,
    relevance: PhantomData<R>,
}

/// The tensor whose relevance was added up last, and its total: nothing has been written since.
type Known<R> = (usize, <R as Relevance>::Balance);

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
pub struct Observed<'s, R: Relevance = f32> {
    /// The tensor.
    pub tensor: usize,
    /// The step that wrote it, `None` for an input.
    pub step: Option<usize>,
    /// Its relevance, in the kernel's order.
    pub relevance: &'s [R::Word],
    /// The real value of one unit of it: one, for floats.
    pub unit: f32,
    /// Its value: kept in [`Mode::Retain`] only, and not where an activation has overwritten it in place.
    pub value: Option<Values<'s>>,
}

impl<'m, 'a> Session<'m, 'a> {
    /// A session in the caller's memory, of which it uses [`Model::arena_bytes`] from the first aligned byte on.
    ///
    /// # Errors
    /// The arena is too small (the error says how many bytes are needed), or the image is not aligned.
    pub fn new(model: &Model<'m>, arena: &'a mut [u8], mode: Mode) -> Result<Self, SessionError> {
        Self::open(model, arena, mode)
    }
}

impl<'m> Session<'m, '_> {
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
        let model = self.fits(inputs)?;
        for (i, input) in inputs.iter().enumerate() {
            if model.tensor(model.input(i).tensor).dtype == DType::Token {
                return Err(RunError::TakesTokens { input: i });
            }
            if let Some(index) = input.iter().position(|v| !v.is_finite()) {
                return Err(RunError::NotFinite { input: i, index });
            }
        }
        self.tape.model = model;
        for (i, input) in inputs.iter().enumerate() {
            let tensor = model.tensor(model.input(i).tensor);
            let place = self.tape.value(model.input(i).tensor);
            let Some(to) = self.tape.arena.get_mut(place) else { continue };
            match tensor.dtype {
                DType::F32 => crate::lanes::copy(to, input),
                DType::I8 => bytes_mut(to).iter_mut().zip(*input).for_each(|(to, x)| *to = tensor.quantized(*x)),
                DType::Token => {}
            }
        }
        self.tape.inputs_non_negative = inputs.iter().all(|input| input.iter().all(|v| *v >= 0.0));
        self.forward();
        Ok(self.first_output())
    }

    /// Runs a network whose one input is a sequence of tokens: as many as there are, up to the model's
    /// [`max_length`](Model::max_length).
    ///
    /// # Errors
    /// The input takes no tokens, there are none or too many of them, or one is not in the embedding.
    pub fn run_tokens(&mut self, tokens: &[u16]) -> Result<Values<'_>, RunError> {
        let model = self.fits(&[tokens])?;
        let input = model.input(0).tensor;
        if model.tensor(input).dtype != DType::Token {
            return Err(RunError::NotTokens { input: 0 });
        }
        let known = model.tokens();
        if let Some((index, token)) = tokens.iter().enumerate().find(|(_, token)| usize::from(**token) >= known) {
            return Err(RunError::NoSuchToken { index, token: *token, tokens: known });
        }
        self.run_on(model, tokens.iter().copied());
        Ok(self.first_output())
    }

    /// Runs a network whose one input is an English text: as many words as [`Words`](crate::text::Words) finds, up to
    /// the model's [`max_length`](Model::max_length). A word that the vocabulary does not have is token zero.
    ///
    /// # Errors
    /// The input takes no text, or there are none or too many words.
    #[cfg(feature = "sequence")]
    pub fn run_text(&mut self, text: &str) -> Result<Values<'_>, RunError> {
        let model = self.tape.model.at_length(usize::MAX);
        let port = model.input(0);
        if model.inputs() != 1 || !port.is_text {
            return Err(RunError::NotText { input: 0 });
        }
        let (given, most) = (Words::new(text).count(), model.tensor(port.tensor).shape.height);
        if given == 0 {
            return Err(RunError::NoWords);
        }
        if given > most {
            return Err(RunError::TooManyWords { most, given });
        }
        self.run_on(model.at_length(given), Words::new(text).map(|word| model.token(&port, &word)));
        Ok(self.first_output())
    }

    /// Runs on tokens, as many as the model is long.
    fn run_on(&mut self, model: Model<'m>, tokens: impl Iterator<Item = u16>) {
        self.tape.model = model;
        let place = self.tape.value(model.input(0).tensor);
        let to: &mut [u16] =
            bytemuck::try_cast_slice_mut(self.tape.arena.get_mut(place).unwrap_or(&mut [])).unwrap_or(&mut []);
        to.iter_mut().zip(tokens).for_each(|(to, token)| *to = token);
        self.tape.inputs_non_negative = false;
        self.forward();
    }
}

impl<'m, 'a> Session<'m, 'a, Fixed> {
    /// A session whose relevance is made of integers alone, for models that are int8 throughout: no float operation is
    /// on its paths.
    ///
    /// # Errors
    /// As [`new`](Session::new), or the model has a step that needs floats.
    pub fn new_fixed(model: &Model<'m>, arena: &'a mut [u8], mode: Mode) -> Result<Self, SessionError> {
        match (0..model.steps()).find(|i| !model.is_int8(&model.step(*i))) {
            Some(step) => Err(SessionError::NeedsFloats { step }),
            None => Self::open(model, arena, mode),
        }
    }
}

impl<'m, 'a, R: Relevance> Session<'m, 'a, R> {
    fn open(model: &Model<'m>, arena: &'a mut [u8], mode: Mode) -> Result<Self, SessionError> {
        let needed = model.arena_bytes(mode);
        if !model.image().as_ptr().addr().is_multiple_of(4) {
            return Err(SessionError::Misaligned);
        }
        let skipped = arena.as_ptr().align_offset(ALIGNMENT).min(arena.len());
        let available = arena.len() - skipped;
        let memory = arena.get_mut(skipped..skipped + needed.min(available)).unwrap_or(&mut []);
        match bytemuck::try_cast_slice_mut(memory) {
            Ok(arena) if needed <= available => {
                let tape = Tape { model: *model, mode, arena, inputs_non_negative: false };
                Ok(Self { tape, state: State::Empty, relevance: PhantomData })
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

    /// Runs a network whose inputs are all int8 on integers as they are.
    ///
    /// # Errors
    /// The wrong number of inputs, one of the wrong length, or one that is not int8.
    pub fn run_int8(&mut self, inputs: &[&[i8]]) -> Result<Values<'_>, RunError> {
        let model = self.fits(inputs)?;
        for i in 0..inputs.len() {
            if model.tensor(model.input(i).tensor).dtype != DType::I8 {
                return Err(RunError::NotInt8 { input: i });
            }
        }
        self.tape.model = model;
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

    /// As many inputs as the model has, each as long as it should be; returns the model at the length of the sequences.
    fn fits<T>(&self, inputs: &[&[T]]) -> Result<Model<'m>, RunError> {
        let longest = self.tape.model.at_length(usize::MAX);
        if inputs.len() != longest.inputs() {
            return Err(RunError::InputCount { expected: longest.inputs(), given: inputs.len() });
        }
        let mut model = longest;
        for (i, input) in inputs.iter().enumerate() {
            let (tensor, given) = (longest.tensor(longest.input(i).tensor), input.len());
            let (moment, most, expected) = (tensor.shape.row(), tensor.shape.height, tensor.shape.elements());
            if !tensor.is_sequence && given != expected {
                return Err(RunError::InputLength { input: i, expected, given });
            }
            if tensor.is_sequence {
                let moments = quotient(given, moment);
                let same = model.max_length() == longest.max_length() || model.max_length() == Some(moments);
                if given == 0 || moments > most || moments * moment != given || !same {
                    return Err(RunError::SequenceLength { input: i, moment, most, given });
                }
                model = longest.at_length(moments);
            }
        }
        Ok(model)
    }

    fn first_output(&self) -> Values<'_> {
        self.output(0).unwrap_or(Values::F32(&[]))
    }

    fn forward(&mut self) {
        for i in 0..self.tape.model.steps() {
            let step = self.tape.model.step(i);
            R::forward(&mut self.tape, i, &step);
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
    pub fn explain(
        &mut self,
        target: &Target<'_>,
        composite: &Composite<'_>,
    ) -> Result<Explanation<'_, R>, ExplainError> {
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
        mut observer: impl FnMut(Observed<'_, R>),
    ) -> Result<Explanation<'_, R>, ExplainError> {
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
            Self::check(&model, i, composite)?;
        }
        if self.state == State::Spent {
            self.forward();
        }
        self.clear_books();
        let (seed_tensor, start) = self.seed(target)?;
        if self.tape.mode == Mode::Explain {
            self.state = State::Spent;
        }
        let mut known = (seed_tensor, self.total(seed_tensor));
        let seeded = R::figure(known.1);
        for i in (0..model.steps()).rev() {
            if let Some(tensor) = self.reached(i, seed_tensor) {
                self.show(tensor, Some(i), &start, &mut observer);
                self.step_back(i, composite, &mut known)?;
            }
        }
        let mut received = R::Balance::default();
        for i in 0..model.inputs() {
            let tensor = model.input(i).tensor;
            self.reach(tensor);
            self.show(tensor, None, &start, &mut observer);
            received = R::joined(received, self.total_of(tensor, &known));
        }
        Ok(self.explanation(start, seeded, R::figure(received)))
    }

    /// Whether a step can follow its rule. Apart, as other parts of an explanation are, so that its stack is free again
    /// while layers work.
    #[inline(never)]
    fn check(model: &Model<'_>, i: usize, composite: &Composite<'_>) -> Result<(), ExplainError> {
        let (step, choice) = (model.step(i), composite.choose(model, i)?);
        match choice.filter(|_| model.is_int8(&step)).and_then(|choice| mismatch::<R>(model, &step, &choice)) {
            Some(reason) => Err(ExplainError::RuleMismatch { step: i, reason }),
            None => Ok(()),
        }
    }

    fn explanation(&self, start: Start, seeded: R::Figure, received: R::Figure) -> Explanation<'_, R> {
        let at = self.tape.model.ledger_offset(self.tape.mode).unwrap_or(0) / 4;
        let steps = self.tape.model.steps() * R::ENTRY_WORDS;
        let books = self.tape.arena.get(at..).unwrap_or(&[]);
        let (words, marks) = books.split_at_checked(steps).unwrap_or((&[], &[]));
        let words = bytemuck::try_cast_slice(words).unwrap_or(&[]);
        let marks = bytemuck::try_cast_slice(marks).unwrap_or(&[]);
        Explanation { tape: &self.tape, start, marks, ledger: Ledger { words, seeded, received } }
    }

    /// The output of a step, if relevance has reached it.
    #[inline(never)]
    fn reached(&self, i: usize, seed: usize) -> Option<usize> {
        let model = &self.tape.model;
        let step = model.step(i);
        let head = is_softmax_head(model, &step) && model.operand(&step, 0) == seed;
        self.exponent(step.output).filter(|_| !head).map(|_| step.output)
    }

    /// One step on the way back, with its entry in the books.
    #[inline(never)]
    fn step_back(&mut self, i: usize, composite: &Composite<'_>, known: &mut Known<R>) -> Result<(), ExplainError> {
        let step = self.tape.model.step(i);
        // Checked for every step before.
        let choice = composite.choose(&self.tape.model, i)?;
        let opening = self.open_books(&step, known);
        let (choice, condition) = (choice.as_ref(), composite.measure_condition);
        let taken = if self.tape.model.is_int8(&step) && !self.tape.model.in_place(&step) {
            self.operands_back(i, &step, (choice, condition), opening.exponent)
        } else {
            R::backward(&mut self.tape, i, &step, choice.copied(), condition)
        };
        *known = self.close_books(i, &step, choice, &opening, &taken);
        Ok(())
    }

    /// What has arrived at a step, and what its operands have already.
    #[inline(never)]
    fn open_books(&mut self, step: &Step, known: &Known<R>) -> Opening<R> {
        let model = self.tape.model;
        let (arrived, exponent) = (self.total_of(step.output, known), self.exponent(step.output).unwrap_or(0));
        let peak = R::peak(self.slice(step.output), exponent);
        let (in_place, int8) = (model.in_place(step), model.is_int8(step));
        let mut before = R::Balance::default();
        for k in 0..if in_place { 0 } else { step.operands } {
            let operand = model.operand(step, k);
            let first_time_here = (0..k).all(|earlier| model.operand(step, earlier) != operand);
            let had_some = if int8 { self.exponent(operand).is_some() } else { self.reach(operand) };
            if first_time_here && had_some {
                before = R::joined(before, self.total(operand));
            }
        }
        Opening { arrived, exponent, peak, before }
    }

    /// Writes a step's entry; returns the total of the last operand.
    #[inline(never)]
    fn close_books(
        &mut self,
        i: usize,
        step: &Step,
        choice: Option<&Choice<'_>>,
        opening: &Opening<R>,
        taken: &Taken<R>,
    ) -> Known<R> {
        let model = self.tape.model;
        let mut after = R::Balance::default();
        let mut known = (usize::MAX, after);
        for k in 0..step.operands {
            let operand = model.operand(step, k);
            if model.in_place(step) {
                self.mark(operand, opening.exponent);
            }
            if (0..k).all(|earlier| model.operand(step, earlier) != operand) {
                known = (operand, self.total(operand));
                after = R::joined(after, known.1);
            }
        }
        let left = R::less(after, opening.before);
        let entry = R::entry(&Closing { op: step.op, rule: choice.map(|c| c.rule), opening, left, taken });
        if let Some(words) = self.books().0.chunks_exact_mut(R::ENTRY_WORDS).nth(i) {
            R::to_words(entry, words);
        }
        known
    }

    /// The operands of an int8 step, one after the other.
    fn operands_back(
        &mut self,
        i: usize,
        step: &Step,
        (choice, condition): (Option<&Choice<'_>>, bool),
        arrived: i8,
    ) -> Taken<R> {
        let mut all = Taken::default();
        for k in (0..step.operands).rev() {
            let operand = self.tape.model.operand(step, k);
            let known = self.exponent(operand);
            let fallen = || R::places(self.slice(step.output), arrived);
            let places = known.map_or_else(fallen, |sink| Places { arrived, sink });
            let (taken, exponent) =
                self.tape.backward_int8::<R>(i, step, k, choice, (places, known.is_none()), condition);
            self.mark(operand, exponent);
            all = Taken { saturated: all.saturated.saturating_add(taken.saturated), ..taken };
        }
        all
    }

    /// Sets the seed; returns the tensor it was set at, and how.
    #[inline(never)]
    fn seed(&mut self, target: &Target<'_>) -> Result<(usize, Start), ExplainError> {
        let model = self.tape.model;
        let tensor = model.seed_tensor(&model.output(target.output));
        let memory = [self.tape.value(tensor), self.tape.relevance(tensor)];
        let Ok([f, r]) = self.tape.arena.get_disjoint_mut(memory) else { return Err(ExplainError::Mode) };
        let f = Values::new(f, &model.tensor(tensor));
        let start = R::seed(&target.seed, f, bytemuck::try_cast_slice_mut(r).unwrap_or(&mut []))?;
        self.mark(tensor, 0);
        Ok((tensor, start))
    }

    /// The ledger's entries, and the marks that say which relevances have been written: one byte per tensor, zero, or
    /// the exponent of the tensor's relevance, see [`mark_of`].
    fn books(&mut self) -> (&mut [u32], &mut [u8]) {
        let model = self.tape.model;
        let start = model.ledger_offset(self.tape.mode).unwrap_or(0) / 4;
        let words = model.steps() * R::ENTRY_WORDS;
        let books = self.tape.arena.get_mut(start..).unwrap_or(&mut []);
        let (entries, marks) = books.split_at_mut_checked(words).unwrap_or((&mut [], &mut []));
        let marks = bytemuck::try_cast_slice_mut(marks).unwrap_or(&mut []);
        (bytemuck::try_cast_slice_mut(entries).unwrap_or(&mut []), marks)
    }

    fn clear_books(&mut self) {
        let tensors = self.tape.model.tensors();
        let (entries, marks) = self.books();
        entries.chunks_exact_mut(R::ENTRY_WORDS).for_each(|words| R::to_words(R::idle(), words));
        marks.iter_mut().take(tensors).for_each(|mark| *mark = 0);
    }

    /// The exponent of a tensor's relevance, if it has any.
    fn exponent(&self, tensor: usize) -> Option<i8> {
        let model = &self.tape.model;
        let start = model.ledger_offset(self.tape.mode).unwrap_or(0) / 4 + model.steps() * R::ENTRY_WORDS;
        let marks: &[u8] = bytemuck::try_cast_slice(self.tape.arena.get(start..).unwrap_or(&[])).unwrap_or(&[]);
        marks.get(tensor).copied().and_then(exponent_of_mark)
    }

    fn mark(&mut self, tensor: usize, exponent: i8) {
        if let Some(mark) = self.books().1.get_mut(tensor) {
            *mark = mark_of(exponent);
        }
    }

    /// Makes sure that a tensor has a relevance: zeros, where none has been written. Returns whether it had.
    fn reach(&mut self, tensor: usize) -> bool {
        if self.exponent(tensor).is_some() {
            return true;
        }
        let place = self.tape.relevance(tensor);
        if let Some(r) = self.tape.arena.get_mut(place) {
            r.fill(0.0);
        }
        self.mark(tensor, 0);
        false
    }

    fn slice(&self, tensor: usize) -> &[R::Word] {
        bytemuck::try_cast_slice(self.tape.arena.get(self.tape.relevance(tensor)).unwrap_or(&[])).unwrap_or(&[])
    }

    /// The total of a tensor; it is not added up anew where it was just now.
    fn total_of(&self, tensor: usize, known: &Known<R>) -> R::Balance {
        if known.0 == tensor { known.1 } else { self.total(tensor) }
    }

    fn total(&self, tensor: usize) -> R::Balance {
        R::balance(self.slice(tensor), self.exponent(tensor).unwrap_or(0))
    }

    fn show(&self, tensor: usize, step: Option<usize>, start: &Start, observer: &mut impl FnMut(Observed<'_, R>)) {
        let kept = self.tape.mode == Mode::Retain && !self.tape.model.is_overwritten(tensor);
        let value = if kept { self.tape.values_of(tensor) } else { None };
        let unit = start.unit_at(self.exponent(tensor).unwrap_or(0));
        observer(Observed { tensor, step, relevance: self.slice(tensor), unit, value });
    }
}

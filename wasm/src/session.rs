//! A session whose relevance is of floats, or of integers alone.

use relprop::{
    Composite, Entry, ExplainError, Explanation, Fixed, Mode, Model, Relevance, RunError, Session, SessionError,
    Target, Values, Whole,
};

/// A session that lives as long as its memory.
pub enum Open<'a> {
    /// Relevance in floats.
    Floats(Session<'a, 'a>),
    /// Relevance in integers.
    Integers(Session<'a, 'a, Fixed>),
}

/// What came back from one pass, as real numbers in the kernel's order.
pub struct Passed {
    /// Relevance of every input.
    pub relevances: Vec<Vec<f32>>,
    /// Steps and the relevance that arrived at them, the last one first; empty if it was not asked for.
    pub layers: Vec<(usize, Vec<f32>)>,
    /// The value of the class that is explained.
    pub value: f32,
    /// Where relevance went.
    pub books: Books<Entry, f32>,
    /// The integers that all these were, where they were integers.
    pub exact: Option<Exact>,
}

/// The integers behind an explanation.
pub struct Exact {
    /// Relevance of every input, and what one unit of it is worth.
    pub relevances: Vec<(Vec<i32>, f32)>,
    /// Where relevance went.
    pub books: Books<Whole, i64>,
    /// What one unit of the books is worth.
    pub unit: f32,
}

/// A ledger that outlives its session.
pub struct Books<E, F> {
    /// One entry per step.
    pub entries: Vec<E>,
    /// Their sums.
    pub totals: E,
    /// What is left when all is added up.
    pub imbalance: F,
}

impl<'a> Open<'a> {
    /// Opens a session; `fixed` for relevance in integers alone.
    ///
    /// # Errors
    /// As the kernel says: integers need a network that is int8 throughout.
    pub fn new(model: &Model<'a>, arena: &'a mut [u8], fixed: bool) -> Result<Self, SessionError> {
        Ok(if fixed {
            Self::Integers(Session::new_fixed(model, arena, Mode::Explain)?)
        } else {
            Self::Floats(Session::new(model, arena, Mode::Explain)?)
        })
    }

    /// The model, at the length of the last run.
    pub fn model(&self) -> &Model<'a> {
        match self {
            Self::Floats(session) => session.model(),
            Self::Integers(session) => session.model(),
        }
    }

    /// Runs on real numbers.
    ///
    /// # Errors
    /// As the kernel says; the last run stands.
    pub fn run(&mut self, inputs: &[&[f32]]) -> Result<(), RunError> {
        match self {
            Self::Floats(session) => session.run_all(inputs).map(drop),
            Self::Integers(session) => {
                let integers = quantized(session.model(), inputs)?;
                let slices: Vec<&[i8]> = integers.iter().map(Vec::as_slice).collect();
                session.run_int8(&slices).map(drop)
            }
        }
    }

    /// Runs on tokens. Networks of integers alone have none.
    ///
    /// # Errors
    /// As the kernel says; the last run stands.
    pub fn run_tokens(&mut self, tokens: &[u16]) -> Result<(), RunError> {
        match self {
            Self::Floats(session) => session.run_tokens(tokens).map(drop),
            Self::Integers(_) => Err(RunError::NotTokens { input: 0 }),
        }
    }

    /// Runs on English. Networks of integers alone read none.
    ///
    /// # Errors
    /// As the kernel says; the last run stands.
    pub fn run_text(&mut self, text: &str) -> Result<(), RunError> {
        match self {
            Self::Floats(session) => session.run_text(text).map(drop),
            Self::Integers(_) => Err(RunError::NotText { input: 0 }),
        }
    }

    /// The first output of the last run.
    pub fn output(&self) -> Option<Values<'_>> {
        match self {
            Self::Floats(session) => session.output(0),
            Self::Integers(session) => session.output(0),
        }
    }

    /// The same before any softmax; not after an explanation.
    pub fn logits(&self) -> Option<Values<'_>> {
        match self {
            Self::Floats(session) => session.logits(0),
            Self::Integers(session) => session.logits(0),
        }
    }

    /// Explains the last run; with the relevance that arrived at each step, if it is asked for.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn explain(
        &mut self,
        target: &Target<'_>,
        composite: &Composite<'_>,
        with_layers: bool,
    ) -> Result<Passed, ExplainError> {
        let inputs = self.model().inputs();
        match self {
            Self::Floats(session) => {
                let (explanation, layers) = pass(session, target, composite, with_layers, |words, _| words.to_vec())?;
                let ledger = explanation.ledger();
                let books = Books {
                    entries: ledger.entries().collect(),
                    totals: ledger.totals(),
                    imbalance: ledger.imbalance(),
                };
                let relevances = inputs_of(inputs, &explanation, |words, _| words.to_vec());
                Ok(Passed { relevances, layers, value: explanation.value(), books, exact: None })
            }
            Self::Integers(session) => {
                let (explanation, layers) = pass(session, target, composite, with_layers, real)?;
                let (ledger, unit) = (explanation.ledger(), explanation.ledger_unit());
                let exact = Books {
                    entries: ledger.entries().collect::<Vec<_>>(),
                    totals: ledger.totals(),
                    imbalance: ledger.imbalance(),
                };
                let books = Books {
                    entries: exact.entries.iter().map(|whole| whole.real(unit)).collect(),
                    totals: exact.totals.real(unit),
                    imbalance: figure(exact.imbalance, unit),
                };
                let relevances = inputs_of(inputs, &explanation, real);
                let words = inputs_of(inputs, &explanation, |words, unit| (words.to_vec(), unit));
                let exact = Some(Exact { relevances: words, books: exact, unit });
                Ok(Passed { relevances, layers, value: explanation.value(), books, exact })
            }
        }
    }
}

/// One pass back, and the relevance of steps on the way.
#[expect(clippy::type_complexity, reason = "the two of them, once")]
fn pass<'s, R: Relevance>(
    session: &'s mut Session<'_, '_, R>,
    target: &Target<'_>,
    composite: &Composite<'_>,
    with_layers: bool,
    real: fn(&[R::Word], f32) -> Vec<f32>,
) -> Result<(Explanation<'s, R>, Vec<(usize, Vec<f32>)>), ExplainError> {
    let mut layers = Vec::new();
    let explanation = session.explain_with(target, composite, |seen| {
        if let Some(step) = seen.step.filter(|_| with_layers) {
            layers.push((step, real(seen.relevance, seen.unit)));
        }
    })?;
    Ok((explanation, layers))
}

fn inputs_of<R: Relevance, T>(inputs: usize, explanation: &Explanation<'_, R>, of: fn(&[R::Word], f32) -> T) -> Vec<T> {
    (0..inputs).map(|i| of(explanation.relevance_of(i), explanation.unit_of(i))).collect()
}

/// Integers as real numbers.
fn real(words: &[i32], unit: f32) -> Vec<f32> {
    words.iter().map(|word| figure(i64::from(*word), unit)).collect()
}

fn figure(units: i64, unit: f32) -> f32 {
    (units as f64 * f64::from(unit)) as f32
}

/// Inputs as the network holds them.
fn quantized(model: &Model<'_>, inputs: &[&[f32]]) -> Result<Vec<Vec<i8>>, RunError> {
    if inputs.len() != model.inputs() {
        return Err(RunError::InputCount { expected: model.inputs(), given: inputs.len() });
    }
    let one = |(i, values): (usize, &&[f32])| {
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            return Err(RunError::NotFinite { input: i, index });
        }
        let tensor = model.tensor(model.input(i).tensor);
        Ok(values.iter().map(|value| tensor.quantized(*value)).collect())
    };
    inputs.iter().enumerate().map(one).collect()
}

//! A session whose relevance is of floats, or of integers alone.

use crate::args::RelevanceType;
use crate::books::Books;
use crate::input::{is_int8, takes_tokens};
use relprop::{Composite, ExplainError, Fixed, Mode, Model, RunError, SessionError, Target, Values};

/// Either kind of session.
pub enum Session<'m, 'a> {
    /// Relevance in floats.
    Floats(relprop::Session<'m, 'a>),
    /// Relevance in integers.
    Integers(relprop::Session<'m, 'a, Fixed>),
}

/// What came back from one pass.
pub struct Passed {
    /// Relevance of every input as real numbers, in the kernel's order.
    pub relevance: Vec<Vec<f32>>,
    /// The integers that these were, where they were integers.
    pub exact: Vec<Words>,
    /// Where relevance went.
    pub books: Books,
}

/// Relevance of one input as it is on a device.
#[derive(Clone, Debug)]
pub struct Words {
    /// The integers, in the kernel's order.
    pub words: Vec<i32>,
    /// What one of them is worth.
    pub unit: f32,
}

impl Words {
    /// As real numbers.
    fn real(&self) -> Vec<f32> {
        let unit = f64::from(self.unit);
        self.words.iter().map(|word| (f64::from(*word) * unit) as f32).collect()
    }
}

impl<'m, 'a> Session<'m, 'a> {
    /// Opens a session.
    ///
    /// # Errors
    /// Integers were asked for, and a step needs floats.
    pub fn open(
        model: &Model<'m>,
        arena: &'a mut [u8],
        mode: Mode,
        relevance: RelevanceType,
    ) -> Result<Self, SessionError> {
        Ok(match relevance {
            RelevanceType::F32 => Self::Floats(relprop::Session::new(model, arena, mode)?),
            RelevanceType::Fixed => Self::Integers(relprop::Session::new_fixed(model, arena, mode)?),
        })
    }

    /// The model.
    pub fn model(&self) -> &Model<'m> {
        match self {
            Self::Floats(session) => session.model(),
            Self::Integers(session) => session.model(),
        }
    }

    /// Runs the network on real numbers; inputs of int8 are quantised, and those of tokens are whole numbers.
    pub fn run(&mut self, inputs: &[&[f32]]) -> Result<(), RunError> {
        match self {
            Self::Floats(session) => match inputs {
                [tokens] if takes_tokens(session.model(), 0) => {
                    let tokens: Vec<u16> = tokens.iter().map(|&token| token as u16).collect();
                    session.run_tokens(&tokens).map(drop)
                }
                _ => session.run_all(inputs).map(drop),
            },
            Self::Integers(session) => {
                let model = *session.model();
                let quantized = |(i, values): (usize, &&[f32])| {
                    let tensor = (i < model.inputs()).then(|| model.tensor(model.input(i).tensor));
                    values.iter().map(|v| tensor.map_or(0, |tensor| tensor.quantized(*v))).collect()
                };
                let integers: Vec<Vec<i8>> = inputs.iter().enumerate().map(quantized).collect();
                self.run_int8(&integers.iter().map(Vec::as_slice).collect::<Vec<_>>())
            }
        }
    }

    /// Runs the network on integers.
    pub fn run_int8(&mut self, inputs: &[&[i8]]) -> Result<(), RunError> {
        match self {
            Self::Floats(session) => session.run_int8(inputs).map(drop),
            Self::Integers(session) => session.run_int8(inputs).map(drop),
        }
    }

    /// An output of the last run, in the kernel's order.
    pub fn output(&self, output: usize) -> Option<Values<'_>> {
        match self {
            Self::Floats(session) => session.output(output),
            Self::Integers(session) => session.output(output),
        }
    }

    /// What an output of the last run was before any softmax; not after an explanation.
    pub fn logits(&self, output: usize) -> Option<Values<'_>> {
        match self {
            Self::Floats(session) => session.logits(output),
            Self::Integers(session) => session.logits(output),
        }
    }

    /// One pass back.
    pub fn explain(&mut self, target: &Target<'_>, composite: &Composite<'_>) -> Result<Passed, ExplainError> {
        let inputs = 0..self.model().inputs();
        match self {
            Self::Floats(session) => {
                let explanation = session.explain(target, composite)?;
                let relevance = inputs.map(|i| explanation.relevance_of(i).to_vec()).collect();
                Ok(Passed { relevance, exact: Vec::new(), books: Books::of_floats(&explanation) })
            }
            Self::Integers(session) => {
                let explanation = session.explain(target, composite)?;
                let words = |i| Words { words: explanation.relevance_of(i).to_vec(), unit: explanation.unit_of(i) };
                let exact: Vec<Words> = inputs.map(words).collect();
                let relevance = exact.iter().map(Words::real).collect();
                Ok(Passed { relevance, exact, books: Books::of_integers(&explanation) })
            }
        }
    }

    /// The session of floats, which methods of several passes need.
    pub fn floats(&mut self) -> Option<&mut relprop::Session<'m, 'a>> {
        match self {
            Self::Floats(session) => Some(session),
            Self::Integers(_) => None,
        }
    }
}

/// Inputs of int8 among those of a model.
pub fn int8_inputs(model: &Model<'_>) -> usize {
    (0..model.inputs()).filter(|&i| is_int8(model, i)).count()
}

//! What can go wrong, in small enums that name the place and the reason.

use core::fmt;

/// Which part of an image an [`ImageError`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Place {
    /// The header.
    Header,
    /// An entry of the section table.
    Section,
    /// A tensor record.
    Tensor,
    /// A step record.
    Step,
    /// A port record, inputs first.
    Port,
    /// A string.
    String,
    /// A memory plan: 0 infer, 1 explain, 2 retain.
    Plan,
}

/// Why an image is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Reason {
    /// Shorter than its header says, or than a header.
    Truncated,
    /// Does not begin with the magic bytes: not a model image.
    NotAnImage,
    /// Written for another version of the format.
    UnknownVersion,
    /// The checksum disagrees: the image is damaged.
    Checksum,
    /// A reserved byte is not zero.
    Reserved,
    /// An undefined flag is set.
    UnknownFlag,
    /// A section or block lies outside the file, overlaps, or is not aligned.
    Bounds,
    /// Not valid UTF-8.
    Text,
    /// An element type this kernel does not know.
    UnknownType,
    /// An op this kernel does not know.
    UnknownOp,
    /// A variant of an op that this kernel does not know.
    UnknownVariant,
    /// An index points past the end of what it indexes.
    Index,
    /// A size is zero or too large to address.
    Size,
    /// Shapes do not fit together.
    Shape,
    /// The wrong number of operands.
    Operands,
    /// A parameter block has the wrong length.
    Params,
    /// An attribute is out of range or not finite.
    Attribute,
    /// A step that does not rescale joins tensors of different units.
    Scale,
    /// A step reads a tensor before it is written, or a tensor is written twice or never.
    Order,
    /// A tensor is said to be non-negative but need not be.
    Sign,
    /// Shared storage where a step cannot work in place.
    Storage,
    /// A lifetime in the plan is shorter than the steps need.
    Lifetime,
    /// Two tensors that live at the same time share memory.
    Overlap,
    /// The arena size in the plan is too small for its tensors.
    Arena,
    /// No input, no output, or no step.
    Empty,
    /// A port is not a tensor that can be fed or read.
    Port,
    /// A sequence whose length may change meets a step that needs a fixed one.
    Sequence,
    /// The words of a text input are not in rising order.
    Words,
}

impl Reason {
    /// The reason as a sentence.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Truncated => "the image is truncated",
            Self::NotAnImage => "not a relprop model image",
            Self::UnknownVersion => "written for another version of the image format",
            Self::Checksum => "the checksum disagrees: the image is damaged",
            Self::Reserved => "a reserved byte is not zero",
            Self::UnknownFlag => "an unknown flag is set",
            Self::Bounds => "lies outside the file, overlaps another section or is not aligned",
            Self::Text => "not valid UTF-8",
            Self::UnknownType => "unknown element type",
            Self::UnknownOp => "an op that this kernel does not know, or was built without",
            Self::UnknownVariant => "unknown variant of this op",
            Self::Index => "an index points past the end",
            Self::Size => "a size is zero or too large",
            Self::Shape => "shapes do not fit together",
            Self::Operands => "wrong number of operands",
            Self::Params => "a parameter block has the wrong length",
            Self::Attribute => "an attribute is out of range",
            Self::Sequence => "a sequence of changing length meets a step that needs a fixed one",
            Self::Words => "the words of a text input are not in rising order",
            Self::Scale => "tensors of different scale or zero point meet where nothing rescales",
            Self::Order => "a tensor is read before it is written, written twice or never written",
            Self::Sign => "a tensor is called non-negative but need not be",
            Self::Storage => "storage is shared where the step cannot work in place",
            Self::Lifetime => "a planned lifetime is shorter than the steps need",
            Self::Overlap => "two tensors that live at the same time share memory",
            Self::Arena => "the planned arena is too small for its tensors",
            Self::Empty => "there is no input, no output or no step",
            Self::Port => "not a tensor that can be fed or read",
        }
    }
}

/// An image was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ImageError {
    /// The kind of record.
    pub place: Place,
    /// Which one.
    pub index: usize,
    /// What is wrong with it.
    pub reason: Reason,
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.place {
            Place::Header => return write!(f, "header: {}", self.reason.message()),
            Place::Section => "section",
            Place::Tensor => "tensor",
            Place::Step => "step",
            Place::Port => "port",
            Place::String => "string",
            Place::Plan => "plan",
        };
        write!(f, "{place} {}: {}", self.index, self.reason.message())
    }
}

impl core::error::Error for ImageError {}

/// A session could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SessionError {
    /// The arena is too small.
    ArenaTooSmall {
        /// Bytes that are needed, counted from the first aligned byte of the arena.
        needed: usize,
        /// Bytes that there are from there.
        available: usize,
    },
    /// The image does not begin at a multiple of 4 bytes: `include_model!` and `Arena` align, a `Vec<u8>` need not.
    Misaligned,
    /// Relevance in integers was asked for, and a step needs floats.
    NeedsFloats {
        /// The step.
        step: usize,
    },
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ArenaTooSmall { needed, available } => {
                write!(f, "the arena has {available} bytes, {needed} are needed")
            }
            Self::Misaligned => f.write_str("the model image must start at a multiple of 4 bytes"),
            Self::NeedsFloats { step } => write!(f, "step {step} needs floats: no relevance in integers alone"),
        }
    }
}

impl core::error::Error for SessionError {}

/// An inference could not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RunError {
    /// The wrong number of inputs.
    InputCount {
        /// Inputs of the model.
        expected: usize,
        /// Inputs given.
        given: usize,
    },
    /// An input has the wrong length.
    InputLength {
        /// Which input.
        input: usize,
        /// Elements it must have.
        expected: usize,
        /// Elements given.
        given: usize,
    },
    /// An input element is NaN or infinite.
    NotFinite {
        /// Which input.
        input: usize,
        /// Which element.
        index: usize,
    },
    /// Integers were given for an input of floats.
    NotInt8 {
        /// Which input.
        input: usize,
    },
    /// Numbers were given for an input of tokens.
    TakesTokens {
        /// Which input.
        input: usize,
    },
    /// Tokens were given for an input of numbers.
    NotTokens {
        /// Which input.
        input: usize,
    },
    /// A text was given for an input that is none.
    NotText {
        /// Which input.
        input: usize,
    },
    /// A text without words.
    NoWords,
    /// A text with more words than the model is planned for.
    TooManyWords {
        /// Most words.
        most: usize,
        /// Words given.
        given: usize,
    },
    /// A token has no row in the embedding.
    NoSuchToken {
        /// Which one of those given.
        index: usize,
        /// The token.
        token: u16,
        /// How many tokens there are.
        tokens: usize,
    },
    /// A sequence is empty, too long, or ends amid a moment; or sequences differ in length.
    SequenceLength {
        /// Which input.
        input: usize,
        /// Elements of a moment.
        moment: usize,
        /// Most moments.
        most: usize,
        /// Elements given.
        given: usize,
    },
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InputCount { expected, given } => {
                write!(f, "the model has {expected} inputs, {given} were given")
            }
            Self::InputLength { input, expected, given } => {
                write!(f, "input {input} has {expected} elements, {given} were given")
            }
            Self::NotFinite { input, index } => {
                write!(f, "input {input}, element {index} is not a finite number")
            }
            Self::NotInt8 { input } => write!(f, "input {input} takes floats, integers were given"),
            Self::TakesTokens { input } => write!(f, "input {input} takes tokens, numbers were given"),
            Self::NotTokens { input } => write!(f, "input {input} takes numbers, tokens were given"),
            Self::NotText { input } => write!(f, "input {input} takes no text"),
            Self::NoWords => write!(f, "the text has no words"),
            Self::TooManyWords { most, given } => {
                write!(f, "the text has {given} words and marks, the model takes at most {most}")
            }
            Self::NoSuchToken { index, token, tokens } => {
                write!(f, "token {token} (the one at {index}) is not one of the model's {tokens}")
            }
            Self::SequenceLength { input, moment, most, given } => write!(
                f,
                "input {input} is a sequence of 1 to {most} moments of {moment} elements, {given} elements were given"
            ),
        }
    }
}

impl core::error::Error for RunError {}

/// Why a rule cannot be applied to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Mismatch {
    /// The rule shares relevance among the terms of a sum, and the step computes none.
    NotLinear,
    /// The rule is for steps with weights.
    NoWeights,
    /// The rule is for `ReLU`.
    NotRelu,
    /// The rule is for max pooling.
    NotMaxPool,
    /// The rule is for local response normalisation.
    NotLocalResponseNorm,
    /// The rule passes relevance on unchanged, and outputs do not belong to inputs one to one.
    NotOneToOne,
    /// The stabiliser depends on all outputs of the step, which an int8 step never knows at once.
    StabilizerNorm,
    /// What the bias takes is to be spread over the inputs, which an int8 step does not do under this rule.
    Redistribute,
    /// Integers cannot tell terms that cancel from there being none, and the rule must.
    Cancelling,
    /// The rule takes derivatives, and relevance is of integers alone.
    NoDerivative,
    /// The rule has no form for this kind of step in int8.
    NoInt8,
    /// Gates are to get a part of the relevance, which a recurrent step in int8 leaves to the signals.
    Gates,
}

impl Mismatch {
    /// The reason as a sentence.
    pub const fn message(self) -> &'static str {
        match self {
            Self::NotLinear => "it shares relevance among the terms of a sum, and the step computes none",
            Self::NoWeights => "it is for steps with weights",
            Self::NotRelu => "it is for ReLU",
            Self::NotMaxPool => "it is for max pooling",
            Self::NotLocalResponseNorm => "it is for local response normalisation",
            Self::NotOneToOne => "the step's outputs do not belong to its inputs one to one",
            Self::StabilizerNorm => "its stabilizer needs the norm of all outputs, which an int8 step never knows",
            Self::Redistribute => "under it an int8 step cannot spread what the bias takes over the inputs",
            Self::Cancelling => "integers cannot tell terms that cancel from there being none",
            Self::NoDerivative => "it takes derivatives, and relevance is of integers alone",
            Self::NoInt8 => "it has no form for this kind of step in int8",
            Self::Gates => "a recurrent step in int8 gives its gates nothing",
        }
    }
}

/// An explanation was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ExplainError {
    /// `run` comes first.
    NotRun,
    /// The session was opened for inference only, or without the activations that this needs.
    Mode,
    /// The model has no such output.
    NoSuchOutput {
        /// The output asked for.
        output: usize,
    },
    /// The output has no such class.
    NoSuchClass {
        /// The class asked for.
        class: usize,
        /// Classes that there are.
        classes: usize,
    },
    /// The relevance given as a seed has the wrong length or is not finite.
    Seed,
    /// The composite has no rule for this step.
    NoRule {
        /// The step.
        step: usize,
    },
    /// The rule cannot be applied to this step.
    RuleMismatch {
        /// The step.
        step: usize,
        /// Why.
        reason: Mismatch,
    },
    /// A parameter of the step's rule is out of range: not finite, negative, or `α − β ≠ 1`.
    RuleParameter {
        /// The step.
        step: usize,
    },
    /// A bound of the step's z^B rule has neither one element, nor one per channel, nor one per input element.
    BoundLength {
        /// The step.
        step: usize,
    },
    /// No step has this name or position.
    NoSuchStep,
    /// A buffer of the caller's has the wrong length.
    BufferLength {
        /// Elements it must have.
        expected: usize,
    },
    /// The inference inside a loop (smoothgrad, say) was refused.
    Run(RunError),
}

impl From<RunError> for ExplainError {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}

impl fmt::Display for ExplainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRun => f.write_str("run the model before explaining it"),
            Self::Mode => f.write_str("the session's mode does not keep what this explanation needs"),
            Self::NoSuchOutput { output } => write!(f, "the model has no output {output}"),
            Self::NoSuchClass { class, classes } => {
                write!(f, "there is no class {class}, the output has {classes}")
            }
            Self::Seed => f.write_str("the seed must be finite and have one element per output element"),
            Self::NoRule { step } => write!(f, "the composite has no rule for step {step}"),
            Self::RuleMismatch { step, reason } => {
                write!(f, "the rule does not apply to step {step}: {}", reason.message())
            }
            Self::RuleParameter { step } => write!(f, "a parameter of the rule of step {step} is out of range"),
            Self::BoundLength { step } => {
                write!(f, "the bounds of step {step} need one element, one per channel or one per input")
            }
            Self::NoSuchStep => f.write_str("there is no such step"),
            Self::BufferLength { expected } => write!(f, "the buffer needs {expected} elements"),
            Self::Run(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ExplainError {}

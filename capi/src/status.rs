//! What functions return, and what it means.

use core::ffi::{CStr, c_char};
use core::fmt;
use relprop::limits::{Exceeded, Limit, OpenError};
use relprop::{ExplainError, ImageError, RunError, SessionError};

/// What a function returns. `relprop_status_text` says it in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Status {
    /// It did what it should.
    Ok = 0,
    /// A pointer is null.
    NullPointer = 1,
    /// A pointer is not aligned for what it points to.
    Misaligned = 2,
    /// A length is not the one that is needed, or larger than memory can be.
    Length = 3,
    /// Memory overlaps that must not: an input or a result lies in the arena, the arena in the image or in a handle.
    Overlap = 4,
    /// The handle was never opened, or was moved since.
    NotOpen = 5,
    /// A number or a name stands for nothing: a mode, a preset, a seed.
    Unknown = 6,
    /// There is no input, output, step or class with this number.
    NoSuchIndex = 7,
    /// More inputs than a call can take.
    TooManyInputs = 8,
    /// There is no explanation: none was made since the last run.
    NotExplained = 9,
    /// The values are not int8.
    ValuesNotInt8 = 10,
    /// The image is refused.
    Image = 20,
    /// The arena is too small.
    ArenaTooSmall = 21,
    /// The image does not begin at a multiple of 4 bytes.
    ImageMisaligned = 22,
    /// Relevance in integers was asked for, and a step needs floats.
    NeedsFloats = 23,
    /// The model asks for more than the limits give.
    Exceeded = 24,
    /// The model has another number of inputs.
    InputCount = 30,
    /// An input has the wrong length.
    InputLength = 31,
    /// An element of an input is not a finite number.
    NotFinite = 32,
    /// Integers were given for an input of floats.
    NotInt8 = 33,
    /// Numbers were given for an input of tokens.
    TakesTokens = 34,
    /// Tokens were given for an input of numbers.
    NotTokens = 35,
    /// A text was given for an input that takes none.
    NotText = 36,
    /// The text has no words, or is not UTF-8.
    NoWords = 37,
    /// The text has more words than the model is planned for.
    TooManyWords = 38,
    /// A token is not one of the model's.
    NoSuchToken = 39,
    /// A sequence is empty, too long, or ends amid a moment.
    SequenceLength = 40,
    /// Nothing was run yet.
    NotRun = 50,
    /// The session's mode does not keep what this needs.
    WrongMode = 51,
    /// The model has no such output.
    NoSuchOutput = 52,
    /// The output has no such class.
    NoSuchClass = 53,
    /// The relevance to start with has the wrong length, or is not finite.
    Seed = 54,
    /// The composite has no rule for a step.
    NoRule = 55,
    /// A rule does not apply to a step.
    RuleMismatch = 56,
    /// A parameter of a rule is out of range.
    RuleParameter = 57,
    /// Something else, which a later version of the kernel refuses.
    Other = 99,
}

impl Status {
    const fn text(self) -> &'static CStr {
        match self {
            Self::Ok => c"all is well",
            Self::NullPointer => c"a pointer is null",
            Self::Misaligned => c"a pointer is not aligned",
            Self::Length => c"a length is wrong",
            Self::Overlap => c"memory overlaps that must not",
            Self::NotOpen => c"the handle was never opened, or was moved since",
            Self::Unknown => c"a number or a name stands for nothing",
            Self::NoSuchIndex => c"there is no input, output, step or class with this number",
            Self::TooManyInputs => c"more inputs than a call can take",
            Self::NotExplained => c"explain the run first",
            Self::ValuesNotInt8 => c"the values are not int8",
            Self::Image => c"the image is refused",
            Self::ArenaTooSmall => c"the arena is too small",
            Self::ImageMisaligned => c"the image must start at a multiple of 4 bytes",
            Self::NeedsFloats => c"a step needs floats: no relevance in integers alone",
            Self::Exceeded => c"the model asks for more than the limits give",
            Self::InputCount => c"the model has another number of inputs",
            Self::InputLength => c"an input has the wrong length",
            Self::NotFinite => c"an element of an input is not a finite number",
            Self::NotInt8 => c"an input takes floats, integers were given",
            Self::TakesTokens => c"an input takes tokens, numbers were given",
            Self::NotTokens => c"an input takes numbers, tokens were given",
            Self::NotText => c"an input takes no text",
            Self::NoWords => c"the text has no words, or is not UTF-8",
            Self::TooManyWords => c"the text has too many words",
            Self::NoSuchToken => c"a token is not one of the model's",
            Self::SequenceLength => c"a sequence is empty, too long, or ends amid a moment",
            Self::NotRun => c"run the model before explaining it",
            Self::WrongMode => c"the session's mode does not keep what this needs",
            Self::NoSuchOutput => c"the model has no such output",
            Self::NoSuchClass => c"the output has no such class",
            Self::Seed => c"the seed must be finite and have one element per output element",
            Self::NoRule => c"the composite has no rule for a step",
            Self::RuleMismatch => c"a rule does not apply to a step",
            Self::RuleParameter => c"a parameter of a rule is out of range",
            Self::Other => c"refused",
        }
    }

    const ALL: [Self; 36] = [
        Self::Ok,
        Self::NullPointer,
        Self::Misaligned,
        Self::Length,
        Self::Overlap,
        Self::NotOpen,
        Self::Unknown,
        Self::NoSuchIndex,
        Self::TooManyInputs,
        Self::NotExplained,
        Self::ValuesNotInt8,
        Self::Image,
        Self::ArenaTooSmall,
        Self::ImageMisaligned,
        Self::NeedsFloats,
        Self::Exceeded,
        Self::InputCount,
        Self::InputLength,
        Self::NotFinite,
        Self::NotInt8,
        Self::TakesTokens,
        Self::NotTokens,
        Self::NotText,
        Self::NoWords,
        Self::TooManyWords,
        Self::NoSuchToken,
        Self::SequenceLength,
        Self::NotRun,
        Self::WrongMode,
        Self::NoSuchOutput,
        Self::NoSuchClass,
        Self::Seed,
        Self::NoRule,
        Self::RuleMismatch,
        Self::RuleParameter,
        Self::Other,
    ];
}

/// What a status means, in words that last as long as the program. Never null.
#[unsafe(no_mangle)]
pub extern "C" fn relprop_status_text(status: u32) -> *const c_char {
    let known = Status::ALL.into_iter().find(|known| *known as u32 == status);
    known.map_or(c"no status of this library", Status::text).as_ptr()
}

/// Why a call was refused, with the figures that belong to it.
#[derive(Clone, Copy, Debug)]
pub enum Failure {
    /// The call itself was wrong.
    Call(Status),
    /// The kernel's reason to refuse an image.
    Image(ImageError),
    /// … a session.
    Session(SessionError),
    /// … an inference.
    Run(RunError),
    /// … an explanation.
    Explain(ExplainError),
    /// A limit of the caller's. The two numbers are in halves: a handle is aligned for words.
    Exceeded {
        /// Which.
        limit: Limit,
        /// How much the model needs.
        needed: [u32; 2],
        /// How much there is.
        most: [u32; 2],
    },
}

impl Failure {
    /// Nothing failed yet.
    pub const NONE: Self = Self::Call(Status::Ok);

    /// What the function returns.
    pub fn status(self) -> Status {
        match self {
            Self::Call(status) => status,
            Self::Image(_) => Status::Image,
            Self::Exceeded { .. } => Status::Exceeded,
            Self::Session(error) => of_session(error),
            Self::Run(error) => of_run(error),
            Self::Explain(error) => of_explanation(error),
        }
    }
}

fn of_session(error: SessionError) -> Status {
    match error {
        SessionError::ArenaTooSmall { .. } => Status::ArenaTooSmall,
        SessionError::Misaligned => Status::ImageMisaligned,
        SessionError::NeedsFloats { .. } => Status::NeedsFloats,
        _ => Status::Other,
    }
}

fn of_run(error: RunError) -> Status {
    match error {
        RunError::InputCount { .. } => Status::InputCount,
        RunError::InputLength { .. } => Status::InputLength,
        RunError::NotFinite { .. } => Status::NotFinite,
        RunError::NotInt8 { .. } => Status::NotInt8,
        RunError::TakesTokens { .. } => Status::TakesTokens,
        RunError::NotTokens { .. } => Status::NotTokens,
        RunError::NotText { .. } => Status::NotText,
        RunError::NoWords => Status::NoWords,
        RunError::TooManyWords { .. } => Status::TooManyWords,
        RunError::NoSuchToken { .. } => Status::NoSuchToken,
        RunError::SequenceLength { .. } => Status::SequenceLength,
        _ => Status::Other,
    }
}

fn of_explanation(error: ExplainError) -> Status {
    match error {
        ExplainError::NotRun => Status::NotRun,
        ExplainError::Mode => Status::WrongMode,
        ExplainError::NoSuchOutput { .. } => Status::NoSuchOutput,
        ExplainError::NoSuchClass { .. } => Status::NoSuchClass,
        ExplainError::Seed => Status::Seed,
        ExplainError::NoRule { .. } => Status::NoRule,
        ExplainError::RuleMismatch { .. } => Status::RuleMismatch,
        ExplainError::RuleParameter { .. } => Status::RuleParameter,
        ExplainError::Run(error) => of_run(error),
        _ => Status::Other,
    }
}

fn halves(number: u64) -> [u32; 2] {
    [number & u64::from(u32::MAX), number >> 32].map(|half| u32::try_from(half).unwrap_or(u32::MAX))
}

fn whole([low, high]: [u32; 2]) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(status) => f.write_str(status.text().to_str().unwrap_or_default()),
            Self::Image(error) => error.fmt(f),
            Self::Exceeded { limit, needed, most } => {
                Exceeded { limit: *limit, needed: whole(*needed), most: whole(*most) }.fmt(f)
            }
            Self::Session(error) => error.fmt(f),
            Self::Run(error) => error.fmt(f),
            Self::Explain(error) => error.fmt(f),
        }
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Call(status)
    }
}

impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Self {
        Self::Image(error)
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Image(error) => Self::Image(error),
            OpenError::Exceeded(Exceeded { limit, needed, most }) => {
                Self::Exceeded { limit, needed: halves(needed), most: halves(most) }
            }
        }
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}

impl From<ExplainError> for Failure {
    fn from(error: ExplainError) -> Self {
        Self::Explain(error)
    }
}

#[cfg(test)]
mod tests {
    use super::{Failure, Status};
    use relprop::limits::{Exceeded, Limit, OpenError};

    #[test]
    fn figures_of_more_than_32_bits_are_whole() {
        let exceeded = Exceeded { limit: Limit::Explain, needed: (7 << 32) + 5, most: (6 << 32) + 9 };
        let failure = Failure::from(OpenError::Exceeded(exceeded));
        assert_eq!(failure.to_string(), exceeded.to_string());
        assert_eq!(failure.status(), Status::Exceeded);
    }
}

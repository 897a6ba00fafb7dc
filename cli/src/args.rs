//! The command line, as `--help` shows it.

use crate::spec::{BoundSpec, Method, RULES, RuleArg, SeedRelevance, TargetSpec};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use relprop::Limits;
use std::path::PathBuf;

/// Explain what neural networks say: layer-wise relevance propagation.
///
/// Without a command, relprop explains a digit that it brings along.
#[derive(Parser)]
#[command(name = "relprop", version, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    #[arg(help = "Colour: on a terminal, always (for less -R), or never; NO_COLOR is obeyed", long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
}

/// When to use colour.
#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// Where it can be seen.
    #[default]
    Auto,
    /// Even into a pipe.
    Always,
    /// Characters only.
    Never,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Say which parts of an input made the network say what it said
    Explain(Box<ExplainArgs>),
    /// Say how far two explanations agree: of two networks, by two composites, or in floats and in integers
    Compare(Box<CompareArgs>),
    /// Run a network
    ///
    /// Percentages are shown of outputs with labels, of a softmax, and of vectors of up to 1000 numbers that are not as long
    /// as an input.
    Run(RunArgs),
    /// Show what is in a model: steps, rules, memory
    Inspect(InspectArgs),
    /// Turn an ONNX or TensorFlow Lite file into a model image
    Convert(ConvertArgs),
    /// Turn a float model into one of 8-bit integers, a quarter the size
    Quantize(QuantizeArgs),
    /// Measure accuracy and conservation on the MNIST test digits, or accuracy and word deletion on the sentiment treebank
    Eval(EvalArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// `relprop explain`
#[derive(Args, Default)]
#[command(after_long_help = JSON_HELP)]
pub struct ExplainArgs {
    /// A model image (.rlp), an ONNX file or a TensorFlow Lite file; a digit reader that comes with relprop if left out
    pub model: Option<PathBuf>,
    /// A .npy file (with or without a batch axis), a picture, or images-idx3-ubyte.gz#17
    ///
    /// For a model with several inputs: NAME=FILE for each of them.
    #[arg(value_name = "INPUT")]
    pub inputs: Vec<String>,

    /// A text to explain, for a network that reads; - stands for standard input, one text a line
    #[arg(long, value_name = "TEXT", conflicts_with = "inputs", allow_hyphen_values = true)]
    pub text: Option<String>,
    /// Read only the beginning of a text that has more words than the network takes
    #[arg(long)]
    pub truncate: bool,
    /// What to explain: top, a class (number or label), all (every class with its score), or K-L: why K and not L
    #[arg(long, value_name = "top|K|all|K-L", default_value = "top")]
    pub target: TargetSpec,
    /// How relevance starts: with the class's value before any softmax, or with 1
    ///
    /// By default with the logit, and with 1 for gradients and the methods made of them.
    #[arg(long, value_enum)]
    pub seed_relevance: Option<SeedRelevance>,
    /// Which output to explain, for a model with several
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub output: usize,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rules: RuleArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub loops: LoopArgs,
    /// What relevance is made of: floats, or integers alone as on a device without floats (int8 networks only)
    #[arg(long, help_heading = "Rules", value_enum, default_value_t = RelevanceType::F32)]
    pub relevance: RelevanceType,

    #[arg(
        help = "Write the relevance, in the shape of the input (grad_cam: in that of the step)",
        long,
        value_name = "R.npy",
        help_heading = "Results"
    )]
    pub out: Option<PathBuf>,
    /// Write the network's output
    #[arg(long, value_name = "S.npy", help_heading = "Results")]
    pub scores: Option<PathBuf>,
    /// Write input and heat map as a picture: red is for the class, blue is against it
    #[arg(long, value_name = "P.png", help_heading = "Results")]
    pub png: Option<PathBuf>,
    /// Write where relevance went, step by step
    #[arg(long, value_name = "L.json", help_heading = "Results")]
    pub ledger: Option<PathBuf>,
    /// Measure how near the denominators of each step come to zero, for the ledger
    #[arg(long, help_heading = "Results")]
    pub condition: bool,
    /// Print one JSON object instead of text
    #[arg(long, help_heading = "Results")]
    pub json: bool,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub feeding: FeedingArgs,
}

/// What relevance is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum RelevanceType {
    /// Floats of 32 bits.
    #[default]
    F32,
    /// Integers of 32 bits.
    Fixed,
}

impl RelevanceType {
    /// As it is typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Fixed => "fixed",
        }
    }
}

/// Which rule each step gets.
#[derive(Args, Clone, Default)]
#[command(next_help_heading = "Rules")]
pub struct RuleArgs {
    #[arg(help = "The method [default: epsilon_plus]", long, value_name = "NAME", value_enum)]
    pub composite: Option<Method>,
    /// A rule for some steps, on top of the composite; the last that matches a step wins
    #[arg(long = "rule", value_name = "SELECT=RULE", long_help = rule_help())]
    pub rules: Vec<RuleArg>,
    /// Smallest value of an input, for composites with a box (or @low.npy) [default: the model's]
    #[arg(long, value_name = "L", requires = "high", allow_hyphen_values = true)]
    pub low: Option<BoundSpec>,
    /// Largest value of an input
    #[arg(long, value_name = "H", requires = "low", allow_hyphen_values = true)]
    pub high: Option<BoundSpec>,
}

/// What the methods that take several passes want to know.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Methods of several passes")]
pub struct LoopArgs {
    #[arg(help = "integrated_gradients: points on the path", long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub steps: u32,
    #[arg(
        help = "integrated_gradients: where the path starts; occlusion: what covers; in the input's units",
        long,
        value_name = "VALUE",
        default_value_t = 0.0,
        allow_hyphen_values = true
    )]
    pub baseline: f32,
    #[arg(help = "smoothgrad: noisy copies", long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub samples: u32,
    #[arg(
        help = "smoothgrad: standard deviation of the noise, as a fraction of the input's range",
        long,
        value_name = "FRACTION",
        default_value_t = 0.15
    )]
    pub noise: f32,
    #[arg(help = "smoothgrad: seed of the noise", long, value_name = "SEED", default_value_t = 1)]
    pub seed: u64,
    #[arg(help = "occlusion: side of the square, in pixels", long, value_name = "PIXELS", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    pub window: u32,
    #[arg(help = "occlusion: how far the square moves, in pixels", long, value_name = "PIXELS", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    pub stride: u32,
    #[arg(help = "grad_cam: the step to look at [default: the last convolution]", long, value_name = "NAME")]
    pub step: Option<String>,
}

impl Default for LoopArgs {
    fn default() -> Self {
        Self { steps: 20, baseline: 0.0, samples: 20, noise: 0.15, seed: 1, window: 4, stride: 2, step: None }
    }
}

/// How a file becomes a model and a picture an input.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Feeding")]
pub struct FeedingArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub pixels: PixelArgs,
    /// ONNX: keep batch normalisation as steps of their own
    #[arg(long)]
    pub keep_batch_norm: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub limits: LimitArgs,
}

/// What a network may take: a short file may describe a huge one.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    #[arg(help = "Refuse a network that needs more memory", long, value_name = "MIB", default_value_t = 4096)]
    pub max_memory: u64,
    #[arg(
        help = "Refuse a network of which one explanation may take more work, in 10⁹ multiply-accumulates",
        long,
        value_name = "N",
        default_value_t = 2000
    )]
    pub max_work: u64,
}

impl Default for LimitArgs {
    fn default() -> Self {
        Self { max_memory: 4096, max_work: 2000 }
    }
}

impl LimitArgs {
    /// As the kernel takes them.
    pub const fn limits(&self) -> Limits {
        let work = self.max_work.saturating_mul(1_000_000_000);
        // Some seconds of validation: as many records as no network comes near.
        let checks = 1 << 30;
        Limits { image: u64::MAX, checks, arena: self.max_memory.saturating_mul(1 << 20), forward: work, explain: work }
    }
}

/// How a picture becomes an input.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Feeding")]
pub struct PixelArgs {
    /// A pixel (0 to 255) becomes (pixel − mean)·scale; one number, or one per channel
    ///
    /// [default: what the model says, else 1/255, or 1 where a mean is given]
    #[arg(long = "input-scale", value_name = "S[,S…]", value_delimiter = ',', allow_hyphen_values = true)]
    pub scale: Vec<f32>,
    /// The mean, in pixel units: 0.5 of the common 0 to 1 convention is 127.5 here [default: 0]
    #[arg(long = "input-mean", value_name = "M[,M…]", value_delimiter = ',', allow_hyphen_values = true)]
    pub mean: Vec<f32>,
    /// Order of the channels [default: rgb]
    #[arg(long = "input-layout", value_enum)]
    pub layout: Option<ChannelOrder>,
}

/// Order of colour channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ChannelOrder {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
}

/// `relprop compare`
#[derive(Args)]
#[command(after_long_help = COMPARE_JSON_HELP)]
pub struct CompareArgs {
    /// A model image (.rlp), an ONNX file or a TensorFlow Lite file
    pub a: PathBuf,
    /// Another network of the same inputs and classes, such as the int8 one made from it; or the same again
    pub b: PathBuf,
    /// A .npy file (with or without a batch axis), a picture, or images-idx3-ubyte.gz#17
    ///
    /// For a model with several inputs: NAME=FILE for each of them. The integers of an int8 file are those of the
    /// network that takes int8; the other gets the numbers that they stand for.
    #[arg(value_name = "INPUT", conflicts_with = "mnist")]
    pub inputs: Vec<String>,
    /// Compare on the test digits in this folder: t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, plain or .gz
    #[arg(long, value_name = "DIR")]
    pub mnist: Option<PathBuf>,
    /// Only the first N inputs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub samples: Option<u32>,

    /// What both explain: top (the class that A names), a class (number or label), all, or K-L: why K and not L
    #[arg(long, value_name = "top|K|all|K-L", default_value = "top")]
    pub target: TargetSpec,
    /// How relevance starts: with the class's value before any softmax, or with 1
    #[arg(long, value_enum)]
    pub seed_relevance: Option<SeedRelevance>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rules: RuleArgs,
    /// The method of B [default: that of A]
    #[arg(long, value_name = "NAME", value_enum, help_heading = "Rules")]
    pub composite_b: Option<Method>,
    /// The rules of B, in place of those of A
    #[arg(long, value_name = "SELECT=RULE", help_heading = "Rules")]
    pub rule_b: Vec<RuleArg>,
    /// What relevance is made of: floats, or integers alone as on a device without floats (int8 networks only)
    #[arg(long, value_enum, default_value_t = RelevanceType::F32, help_heading = "Rules")]
    pub relevance: RelevanceType,
    /// What relevance of B is made of [default: as A]
    #[arg(long, value_enum, help_heading = "Rules")]
    pub relevance_b: Option<RelevanceType>,

    /// How many of the largest relevances should be the same ones [default: a tenth of the inputs]
    #[arg(short, long = "k", value_name = "K", help_heading = "Results", value_parser = clap::value_parser!(u32).range(1..))]
    pub k: Option<u32>,
    /// Write input, A, B and B − A side by side as a picture, all on one scale of colours
    #[arg(long, visible_alias = "out", value_name = "P.png", help_heading = "Results")]
    pub png: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long, help_heading = "Results")]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub feeding: FeedingArgs,
}

/// `relprop run`
#[derive(Args)]
pub struct RunArgs {
    /// A model image (.rlp), an ONNX file or a TensorFlow Lite file
    pub model: PathBuf,
    /// A .npy file (with or without a batch axis), a picture, or images-idx3-ubyte.gz#17
    ///
    /// For a model with several inputs: NAME=FILE for each of them.
    #[arg(value_name = "INPUT", required = true)]
    pub inputs: Vec<String>,
    /// Write the output, in the shape of the exported model
    #[arg(long, value_name = "Y.npy")]
    pub out: Option<PathBuf>,
    /// Which output, for a model with several
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub output: usize,
    /// Values as the network computes them, without labels or percentages; an int8 network takes and gives int8
    #[arg(long)]
    pub raw: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub feeding: FeedingArgs,
}

/// `relprop inspect`
#[derive(Args)]
pub struct InspectArgs {
    /// A model image (.rlp), an ONNX file or a TensorFlow Lite file
    pub model: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rules: RuleArgs,
    /// Whose memory plan to draw
    #[arg(long, value_enum, default_value_t = PlanMode::Explain)]
    pub plan: PlanMode,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub feeding: FeedingArgs,
}

/// Which of a model's memory plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlanMode {
    /// Scores only.
    Infer,
    /// Scores and explanations.
    Explain,
    /// Every activation kept.
    Retain,
}

/// `relprop convert`
#[derive(Args)]
pub struct ConvertArgs {
    /// An ONNX or TensorFlow Lite file
    pub model: PathBuf,
    /// Where the image goes
    #[arg(short, long, value_name = "OUT.rlp", required_unless_present = "c_header")]
    pub output: Option<PathBuf>,
    /// Where the image goes as a header for C, with the sizes that a program has to know; its names begin like the file's
    #[arg(long, value_name = "OUT.h")]
    pub c_header: Option<PathBuf>,
    /// Names of the classes: a file with one per line, or a list
    #[arg(long, value_name = "FILE|a,b,c")]
    pub labels: Option<String>,
    /// Range of values that an input may take, for composites with a box
    #[arg(long, value_name = "LOW,HIGH", value_delimiter = ',', allow_hyphen_values = true)]
    pub input_range: Vec<f32>,
    /// Name of the network [default: that of the graph]
    #[arg(long)]
    pub name: Option<String>,
    /// ONNX: the most moments of a sequence whose length the file leaves open [default: what the file says, else 128]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_length: Option<u32>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub feeding: FeedingArgs,
}

/// `relprop quantize`
#[derive(Args)]
pub struct QuantizeArgs {
    /// A model of floats: an image (.rlp), an ONNX file or a TensorFlow Lite file
    pub model: PathBuf,
    /// Where the int8 image goes
    #[arg(short, long, value_name = "OUT.rlp")]
    pub output: PathBuf,
    /// Inputs to learn the ranges of values from: a .npy file with a batch axis, or a picture
    ///
    /// For a model with several inputs: NAME=FILE for each of them.
    #[arg(long, value_name = "X.npy", required_unless_present = "mnist", conflicts_with = "mnist")]
    pub calibrate: Vec<String>,
    /// The folder with the MNIST files: ranges from the training digits, accuracy on the test digits
    #[arg(long, value_name = "DIR")]
    pub mnist: Option<PathBuf>,
    /// Only the first N calibration inputs
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub samples: u32,
    /// Which range of values the 256 integers stand for
    #[arg(long, value_enum, default_value_t = RangeMethod::Minmax)]
    pub method: RangeMethod,
    /// percentile: how many of 100 values that are not 0 lie below the upper end of the range, and above the lower
    #[arg(long, value_name = "P", default_value_t = 99.99)]
    pub percentile: f64,
    /// Shift each bias by the mean error of its channel
    #[arg(long)]
    pub bias_correction: bool,
    /// Inputs and outputs stay floats, converted on the device
    #[arg(long)]
    pub float_ends: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub feeding: FeedingArgs,
}

/// How the range of a tensor is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RangeMethod {
    /// From the smallest value seen to the largest.
    Minmax,
    /// Without the outermost values.
    Percentile,
    /// Where the mean squared error is smallest.
    Mse,
}

/// `relprop eval`
#[derive(Args)]
pub struct EvalArgs {
    /// A model image (.rlp), an ONNX file or a TensorFlow Lite file
    pub model: PathBuf,
    /// The folder with t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, plain or .gz
    #[arg(long, value_name = "DIR", required_unless_present = "sst", conflicts_with = "sst")]
    pub mnist: Option<PathBuf>,
    /// A file of the Stanford Sentiment Treebank: trees such as (3 (2 A) (4 triumph)), one a line
    ///
    /// For a network that reads text and knows five classes: accuracy, and what becomes of it as the words are deleted that
    /// count most or least for the true class.
    #[arg(long, value_name = "FILE")]
    pub sst: Option<PathBuf>,
    /// Only the first N digits or sentences
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rules: RuleArgs,
    /// What relevance is made of: floats, or integers alone as on a device without floats (int8 networks only)
    #[arg(long, value_enum, default_value_t = RelevanceType::F32)]
    pub relevance: RelevanceType,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub feeding: FeedingArgs,
}

/// How `--rule` is written.
fn rule_help() -> String {
    format!(
        "\
A rule for some steps, on top of the composite; the last that matches a step wins

SELECT: all, linear, first, first_conv, conv, dense, pool, activation, the name of an op (max_pool, average_pool, add, \
mul, affine, …), or a step's name (name:conv for a step called conv, step:3 by position).

RULE: {RULES}. The ends of zbox may be files, zbox:@low.npy,@high.npy, with one value per channel, or one per element \
in the layout of the input.

Options follow after semicolons: ;bias=absorb|zero|redistribute \
;stabilizer=signed|clip|norm_scale|at_zero|unsigned ;eps=1e-6, and for LSTM and GRU ;gates=signal|half|proportional|magnitude"
    )
}

/// What `--json` prints.
const JSON_HELP: &str = "\
JSON:
  --json prints one object:
    model, input, composite, rules[], output, seed_relevance, relevance,
    items[], files[]
  and for every item of the batch:
    class, label    the class explained (null for all)
    contrast        the class it is told from, for K-L
    value           its value before any softmax
    scores[]        the output, flattened
    relevance_sum   over all inputs
    top[]           the largest relevances: input, index[], value, relevance
    text, words[]   of a text: word, start, end (in bytes), token, known,
                    relevance
    ledger          seeded, received, bias, stabilizer, dropped, rounding,
                    imbalance, amplification (max |R| over what it started
                    with), condition
                    (min |z| / Σ|x·w|, with --condition; else null); null for methods that keep none
    exact           with --relevance fixed, the integers: units[] (what one
                    unit of an input's relevance is worth) and ledger: its
                    unit, the columns above, imbalance (always 0) and
                    saturated (elements that did not fit 32 bits); every
                    top[] has its integer as exact
  --ledger writes, per item: class, label, totals (as above) and steps[]:
    step, op, rule, arrived, left, bias, stabilizer, dropped, rounding, peak,
    condition; with --relevance fixed exact, in totals and steps";

/// What `compare --json` prints.
const COMPARE_JSON_HELP: &str = "\
JSON:
  --json prints one object:
    sides[2]        model, composite, rules[], relevance
    input, k, files[]
    items[]         class, label, values[2], same_top, cosine,
                    rank_correlation (Spearman, ties with their mean rank),
                    top_overlap (of the k largest magnitudes), difference
                    (sum of |A - B| over sum of |A|), same_peak
    same_top, same_peak     how many items
    cosine, rank_correlation, top_overlap, difference
                    median, worst_5_percent, mean, worst
    saturated[2]    explanations in which relevance did not fit 32 bits";

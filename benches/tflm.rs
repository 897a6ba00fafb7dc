//! The int8 forward pass beside the interpreter of TensorFlow Lite Micro, on the same networks and inputs, in turns.
//!
//! ```text
//! pip install -r benches/tflm/requirements.txt
//! cargo bench -p relprop-workspace --bench tflm                         two LeNets with random weights
//! cargo bench -p relprop-workspace --bench tflm -- MODEL.tflite …       other int8 networks with one input and one output
//! ```
//!
//! On a host the wheel `tflite-micro` runs the reference kernels; it does so in a process of its own (`PYTHON` names
//! another Python). Printed are the medians of what one inference takes, of `ROUNDS` turns of `SLICE` each, and the median
//! of the ratios turn by turn. Feeding the input counts for relprop and not for the other. The outputs are compared first:
//! they must be the same integers.

use relprop::{Mode, Session};
use relprop_convert::{Options, emit, from_tflite};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 41;
/// How long one turn takes, about.
const SLICE: Duration = Duration::from_millis(40);

fn main() {
    // Where tests are asked for there is nothing to measure.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let (folder, script) = (target(), Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/tflm/serve.py"));
    let made = python(&script).arg("make").arg(&folder).output();
    if !made.is_ok_and(|made| made.status.success()) {
        println!("skipped: TensorFlow Lite Micro is not there: pip install -r benches/tflm/requirements.txt");
        return;
    }
    // Others are criterion's.
    let is_model = |argument: &PathBuf| argument.extension().is_some_and(|ending| ending == "tflite");
    let mut models: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).filter(is_model).collect();
    if models.is_empty() {
        models = ["lenet5.tflite", "lenet5-toolbox.tflite"].map(|name| folder.join(name)).to_vec();
    }
    for model in models {
        compare(&script, &model);
    }
}

/// Where the networks go.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("tflm")
}

fn python(script: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into()));
    command.arg("-B").arg(script);
    command
}

/// Prints how long both take for one inference.
fn compare(script: &Path, path: &Path) {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let network =
        from_tflite(&bytes, &Options::default()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let image = emit(&network).expect("an image");
    let model = image.model().expect("a valid image");
    let mut arena = vec![0; model.arena_bytes(Mode::Infer) + 16];
    let mut session = Session::new(&model, &mut arena, Mode::Infer).expect("enough memory");
    let input: Vec<i8> = (0..model.tensor(model.input(0).tensor).shape.elements()).map(wave).collect();
    let mut user = input.clone();
    model.input(0).to_user(&input, &mut user);

    let mut other = Interpreter::new(script, path);
    let ours = session.run_int8(&[&input]).expect("an input").int8().expect("integers").to_vec();
    let mut scores = ours.clone();
    model.output(0).to_user(&ours, &mut scores);
    assert_eq!(scores, other.run(&user), "{}: other outputs", path.display());

    let mut run = |repeats: u32| {
        let start = Instant::now();
        for _ in 0..repeats {
            std::hint::black_box(session.run_int8(&[&input]).expect("an input").len());
        }
        start.elapsed()
    };
    let repeats = [repeats(&mut run), repeats(&mut |repeats| other.time(repeats))];
    let turns: Vec<[f64; 2]> = (0..ROUNDS)
        .map(|_| {
            [run(repeats[0]) / repeats[0], other.time(repeats[1]) / repeats[1]].map(|turn| turn.as_secs_f64() * 1e6)
        })
        .collect();
    println!(
        "{}: relprop {:.1} µs, TensorFlow Lite Micro {:.1} µs: {:.1} times as fast",
        path.file_stem().unwrap_or_default().display(),
        median(turns.iter().map(|turn| turn[0])),
        median(turns.iter().map(|turn| turn[1])),
        median(turns.iter().map(|turn| turn[1] / turn[0])),
    );
}

/// Something smooth to feed.
fn wave(at: usize) -> i8 {
    (127.0 * (at as f32 * 0.37).sin()) as i8
}

/// How often to run in one turn; runs it for as long once.
fn repeats(run: &mut impl FnMut(u32) -> Duration) -> u32 {
    let once = run(3) / 3;
    let repeats = (SLICE.as_nanos() / once.as_nanos().max(1)).max(1) as u32;
    run(repeats);
    repeats
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// TensorFlow Lite Micro in a process of its own.
struct Interpreter {
    process: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Interpreter {
    fn new(script: &Path, model: &Path) -> Self {
        let mut command = python(script);
        command.arg("run").arg(model).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("it ran before");
        let (questions, answers) = (process.stdin.take(), process.stdout.take().expect("it is piped"));
        Self { process, questions, answers: BufReader::new(answers) }
    }

    fn ask(&mut self, question: &str) -> String {
        let questions = self.questions.as_mut().expect("it is piped");
        writeln!(questions, "{question}").expect("it listens");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("it answers");
        answer
    }

    /// The outputs for these inputs, both in the layout of the file.
    fn run(&mut self, input: &[i8]) -> Vec<i8> {
        let numbers: Vec<String> = input.iter().map(ToString::to_string).collect();
        let answer = self.ask(&format!("input {}", numbers.join(" ")));
        answer.split_whitespace().map(|number| number.parse().expect("an integer")).collect()
    }

    fn time(&mut self, repeats: u32) -> Duration {
        Duration::from_nanos(self.ask(&format!("time {repeats}")).trim().parse().expect("nanoseconds"))
    }
}

impl Drop for Interpreter {
    fn drop(&mut self) {
        // It ends when nobody can ask any more.
        drop(self.questions.take());
        let _ = self.process.wait();
    }
}

//! Pixel flipping (Samek et al. 2017): how a score falls as inputs are deleted, the most relevant first, and how it
//! falls when they are deleted at random.

use crate::explain::Given;
use crate::object::{Options, array, count, index, object};
use crate::refusal::Refusal;
use crate::session::Open;
use crate::target;
use js_sys::Float32Array;
use relprop::{ExplainError, Model};
use std::collections::BinaryHeap;
use wasm_bindgen::{JsCast, JsValue};

/// Points of a curve after its first, and orders at random, where the caller does not say.
const STEPS: usize = 20;
const DRAWS: usize = 10;
/// So many are more than anybody waits for.
const MOST: usize = 100_000;

/// What is deleted from.
enum Input {
    /// Numbers in the kernel's order, so many at each position; they are set to the baseline.
    Numbers { values: Vec<f32>, channels: usize, baseline: f32 },
    /// Tokens, which are taken out.
    Tokens(Vec<u16>),
}

/// Curves in the making.
pub struct Flips {
    input: Input,
    /// The class whose score is watched, and the one that it is told from.
    classes: (usize, Option<usize>),
    /// Positions in the order in which they go: by relevance, then at random.
    orders: Vec<Vec<u32>>,
    steps: usize,
    /// Scores: of each order, after nothing is deleted, after the first part …
    scores: Vec<f32>,
}

const KEYS: [&str; 6] = ["relevance", "target", "steps", "draws", "seed", "baseline"];

impl Flips {
    /// Reads the options, and decides what goes when.
    ///
    /// # Errors
    /// An option is not what it should be, nothing was run, or there is nothing to delete.
    pub fn new(options: JsValue, model: &Model<'_>, given: &Given) -> Result<Self, Refusal> {
        let options = Options::new("options", options, &KEYS)?;
        if given.scores.is_empty() {
            return Err(ExplainError::NotRun.into());
        }
        let (class, not) = target::classes(&options, model, &given.scores)?;
        let class = class.ok_or_else(|| Refusal::argument("the score of one class is watched, not of all"))?;
        let (largest, classes) = (class.max(not.unwrap_or(0)), given.scores.len());
        if largest >= classes {
            return Err(ExplainError::NoSuchClass { class: largest, classes }.into());
        }
        let input = Input::read(&options, model, given)?;
        let ranked = ranks(&relevance(&options, model, &input)?);
        let candidates: Vec<u32> = ranked.into_iter().filter(|position| input.can_lose(*position)).collect();
        if candidates.len() < input.fewest() {
            return Err(Refusal::argument("there is nothing to delete"));
        }
        let whole = |key, otherwise| match options.get(key) {
            None => Ok(otherwise),
            Some(value) => index(&value)
                .filter(|value| *value <= MOST)
                .ok_or_else(|| Refusal::argument("steps, draws and seed are whole numbers from zero on")),
        };
        let (steps, draws, seed) = (whole("steps", STEPS)?, whole("draws", DRAWS)?, whole("seed", 1)?);
        let goes = candidates.len() + 1 - input.fewest();
        let mut random = Random(seed as u64);
        let mut orders = vec![candidates];
        for _ in 0..draws {
            let shuffled = random.shuffled(&orders[0]);
            orders.push(shuffled);
        }
        for order in &mut orders {
            order.truncate(goes);
        }
        Ok(Self { input, classes: (class, not), orders, steps: steps.clamp(1, goes), scores: Vec::new() })
    }

    /// Forward passes in all.
    pub fn passes(&self) -> usize {
        self.orders.len() * (self.steps + 1)
    }

    /// Forward passes that have been run.
    pub fn ran(&self) -> usize {
        self.scores.len()
    }

    /// Runs so many passes at most, and then the network on what it was given, which is still what is explained.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn advance(&mut self, session: &mut Open<'_>, given: &Given, passes: usize) -> Result<(), Refusal> {
        for _ in 0..passes.min(self.passes() - self.ran()) {
            let (order, step) = (self.ran() / (self.steps + 1), self.ran() % (self.steps + 1));
            let order = &self.orders[order];
            self.input.run(session, &order[..self.deleted(step)])?;
            let score = score(session, self.classes);
            self.scores.push(score);
        }
        if given.tokens.is_empty() { session.run(&[&given.input]) } else { session.run_tokens(&given.tokens) }?;
        Ok(())
    }

    /// How many positions are deleted after so many steps.
    fn deleted(&self, step: usize) -> usize {
        self.orders[0].len() * step / self.steps
    }

    /// The curves, as far as they have come.
    pub fn curves(&self) -> JsValue {
        let curves: Vec<&[f32]> = self.scores.chunks(self.steps + 1).collect();
        let floats = |values: &[f32]| Float32Array::from(values);
        let counts: Vec<f32> = (0..=self.steps).map(|step| self.deleted(step) as f32).collect();
        let draws = curves.get(1..).unwrap_or(&[]);
        object([
            ("deleted", floats(&counts).into()),
            ("relevance", floats(curves.first().unwrap_or(&&[][..])).into()),
            ("random", if draws.is_empty() { JsValue::NULL } else { floats(&mean(draws)).into() }),
            ("draws", array(draws.iter().map(|draw| floats(draw).into()))),
            ("positions", count(self.orders[0].len())),
            ("class", count(self.classes.0)),
            ("not", self.classes.1.map_or(JsValue::NULL, count)),
        ])
    }
}

/// The mean at each point of the curves that have come so far.
fn mean(draws: &[&[f32]]) -> Vec<f32> {
    let points = draws.first().map_or(0, |draw| draw.len());
    let at = |point: usize| {
        let reached = draws.iter().filter_map(|draw| draw.get(point));
        let (sum, n) = reached.fold((0.0, 0), |(sum, n), score| (sum + f64::from(*score), n + 1));
        (sum / f64::from(n)) as f32
    };
    (0..points).map(at).collect()
}

/// What is watched: the value before any softmax, or the difference of two.
fn score(session: &Open<'_>, (class, not): (usize, Option<usize>)) -> f32 {
    let value = |class| session.logits().and_then(|logits| logits.get(class)).unwrap_or(0.0);
    value(class) - not.map_or(0.0, value)
}

impl Input {
    fn read(options: &Options<'_>, model: &Model<'_>, given: &Given) -> Result<Self, Refusal> {
        if !given.tokens.is_empty() {
            return Ok(Self::Tokens(given.tokens.clone()));
        }
        if model.inputs() != 1 {
            return Err(Refusal::argument("inputs can be deleted where there is one of them"));
        }
        let port = model.input(0);
        let shape = model.tensor(port.tensor).shape;
        // What has no positions has one for each number.
        let channels = if shape.height * shape.width > 1 { shape.channels } else { 1 };
        let darkest = port.range.map_or(0.0, |(low, _)| low);
        let baseline = options.number("baseline")?.unwrap_or(darkest);
        Ok(Self::Numbers { values: given.input.clone(), channels, baseline })
    }

    /// Numbers of relevance, and how many of them are one position's.
    fn size(&self) -> (usize, usize) {
        match self {
            Self::Numbers { values, channels, .. } => (values.len(), *channels),
            Self::Tokens(tokens) => (tokens.len(), 1),
        }
    }

    /// Whether something changes when a position is deleted.
    fn can_lose(&self, position: u32) -> bool {
        match self {
            Self::Numbers { values, channels, baseline } => {
                values.chunks(*channels).nth(position as usize).is_some_and(|at| at.iter().any(|x| x != baseline))
            }
            Self::Tokens(_) => true,
        }
    }

    /// How many positions there must be, so that one may go: a sentence needs a word.
    const fn fewest(&self) -> usize {
        if matches!(self, Self::Tokens(_)) { 2 } else { 1 }
    }

    /// Runs the network without some positions.
    fn run(&self, session: &mut Open<'_>, gone: &[u32]) -> Result<(), Refusal> {
        match self {
            Self::Numbers { values, channels, baseline } => {
                let mut left = values.clone();
                for position in gone {
                    let start = *position as usize * channels;
                    left[start..start + channels].fill(*baseline);
                }
                session.run(&[&left])?;
            }
            Self::Tokens(tokens) => {
                let mut is_left = vec![true; tokens.len()];
                for position in gone {
                    is_left[*position as usize] = false;
                }
                let left = tokens.iter().zip(is_left).filter(|(_, is_left)| *is_left);
                session.run_tokens(&left.map(|(token, _)| *token).collect::<Vec<_>>())?;
            }
        }
        Ok(())
    }
}

/// Relevance of each position, in the kernel's order.
fn relevance(options: &Options<'_>, model: &Model<'_>, input: &Input) -> Result<Vec<f32>, Refusal> {
    let (size, channels) = input.size();
    let given = options.get("relevance").and_then(|value| value.dyn_into::<Float32Array>().ok());
    let user = given.map(|array| array.to_vec()).filter(|user| user.len() == size);
    let user = user.ok_or_else(|| Refusal::argument("relevance must be a Float32Array, as long as the input"))?;
    let mut kernel = user.clone();
    model.input(0).to_kernel(&user, &mut kernel);
    Ok(kernel.chunks(channels).map(|at| at.iter().sum()).collect())
}

/// Positions, the most relevant first, and of equals the one that comes first.
fn ranks(relevance: &[f32]) -> Vec<u32> {
    let key = |r: &f32| {
        // Bits that rise as floats fall.
        let bits = (r + 0.0).to_bits();
        if bits >> 31 == 0 { !bits & 0x7fff_ffff } else { bits }
    };
    sorted(relevance.iter().map(key).zip(0..))
}

/// Positions by their keys. A heap takes less code than a sort.
fn sorted(keys: impl Iterator<Item = (u32, u32)>) -> Vec<u32> {
    let heap: BinaryHeap<u64> = keys.map(|(key, position)| (u64::from(key) << 32) | u64::from(position)).collect();
    heap.into_sorted_vec().into_iter().map(|key| key as u32).collect()
}

/// `SplitMix64` (Steele et al. 2014).
struct Random(u64);

impl Random {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The same positions in another order: that of random keys.
    fn shuffled(&mut self, positions: &[u32]) -> Vec<u32> {
        sorted(positions.iter().map(|position| ((self.draw() >> 32) as u32, *position)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Random, mean, ranks};

    #[test]
    fn the_most_relevant_goes_first() {
        assert_eq!(ranks(&[0.0, -2.0, 3.0, -0.0, 1.5, -1.0, 3.0]), [2, 6, 4, 0, 3, 5, 1]);
    }

    #[test]
    fn a_seed_is_an_order() {
        let positions: Vec<u32> = (0..100).collect();
        let shuffled = Random(1).shuffled(&positions);
        assert_eq!(shuffled, Random(1).shuffled(&positions));
        assert_ne!(shuffled, Random(2).shuffled(&positions));
        assert_ne!(shuffled, positions);
        let mut sorted = shuffled;
        sorted.sort_unstable();
        assert_eq!(sorted, positions);
    }

    #[test]
    fn unfinished_curves_count_as_far_as_they_go() {
        assert_eq!(mean(&[&[1.0, 2.0], &[3.0]]), [2.0, 2.0]);
    }
}

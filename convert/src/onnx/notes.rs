//! What an exporter noted beside the graph, in `metadata_props`: words and lengths that the graph itself has no place for.

use super::error::Refusal;
use crate::network::{Layer, Network, Port};
use crate::options::Options;
use relprop::step::Op;

/// The tokeniser that the kernel has.
const TOKENISER: &str = "ptb-lower";

/// The notes that mean something to the importer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// `max_tokens`: the most moments of a sequence.
    pub max_tokens: Option<usize>,
    /// `labels`: names of the classes, one per line.
    labels: Vec<String>,
    /// `vocabulary`: what tokens stand for, one per line, in their order.
    vocabulary: Vec<String>,
    /// `tokeniser`: how text becomes tokens.
    tokeniser: Option<String>,
}

impl Notes {
    /// Reads the notes; what they say wrong is added to `refusals`.
    pub fn read(metadata: &[(&str, &str)], refusals: &mut Vec<Refusal>) -> Self {
        let mut notes = Self::default();
        for &(key, value) in metadata {
            match key {
                "max_tokens" => match value.trim().parse() {
                    Ok(most) if most > 0 => notes.max_tokens = Some(most),
                    _ => refusals.push(refusal(key, format!("{value} is no length of a sequence"))),
                },
                "labels" => notes.labels = lines(value),
                "vocabulary" => notes.vocabulary = lines(value),
                "tokeniser" if value != TOKENISER => {
                    refusals.push(refusal(key, format!("{value} is not known: {TOKENISER} is")));
                }
                "tokeniser" => notes.tokeniser = Some(value.to_owned()),
                _ => {}
            }
        }
        notes
    }

    /// The options with the labels of the file, where none are given.
    pub fn labelled(&self, options: &Options) -> Options {
        let mut options = options.clone();
        if options.labels.is_empty() {
            options.labels.clone_from(&self.labels);
        }
        options
    }

    /// Gives the vocabulary to the input of tokens. Words of text are brought into the order in which the kernel looks
    /// for them, and the rows of the embedding with them.
    pub fn describe(&self, network: &mut Network, refusals: &mut Vec<Refusal>) {
        let takes_tokens = |port: &Port| network.tensors.get(port.tensor).is_some_and(|tensor| tensor.is_tokens);
        let Some(input) = network.inputs.iter().position(takes_tokens) else {
            if self.tokeniser.is_some() {
                refusals.push(refusal("tokeniser", "the network has no input of tokens"));
            }
            return;
        };
        match self.words(network, input) {
            Ok(words) => {
                if let Some(port) = network.inputs.get_mut(input) {
                    port.labels = words;
                    port.is_text = self.tokeniser.is_some();
                }
            }
            Err(reason) => refusals.push(refusal("vocabulary", reason)),
        }
    }

    fn words(&self, network: &mut Network, input: usize) -> Result<Vec<String>, String> {
        let tokens = network.inputs.get(input).map_or(0, |port| port.tensor);
        let mut readers = network.steps.iter().enumerate().filter(|(_, step)| step.operands.contains(&tokens));
        let reader = readers.next().map(|(at, _)| at);
        let several = readers.next().is_some();
        let rows = reader.map_or(0, |at| rows(network, at));
        if reader.is_some() && self.vocabulary.len() > rows {
            return Err(format!("{} words for {rows} rows of the embedding", self.vocabulary.len()));
        }
        if self.tokeniser.is_none() {
            return Ok(self.vocabulary.clone());
        }
        if self.vocabulary.len() < 2 {
            return Err("text needs one: a word that stands for all others, then those it knows".into());
        }
        let order = sorted(&self.vocabulary)?;
        if order.iter().enumerate().any(|(to, from)| to != *from) {
            match reader.filter(|_| !several).and_then(|at| network.steps.get_mut(at)) {
                Some(step) => permute(step, rows, &order),
                None => return Err("its words must be sorted, for more than one embedding reads the tokens".into()),
            }
        }
        Ok(order.iter().filter_map(|&from| self.vocabulary.get(from).cloned()).collect())
    }
}

fn refusal(key: &str, reason: impl Into<String>) -> Refusal {
    Refusal { name: key.to_owned(), op: "metadata".to_owned(), reason: reason.into() }
}

fn lines(text: &str) -> Vec<String> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    if text.is_empty() {
        Vec::new()
    } else {
        text.split('\n').map(|line| line.trim_end_matches('\r').to_owned()).collect()
    }
}

/// Rows of the table of a step.
fn rows(network: &Network, step: usize) -> usize {
    let Some(step) = network.steps.get(step).filter(|step| step.op == Op::Embedding) else { return 0 };
    let elements = step.params[0].len().max(step.int8.weights.len());
    elements.checked_div(network.shape(step.output).channels).unwrap_or(0)
}

/// The first word, then the others as they rise byte by byte: for every place the word that belongs there.
fn sorted(words: &[String]) -> Result<Vec<usize>, String> {
    let mut order: Vec<usize> = (0..words.len()).collect();
    if let Some(known) = order.get_mut(1..) {
        known.sort_by_key(|&at| words.get(at));
        let twice = known.windows(2).find(|pair| matches!(pair, [a, b] if words.get(*a) == words.get(*b)));
        if let Some(word) = twice.and_then(|pair| words.get(*pair.first()?)) {
            return Err(format!("it has “{word}” twice"));
        }
    }
    Ok(order)
}

/// Brings the first rows of a table into an order; those behind them stay.
fn permute(step: &mut Layer, rows: usize, order: &[usize]) {
    step.params[0] = permuted(&step.params[0], rows, order);
    step.int8.weights = permuted(&step.int8.weights, rows, order);
}

fn permuted<T: Copy>(table: &[T], rows: usize, order: &[usize]) -> Vec<T> {
    let size = table.len().checked_div(rows).unwrap_or(0);
    let row = |at: usize| table.get(at * size..(at + 1) * size).unwrap_or_default();
    order.iter().copied().chain(order.len()..rows).flat_map(row).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::Notes;
    use crate::network::Network;

    fn network() -> Network {
        let mut network = Network::named("words");
        let tokens = network.token_input("tokens", 5);
        let rows = network.embedding(tokens, 2, &[0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5]);
        network.output(rows);
        network
    }

    fn described(metadata: &[(&str, &str)]) -> (Network, Vec<String>) {
        let (mut network, mut refusals) = (network(), Vec::new());
        Notes::read(metadata, &mut refusals).describe(&mut network, &mut refusals);
        (network, refusals.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn words_of_text_are_sorted_with_their_rows() {
        let (network, refusals) = described(&[("vocabulary", "<unk>\nthe\na\n"), ("tokeniser", "ptb-lower")]);
        assert_eq!(refusals, [""; 0]);
        assert_eq!(network.inputs[0].labels, ["<unk>", "a", "the"]);
        assert!(network.inputs[0].is_text);
        assert_eq!(network.steps[0].params[0], [0.0, 0.5, 2.0, 2.5, 1.0, 1.5, 3.0, 3.5]);
        let model = crate::emit(&network).unwrap();
        assert_eq!(crate::parse(&model.model().unwrap()), network);
    }

    #[test]
    fn a_vocabulary_alone_names_tokens() {
        let (network, refusals) = described(&[("vocabulary", "z\ny\nx")]);
        assert_eq!(refusals, [""; 0]);
        assert_eq!(network.inputs[0].labels, ["z", "y", "x"]);
        assert!(!network.inputs[0].is_text);
        assert_eq!(network.steps, self::network().steps);
    }

    #[test]
    fn wrong_notes_are_refused() {
        let text = ("tokeniser", "ptb-lower");
        for (notes, wanted) in [
            (&[("vocabulary", "a\nb\nc\nd\ne")][..], "vocabulary (metadata): 5 words for 4 rows of the embedding"),
            (&[("vocabulary", "a\nb\nb"), text], "vocabulary (metadata): it has “b” twice"),
            (&[text], "vocabulary (metadata): text needs one: a word that stands for all others, then those it knows"),
            (&[("tokeniser", "bpe")], "tokeniser (metadata): bpe is not known: ptb-lower is"),
            (&[("max_tokens", "-1")], "max_tokens (metadata): -1 is no length of a sequence"),
        ] {
            assert_eq!(described(notes).1, [wanted]);
        }
    }
}

//! Driving the kernel: one call that runs, explains and copies out all that can be seen.

use relprop::{Composite, Entry, ExplainError, Mode, Model, Session, Target};

/// All that an explanation shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Every output.
    pub outputs: Vec<Vec<f32>>,
    /// Relevance of every input.
    pub inputs: Vec<Vec<f32>>,
    /// Relevance of every tensor that was reached.
    pub relevance: Vec<Option<Vec<f32>>>,
    /// Value of every tensor that was reached, in [`Mode::Retain`].
    pub values: Vec<Option<Vec<f32>>>,
    /// The books, step by step.
    pub entries: Vec<Entry>,
    /// Relevance at the output, at the inputs, and what the books are off by.
    pub sums: [f32; 3],
    /// The class explained, and its value.
    pub class: (Option<usize>, f32),
}

impl Seen {
    /// Everything that can be seen, as bits.
    pub fn bits(&self) -> Vec<u32> {
        let mut all: Vec<u32> = self.outputs.iter().chain(&self.inputs).flat_map(|values| bits(values)).collect();
        all.extend(self.relevance.iter().flatten().flat_map(|values| bits(values)));
        for e in &self.entries {
            all.extend(bits(&[e.arrived, e.left, e.bias, e.stabilizer, e.dropped, e.rounding, e.peak, e.condition]));
        }
        all.extend(bits(&self.sums));
        all.extend(bits(&[self.class.1]));
        all
    }
}

/// An arena full of rubbish: NaN, if anyone reads it before writing it.
pub fn arena(model: &Model<'_>, mode: Mode) -> Vec<u8> {
    vec![0xff; model.arena_bytes(mode) + relprop::model::format::ALIGNMENT]
}

/// Runs the network on these inputs and returns every output.
pub fn run(model: &Model<'_>, inputs: &[Vec<f32>], mode: Mode) -> Vec<Vec<f32>> {
    let mut arena = arena(model, mode);
    let mut session = Session::new(model, &mut arena, mode).expect("a session");
    session.run_all(&slices(inputs)).expect("a run");
    outputs(&session)
}

/// Runs the network and explains a target.
///
/// # Errors
/// The kernel refuses to explain.
pub fn explain(
    model: &Model<'_>,
    inputs: &[Vec<f32>],
    mode: Mode,
    target: &Target<'_>,
    composite: &Composite<'_>,
) -> Result<Seen, ExplainError> {
    let mut arena = arena(model, mode);
    let mut session = Session::new(model, &mut arena, mode).expect("a session");
    session.run_all(&slices(inputs)).expect("a run");
    explain_in(&mut session, target, composite)
}

/// Explains what a session has run.
///
/// # Errors
/// The kernel refuses to explain.
pub fn explain_in(
    session: &mut Session<'_, '_>,
    target: &Target<'_>,
    composite: &Composite<'_>,
) -> Result<Seen, ExplainError> {
    let model = *session.model();
    let outputs = outputs(session);
    let mut relevance = vec![None; model.tensors()];
    let mut values = vec![None; model.tensors()];
    let explanation = session.explain_with(target, composite, |seen| {
        relevance[seen.tensor] = Some(seen.relevance.to_vec());
        values[seen.tensor] = seen.value.map(|value| value.iter().collect());
    })?;
    let ledger = explanation.ledger();
    Ok(Seen {
        outputs,
        inputs: (0..model.inputs()).map(|i| explanation.relevance_of(i).to_vec()).collect(),
        relevance,
        values,
        entries: ledger.entries().collect(),
        sums: [ledger.seeded(), ledger.received(), ledger.imbalance()],
        class: (explanation.class(), explanation.value()),
    })
}

/// Runs the network in [`Mode::Retain`] and returns what the memory of every tensor holds at the end: its value, or that
/// of the activation that overwrote it.
pub fn retained(model: &Model<'_>, inputs: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let mut arena = arena(model, Mode::Retain);
    let skipped = arena.as_ptr().align_offset(relprop::model::format::ALIGNMENT);
    let mut session = Session::new(model, &mut arena, Mode::Retain).expect("a session");
    session.run_all(&slices(inputs)).expect("a run");
    let value = |tensor: usize| {
        let start = skipped + model.value_placement(Mode::Retain, tensor).offset.expect("a place");
        let bytes = &arena[start..start + model.tensor(tensor).bytes()];
        bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    };
    (0..model.tensors()).map(value).collect()
}

/// As the session wants several inputs.
pub fn slices(inputs: &[Vec<f32>]) -> Vec<&[f32]> {
    inputs.iter().map(Vec::as_slice).collect()
}

fn outputs(session: &Session<'_, '_>) -> Vec<Vec<f32>> {
    (0..session.model().outputs()).map(|i| session.output(i).expect("an output").iter().collect()).collect()
}

/// Bit patterns: equal bits and not just equal numbers, so that −0 differs from 0 and NaN equals itself.
pub fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

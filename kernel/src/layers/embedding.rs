//! Embedding: a table row per token.

use crate::model::Model;
use crate::model::format::step::VARIANT_INT8_TABLE;
use crate::rule::Rule;
use crate::step::Step;

/// An embedding; the table lies as `[token][dimension]`.
pub struct Embedding<'a> {
    table: Table<'a>,
    dimensions: usize,
}

/// The rows, as floats or as integers with one scale.
#[derive(Clone, Copy)]
enum Table<'a> {
    Floats(&'a [f32]),
    Int8(&'a [i8], f32),
}

impl<'a> Embedding<'a> {
    /// The embedding that a step describes.
    pub fn new(model: &Model<'a>, step: &Step) -> Self {
        let table = if step.variant == VARIANT_INT8_TABLE {
            Table::Int8(model.bytes(step.params[0]), step.floats[0])
        } else {
            Table::Floats(model.floats(step.params[0]))
        };
        Self { table, dimensions: model.tensor(step.output).shape.channels }
    }

    fn get(&self, token: u16, dimension: usize) -> f32 {
        let at = usize::from(token) * self.dimensions + dimension;
        match self.table {
            Table::Floats(table) => table.get(at).copied().unwrap_or(0.0),
            Table::Int8(table, scale) => table.get(at).map_or(0.0, |q| f32::from(*q) * scale),
        }
    }

    /// `y_t = table[token_t]`.
    pub fn forward(&self, tokens: &[u16], y: &mut [f32]) {
        for (token, y) in tokens.iter().zip(y.chunks_exact_mut(self.dimensions.max(1))) {
            for (dimension, y) in y.iter_mut().enumerate() {
                *y = self.get(*token, dimension);
            }
        }
    }

    /// A token's relevance is the sum over its dimensions (Arras et al. 2017). Of a gradient it is the derivative along
    /// the token's own vector: gradient × input, summed.
    pub fn backward(&self, rule: &Rule<'_>, tokens: &[u16], relevance: &[f32], sink: &mut [f32]) {
        let rows = relevance.chunks_exact(self.dimensions.max(1));
        for ((token, relevance), sink) in tokens.iter().zip(rows).zip(sink) {
            for (dimension, r) in relevance.iter().enumerate() {
                *sink += if rule.conserves() { *r } else { r * self.get(*token, dimension) };
            }
        }
    }
}

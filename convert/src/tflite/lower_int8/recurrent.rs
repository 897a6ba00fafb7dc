//! Recurrent layers, over integers.

use crate::int8;
use crate::network::{Layer, Quantization};
use crate::tflite::lower::Lowering;
use crate::tflite::schema::Element;
use crate::tflite::step::Lstm;
use relprop::model::format::MAX_FAN_INT8;
use relprop::model::format::lstm_int8::{CELL_BOUND, CELL_PLACES, MOST_PLACES};
use relprop::model::format::step::FLAG_ALL_STATES;
use relprop::step::Op;

impl Lowering<'_, '_, '_> {
    /// A long short-term memory of bytes, with gates and a cell of 16 bits.
    pub(super) fn lstm_int8(
        &mut self,
        layer: &mut Layer,
        lstm: &Lstm,
        [input, output]: [Quantization; 2],
    ) -> Result<(), String> {
        let [units, inputs] = self.resolved.dims(lstm.weights[0]).try_into().unwrap_or_default();
        if inputs.max(units) > MAX_FAN_INT8 {
            return Err(format!("more than {MAX_FAN_INT8} inputs or units"));
        }
        self.reserve(units.checked_mul(inputs + units).and_then(|n| n.checked_mul(4)))?;
        if lstm.states[0].and_then(|state| self.unit(state)) != Some(output) {
            return Err("a state whose scale and zero point are not those of the output".into());
        }
        let places = self.cell_places(lstm)?;
        let mut weights = Vec::new();
        let mut scales = Vec::new();
        for tensor in lstm.weights.into_iter().chain(lstm.recurrent) {
            let stored = self.stored_weights(tensor, 0, units)?;
            scales.push(one_scale(&stored.scales)?);
            weights.extend(stored.bytes);
        }
        let (from_input, from_state) = scales.split_at_checked(4).unwrap_or_default();
        layer.int8.rescale = int8::gates(input, from_input);
        layer.int8.rescale.extend(int8::gates(output, from_state));
        layer.int8.rescale.push(int8::state(output));
        for tensor in lstm.bias {
            layer.int8.bias.extend(self.int32_bias(Some(tensor), units)?);
        }
        (layer.op, layer.flags) = (Op::Lstm, FLAG_ALL_STATES);
        layer.int8.weights = weights;
        layer.int8.table = int8::table::gates();
        layer.ints[CELL_PLACES] = places;
        layer.ints[CELL_BOUND] = int8::bound(lstm.cell_clip, places);
        Ok(())
    }

    /// How many binary places the cell has.
    fn cell_places(&self, lstm: &Lstm) -> Result<u32, String> {
        let cell = lstm.states[1].and_then(|cell| self.resolved.graph.tensors.get(cell)).ok_or("it has no cell")?;
        let (scale, zero_point) = cell.scale().ok_or("a cell without a scale")?;
        if cell.element != Element::Int16 || zero_point != 0 {
            return Err(format!(
                "a cell of {} with zero point {zero_point}: INT16 and 0 were expected",
                cell.element.name()
            ));
        }
        (0..=MOST_PLACES)
            .find(|&places| scale * (1_u32 << places) as f32 == 1.0)
            .ok_or_else(|| format!("a cell of scale {scale}, which is no power of two from 2^-{MOST_PLACES} to 1"))
    }
}

/// The one scale of all weights.
fn one_scale(scales: &[f32]) -> Result<f32, String> {
    match scales.split_first() {
        Some((&first, rest)) if rest.iter().all(|&scale| scale == first) => Ok(first),
        _ => Err("weights of a gate with several scales".into()),
    }
}

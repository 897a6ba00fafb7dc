//! `relprop quantize`

use crate::args::{QuantizeArgs, RangeMethod, RelevanceType};
use crate::digits::Digits;
use crate::files;
use crate::input::Inputs;
use crate::load::Loaded;
use crate::memory::Memory;
use crate::numbers::{percent, short};
use crate::progress;
use crate::table::{Align, columns, cut};
use crate::terminal::Terminal;
use crate::usage;
use anyhow::anyhow;
use relprop::{Mode, Model};
use relprop_convert::describe::grouped;
use relprop_convert::quantize::{Item, LayerReport, Method, QuantizeError, QuantizeOptions};
use relprop_convert::{Network, parse};
use serde::Serialize;

/// `quantize --json`
#[derive(Serialize)]
struct Report {
    model: String,
    output: String,
    method: &'static str,
    bias_correction: bool,
    samples: usize,
    layers: Vec<Layer>,
    accuracy: Option<Accuracy>,
    flash: [usize; 2],
    ram_infer: [usize; 2],
    ram_explain: [usize; 2],
}

/// One tensor.
#[derive(Serialize)]
struct Layer {
    tensor: String,
    op: &'static str,
    int8: bool,
    low: Option<f64>,
    high: Option<f64>,
    scale: Option<f32>,
    zero_point: Option<i8>,
    saturated: f64,
    /// `None` where nothing differs.
    sqnr_db: Option<f64>,
}

/// Of the float and the int8 network, on the same digits.
#[derive(Serialize)]
struct Accuracy {
    digits: usize,
    correct: [usize; 2],
    float: f64,
    int8: f64,
}

/// Runs the command.
pub fn quantize(args: &QuantizeArgs, terminal: &mut Terminal) -> anyhow::Result<()> {
    let loaded = Loaded::open(&args.model, &args.feeding)?;
    let model = loaded.model()?;
    if model.max_length().is_some() {
        return Err(anyhow!("cannot quantise {}: {}", loaded.name, QuantizeError::Sequences));
    }
    let method = method(args)?;
    let items = items(args, &loaded, &model)?;
    let mut network = parse(&model);
    remember_pixels(&mut network, args)?;
    let options = QuantizeOptions { method, bias_correction: args.bias_correction, float_ends: args.float_ends };
    let quantized = relprop_convert::quantize::quantize(&network, &items, &options)
        .map_err(|error| anyhow!("cannot quantise {}: {error}", loaded.name))?;
    let image = relprop_convert::emit(&quantized.network)?;
    let int8 = image.model()?;
    files::write(&args.output, image.bytes())?;
    let accuracy = match &args.mnist {
        Some(folder) => Some(Accuracy::of(&loaded, [&model, &int8], &Digits::test(folder)?)?),
        None => None,
    };
    let both = |f: fn(&Model<'_>) -> usize| [f(&model), f(&int8)];
    let report = Report {
        model: loaded.name.clone(),
        output: args.output.display().to_string(),
        method: match args.method {
            RangeMethod::Minmax => "minmax",
            RangeMethod::Percentile => "percentile",
            RangeMethod::Mse => "mse",
        },
        bias_correction: args.bias_correction,
        samples: items.len(),
        layers: quantized.layers.iter().map(Layer::from).collect(),
        accuracy,
        flash: both(|model| model.image().len()),
        ram_infer: both(|model| model.arena_bytes(Mode::Infer)),
        ram_explain: both(|model| model.arena_bytes(Mode::Explain)),
    };
    if args.json { terminal.print_json(&report) } else { terminal.print(&report.text(terminal)) }
}

fn method(args: &QuantizeArgs) -> anyhow::Result<Method> {
    if !(args.percentile > 50.0 && args.percentile <= 100.0) {
        return Err(usage!("--percentile is above 50 and at most 100"));
    }
    Ok(match args.method {
        RangeMethod::Minmax => Method::MinMax,
        RangeMethod::Percentile => Method::Percentile(args.percentile / 100.0),
        RangeMethod::Mse => Method::Mse,
    })
}

/// What the ranges are learnt from.
fn items(args: &QuantizeArgs, loaded: &Loaded, model: &Model<'_>) -> anyhow::Result<Vec<Item>> {
    let Some(folder) = &args.mnist else {
        let mut items = Inputs::read(loaded, model, &args.calibrate)?.items;
        items.truncate(args.samples as usize);
        return Ok(items);
    };
    let digits = Digits::training(folder)?;
    (0..digits.len(Some(args.samples))?).map(|i| Ok(vec![digits.input(loaded, model, i)?])).collect()
}

/// What the command line says about pictures becomes part of the image.
fn remember_pixels(network: &mut Network, args: &QuantizeArgs) -> anyhow::Result<()> {
    let channels = network.inputs.first().map_or(1, |port| network.shape(port.tensor).channels);
    if let (Some(pixels), Some(input)) = (args.feeding.pixels.pixels(channels)?, network.inputs.first_mut()) {
        input.pixels = Some(pixels);
    }
    Ok(())
}

impl From<&LayerReport> for Layer {
    fn from(layer: &LayerReport) -> Self {
        let [low, high] = layer.range.map(|end| end.is_finite().then_some(end));
        Self {
            tensor: layer.name.clone(),
            op: layer.op.map_or("input", relprop::step::Op::name),
            int8: layer.unit.is_some(),
            low,
            high,
            scale: layer.unit.map(|unit| unit.scale),
            zero_point: layer.unit.map(|unit| unit.zero_point),
            saturated: layer.saturated,
            sqnr_db: layer.sqnr.is_finite().then_some(layer.sqnr),
        }
    }
}

impl Accuracy {
    /// Runs both networks on all digits.
    fn of(loaded: &Loaded, models: [&Model<'_>; 2], digits: &Digits) -> anyhow::Result<Self> {
        let count = digits.len(None)?;
        let mut memories = models.map(|model| Memory::new(model, Mode::Infer));
        let [float, int8] = &mut memories;
        let floats = RelevanceType::F32;
        let mut sessions =
            [float.session(models[0], Mode::Infer, floats)?, int8.session(models[1], Mode::Infer, floats)?];
        let mut correct = [0; 2];
        let bar = progress::bar(count);
        for i in 0..count {
            let digit = digits.input(loaded, models[0], i)?;
            for (session, correct) in sessions.iter_mut().zip(&mut correct) {
                session.run(&[&digit])?;
                let top = session.output(0).and_then(|scores| scores.top());
                *correct += usize::from(top == digits.label(i));
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        let [float, int8] = correct.map(|correct| correct as f64 / count as f64);
        Ok(Self { digits: count, correct, float, int8 })
    }
}

impl Report {
    fn text(&self, terminal: &Terminal) -> String {
        let with = if self.bias_correction { ", biases corrected" } else { "" };
        let mut lines = vec![
            terminal.bold(&format!("wrote {}", self.output)),
            terminal.dim(&format!("{}, ranges by {} over {} inputs{with}", self.model, self.method, self.samples)),
            String::new(),
        ];
        lines.extend(self.table());
        lines.push(String::new());
        if let Some(accuracy) = &self.accuracy {
            lines.push(terminal.bold(&format!(
                "{:.2} % right, {:.2} % as floats ({} and {} of {} test digits)",
                100.0 * accuracy.int8,
                100.0 * accuracy.float,
                accuracy.correct[1],
                accuracy.correct[0],
                accuracy.digits,
            )));
        }
        let [(flash, flash_before), (ram, ram_before)] =
            [self.flash, self.ram_infer].map(|[before, after]| (grouped(after), grouped(before)));
        lines.push(format!(
            "{flash} bytes of flash (were {flash_before}), {ram} bytes of RAM to run (were {ram_before})"
        ));
        lines.join("\n") + "\n"
    }

    /// One line per tensor.
    fn table(&self) -> Vec<String> {
        let head = ["tensor", "op", "low", "high", "unit", "zero", "saturated", "SQNR"].map(str::to_owned).to_vec();
        let number = |value: Option<f64>| value.map_or_else(String::new, |value| short(value as f32));
        let row = |layer: &Layer| {
            let integers = [
                number(layer.low),
                number(layer.high),
                number(layer.scale.map(f64::from)),
                layer.zero_point.map_or_else(|| "float".to_owned(), |zero| zero.to_string()),
            ];
            let cost = [
                if layer.saturated > 0.0 { percent(layer.saturated as f32) } else { "–".to_owned() },
                layer.sqnr_db.map_or_else(|| "exact".to_owned(), |sqnr| format!("{sqnr:.1} dB")),
            ];
            [cut(&layer.tensor, 32), layer.op.to_owned()].into_iter().chain(integers).chain(cost).collect()
        };
        let rows: Vec<Vec<String>> = [head].into_iter().chain(self.layers.iter().map(row)).collect();
        let mut align = [Align::Right; 8];
        align[..2].fill(Align::Left);
        columns(&align, &rows)
    }
}

//! A memory plan as a map: addresses from top to bottom, time from left to right.

use relprop::plan::{Lifetime, Room, end_time, ledger_bytes, scratch_bytes};
use relprop::{Mode, Model};

/// Rows of the map.
const ROWS: usize = 24;
/// Columns of the addresses on the left.
const MARGIN: usize = 10;
/// More columns than this for one moment make the map no clearer.
const MOST_COLUMNS: usize = 4;

/// Nothing is here.
const FREE: char = '·';
/// What a step needs on its way back and nobody reads later.
const SCRATCH: char = '~';
/// The ledger.
const LEDGER: char = '$';

/// Something in memory for a while.
struct Block {
    letter: char,
    start: usize,
    end: usize,
    life: Lifetime,
}

/// The letter of a tensor: its value in small, its relevance in capitals. Far apart, letters repeat.
pub fn letter(model: &Model<'_>, tensor: usize) -> char {
    let root = model.storage(tensor);
    let rank = (0..root).filter(|&t| model.storage(t) == t).count();
    char::from(b'a' + (rank % 26) as u8)
}

/// Draws the plan of a mode, `width` columns wide.
pub fn draw(model: &Model<'_>, mode: Mode, width: usize) -> Vec<String> {
    let arena = model.arena_bytes(mode);
    let times = if mode.explains() { end_time(model.steps()) + 1 } else { model.steps() + 1 };
    let axis = Axis::new(times, width.saturating_sub(MARGIN + 1).max(8));
    let blocks = blocks(model, mode);
    let rows = ROWS.min(arena.div_ceil(16)).max(1);
    let band = arena.div_ceil(rows).max(1);
    let mut lines = vec![format!("{:>MARGIN$} {}", "bytes", axis.header(model.steps()))];
    for row in 0..rows {
        let (from, to) = (row * band, ((row + 1) * band).min(arena));
        let cells: String = (0..axis.columns()).map(|column| cell(&blocks, from, to, axis.times(column))).collect();
        lines.push(format!("{from:>MARGIN$} {cells}"));
    }
    lines
}

/// What takes most of a band of addresses for a while.
fn cell(blocks: &[Block], from: usize, to: usize, times: std::ops::Range<usize>) -> char {
    let span = Lifetime { first: times.start, last: times.end.saturating_sub(1) };
    let bytes = |block: &Block| block.end.min(to).saturating_sub(block.start.max(from));
    let there = blocks.iter().filter(|block| block.life.meets(span) && bytes(block) > 0);
    there.max_by_key(|block| bytes(block)).map_or(FREE, |block| block.letter)
}

fn blocks(model: &Model<'_>, mode: Mode) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut add = |letter: char, offset: Option<usize>, bytes: usize, life: Lifetime| {
        if let Some(start) = offset {
            blocks.push(Block { letter, start, end: start + bytes, life });
        }
    };
    for tensor in (0..model.tensors()).filter(|&t| model.storage(t) == t) {
        let letter = letter(model, tensor);
        let (bytes, relevance_bytes) = (model.tensor(tensor).bytes(), model.tensor(tensor).relevance_bytes());
        let value = model.value_placement(mode, tensor);
        add(letter, value.offset, bytes, value.lifetime);
        if mode.explains() {
            let relevance = model.relevance_placement(mode, tensor);
            add(letter.to_ascii_uppercase(), relevance.offset, relevance_bytes, relevance.lifetime);
        }
    }
    for (step, room) in (0..model.steps()).flat_map(|step| Room::ALL.map(|room| (step, room))) {
        let life = room.lifetime(mode, model.steps(), step);
        let bytes = scratch_bytes(model, mode, room, step);
        add(SCRATCH, model.scratch_offset(mode, room, step), bytes, life);
    }
    if mode.explains() {
        let always = Lifetime { first: 0, last: end_time(model.steps()) };
        add(LEDGER, model.ledger_offset(mode), ledger_bytes(model), always);
    }
    blocks
}

/// How time is laid out: several columns for a moment, or several moments in a column.
struct Axis {
    times: usize,
    /// Columns of one moment.
    columns_each: usize,
    /// Moments in one column.
    times_each: usize,
}

impl Axis {
    fn new(times: usize, room: usize) -> Self {
        let columns_each = (room / times).clamp(1, MOST_COLUMNS);
        Self { times, columns_each, times_each: times.div_ceil(room) }
    }

    fn columns(&self) -> usize {
        if self.times_each > 1 { self.times.div_ceil(self.times_each) } else { self.times * self.columns_each }
    }

    /// The moments that a column shows.
    fn times(&self, column: usize) -> std::ops::Range<usize> {
        let first = column / self.columns_each * self.times_each;
        first..(first + self.times_each).min(self.times)
    }

    /// The steps that work, by number, as far as there is room: forward, and back again.
    fn header(&self, steps: usize) -> String {
        let label = |column: usize| {
            // At time `steps` the seed is set; after all of it there is one more moment, for the results.
            let number = match self.times(column).start {
                time if time < steps => time.to_string(),
                time if time == steps || time > 2 * steps => "|".to_owned(),
                time => (2 * steps - time).to_string(),
            };
            // Where numbers do not fit, their last digit; where moments share a column, nothing.
            let text = match number.len() {
                _ if self.times_each > 1 => " ",
                len if len < self.columns_each || len == 1 => &number,
                len => number.get(len - 1..).unwrap_or_default(),
            };
            format!("{text:<width$}", width = self.columns_each)
        };
        let header: String = (0..self.columns()).step_by(self.columns_each).map(label).collect();
        header.trim_end().to_owned()
    }
}

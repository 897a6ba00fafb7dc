//! Memory plans: where every activation, relevance and scratch lies, for each mode.

use crate::allocate::{Allocation, Block, Overlay, allocate};
use relprop::model::Model;
use relprop::plan::{
    Lifetime, Mode, Placement, Room, backward_time, end_time, ledger_bytes, overlay_lead, relevance_lifetime,
    scratch_bytes, value_lead, value_lifetime,
};

/// The plan of one mode: what an image stores, and how good it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What the arena is for.
    pub mode: Mode,
    /// Bytes of arena.
    pub arena: usize,
    /// Most bytes that are in use at any one time: no plan can need less.
    pub lower_bound: usize,
    /// Offset of the ledger, where the mode explains.
    pub ledger: Option<usize>,
    /// Place of every tensor's value.
    pub values: Vec<Placement>,
    /// Place of every tensor's relevance; nowhere in a mode that does not explain.
    pub relevances: Vec<Placement>,
    /// Offset of every step's scratch on its way forward and back, where it needs any.
    pub scratch: Vec<[Option<usize>; 3]>,
}

/// No relevance.
const NOWHERE: Placement = Placement { offset: None, lifetime: Lifetime { first: 0, last: 0 } };

impl Plan {
    /// Plans a model whose own plans are not looked at.
    pub fn new(model: &Model<'_>, mode: Mode) -> Self {
        let mut blocks = Blocks::default();
        let roots: Vec<usize> = (0..model.tensors()).map(|t| model.storage(t)).collect();
        let values: Vec<Slot> = roots
            .iter()
            .map(|&root| blocks.tensor((0, root), model.tensor(root).bytes(), value_lifetime(model, mode, root)))
            .collect();
        let relevances: Vec<Slot> = roots
            .iter()
            .filter(|_| mode.explains())
            .map(|&root| {
                blocks.tensor((1, root), model.tensor(root).relevance_bytes(), relevance_lifetime(model, root))
            })
            .collect();
        let scratch: Vec<[Option<usize>; 3]> = (0..model.steps())
            .map(|step| {
                Room::ALL.map(|room| {
                    let bytes = scratch_bytes(model, mode, room, step);
                    (bytes > 0).then(|| blocks.push(bytes, room.lifetime(mode, model.steps(), step)))
                })
            })
            .collect();
        let ledger = mode
            .explains()
            .then(|| blocks.push(ledger_bytes(model), Lifetime { first: 0, last: end_time(model.steps()) }));

        let mut overlays: Vec<Overlay> = (0..if mode.explains() { model.steps() } else { 0 })
            .filter_map(|i| {
                let step = model.step(i);
                let lead = overlay_lead(model, &step)?;
                let (sink, source) = (relevances.get(model.operand(&step, 0))?, relevances.get(step.output)?);
                let time = backward_time(model.steps(), i);
                let meet = sink.lifetime.first == time && source.lifetime.last == time;
                meet.then_some(Overlay { sink: sink.block, source: source.block, lead })
            })
            .collect();
        let simple = overlays.len();
        overlays.extend((0..if mode.explains() { model.steps() } else { 0 }).filter_map(|i| {
            let step = model.step(i);
            let lead = value_lead(model, &step)?;
            let operand = model.operand(&step, 0);
            let (sink, source) = (relevances.get(operand)?, values.get(operand)?);
            let time = backward_time(model.steps(), i);
            let meet = sink.lifetime.first == time && source.lifetime.last == time;
            meet.then_some(Overlay { sink: sink.block, source: source.block, lead })
        }));
        // More freedom makes the search harder, and now and then worse.
        let free = allocate(&blocks.list, &overlays);
        let allocation = match overlays.get(..simple) {
            Some(few) if simple < overlays.len() => {
                let few = allocate(&blocks.list, few);
                if few.peak < free.peak { Allocation { lower_bound: free.lower_bound, ..few } } else { free }
            }
            _ => free,
        };
        let offset = |block: usize| allocation.offsets.get(block).copied();
        let place = |slot: &Slot| Placement { offset: offset(slot.block), lifetime: slot.lifetime };
        Self {
            mode,
            arena: allocation.peak,
            lower_bound: allocation.lower_bound,
            ledger: ledger.and_then(offset),
            values: values.iter().map(place).collect(),
            relevances: if mode.explains() {
                relevances.iter().map(place).collect()
            } else {
                vec![NOWHERE; model.tensors()]
            },
            scratch: scratch.into_iter().map(|both| both.map(|block| block.and_then(offset))).collect(),
        }
    }
}

/// A block to be placed, and the lifetime that it stands for.
#[derive(Clone, Copy)]
struct Slot {
    block: usize,
    lifetime: Lifetime,
}

/// Blocks as they are gathered.
#[derive(Default)]
struct Blocks {
    list: Vec<Block>,
    /// By kind (value or relevance) and storage: tensors that share storage share a block.
    known: std::collections::HashMap<(usize, usize), Slot>,
}

impl Blocks {
    fn push(&mut self, bytes: usize, lifetime: Lifetime) -> usize {
        self.list.push(Block { bytes, lifetime });
        self.list.len() - 1
    }

    fn tensor(&mut self, key: (usize, usize), bytes: usize, lifetime: Lifetime) -> Slot {
        if let Some(&slot) = self.known.get(&key) {
            return slot;
        }
        let slot = Slot { block: self.push(bytes, lifetime), lifetime };
        self.known.insert(key, slot);
        slot
    }
}

//! Where blocks that live for a while lie in one piece of memory: dynamic storage allocation.
//!
//! The problem is NP-hard, the networks are small, and the host has time: several greedy orders, then a bounded local
//! search from the best of them. Everything is integer arithmetic and deterministic, so that an image has the same
//! bytes on every host.

use relprop::model::format::ALIGNMENT;
use relprop::plan::Lifetime;
use std::cmp::Reverse;

/// Something to place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Size in bytes.
    pub bytes: usize,
    /// When it is in memory.
    pub lifetime: Lifetime,
}

/// Two blocks of which one may overlay the other: `source` must begin at least `lead` bytes behind `sink`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlay {
    /// Index of the block that is written.
    pub sink: usize,
    /// Index of the block that is read meanwhile; their lifetimes share one moment.
    pub source: usize,
    /// In bytes; may be negative.
    pub lead: isize,
}

impl Overlay {
    /// The lead as offsets can have it.
    fn aligned_lead(&self) -> isize {
        self.lead.div_euclid(ALIGNMENT as isize) * ALIGNMENT as isize
            + if self.lead.rem_euclid(ALIGNMENT as isize) > 0 { ALIGNMENT as isize } else { 0 }
    }

    /// Bytes that both take together.
    fn union(&self, blocks: &[Block]) -> usize {
        let bytes = |i: usize| blocks.get(i).map_or(0, |block| block.bytes);
        let lead = self.aligned_lead().max(-isize::try_from(bytes(self.source)).unwrap_or(isize::MAX));
        let (before, behind) = ((-lead).max(0) as usize, lead.max(0) as usize);
        let [sink, source] = [self.sink, self.source].map(bytes);
        before.saturating_add(sink).max(behind.saturating_add(source)).min(sink.saturating_add(source))
    }

    /// Whether a block and another may lie as they do.
    fn allows(&self, (a, a_start): (usize, usize), (b, b_start): (usize, usize)) -> bool {
        let ahead = |sink: usize, source: usize| (source as isize).saturating_sub(sink as isize) >= self.lead;
        (a == self.sink && b == self.source && ahead(a_start, b_start))
            || (b == self.sink && a == self.source && ahead(b_start, a_start))
    }
}

/// Blocks in their places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allocation {
    /// Offset of each block, a multiple of [`ALIGNMENT`].
    pub offsets: Vec<usize>,
    /// Bytes that all of it takes.
    pub peak: usize,
    /// Most bytes that are in use at any one time: no allocation can take less.
    pub lower_bound: usize,
}

/// How many comparisons of two blocks the local search may spend.
const SEARCH_BUDGET: usize = 40_000_000;
/// From how many blocks on there is time for only a few attempts.
const MANY_BLOCKS: usize = 5_000;
/// How many orders the local search may try.
const SEARCH_ROUNDS: usize = 10_000;
/// After how many without progress it sets out anew.
const PATIENCE: usize = 20;

/// Places every block so that no two that live at the same time overlap, but for those that may.
pub fn allocate(blocks: &[Block], overlays: &[Overlay]) -> Allocation {
    let blocks: Vec<Block> = blocks.iter().map(aligned).collect();
    let lower_bound = lower_bound(&blocks, overlays);
    let mut best = Candidate::default();
    // Each attempt takes time quadratic in the number of blocks.
    let attempts = if blocks.len() > MANY_BLOCKS { 2 } else { usize::MAX };
    for order in orders(&blocks).into_iter().take(attempts) {
        for fit in [Fit::First, Fit::Best] {
            let candidate = Candidate::place(&blocks, overlays, order.clone(), fit);
            if best.offsets.is_empty() || candidate.peak < best.peak {
                best = candidate;
            }
        }
    }
    if best.peak > lower_bound {
        best = search(&blocks, overlays, best, lower_bound);
    }
    Allocation { offsets: best.offsets, peak: best.peak, lower_bound }
}

fn aligned(block: &Block) -> Block {
    let bytes = block.bytes.checked_next_multiple_of(ALIGNMENT).unwrap_or(usize::MAX);
    Block { bytes, ..*block }
}

/// The largest sum of blocks that live at the same time, less what overlays save.
fn lower_bound(blocks: &[Block], overlays: &[Overlay]) -> usize {
    let mut events: Vec<(usize, bool, usize)> = blocks
        .iter()
        .flat_map(|b| [(b.lifetime.first, true, b.bytes), (b.lifetime.last.saturating_add(1), false, b.bytes)])
        .collect();
    // Both blocks of an overlay live together for a moment, and for that moment take less. Of several overlays of one
    // moment only the best counts: they cannot all be had in full.
    let mut moments = std::collections::BTreeMap::new();
    for overlay in overlays {
        let (Some(sink), Some(source)) = (blocks.get(overlay.sink), blocks.get(overlay.source)) else { continue };
        let saved = sink.bytes.saturating_add(source.bytes).saturating_sub(overlay.union(blocks));
        let most = moments.entry(sink.lifetime.first).or_insert(0);
        *most = saved.max(*most);
    }
    for (moment, saved) in moments {
        events.extend([(moment, false, saved), (moment + 1, true, saved)]);
    }
    events.sort_unstable_by_key(|&(time, _, _)| time);
    // Together they may be larger than any memory.
    let (mut live, mut most) = (0_i128, 0);
    for together in events.chunk_by(|a, b| a.0 == b.0) {
        for &(_, begins, bytes) in together {
            live += if begins { bytes as i128 } else { -(bytes as i128) };
        }
        most = most.max(live);
    }
    usize::try_from(most.max(0)).unwrap_or(usize::MAX)
}

/// Orders in which greedy placement tends to do well.
fn orders(blocks: &[Block]) -> Vec<Vec<usize>> {
    let duration = |b: &Block| b.lifetime.last.saturating_sub(b.lifetime.first) + 1;
    vec![
        sorted_by(blocks, |b| (Reverse(b.bytes), Reverse(duration(b)))),
        sorted_by(blocks, |b| (Reverse(b.bytes.saturating_mul(duration(b))), Reverse(b.bytes))),
        sorted_by(blocks, |b| (Reverse(duration(b)), Reverse(b.bytes))),
        sorted_by(blocks, |b| (b.lifetime.first, Reverse(b.bytes))),
        sorted_by(blocks, |b| (b.lifetime.last, Reverse(b.bytes))),
        sorted_by(blocks, |b| (Reverse(b.lifetime.first), Reverse(b.bytes))),
    ]
}

fn sorted_by<K: Ord>(blocks: &[Block], key: impl Fn(&Block) -> K) -> Vec<usize> {
    let mut order: Vec<usize> = (0..blocks.len()).collect();
    order.sort_by_key(|&i| blocks.get(i).map(&key));
    order
}

/// Which gap a block is put into.
#[derive(Clone, Copy, Debug)]
enum Fit {
    /// The lowest.
    First,
    /// The smallest.
    Best,
}

/// One attempt.
#[derive(Clone, Debug, Default)]
struct Candidate {
    order: Vec<usize>,
    offsets: Vec<usize>,
    peak: usize,
}

/// A block in its place.
#[derive(Clone, Copy)]
struct Placed {
    block: usize,
    start: usize,
    end: usize,
    lifetime: Lifetime,
}

impl Candidate {
    /// Places block after block, each into a gap that those placed before it leave free.
    fn place(blocks: &[Block], overlays: &[Overlay], order: Vec<usize>, fit: Fit) -> Self {
        let mut offsets = vec![0; blocks.len()];
        let mut placed: Vec<Placed> = Vec::with_capacity(blocks.len());
        let mut peak = 0;
        for &i in &order {
            let (Some(block), Some(offset)) = (blocks.get(i), offsets.get_mut(i)) else { continue };
            let start = match overlaid(&placed, overlays, i, block) {
                Some(start) => gap(&placed, block, fit).min(start),
                None => gap(&placed, block, fit),
            };
            let end = start.saturating_add(block.bytes);
            *offset = start;
            peak = peak.max(end);
            let at = placed.partition_point(|other| other.start <= start);
            placed.insert(at, Placed { block: i, start, end, lifetime: block.lifetime });
        }
        Self { order, offsets, peak }
    }

    /// How far blocks reach above the bound, all together: falls before the peak does, which any one of them holds up.
    fn above(&self, blocks: &[Block], bound: usize) -> u64 {
        let ends = self.offsets.iter().zip(blocks).map(|(&offset, block)| offset.saturating_add(block.bytes));
        ends.map(|end| end.saturating_sub(bound) as u64).sum()
    }
}

/// Where a block fits between `placed`, which are sorted by their start.
fn gap(placed: &[Placed], block: &Block, fit: Fit) -> usize {
    let mut end = 0;
    let mut best: Option<(usize, usize)> = None;
    for other in placed.iter().filter(|other| other.lifetime.meets(block.lifetime)) {
        let room = other.start.saturating_sub(end);
        if room >= block.bytes && best.is_none_or(|(smallest, _)| room < smallest) {
            best = Some((room, end));
            if matches!(fit, Fit::First) {
                break;
            }
        }
        end = end.max(other.end);
    }
    best.map_or(end, |(_, start)| start)
}

/// The lowest place where a block overlays one that it may.
fn overlaid(placed: &[Placed], overlays: &[Overlay], i: usize, block: &Block) -> Option<usize> {
    let partners = overlays.iter().filter(|overlay| overlay.sink == i || overlay.source == i);
    let mut best: Option<usize> = None;
    for overlay in partners {
        let other = if overlay.sink == i { overlay.source } else { overlay.sink };
        let Some(partner) = placed.iter().find(|placed| placed.block == other) else { continue };
        let lead = if overlay.sink == i { -overlay.aligned_lead() } else { overlay.aligned_lead() };
        // Exactly as far off as it must be, or (a sink) further towards the start, or (a source) at the partner's start.
        let nearest = (partner.start as isize).saturating_add(lead);
        for start in [nearest, partner.start as isize, nearest.min(0)] {
            let Ok(start) = usize::try_from(start) else { continue };
            let fits = placed.iter().all(|other| {
                let apart = start.saturating_add(block.bytes) <= other.start || other.end <= start;
                let allowed = || overlays.iter().any(|o| o.allows((i, start), (other.block, other.start)));
                apart || !other.lifetime.meets(block.lifetime) || allowed()
            });
            if fits && best.is_none_or(|best| start < best) {
                best = Some(start);
            }
        }
    }
    best
}

/// Moves blocks that reach the top to an earlier turn, as long as no more lies above the bound than did; where that
/// leads nowhere, sets out anew from one of the orders.
fn search(blocks: &[Block], overlays: &[Overlay], start: Candidate, lower_bound: usize) -> Candidate {
    let rounds = SEARCH_BUDGET / (blocks.len() * blocks.len()).max(1);
    let starts = orders(blocks);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut best = start.clone();
    let mut current = start;
    let mut fruitless = 0;
    for round in 0..rounds.min(SEARCH_ROUNDS) {
        if best.peak <= lower_bound {
            break;
        }
        let fit = if round % 2 == 0 { Fit::Best } else { Fit::First };
        let order = perturbed(blocks, &current, &mut random);
        let candidate = Candidate::place(blocks, overlays, order, fit);
        let (above, before) = (candidate.above(blocks, lower_bound), current.above(blocks, lower_bound));
        fruitless = if above < before { 0 } else { fruitless + 1 };
        if above <= before {
            current = candidate;
        } else if fruitless > PATIENCE {
            let order = starts.get(random.below(starts.len())).cloned().unwrap_or_default();
            current = Candidate::place(blocks, overlays, order, fit);
            fruitless = 0;
        }
        if current.peak < best.peak {
            best = current.clone();
        }
    }
    best
}

/// The order with one block of those at the top moved forward, and now and then another one moved anywhere.
fn perturbed(blocks: &[Block], current: &Candidate, random: &mut Random) -> Vec<usize> {
    let mut order = current.order.clone();
    let is_top = |&i: &usize| {
        let end = current.offsets.get(i).zip(blocks.get(i)).map(|(offset, block)| offset.saturating_add(block.bytes));
        end == Some(current.peak)
    };
    let tops: Vec<usize> = (0..order.len()).filter(|&turn| order.get(turn).is_some_and(is_top)).collect();
    if let Some(&turn) = tops.get(random.below(tops.len())) {
        let block = order.remove(turn);
        order.insert(random.below(turn + 1), block);
    }
    if random.below(2) == 0 && !order.is_empty() {
        let block = order.remove(random.below(order.len()));
        order.insert(random.below(order.len() + 1), block);
    }
    order
}

/// Xorshift: the same sequence on every host.
struct Random(u64);

impl Random {
    /// A number below `limit`, zero when that is zero.
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 33) % limit.max(1) as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::{Allocation, Block, allocate};
    use proptest::prelude::*;
    use relprop::plan::Lifetime;

    fn block(bytes: usize, first: usize, last: usize) -> Block {
        Block { bytes, lifetime: Lifetime { first, last } }
    }

    fn assert_apart(blocks: &[Block], allocation: &Allocation) {
        for (i, a) in blocks.iter().enumerate() {
            let start = allocation.offsets[i];
            assert!(start.is_multiple_of(16) && start + a.bytes <= allocation.peak);
            for (k, b) in blocks.iter().enumerate().take(i) {
                let other = allocation.offsets[k];
                let apart = start + a.bytes <= other || other + b.bytes <= start;
                assert!(apart || !a.lifetime.meets(b.lifetime), "{i} and {k} overlap");
            }
        }
    }

    #[test]
    fn the_dead_make_room() {
        let blocks = [block(16, 0, 1), block(16, 1, 2), block(10, 2, 3)];
        let allocation = allocate(&blocks, &[]);
        assert_apart(&blocks, &allocation);
        assert_eq!((allocation.peak, allocation.lower_bound), (32, 32));
    }

    #[test]
    fn nothing_takes_nothing() {
        assert_eq!(allocate(&[], &[]), Allocation::default());
    }

    /// A network whose plan was once an eighth too large: each block that holds the peak up has to move.
    #[test]
    fn the_search_does_not_get_stuck() {
        let of = |&(bytes, first, last): &(usize, usize, usize)| block(bytes, first, last);
        let kept = [(80, 0, 27), (80, 0, 25), (80, 1, 24), (96, 2, 23), (400, 4, 19), (32, 11, 27), (16, 12, 27)];
        let forward = [(80, 5, 5), (800, 6, 6), (32, 7, 18), (32, 8, 16), (32, 9, 9), (32, 10, 14)];
        let relevance = [(80, 25, 27), (80, 25, 26), (80, 21, 25), (96, 23, 24), (400, 19, 22), (80, 21, 21)];
        let small = [(32, 17, 19), (32, 16, 18), (32, 17, 17), (32, 14, 16), (32, 13, 15), (16, 13, 14)];
        let back = [(96, 25, 25), (128, 24, 24), (128, 23, 23), (224, 22, 22), (480, 19, 19), (128, 18, 18)];
        let rest = [(800, 20, 20), (96, 16, 16), (96, 14, 14), (432, 0, 27)];
        let groups = [&kept[..], &forward, &relevance, &small, &back, &rest];
        let blocks: Vec<Block> = groups.into_iter().flatten().map(of).collect();
        let allocation = allocate(&blocks, &[]);
        assert_apart(&blocks, &allocation);
        assert_eq!((allocation.peak, allocation.lower_bound), (2128, 2128));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Activations of a chain: each lives from its step to some step on the way back.
        #[test]
        fn random_lifetimes_fit_tightly(
            spans in prop::collection::vec((1_usize..40, 0_usize..60, 0_usize..60), 8..60)
        ) {
            let blocks: Vec<Block> = spans
                .iter()
                .map(|&(size, a, b)| block(size * 64, a.min(b), a.max(b)))
                .collect();
            let allocation = allocate(&blocks, &[]);
            assert_apart(&blocks, &allocation);
            prop_assert!(allocation.peak >= allocation.lower_bound);
            prop_assert!(allocation.peak * 10 <= allocation.lower_bound * 11,
                "{} over {}", allocation.peak, allocation.lower_bound);
        }
    }
}

//! Where relevance starts, for one item.

use crate::classes::Classes;
use crate::spec::{Aim, SeedRelevance};
use relprop::Seed;
use relprop::target::arg_max;

/// What is explained, once the network has run.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// The class, by its number in the exported model; `None` for all of them.
    pub class: Option<usize>,
    /// The class that it is told from.
    pub contrast: Option<usize>,
    /// The class's value before any softmax; without a class, the largest.
    pub value: f32,
    /// Relevance of every element of the output, in the kernel's order.
    pub relevance: Vec<f32>,
}

impl Start {
    /// Resolves an aim with the values before any softmax, which are in the kernel's order.
    pub fn new(aim: Aim, seed: SeedRelevance, logits: &[f32], classes: &Classes) -> Self {
        let top = arg_max(logits).unwrap_or_default();
        let (class, contrast) = match aim {
            Aim::Top => (Some(classes.user(top)), None),
            Aim::Class(k) => (Some(k), None),
            Aim::Contrast(k, l) => (Some(k), Some(l)),
            Aim::All => (None, None),
        };
        let start = |place: usize| match seed {
            SeedRelevance::Logit => logits.get(place).copied().unwrap_or_default(),
            SeedRelevance::One => 1.0,
        };
        let mut relevance = vec![0.0; logits.len()];
        if class.is_none() {
            relevance = (0..logits.len()).map(start).collect();
        }
        // Plus for the class, minus for the one it is told from.
        for (number, sign) in [(class, 1.0), (contrast, -1.0)] {
            let place = number.map(|number| classes.kernel(number));
            if let Some((place, r)) = place.and_then(|place| Some((place, relevance.get_mut(place)?))) {
                *r += sign * start(place);
            }
        }
        let value = logits.get(class.map_or(top, |class| classes.kernel(class))).copied().unwrap_or_default();
        Self { class, contrast, value, relevance }
    }

    /// The same for the kernel. A class by its number is what a device would ask for: integers start with the same bits.
    pub fn seed(&self, relevance: SeedRelevance, classes: &Classes) -> Seed<'_> {
        let place = |number: usize| classes.kernel(number);
        match (relevance, self.class, self.contrast) {
            (SeedRelevance::Logit, Some(k), None) => Seed::Class(place(k)),
            (SeedRelevance::Logit, Some(k), Some(l)) => Seed::Contrast(place(k), place(l)),
            (SeedRelevance::Logit, None, _) => Seed::All,
            (SeedRelevance::One, Some(k), None) => Seed::OneHot(place(k)),
            (SeedRelevance::One, ..) => Seed::Values(&self.relevance),
        }
    }

    /// How far a relevance exceeds what it started with: `max |R| / |f|`, where it started with `f`.
    pub fn amplification(&self, peak: f32) -> f32 {
        peak / self.relevance.iter().fold(0.0, |most: f32, r| most.max(r.abs()))
    }

    /// All of it.
    pub fn total(&self) -> f32 {
        self.relevance.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::Start;
    use crate::classes::Classes;
    use crate::spec::{Aim, SeedRelevance};

    fn relevance(aim: Aim, seed: SeedRelevance) -> Vec<f32> {
        Start::new(aim, seed, &[1.0, 5.0, 3.0], &Classes::named(&["", "", ""])).relevance
    }

    #[test]
    fn every_aim_has_its_seed() {
        use SeedRelevance::{Logit, One};
        assert_eq!(relevance(Aim::Top, Logit), [0.0, 5.0, 0.0]);
        assert_eq!(relevance(Aim::Top, One), [0.0, 1.0, 0.0]);
        assert_eq!(relevance(Aim::Class(2), Logit), [0.0, 0.0, 3.0]);
        assert_eq!(relevance(Aim::Contrast(1, 2), Logit), [0.0, 5.0, -3.0]);
        assert_eq!(relevance(Aim::Contrast(1, 2), One), [0.0, 1.0, -1.0]);
        assert_eq!(relevance(Aim::All, Logit), [1.0, 5.0, 3.0]);
        assert_eq!(relevance(Aim::All, One), [1.0, 1.0, 1.0]);
    }
}

//! The relevance of a network of integers is that of the real numbers which they stand for, to what its arithmetic loses:
//! 4·10⁻⁶ in floats, 10⁻⁴ of the whole in integers (docs/int8.md), and there the books close exactly.

use proptest::prelude::*;
use relprop::rule::{Choice, Rule};
use support::cases::cases;
use support::checks::int8_layer::check;
use support::int8::Twins;
use support::networks::kinds::Kind;
use support::networks::layers::any_of;

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn integers_explain_what_they_stand_for(
        (_, case) in any_of([Kind::Conv, Kind::Depthwise, Kind::Dense, Kind::Add, Kind::Average]),
        seed: u64,
        rule in prop::sample::select(vec![Rule::Epsilon(0.01), Rule::ZPlus, Rule::Gamma(0.25)]),
    ) {
        if let Some(twins) = Twins::new(&case, -17) {
            check(&twins, Choice::new(rule), seed)?;
        }
    }
}

//! Hashes of explanations, to hold against those of the host in `tests/data/golden.txt`.

use crate::{Console, Failure, digit};
use crc::{CRC_32_ISO_HDLC, Crc, Digest, NoTable};
use relprop::{Composite, Explanation, Fixed, Preset, Session, Target, Values};
use ufmt::{uWrite, uwrite, uwriteln};

static CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

/// A line of `golden.txt`: model, sample and composite, and a hash.
///
/// # Errors
/// The console's.
pub fn line<W: uWrite>(out: &mut W, [model, sample, what]: [&str; 3], hash: u32) -> Result<(), W::Error> {
    uwrite!(out, "golden {} {} {} ", model, sample, what)?;
    hexadecimal(out, hash)
}

fn hexadecimal<W: uWrite>(out: &mut W, hash: u32) -> Result<(), W::Error> {
    for digit in (0..8).rev() {
        out.write_char(char::from_digit(hash >> (4 * digit) & 15, 16).unwrap_or('?'))?;
    }
    uwriteln!(out, "")
}

/// The same of relevance in integers.
///
/// # Errors
/// The console's.
pub fn fixed_line<W: uWrite>(out: &mut W, [model, sample, composite]: [&str; 3], hash: u32) -> Result<(), W::Error> {
    uwrite!(out, "golden {} {} fixed {} ", model, sample, composite)?;
    hexadecimal(out, hash)
}

/// A line for every sample digit, by `epsilon_plus`, relevance being of integers.
///
/// # Errors
/// The session's, or the console's.
pub fn digits_in_integers(out: &mut Console, model: &str, session: &mut Session<'_, '_, Fixed>) -> Result<(), Failure> {
    for digit::Sample { name, integers, .. } in &digit::SAMPLES {
        session.run_int8(&[integers])?;
        let why = session.explain(&Target::TOP, &Composite::new(Preset::EpsilonPlus))?;
        fixed_line(out, [model, name, "epsilon_plus"], of_integers(&why))?;
    }
    Ok(())
}

/// The same, relevance being of floats.
///
/// # Errors
/// The session's, or the console's.
pub fn digits_in_floats(out: &mut Console, model: &str, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    for digit::Sample { name, integers, .. } in &digit::SAMPLES {
        session.run_int8(&[integers])?;
        let why = session.explain(&Target::TOP, &Composite::new(Preset::EpsilonPlus))?;
        line(out, [model, name, "epsilon_plus"], of_floats(&why))?;
    }
    Ok(())
}

/// Relevance of integers, with its exponent.
pub fn of_integers(explanation: &Explanation<'_, Fixed>) -> u32 {
    let mut digest = words(explanation.relevance().iter().map(|r| r.to_le_bytes()));
    digest.update(&explanation.unit_of(0).to_bits().to_le_bytes());
    digest.finalize()
}

/// Relevance of floats.
pub fn of_floats(explanation: &Explanation<'_>) -> u32 {
    words(explanation.relevance().iter().map(|r| r.to_bits().to_le_bytes())).finalize()
}

/// Scores, as real numbers.
pub fn of_scores(scores: &Values<'_>) -> u32 {
    words(scores.iter().map(|score| score.to_bits().to_le_bytes())).finalize()
}

fn words(words: impl Iterator<Item = [u8; 4]>) -> Digest<'static, u32, NoTable> {
    let mut digest = CRC.digest();
    words.for_each(|word| digest.update(&word));
    digest
}

//! The logistic function and the hyperbolic tangent of 16-bit numbers, by a table that the image carries.

/// Entries of the table.
pub const ENTRIES: usize = 256;
/// Places of what the functions are taken of, and of what is looked up.
const PLACES: u32 = 12;

/// `σ(k / 24)` for `k` from 0 on, in units of 2⁻¹⁶. In between is interpolated, beyond is the largest value.
#[derive(Clone, Copy)]
pub struct Curve<'a> {
    table: &'a [u16],
}

impl<'a> Curve<'a> {
    /// A table; where one is too short, what is missing is zero.
    pub const fn new(table: &'a [u16]) -> Self {
        Self { table }
    }

    /// `σ(x)` in units of 2⁻¹⁵, of `x` in units of 2⁻¹².
    pub fn sigmoid(self, x: i16) -> i16 {
        let z = 3 * i32::from(x);
        // Units of 2⁻²⁵.
        let y = self.between(z.unsigned_abs(), 9).unwrap_or(0x7fff << 10);
        let y = if z >= 0 { y + (1 << 9) } else { (1 << 25) - y + (1 << 9) - 1 };
        (y >> 10).min(i16::MAX.into()) as i16
    }

    /// `tanh(x)` in units of 2⁻¹⁵, of `x` in units of `2^-places`, at most 15 places: `2·σ(2x) − 1`.
    pub fn tanh(self, x: i16, places: u32) -> i16 {
        let thrice = 3 * i32::from(x);
        let z = if places <= PLACES {
            thrice << (PLACES - places)
        } else {
            let right = (places - PLACES).min(15);
            (thrice + (1 << (right - 1))) >> right
        };
        // Units of 2⁻²³.
        let y = self.between(z.unsigned_abs(), 8).unwrap_or(0xffff << 8) - (1 << 23);
        let y = if z >= 0 { y } else { -y - 1 };
        ((y + (1 << 7)) >> 8) as i16
    }

    /// The table at `at / 2^places`, in units of `2^-(16 + places)`; `None` beyond its end.
    fn between(self, at: u32, places: u32) -> Option<i32> {
        let next = |k: usize| self.table.get(k).map_or(0, |entry| i32::from(*entry));
        let k = (at >> places) as usize;
        let part = (at & ((1 << places) - 1)) as i32;
        (k + 1 < ENTRIES).then(|| (next(k) << places) + part * (next(k + 1) - next(k)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Curve, ENTRIES};

    #[test]
    fn functions_are_close() {
        let table: Vec<u16> =
            (0..ENTRIES).map(|k| (65536.0 / (1.0 + (-(k as f64) / 24.0).exp())).round().min(65535.0) as u16).collect();
        let curve = Curve::new(&table);
        for x in i16::MIN..=i16::MAX {
            let real = f64::from(x) / 4096.0;
            let sigmoid = f64::from(curve.sigmoid(x)) / 32768.0;
            assert!((sigmoid - 1.0 / (1.0 + (-real).exp())).abs() < 1e-4, "{x}");
            for places in 0..=15 {
                let real = f64::from(x) / f64::from(1 << places);
                let tanh = f64::from(curve.tanh(x, places)) / 32768.0;
                assert!((tanh - real.tanh()).abs() < 4e-4, "{x} in units of 2^-{places}: {tanh}");
            }
        }
    }

    #[test]
    fn no_table_makes_it_panic() {
        for table in [&[][..], &[u16::MAX; ENTRIES], &[0; 3]] {
            let curve = Curve::new(table);
            for x in [i16::MIN, -1, 0, 1, i16::MAX] {
                curve.sigmoid(x);
                for places in 0..=40 {
                    curve.tanh(x, places);
                }
            }
        }
    }
}

//! The 80-bit extended double, in which Redis adds floats: INCRBYFLOAT has to give the same digits.
//!
//! Everything is exact and then rounded once, half to even: reading a decimal, adding, and writing 17 decimals.

mod big;

use std::fmt;

use big::Big;

/// A number of 64 significant bits, or an infinity of either sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extended {
    Infinite,
    /// `mantissa` times two to the power of `exponent`, negated when `negative`.
    Finite {
        negative: bool,
        mantissa: u64,
        exponent: i32,
    },
}

const MANTISSA_BITS: i32 = u64::BITS as i32;
/// The weight of the last bit of the smallest numbers.
const EXPONENT_MIN: i32 = -16445;
/// Every number is below two to the power of this.
const MAGNITUDE_BITS_MAX: i32 = 16384;
/// A number of so many digits before its point is above the largest one.
const DECIMAL_DIGITS_MAX: i64 = 4933;
/// A number of so many zeros behind its point is below half of the smallest one.
const DECIMAL_ZEROS_MAX: i64 = 4951;
/// Longer texts are no numbers, as in Redis.
const TEXT_BYTES_MAX: usize = 5 * 1024 - 1;
/// How many decimals are written at most. The scaled mantissa fits 128 bits.
const DECIMALS: u32 = 17;

impl Extended {
    pub(crate) const ZERO: Self = Self::Finite { negative: false, mantissa: 0, exponent: 0 };

    /// The number that a text spells in the way of C: decimal, hexadecimal (`0x1.8p3`) or `inf`, with nothing before or
    /// behind it. `None` when it spells none, or one that rounds to zero or infinity and is neither.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let (negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        if text.eq_ignore_ascii_case(b"inf") || text.eq_ignore_ascii_case(b"infinity") {
            return Some(Self::Infinite);
        }
        match text {
            [b'0', b'x' | b'X', digits @ ..] => hexadecimal(negative, digits),
            _ => decimal(negative, text),
        }
    }

    /// The sum; `None` when it is infinite or none.
    pub(crate) fn add(self, other: Self) -> Option<Self> {
        let (left, right) = (Aligned::of(self)?, Aligned::of(other)?);
        if left.bits == 0 || right.bits == 0 {
            return Some(if left.bits == 0 { other } else { self });
        }
        let (large, small) = match (left.exponent, left.bits) >= (right.exponent, right.bits) {
            true => (left, right),
            false => (right, left),
        };
        let distance = (large.exponent - small.exponent) as u32;
        let shifted = small.bits.checked_shr(distance).unwrap_or(0);
        // Whether the sum is a little further from `large` than its bits say.
        let inexact = shifted.checked_shl(distance).unwrap_or(0) != small.bits;
        let bits = match large.negative == small.negative {
            true => large.bits + shifted,
            // What was cut off is taken away whole; the rest of it stands for the bits behind the last.
            false => large.bits - shifted - u128::from(inexact),
        };
        round(large.negative, bits, large.exponent, inexact)
    }
}

/// A number with its first bit in a fixed place, so that exponents can be compared, and room for one carry.
struct Aligned {
    negative: bool,
    bits: u128,
    exponent: i32,
}

impl Aligned {
    fn of(number: Extended) -> Option<Self> {
        let Extended::Finite { negative, mantissa, exponent } = number else { return None };
        let bits = u128::from(mantissa);
        let shift = bits.leading_zeros().saturating_sub(1).min(u128::BITS - 2);
        Some(Self { negative, bits: bits << shift, exponent: exponent - shift as i32 })
    }
}

/// The number nearest to `bits` times two to the power of `exponent`, half to even. `inexact`: the true number has more
/// bits behind those, which must be 66 or more then. `None` when the number is too large.
fn round(negative: bool, bits: u128, exponent: i32, inexact: bool) -> Option<Extended> {
    let length = (u128::BITS - bits.leading_zeros()) as i32;
    debug_assert!(!inexact || length > MANTISSA_BITS + 1);
    let dropped = (length - MANTISSA_BITS).max(EXPONENT_MIN - exponent).max(0);
    let mut mantissa = bits.checked_shr(dropped as u32).unwrap_or(0) as u64;
    let mut exponent = exponent + dropped;
    if dropped > 0 && dropped <= u128::BITS as i32 {
        let half = 1 << (dropped - 1);
        let rest = bits & (half | (half - 1));
        if rest > half || rest == half && (inexact || mantissa % 2 == 1) {
            mantissa = mantissa.checked_add(1).unwrap_or_else(|| {
                exponent += 1;
                1 << (MANTISSA_BITS - 1)
            });
        }
    }
    let magnitude = MANTISSA_BITS - mantissa.leading_zeros() as i32 + exponent;
    let fits = mantissa == 0 || magnitude <= MAGNITUDE_BITS_MAX;
    fits.then_some(Extended::Finite { negative, mantissa, exponent })
}

/// As [`round`], of a number that is not zero: it must not become zero.
fn round_nonzero(negative: bool, bits: u128, exponent: i32, inexact: bool) -> Option<Extended> {
    let number = round(negative, bits, exponent, inexact)?;
    (!matches!(number, Extended::Finite { mantissa: 0, .. })).then_some(number)
}

/// `12.5e-3`, without its sign.
fn decimal(negative: bool, text: &[u8]) -> Option<Extended> {
    let (digits, scale, rest) = split_digits(text, u8::is_ascii_digit)?;
    let exponent = match rest {
        [] => 0,
        [b'e' | b'E', exponent @ ..] => signed(exponent)?,
        _ => return None,
    };
    let first = digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len());
    let digits = &digits[first..];
    if digits.is_empty() {
        return Some(Extended::Finite { negative, mantissa: 0, exponent: 0 });
    }
    let power = exponent.saturating_sub(scale);
    let magnitude = power.saturating_add(digits.len() as i64);
    if !(-DECIMAL_ZEROS_MAX..=DECIMAL_DIGITS_MAX).contains(&magnitude) {
        return None;
    }
    // Not beyond some thousands, as the text is short.
    let power = power as i32;
    let mut number = Big::from_decimal(digits);
    let (shift, inexact) = match power {
        0.. => {
            number.multiply_by_power(10, power as u32);
            (0, false)
        }
        // Divided by a power of five; the rest of the ten goes into the exponent.
        _ => {
            let divisor_bits = power.unsigned_abs() * 7 / 3 + 1;
            let shift = divisor_bits + u64::BITS + 8;
            number.shift_left(shift);
            (power - shift as i32, number.divide_by_power(5, power.unsigned_abs()))
        }
    };
    let (bits, cut, lost) = number.first_bits();
    round_nonzero(negative, bits, shift + cut as i32, inexact || lost)
}

/// `1.8p3`, what follows `0x`. A letter more than fits is only looked at for its not being zero.
fn hexadecimal(negative: bool, text: &[u8]) -> Option<Extended> {
    let (digits, scale, rest) = split_digits(text, u8::is_ascii_hexdigit)?;
    let exponent = match rest {
        [] => 0,
        [b'p' | b'P', exponent @ ..] => signed(exponent)?,
        _ => return None,
    };
    let (mut bits, mut cut, mut inexact) = (0_u128, 0_i64, false);
    for digit in &digits {
        let digit = char::from(*digit).to_digit(16)?;
        if bits.leading_zeros() >= u64::BITS / 2 {
            bits = bits << 4 | u128::from(digit);
        } else {
            cut += 4;
            inexact |= digit != 0;
        }
    }
    if bits == 0 {
        return Some(Extended::Finite { negative, mantissa: 0, exponent: 0 });
    }
    let far = i64::from(MAGNITUDE_BITS_MAX) * 4;
    let exponent = exponent.saturating_sub(4 * scale).saturating_add(cut).clamp(-far, far);
    round_nonzero(negative, bits, exponent as i32, inexact)
}

/// The digits before and behind a point in one, how many are behind it, and what follows them. At least one is needed.
fn split_digits(text: &[u8], is_digit: fn(&u8) -> bool) -> Option<(Vec<u8>, i64, &[u8])> {
    let end_of = |text: &[u8]| text.iter().position(|byte| !is_digit(byte)).unwrap_or(text.len());
    let (whole, mut rest) = text.split_at(end_of(text));
    let mut digits = whole.to_vec();
    let mut scale = 0;
    if let [b'.', behind @ ..] = rest {
        let (fraction, after) = behind.split_at(end_of(behind));
        digits.extend_from_slice(fraction);
        scale = fraction.len() as i64;
        rest = after;
    }
    (!digits.is_empty()).then_some((digits, scale, rest))
}

/// An exponent; one beyond all bounds is as good as the bound.
fn signed(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0_i64, |value, digit| {
        value.saturating_mul(10).saturating_add(i64::from(digit - b'0'))
    });
    Some(if negative { -value } else { value })
}

/// With 17 decimals at most and no zeros at the end of them; never `-0`.
impl fmt::Display for Extended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Finite { negative, mantissa, exponent } = *self else {
            return f.write_str("inf");
        };
        let (whole, fraction) = match exponent {
            0.. => {
                let mut number = Big::from(mantissa);
                number.shift_left(exponent as u32);
                (number.to_string(), 0)
            }
            _ => {
                let scaled =
                    nearest(u128::from(mantissa) * 10_u128.pow(DECIMALS), exponent.unsigned_abs());
                let one = 10_u128.pow(DECIMALS);
                ((scaled / one).to_string(), scaled % one)
            }
        };
        if negative && (whole != "0" || fraction != 0) {
            f.write_str("-")?;
        }
        f.write_str(&whole)?;
        if fraction != 0 {
            let digits = format!("{fraction:017}");
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        Ok(())
    }
}

/// `bits` without the last `dropped`, rounded half to even. `bits` is below 2 to the power of 127.
fn nearest(bits: u128, dropped: u32) -> u128 {
    if dropped >= u128::BITS {
        return 0;
    }
    let (kept, half) = (bits >> dropped, 1 << (dropped - 1));
    let rest = bits & (half | (half - 1));
    kept + u128::from(rest > half || rest == half && kept % 2 == 1)
}

#[cfg(test)]
mod tests;

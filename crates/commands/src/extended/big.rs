//! Natural numbers of any size, as far as reading and writing decimals needs them.

use std::fmt;

/// The largest power of ten that 64 bits hold, and its exponent.
const CHUNK: u64 = 10_u64.pow(CHUNK_DIGITS as u32);
const CHUNK_DIGITS: usize = 19;

/// A natural number: 64-bit digits, the lowest first, and none of the highest is zero.
pub(super) struct Big {
    digits: Vec<u64>,
}

impl From<u64> for Big {
    fn from(number: u64) -> Self {
        let mut big = Self { digits: vec![number] };
        big.trim();
        big
    }
}

impl Big {
    /// The number that ASCII digits spell.
    pub(super) fn from_decimal(digits: &[u8]) -> Self {
        let mut big = Self { digits: Vec::new() };
        for chunk in digits.chunks(CHUNK_DIGITS) {
            let value = chunk.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
            big.multiply_and_add(10_u64.pow(chunk.len() as u32), value);
        }
        big
    }

    pub(super) fn multiply_by_power(&mut self, base: u64, exponent: u32) {
        for_each_factor(base, exponent, |factor| self.multiply_and_add(factor, 0));
    }

    /// Divides by a power of `base`; whether something is left over.
    pub(super) fn divide_by_power(&mut self, base: u64, exponent: u32) -> bool {
        let mut left_over = false;
        for_each_factor(base, exponent, |factor| left_over |= self.divide(factor) != 0);
        left_over
    }

    pub(super) fn shift_left(&mut self, count: u32) {
        let (whole, bits) = ((count / u64::BITS) as usize, count % u64::BITS);
        if bits > 0 {
            self.multiply_and_add(1 << bits, 0);
        }
        if !self.digits.is_empty() {
            self.digits.splice(0..0, std::iter::repeat_n(0, whole));
        }
    }

    /// The first 65 to 128 bits, or all when there are fewer; how many follow; and whether one of those is set.
    pub(super) fn first_bits(&self) -> (u128, u32, bool) {
        let Some(highest) = self.digits.len().checked_sub(1) else { return (0, 0, false) };
        let digit = |back: usize| highest.checked_sub(back).map_or(0, |at| self.digits[at]);
        // Three digits have 129 bits or more: as many as needed of the third.
        let unused = digit(0).leading_zeros();
        let first = u128::from(digit(0)) << u64::BITS | u128::from(digit(1));
        let bits = match unused {
            0 => first,
            _ => first << unused | u128::from(digit(2) >> (u64::BITS - unused)),
        };
        let length = (highest as u32 + 1) * u64::BITS - unused;
        let cut = length.saturating_sub(u128::BITS);
        if cut == 0 {
            return (bits >> (u128::BITS - length), 0, false);
        }
        let (whole, rest) = ((cut / u64::BITS) as usize, cut % u64::BITS);
        let lost = self.digits[..whole].iter().any(|digit| *digit != 0)
            || self.digits[whole] & ((1 << rest) - 1) != 0;
        (bits, cut, lost)
    }

    fn multiply_and_add(&mut self, factor: u64, summand: u64) {
        let mut carry = u128::from(summand);
        for digit in &mut self.digits {
            let product = u128::from(*digit) * u128::from(factor) + carry;
            *digit = product as u64;
            carry = product >> u64::BITS;
        }
        if carry > 0 {
            self.digits.push(carry as u64);
        }
    }

    /// Divides; the remainder.
    fn divide(&mut self, divisor: u64) -> u64 {
        let mut remainder = 0;
        for digit in self.digits.iter_mut().rev() {
            let dividend = remainder << u64::BITS | u128::from(*digit);
            *digit = (dividend / u128::from(divisor)) as u64;
            remainder = dividend % u128::from(divisor);
        }
        self.trim();
        remainder as u64
    }

    fn trim(&mut self) {
        while self.digits.last() == Some(&0) {
            self.digits.pop();
        }
    }
}

/// The power as factors that fit 64 bits.
fn for_each_factor(base: u64, exponent: u32, mut act: impl FnMut(u64)) {
    let step = u64::MAX.ilog(base);
    let (steps, rest) = (exponent / step, exponent % step);
    (0..steps).for_each(|_| act(base.pow(step)));
    if rest > 0 {
        act(base.pow(rest));
    }
}

impl fmt::Display for Big {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = Self { digits: self.digits.clone() };
        let mut chunks = Vec::new();
        while !rest.digits.is_empty() {
            chunks.push(rest.divide(CHUNK));
        }
        let Some(first) = chunks.pop() else { return f.write_str("0") };
        write!(f, "{first}")?;
        chunks.iter().rev().try_for_each(|chunk| write!(f, "{chunk:019}"))
    }
}

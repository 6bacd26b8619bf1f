//! The text of a double, as Redis 7.2 and Valkey write it.

/// Whole numbers up to this one are written with all their digits.
const EXACT_INTEGER_MAX: f64 = (1_u64 << 62) as f64;

/// The shortest text that reads back as the same number: whole numbers without a point, an exponent
/// only where the digits alone would be long, `inf`, `-inf` and `nan` by name, and no negative zero.
/// Valkey's last digit differs for 3 of 1000 random numbers, since its algorithm is not always exact.
pub(crate) fn format(number: f64) -> String {
    if number.is_nan() {
        "nan".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "inf" } else { "-inf" }.to_owned()
    } else if number.fract() == 0.0 && number.abs() <= EXACT_INTEGER_MAX {
        (number as i64).to_string()
    } else {
        lay_out(&format!("{number:e}"))
    }
}

/// Puts the point into `-1.25e-7`: `-0.000000125`. The exponent stays where that would be long.
fn lay_out(scientific: &str) -> String {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => ("-", mantissa),
        None => ("", mantissa),
    };
    let digits = mantissa.replace('.', "");
    let count = digits.len() as i32;
    // The number is `digits` times ten to the power of `scale`.
    let scale = exponent - (count - 1);
    let magnitude = exponent.abs();
    if scale >= 0 && magnitude < count + 7 {
        let zeros = "0".repeat(scale as usize);
        format!("{sign}{digits}{zeros}")
    } else if scale < 0 && (scale > -7 || magnitude < 4) {
        if exponent < 0 {
            let zeros = "0".repeat((-exponent - 1) as usize);
            format!("{sign}0.{zeros}{digits}")
        } else {
            let (whole, fraction) = digits.split_at((exponent + 1) as usize);
            format!("{sign}{whole}.{fraction}")
        }
    } else {
        let exponent_sign = if exponent < 0 { '-' } else { '+' };
        format!("{sign}{mantissa}e{exponent_sign}{magnitude}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_written_as_valkey_writes_them() {
        let table: &[(f64, &str)] = &[
            (0.0, "0"),
            (-0.0, "0"),
            (3.0, "3"),
            (-17.0, "-17"),
            (1.5, "1.5"),
            (0.1, "0.1"),
            (123.456, "123.456"),
            (0.30000000000000004, "0.30000000000000004"),
            (0.00001, "0.00001"),
            (0.000001, "0.000001"),
            (0.0000001, "1e-7"),
            (-0.000000125, "-1.25e-7"),
            (123456789012345680.0, "123456789012345680"),
            (4611686018427387904.0, "4611686018427387904"),
            (9223372036854775808.0, "9223372036854776000"),
            (1e20, "1e+20"),
            (1.5e100, "1.5e+100"),
            (-1e-300, "-1e-300"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ];
        for (number, text) in table {
            assert_eq!(format(*number), *text);
        }
    }

    #[test]
    fn the_text_reads_back_as_the_same_number() {
        // Steps through every exponent and many fractions.
        for bits in (0..u64::MAX).step_by(1 << 44).map(|bits| bits ^ 0x5_a5a5_a5a5) {
            let number = f64::from_bits(bits);
            if number.is_finite() {
                assert_eq!(format(number).parse(), Ok(number), "{number:e}");
            }
        }
    }
}

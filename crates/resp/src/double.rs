//! The text of a double, as Redis 7.2 and Valkey write it.

/// Whole numbers up to this one are written with all their digits.
const EXACT_INTEGER_MAX: f64 = (1_u64 << 62) as f64;

/// The shortest text that reads back as the same number: whole numbers without a point, an exponent
/// only where the digits alone would be long, `inf`, `-inf` and `nan` by name, and no negative zero.
/// (Theirs is one digit longer for one number in a thousand: their algorithm is not always the shortest.)
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

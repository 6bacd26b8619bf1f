//! Sums and texts, compared with those of `long double` in C on x86.

use super::Extended;

fn sum(left: &str, right: &str) -> Option<String> {
    let [left, right] = [left, right].map(|text| Extended::parse(text.as_bytes()));
    Some(left?.add(right?)?.to_string())
}

#[test]
fn sums_have_the_digits_of_an_extended_double() {
    for (left, right, expected) in [
        ("0", "0", "0"),
        ("0.1", "0.2", "0.3"),
        ("10.5", "0.1", "10.6"),
        ("3", "-3", "0"),
        ("-0", "-0", "0"),
        ("0", "-1e-30", "0"),
        ("1", "-1e-17", "0.99999999999999999"),
        ("0", "1e-17", "0.00000000000000001"),
        ("0", "5e-18", "0"),
        ("0", "1.5e-17", "0.00000000000000002"),
        ("0", "2.5e-17", "0.00000000000000002"),
        ("0", "5.0000001e-18", "0.00000000000000001"),
        ("1e17", "0.1", "100000000000000000.1015625"),
        ("9007199254740993", "0.5", "9007199254740993.5"),
        ("9223372036854775807", "1", "9223372036854775808"),
        ("18446744073709551615", "1", "18446744073709551616"),
        ("18446744073709551616", "1", "18446744073709551616"),
        ("18446744073709551616", "3", "18446744073709551620"),
        ("1e30", "-1e30", "0"),
        ("1e30", "1", "1000000000000000000024696061952"),
        ("0x1.8p3", "1", "13"),
        ("0X.8P+1", "-0x1p-1", "0.5"),
        (".5", "5.", "5.5"),
        ("+5", "1e0", "6"),
        ("1e-4950", "0", "0"),
        ("0e99999999999999999999", "1", "1"),
    ] {
        assert_eq!(sum(left, right).as_deref(), Some(expected), "{left} + {right}");
        assert_eq!(sum(right, left).as_deref(), Some(expected), "{right} + {left}");
    }
}

#[test]
fn the_largest_numbers_are_written_with_all_their_digits() {
    let largest = sum("1.18973149535723176502e4932", "0").unwrap();
    assert_eq!(largest.len(), 4933);
    assert!(
        largest.starts_with("118973149535723176502126") && largest.ends_with("552086811989770240")
    );
    assert_eq!(sum("1.18973149535723176502e4932", "1.18973149535723176502e4932"), None);
    assert_eq!(sum("1e400", "0").unwrap()[..30], *"100000000000000000002818806839");
}

#[test]
fn an_infinity_is_a_number_that_gives_no_sum() {
    for text in ["inf", "-INF", "+Infinity"] {
        assert_eq!(Extended::parse(text.as_bytes()), Some(Extended::Infinite));
        assert_eq!(sum(text, "1"), None);
        assert_eq!(sum("1", text), None);
    }
}

#[test]
fn what_is_not_a_number_from_end_to_end_is_refused() {
    let long = "1".repeat(5 * 1024);
    let refused = [
        "",
        " 1",
        "1 ",
        "x",
        "-",
        "+",
        ".",
        "e5",
        "1e",
        "1e+",
        "1.5.5",
        "1,5",
        "--1",
        "nan",
        "-nan",
        "infinit",
        "0x",
        "0x.",
        "0xg",
        "0x1p",
        "1\0",
        "1e4933",
        "1e-4952",
        "-1e99999999999999999999",
        "1e-99999999999999999999",
        "0x1p16384",
        "0x1p-16446",
        &long,
    ];
    for text in refused {
        assert_eq!(Extended::parse(text.as_bytes()), None, "{text:?}");
    }
    assert!(
        Extended::parse(&long.as_bytes()[1..]).is_none(),
        "5119 digits are beyond the largest number"
    );
    let accepted = ["0x1p16383", "0x1p-16445", "4e-4951", "1e-4950", "1.18973149535723176502e4932"];
    for text in accepted {
        assert!(Extended::parse(text.as_bytes()).is_some(), "{text:?}");
    }
}

#[test]
fn what_is_written_is_read_back_as_the_same_number() {
    // Steps through mantissas and exponents at which 17 decimals say everything.
    for step in 0..2000_u64 {
        let mantissa = step.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (step % 64);
        for exponent in [-17, -3, 0, 1, 63, 64, 65, 500, 5000] {
            let number = Extended::Finite { negative: step % 2 == 1, mantissa, exponent };
            let text = number.to_string();
            let read = Extended::parse(text.as_bytes()).expect("a number");
            assert_eq!(read.to_string(), text);
            let opposite = Extended::Finite { negative: step % 2 == 0, mantissa, exponent };
            assert_eq!(read.add(opposite).expect("a sum").to_string(), "0", "{text}");
        }
    }
}

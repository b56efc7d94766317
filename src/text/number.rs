use crate::metrics::Unit;

/// What stands where a value is missing.
pub const MISSING: &str = "–";

/// A value for a person, with three significant digits and its unit: `412 ms`, `1.24 s`,
/// `38.2 tok/s`, `99.2 %`. Missing (and not finite) is [`MISSING`].
pub fn number(value: Option<f64>, unit: Unit) -> String {
    show(value, unit, 3, false)
}

/// A value that was written by a person (a limit): as many digits as it has, six at most.
pub fn exact(value: Option<f64>, unit: Unit) -> String {
    show(value, unit, 6, true)
}

/// `value` beside `reference`: with as many more digits as it takes for the two to look different
/// where they are, so that 500.4 ms never stands as `500 ms` beside a limit of 500 ms.
pub fn beside(value: Option<f64>, reference: Option<f64>, unit: Unit) -> String {
    let (Some(v), Some(r)) = (value, reference) else {
        return number(value, unit);
    };
    if v == r {
        return exact(value, unit);
    }
    let written = exact(reference, unit);
    (3..=9)
        .map(|digits| (digits, show(value, unit, digits, false)))
        .find(|(digits, shown)| {
            *shown != show(reference, unit, *digits, false) && *shown != written
        })
        .map_or_else(|| show(value, unit, 9, false), |(_, shown)| shown)
}

/// A signed share of a limit: `+12.3 %`, `-0.4 %`.
pub fn margin(share: Option<f64>) -> String {
    match share {
        Some(m) if m.is_finite() => {
            let shown = show(
                Some(m),
                Unit::Ratio,
                if m.abs() < 0.1 { 2 } else { 3 },
                false,
            );
            if m > 0.0 { format!("+{shown}") } else { shown }
        }
        _ => MISSING.to_owned(),
    }
}

/// A whole number with its thousands set apart: `12,345`.
pub fn count(n: u64) -> String {
    group(&n.to_string())
}

/// `value` without a unit, rounded to `digits` significant digits; digits before the point are
/// never rounded away.
pub fn significant(value: f64, digits: usize) -> String {
    plain(value, digits, false)
}

fn show(value: Option<f64>, unit: Unit, digits: usize, trim: bool) -> String {
    let Some(v) = value.filter(|v| v.is_finite()) else {
        return MISSING.to_owned();
    };
    let (scaled, suffix) = match unit {
        Unit::Milliseconds if v != 0.0 && round_to(v.abs(), digits) < 1.0 => (v * 1e3, " µs"),
        Unit::Milliseconds if round_to(v.abs(), digits) >= 1000.0 => (v / 1e3, " s"),
        Unit::Milliseconds => (v, " ms"),
        Unit::Ratio => (v * 100.0, " %"),
        Unit::PerSecond => (v, "/s"),
        Unit::TokensPerSecond => (v, " tok/s"),
        Unit::Tokens => (v, " tok"),
        Unit::Count => (v, ""),
    };
    let mut text = plain(scaled, digits, trim);
    if unit == Unit::Ratio && text == "100" && v != 1.0 {
        // 99.96 % must not read as all of them.
        text = plain(scaled, digits + 2, trim);
    }
    // A share of exactly one, a whole count: more digits would pretend to more than was counted.
    let whole = match unit {
        Unit::Ratio => v == 1.0,
        Unit::Count | Unit::Tokens => v == v.trunc(),
        _ => false,
    };
    if whole {
        text = plain(scaled, digits, true);
    }
    text + suffix
}

/// `v` rounded to `digits` significant digits.
fn round_to(v: f64, digits: usize) -> f64 {
    if v == 0.0 {
        return 0.0;
    }
    let decimals = digits as i32 - 1 - v.abs().log10().floor() as i32;
    let scale = 10f64.powi(decimals);
    (v * scale).round() / scale
}

fn plain(v: f64, digits: usize, trim: bool) -> String {
    if v == 0.0 {
        return "0".to_owned();
    }
    let magnitude = round_to(v.abs(), digits).log10().floor() as i32;
    let decimals = (digits as i32 - 1 - magnitude).clamp(0, 12) as usize;
    let mut text = format!("{v:.decimals$}");
    if trim && text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    group(&text)
}

/// Sets thousands apart in a decimal number.
fn group(text: &str) -> String {
    let (sign, rest) = text.strip_prefix('-').map_or(("", text), |r| ("-", r));
    let (whole, fraction) = rest
        .split_once('.')
        .map_or((rest, None), |(w, f)| (w, Some(f)));
    let mut out = String::from(sign);
    for (i, c) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(c);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(v: f64) -> String {
        number(Some(v), Unit::Milliseconds)
    }

    #[test]
    fn times() {
        assert_eq!(ms(412.3), "412 ms");
        assert_eq!(ms(41.23), "41.2 ms");
        assert_eq!(ms(4.0), "4.00 ms");
        assert_eq!(ms(1240.0), "1.24 s");
        assert_eq!(ms(999.7), "1.00 s");
        assert_eq!(ms(0.0421), "42.1 µs");
        assert_eq!(ms(0.9999), "1.00 ms");
        assert_eq!(ms(0.0), "0 ms");
        assert_eq!(ms(-3.0), "-3.00 ms");
        assert_eq!(ms(f64::NAN), "–");
        assert_eq!(number(None, Unit::Milliseconds), "–");
    }

    #[test]
    fn rates_and_shares() {
        assert_eq!(number(Some(38.24), Unit::TokensPerSecond), "38.2 tok/s");
        assert_eq!(number(Some(12345.6), Unit::TokensPerSecond), "12,346 tok/s");
        assert_eq!(number(Some(19.84), Unit::PerSecond), "19.8/s");
        assert_eq!(number(Some(0.992), Unit::Ratio), "99.2 %");
        assert_eq!(number(Some(0.99996), Unit::Ratio), "99.996 %");
        assert_eq!(number(Some(1.0), Unit::Ratio), "100 %");
        assert_eq!(number(Some(0.0), Unit::Ratio), "0 %");
        assert_eq!(number(Some(8.0), Unit::Count), "8");
        assert_eq!(number(Some(7.934), Unit::Count), "7.93");
        assert_eq!(count(1234567), "1,234,567");
    }

    #[test]
    fn limits_stand_as_written() {
        assert_eq!(exact(Some(500.0), Unit::Milliseconds), "500 ms");
        assert_eq!(exact(Some(1500.0), Unit::Milliseconds), "1.5 s");
        assert_eq!(exact(Some(0.01), Unit::Ratio), "1 %");
        assert_eq!(exact(Some(0.995), Unit::Ratio), "99.5 %");
    }

    #[test]
    fn a_violation_is_visible() {
        let near = beside(Some(500.04), Some(500.0), Unit::Milliseconds);
        assert_eq!(near, "500.04 ms");
        assert_eq!(
            beside(Some(1000.4), Some(1000.0), Unit::Milliseconds),
            "1.0004 s"
        );
        assert_eq!(
            beside(Some(612.0), Some(500.0), Unit::Milliseconds),
            "612 ms"
        );
    }

    #[test]
    fn margins_bear_their_sign() {
        assert_eq!(margin(Some(0.123)), "+12.3 %");
        assert_eq!(margin(Some(-0.0041)), "-0.41 %");
        assert_eq!(margin(Some(0.0)), "0 %");
        assert_eq!(margin(None), "–");
    }

    proptest! {
        #[test]
        fn what_is_shown_is_near_the_value(v in 1e-3f64..1e9) {
            let shown = significant(v, 3).replace(',', "");
            let back: f64 = shown.parse().expect("a number");
            prop_assert!((back - v).abs() <= v.abs() * 0.0051, "{v} as {shown}");
        }

        #[test]
        fn different_values_look_different(a in 1.0f64..1e5, step in 1e-4f64..0.5) {
            let b = a * (1.0 + step);
            prop_assert_ne!(
                beside(Some(b), Some(a), Unit::Milliseconds),
                exact(Some(a), Unit::Milliseconds)
            );
        }
    }
}

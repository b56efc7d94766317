//! Durations, rates and shares as they are written in suites.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

/// Separates message and help in an error that passes through serde.
pub(super) const HELP: char = '\u{1f}';

/// A duration, such as `10s`, `1m30s` or `500ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span(pub Duration);

/// A rate per second, such as `20/s` or `600/min`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rate(pub f64);

/// A share from 0 to 1, written as a percentage, such as `1%`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Share(pub f64);

/// A share from 0 to 1, written as a number or a percentage: `0.95` or `95%`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fraction(pub f64);

/// What is wrong, and what to write instead.
type Wrong = (String, String);

/// Nanoseconds per unit.
const TIME_UNITS: [(&str, u64); 6] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Longest duration a setting may have: a year.
const LONGEST: f64 = 366.0 * 24.0 * 3600.0 * 1e9;

/// Splits a leading number off `text`.
fn number(text: &str) -> Option<(f64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let value: f64 = text[..end].parse().ok()?;
    (value.is_finite()).then_some((value, &text[end..]))
}

/// The duration that a person wrote outside of a suite, as in one: `10s`, `1m30s`, `500ms`.
///
/// # Errors
/// What is wrong with it, and what to write instead.
pub fn written_duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|(what, help)| format!("{what}: {help}"))
}

pub(super) fn parse_duration(text: &str) -> Result<Duration, Wrong> {
    let form =
        || "write a duration such as `10s`, `1m30s` or `500ms` (units: us, ms, s, m, h)".to_owned();
    let mut rest = text.trim();
    let mut nanos = 0.0;
    let mut first = true;
    while first || !rest.is_empty() {
        first = false;
        let Some((value, after)) = number(rest) else {
            return Err((format!("`{text}` is not a duration"), form()));
        };
        let after = after.trim_start();
        let end = after
            .find(|c: char| !c.is_alphabetic() && c != '%' && c != '/')
            .unwrap_or(after.len());
        let unit = &after[..end];
        if unit.is_empty() {
            return Err((
                format!("the duration `{text}` has no unit"),
                format!("write `{text}s` for seconds (units: us, ms, s, m, h)"),
            ));
        }
        let Some((_, factor)) = TIME_UNITS.iter().find(|(name, _)| *name == unit) else {
            let help = match unit.to_lowercase().as_str() {
                "sec" | "secs" | "second" | "seconds" => format!("write `{value}s`"),
                "min" | "mins" | "minute" | "minutes" => format!("write `{value}m`"),
                "hour" | "hours" | "hr" => format!("write `{value}h`"),
                "msec" | "millis" | "milliseconds" => format!("write `{value}ms`"),
                "µs" | "μs" | "usec" | "microseconds" => format!("write `{value}us`"),
                "d" | "day" | "days" => format!("write `{}h`", value * 24.0),
                _ => form(),
            };
            return Err((format!("`{unit}` is not a unit of time"), help));
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "exact: all units are below 2^53"
        )]
        let factor = *factor as f64;
        nanos += value * factor;
        rest = after[end..].trim_start();
    }
    if nanos > LONGEST {
        return Err((format!("`{text}` is longer than a year"), form()));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bounded just above, never negative"
    )]
    Ok(Duration::from_nanos(nanos.round() as u64))
}

pub(super) fn parse_rate(text: &str) -> Result<f64, Wrong> {
    let form = || "write a rate such as `20/s`, `600/min` or `3600/h`".to_owned();
    let Some((value, rest)) = number(text.trim()) else {
        return Err((format!("`{text}` is not a rate"), form()));
    };
    let unit: String = rest.split_whitespace().collect();
    match unit.as_str() {
        "/s" => Ok(value),
        "/min" | "/m" => Ok(value / 60.0),
        "/h" => Ok(value / 3600.0),
        "" => Err((
            format!("the rate `{text}` has no unit"),
            format!("write `{value}/s` for requests per second"),
        )),
        "rps" | "qps" | "req/s" | "requests/s" | "/sec" | "/second" | "hz" | "Hz" => Err((
            format!("`{unit}` is not a unit of rate"),
            format!("write `{value}/s`"),
        )),
        _ => Err((format!("`{unit}` is not a unit of rate"), form())),
    }
}

fn parse_percent(text: &str) -> Option<f64> {
    let digits = text.trim().strip_suffix('%')?.trim_end();
    number(digits).filter(|(_, rest)| rest.is_empty())?;
    // Shifting the decimal point in the text is exact where dividing by 100 is not.
    format!("{digits}e-2").parse().ok()
}

pub(super) fn parse_share(text: &str) -> Result<f64, Wrong> {
    let form = || "write a percentage such as `1%`".to_owned();
    let value = match (parse_percent(text), number(text.trim())) {
        (Some(value), _) => value,
        (None, Some((0.0, ""))) => 0.0,
        (None, Some((value, ""))) if value < 1.0 => {
            return Err((
                format!("the share `{text}` has no unit"),
                format!("write `{}%`", trim_float(value * 100.0)),
            ));
        }
        (None, Some((value, ""))) => {
            return Err((
                format!("the share `{text}` has no unit"),
                format!("write `{value}%`"),
            ));
        }
        _ => return Err((format!("`{text}` is not a percentage"), form())),
    };
    if value > 1.0 {
        return Err((format!("`{text}` is more than 100%"), form()));
    }
    Ok(value)
}

fn trim_float(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

pub(super) fn parse_fraction(text: &str) -> Result<f64, Wrong> {
    parse_percent(text)
        .or_else(|| {
            number(text.trim())
                .filter(|(_, rest)| rest.is_empty())
                .map(|(value, _)| value)
        })
        .ok_or_else(|| {
            (
                format!("`{text}` is neither a number nor a percentage"),
                "write `0.95` or `95%`".to_owned(),
            )
        })
}

macro_rules! from_scalar {
    ($name:ident, $parse:ident, $expecting:literal) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Scalar;
                impl Visitor<'_> for Scalar {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        $parse(text)
                            .map($name)
                            .map_err(|(message, help)| E::custom(format!("{message}{HELP}{help}")))
                    }
                    fn visit_u64<E: de::Error>(self, value: u64) -> Result<$name, E> {
                        self.visit_str(&value.to_string())
                    }
                    fn visit_i64<E: de::Error>(self, value: i64) -> Result<$name, E> {
                        self.visit_str(&value.to_string())
                    }
                    fn visit_f64<E: de::Error>(self, value: f64) -> Result<$name, E> {
                        self.visit_str(&value.to_string())
                    }
                }
                deserializer.deserialize_any(Scalar)
            }
        }
    };
}

from_scalar!(Span, parse_duration, "a duration such as `10s`");
from_scalar!(Rate, parse_rate, "a rate such as `20/s`");
from_scalar!(Share, parse_share, "a percentage such as `1%`");
from_scalar!(
    Fraction,
    parse_fraction,
    "a number or a percentage, such as `0.95` or `95%`"
);

/// A duration as suites write it, in the largest unit that keeps it whole.
pub fn show_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".into();
    }
    TIME_UNITS
        .iter()
        .rev()
        .find(|(_, factor)| nanos.is_multiple_of(u128::from(*factor)))
        .map_or_else(
            || format!("{nanos}ns"),
            |(unit, factor)| format!("{}{unit}", nanos / u128::from(*factor)),
        )
}

/// A rate as suites write it.
pub(super) fn show_rate(per_second: f64) -> String {
    format!("{per_second}/s")
}

/// A share as suites write it.
pub(super) fn show_share(share: f64) -> String {
    format!("{}%", super::assertion::shift_decimal(share, 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_sums_of_numbers_with_units() {
        for (text, nanos) in [
            ("10s", 10_000_000_000),
            ("500ms", 500_000_000),
            ("250us", 250_000),
            ("1m30s", 90_000_000_000),
            ("1.5h", 5_400_000_000_000),
            (" 2 m ", 120_000_000_000),
            ("0s", 0),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_nanos(nanos)),
                "{text}"
            );
        }
        for text in [
            "",
            "10",
            "s",
            "-5s",
            "5 parsecs",
            "1e3s",
            "10s20",
            "99999h",
            "1..5s",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_duration_is_shown_as_it_would_be_written() {
        for text in ["0s", "10s", "1m", "90s", "1h", "1500ms", "250us", "7ns"] {
            assert_eq!(show_duration(parse_duration(text).unwrap()), text);
        }
    }

    #[test]
    fn rates_are_per_second() {
        for (text, rate) in [
            ("20/s", 20.0),
            ("90/min", 1.5),
            ("1800 / h", 0.5),
            ("0.5/s", 0.5),
        ] {
            assert_eq!(parse_rate(text), Ok(rate), "{text}");
        }
        for text in ["20", "20rps", "/s", "-1/s", "20/week"] {
            assert!(parse_rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shares_are_percentages_and_exact() {
        for (text, share) in [
            ("1%", 0.01),
            ("99.9 %", 0.999),
            ("7%", 0.07),
            ("0", 0.0),
            ("100%", 1.0),
        ] {
            assert_eq!(parse_share(text), Ok(share), "{text}");
        }
        for text in ["0.01", "5", "101%", "%", "-1%"] {
            assert!(parse_share(text).is_err(), "{text}");
        }
        assert_eq!(parse_fraction("0.95"), Ok(0.95));
        assert_eq!(parse_fraction("95%"), Ok(0.95));
    }

    #[test]
    fn an_error_names_the_right_form() {
        let help = |text: &str| parse_duration(text).unwrap_err().1;
        assert_eq!(help("30sec"), "write `30s`");
        assert_eq!(help("2days"), "write `48h`");
        assert_eq!(parse_share("0.05").unwrap_err().1, "write `5%`");
        assert_eq!(parse_rate("12rps").unwrap_err().1, "write `12/s`");
    }
}

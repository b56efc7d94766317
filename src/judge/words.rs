use crate::metrics::Unit;

/// A value with its unit, for a sentence: `512 ms`, `98.5 %`, `41.2/s`.
pub(super) fn quantity(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Milliseconds if value.abs() >= 10_000.0 => format!("{} s", number(value / 1e3)),
        Unit::Milliseconds => format!("{} ms", number(value)),
        Unit::Ratio if value.abs() <= 1.0 => format!("{} %", number(value * 100.0)),
        Unit::PerSecond => format!("{}/s", number(value)),
        Unit::TokensPerSecond => format!("{} tok/s", number(value)),
        Unit::Tokens => format!("{} tokens", number(value)),
        Unit::Ratio | Unit::Count => number(value),
    }
}

/// The same with its sign: `+12 ms`.
pub(super) fn signed(value: f64, unit: Unit) -> String {
    let sign = if value < 0.0 { "−" } else { "+" };
    format!("{sign}{}", quantity(value.abs(), unit))
}

/// Three significant digits, whole from 100 on.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    let decimals = if size >= 100.0 || size == 0.0 {
        0
    } else if size >= 10.0 {
        1
    } else if size >= 1.0 {
        2
    } else {
        3
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// A share as a percentage without needless digits: `1%`, `0.5%`.
pub(super) fn percent(share: f64) -> String {
    let value = (share * 1e8).round() / 1e6;
    format!("{value}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(quantity(512.4, Unit::Milliseconds), "512 ms");
        assert_eq!(quantity(0.25, Unit::Milliseconds), "0.25 ms");
        assert_eq!(quantity(12_500.0, Unit::Milliseconds), "12.5 s");
        assert_eq!(quantity(0.985, Unit::Ratio), "98.5 %");
        assert_eq!(quantity(2.5, Unit::Ratio), "2.5");
        assert_eq!(quantity(40.0, Unit::PerSecond), "40/s");
        assert_eq!(quantity(0.0, Unit::Ratio), "0 %");
        assert_eq!(signed(-12.0, Unit::Milliseconds), "−12 ms");
        assert_eq!(percent(0.01), "1%");
        assert_eq!(percent(0.005), "0.5%");
    }
}

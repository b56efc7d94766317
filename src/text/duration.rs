use super::number::{MISSING, number};
use crate::metrics::Unit;

/// A stretch of time in seconds with three significant digits: `412 ms`, `1.24 s`, `38.2 s`, and from
/// two minutes on as [`minutes`].
pub fn seconds(s: Option<f64>) -> String {
    match s {
        Some(s) if s.is_finite() && s.abs() >= 120.0 => minutes(s),
        Some(s) => number(Some(s * 1000.0), Unit::Milliseconds),
        None => MISSING.to_owned(),
    }
}

/// A stretch of time in seconds, to the second: `47 s`, `2 min 05 s`, `1 h 02 min`.
pub fn minutes(s: f64) -> String {
    if !s.is_finite() || s < 0.0 {
        return MISSING.to_owned();
    }
    let whole = s.round();
    let (h, m, sec) = (whole / 3600.0, (whole % 3600.0) / 60.0, whole % 60.0);
    let (h, m) = (h.floor(), m.floor());
    if h > 0.0 {
        format!("{h} h {m:02} min")
    } else if m > 0.0 {
        format!("{m} min {sec:02} s")
    } else {
        format!("{sec} s")
    }
}

#[cfg(test)]
mod tests {
    use super::{minutes, seconds};

    #[test]
    fn reads_as_a_person_would_say_it() {
        assert_eq!(seconds(Some(0.412)), "412 ms");
        assert_eq!(seconds(Some(38.24)), "38.2 s");
        assert_eq!(seconds(Some(125.0)), "2 min 05 s");
        assert_eq!(seconds(None), "–");
        assert_eq!(minutes(59.6), "1 min 00 s");
        assert_eq!(minutes(3725.0), "1 h 02 min");
        assert_eq!(minutes(0.0), "0 s");
    }
}

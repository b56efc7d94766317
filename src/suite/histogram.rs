//! Histograms of lengths, as text.

/// How often lengths occur: bins that do not overlap, in ascending order.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    bins: Vec<Bin>,
    /// Weight of all bins up to and with each.
    cumulated: Vec<f64>,
}

/// A stretch of lengths, all alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// Least length.
    pub from: u32,
    /// Greatest length, itself included.
    pub to: u32,
    /// How often; any unit.
    pub weight: f64,
}

/// What a line must look like.
const FORM: &str =
    "a line is `tokens weight` or `from-to weight`, such as `128 5` or `129-512 12.5`";

impl Histogram {
    /// Reads lines of a length, or of a stretch `from-to`, and its weight, parted by a comma, a
    /// semicolon, spaces or tabs. Empty lines, lines that begin with `#` and one line of headings at
    /// the top are passed over.
    ///
    /// # Errors
    /// What is wrong in which line, and what to do.
    pub fn parse(text: &str, longest: u32) -> Result<Histogram, (String, String)> {
        let mut bins: Vec<(Bin, usize)> = Vec::new();
        let mut headings = true;
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let parts: Vec<&str> = line
                .split([',', ';', ' ', '\t'])
                .filter(|part| !part.is_empty())
                .collect();
            let first = std::mem::take(&mut headings);
            if first && !line.contains(|c: char| c.is_ascii_digit()) {
                continue;
            }
            let wrong = |what: String| (format!("line {number}: {what}"), FORM.to_owned());
            let [length, weight] = parts[..] else {
                return Err(wrong(format!("`{line}` is not a length and a weight")));
            };
            let (from, to) = length.split_once('-').unwrap_or((length, length));
            let tokens = |text: &str| {
                let n = text.trim().parse::<u32>().ok();
                n.filter(|n| (1..=longest).contains(n)).ok_or_else(|| {
                    wrong(format!(
                        "`{text}` is no number of tokens from 1 to {longest}"
                    ))
                })
            };
            let (from, to) = (tokens(from)?, tokens(to)?);
            let weight = weight
                .parse::<f64>()
                .ok()
                .filter(|w| w.is_finite() && *w >= 0.0)
                .ok_or_else(|| wrong(format!("`{weight}` is no weight from 0 on")))?;
            if from > to {
                return Err(wrong(format!("`{length}` ends before it begins")));
            }
            bins.push((Bin { from, to, weight }, number));
        }
        bins.sort_by_key(|(bin, _)| (bin.from, bin.to));
        if let Some(pair) = bins.windows(2).find(|pair| pair[0].0.to >= pair[1].0.from) {
            let (a, b) = (pair[0].1.min(pair[1].1), pair[0].1.max(pair[1].1));
            return Err((
                format!("the lengths of lines {a} and {b} overlap"),
                "say each length once".to_owned(),
            ));
        }
        Self::of(bins.into_iter().map(|(bin, _)| bin).collect()).ok_or_else(|| {
            let what = "this file holds no length with a weight above 0";
            (what.to_owned(), FORM.to_owned())
        })
    }

    fn of(bins: Vec<Bin>) -> Option<Histogram> {
        let bins: Vec<Bin> = bins.into_iter().filter(|b| b.weight > 0.0).collect();
        let mut sum = 0.0;
        let cumulated: Vec<f64> = bins
            .iter()
            .map(|bin| {
                sum += bin.weight;
                sum
            })
            .collect();
        (sum > 0.0 && sum.is_finite()).then_some(Histogram { bins, cumulated })
    }

    /// What is left of it between the bounds; a bin that is cut keeps the weight of what is left of it.
    /// `None`: nothing.
    pub fn within(&self, min: u32, max: u32) -> Option<Histogram> {
        let cut = |bin: &Bin| {
            let (from, to) = (bin.from.max(min), bin.to.min(max));
            (from <= to).then(|| Bin {
                from,
                to,
                weight: bin.weight * f64::from(to - from + 1) / f64::from(bin.to - bin.from + 1),
            })
        };
        Self::of(self.bins.iter().filter_map(cut).collect())
    }

    /// The bins, ascending.
    pub fn bins(&self) -> &[Bin] {
        &self.bins
    }

    /// The length at `u`, from 0 to 1, of the cumulated distribution.
    pub fn quantile(&self, u: f64) -> u32 {
        let total = self.cumulated.last().copied().unwrap_or(0.0);
        let at = u * total;
        let index = self.cumulated.partition_point(|c| *c <= at);
        let index = index.min(self.bins.len() - 1);
        let bin = self.bins[index];
        let inside = 1.0 - ((self.cumulated[index] - at) / bin.weight).clamp(0.0, 1.0);
        let width = f64::from(bin.to - bin.from + 1);
        (bin.from + (inside * width) as u32).min(bin.to)
    }

    /// Mean length.
    pub fn mean(&self) -> f64 {
        let total = self.cumulated.last().copied().unwrap_or(0.0);
        let sum: f64 = self
            .bins
            .iter()
            .map(|b| b.weight * (f64::from(b.from) + f64::from(b.to)) / 2.0)
            .sum();
        sum / total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_lengths_and_stretches() {
        let h = Histogram::parse("tokens,weight\n# short\n10,1\n\n20-29;2\n100\t1\n", 1000)
            .expect("a histogram");
        assert_eq!(h.bins().len(), 3);
        assert!((h.mean() - (10.0 + 2.0 * 24.5 + 100.0) / 4.0).abs() < 1e-9);
        let at = |u| h.quantile(u);
        assert_eq!(
            [at(0.0), at(0.24), at(0.25), at(0.7499), at(0.75), at(1.0)],
            [10, 10, 20, 29, 100, 100]
        );
    }

    #[test]
    fn bounds_cut_bins() {
        let h = Histogram::parse("1-10 10\n20 5", 1000).expect("a histogram");
        let h = h.within(6, 15).expect("something is left");
        assert_eq!(
            h.bins(),
            [Bin {
                from: 6,
                to: 10,
                weight: 5.0
            }]
        );
        assert_eq!(h.within(30, 40), None);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let error = |text| Histogram::parse(text, 1000).expect_err("wrong").0;
        assert_eq!(
            error("5 1\nfive 1"),
            "line 2: `five` is no number of tokens from 1 to 1000"
        );
        assert_eq!(
            error("5 1\n6 many"),
            "line 2: `many` is no weight from 0 on"
        );
        assert_eq!(error("5 -1"), "line 1: `-1` is no weight from 0 on");
        assert_eq!(
            error("0 1"),
            "line 1: `0` is no number of tokens from 1 to 1000"
        );
        assert_eq!(error("9-5 1"), "line 1: `9-5` ends before it begins");
        assert_eq!(
            error("5 1 2"),
            "line 1: `5 1 2` is not a length and a weight"
        );
        assert_eq!(error("7 1\n5-9 1"), "the lengths of lines 1 and 2 overlap");
        assert_eq!(
            error("tokens weight\n"),
            "this file holds no length with a weight above 0"
        );
        assert_eq!(
            error("5 0"),
            "this file holds no length with a weight above 0"
        );
    }
}

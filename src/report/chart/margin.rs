use super::svg::Svg;

const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 26.0;
const MIDDLE: f64 = 13.0;
const EDGE: f64 = 6.0;

/// Where a value lies against its limit.
#[derive(Clone, Copy, Debug)]
pub struct MarginBar<'a> {
    /// The value; infinite ones stand at the end; `None`: nothing is drawn.
    pub observed: Option<f64>,
    /// The limit, always in the middle.
    pub limit: Option<f64>,
    /// Its confidence bounds.
    pub interval: [Option<f64>; 2],
    /// What was accepted as the baseline; a tick.
    pub accepted: Option<f64>,
    /// Whether values below the limit hold.
    pub below_holds: bool,
    /// Class for the value's colour: a verdict's name.
    pub class: &'a str,
}

/// Draws the bar: the limit in the middle, the side that violates it shaded, the interval as a bar,
/// the value as a dot, the baseline as a tick. The same stands beside it in words. Half its width is at least a quarter of the limit, so that a small margin
/// looks small.
pub fn margin_bar(bar: &MarginBar<'_>) -> Option<String> {
    let (observed, limit) = (bar.observed?, bar.limit?);
    if observed.is_nan() || !limit.is_finite() {
        return None;
    }
    let far = |v: f64| (v - limit).abs();
    let half = [
        Some(observed),
        bar.interval[0],
        bar.interval[1],
        bar.accepted,
    ]
    .into_iter()
    .flatten()
    .filter(|v| v.is_finite())
    .map(far)
    .fold(limit.abs() * 0.25 / 1.3, f64::max)
        * 1.3;
    let half = if half > 0.0 { half } else { 1.0 };
    let x = |v: f64| {
        (WIDTH / 2.0 + (v - limit) / half * (WIDTH / 2.0 - EDGE)).clamp(EDGE, WIDTH - EDGE)
    };

    let mut svg = Svg::ornament("margin", WIDTH, HEIGHT);
    let side = |left: bool| if left { 0.0 } else { WIDTH / 2.0 };
    svg.rect(
        "holds",
        side(bar.below_holds),
        4.0,
        WIDTH / 2.0,
        HEIGHT - 8.0,
    );
    svg.rect(
        "violates",
        side(!bar.below_holds),
        4.0,
        WIDTH / 2.0,
        HEIGHT - 8.0,
    );
    if bar.interval.iter().any(Option::is_some) {
        let lo = bar.interval[0].map_or(EDGE, x);
        let hi = bar.interval[1].map_or(WIDTH - EDGE, x);
        svg.line(&format!("interval v-{}", bar.class), lo, MIDDLE, hi, MIDDLE);
    }
    if let Some(accepted) = bar.accepted.filter(|v| v.is_finite()) {
        svg.line("accepted", x(accepted), 2.0, x(accepted), HEIGHT - 2.0);
    }
    svg.line("at-limit", WIDTH / 2.0, 0.0, WIDTH / 2.0, HEIGHT);
    svg.circle(&format!("value v-{}", bar.class), x(observed), MIDDLE, 4.5);
    Some(svg.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(observed: Option<f64>, limit: f64) -> Option<String> {
        margin_bar(&MarginBar {
            observed,
            limit: Some(limit),
            interval: [None, None],
            accepted: None,
            below_holds: true,
            class: "pass",
        })
    }

    #[test]
    fn the_limit_is_in_the_middle_and_the_value_on_its_side() {
        let below = bar(Some(400.0), 500.0).expect("drawn");
        let above = bar(Some(600.0), 500.0).expect("drawn");
        let cx = |svg: &str| -> f64 {
            let rest = svg.split("cx=\"").nth(1).expect("a dot");
            rest.split('"')
                .next()
                .expect("a number")
                .parse()
                .expect("a number")
        };
        assert!(cx(&below) < 120.0 && cx(&above) > 120.0);
    }

    #[test]
    fn missing_values_draw_nothing_and_zero_limits_do_not_divide() {
        assert!(bar(None, 500.0).is_none());
        let zero = bar(Some(0.0), 0.0).expect("drawn");
        assert!(!zero.contains("NaN"));
    }
}

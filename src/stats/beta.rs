use statrs::function::beta::{beta_reg, ln_beta};

/// Past this, the continued fraction behind [`beta_reg`] does not converge in the steps it takes.
const STATRS_UP_TO: f64 = 3_000.0;

/// The regularised incomplete beta function `I_x(a, b)`, the distribution function of Beta(a, b).
/// For integers it is `P(Binomial(a + b − 1, x) ≥ a)`. `a`, `b` > 0.
pub(super) fn beta_cdf(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        0.0
    } else if x >= 1.0 {
        1.0
    } else if a.max(b) <= STATRS_UP_TO {
        beta_reg(a, b, x)
    } else if x < a / (a + b) {
        continued_fraction(a, b, x)
    } else {
        1.0 - continued_fraction(b, a, 1.0 - x)
    }
}

/// `I_x(a, b)` below the mean by the continued fraction DLMF 8.17.22, evaluated by Lentz's method;
/// it converges in about `√max(a, b)` steps.
fn continued_fraction(a: f64, b: f64, x: f64) -> f64 {
    let front = (a * x.ln() + b * (-x).ln_1p() - ln_beta(a, b)).exp() / a;
    let keep_off_zero = |v: f64| if v.abs() < 1e-300 { 1e-300 } else { v };
    let (mut c, mut d, mut product) = (1.0, 0.0, 1.0);
    for step in 0..100_000 {
        let m = f64::from(step / 2);
        let numerator = if step == 0 {
            1.0
        } else if step % 2 == 0 {
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        } else {
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        };
        d = 1.0 / keep_off_zero(1.0 + numerator * d);
        c = keep_off_zero(1.0 + numerator / c);
        product *= c * d;
        if step > 0 && (c * d - 1.0).abs() < 1e-14 {
            break;
        }
    }
    (front * (product - 1.0)).clamp(0.0, 1.0)
}

/// The `p`-quantile of Beta(a, b), by bisection of [`beta_cdf`].
pub(super) fn beta_quantile(a: f64, b: f64, p: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if beta_cdf(a, b, middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// Two one-sided confidence bounds. An end that is not known is infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// The value lies above, with the stated confidence.
    pub lower: f64,
    /// The value lies below, with the stated confidence.
    pub upper: f64,
}

impl Bounds {
    /// Nothing is known.
    pub const UNKNOWN: Bounds = Bounds {
        lower: f64::NEG_INFINITY,
        upper: f64::INFINITY,
    };
}

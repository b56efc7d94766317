/// A small seeded generator (SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom
/// number generators", 2014). Good enough for noise, and the same on every machine.
#[derive(Clone, Debug)]
pub struct Random(u64);

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

fn scramble(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A hash of two numbers, for draws that belong to a thing and not to a sequence.
pub fn hash_pair(a: u64, b: u64) -> u64 {
    scramble(
        scramble(a.wrapping_add(GOLDEN))
            .wrapping_add(b)
            .wrapping_add(GOLDEN),
    )
}

impl Random {
    /// The generator of `seed` for one purpose.
    pub fn keyed(seed: u64, purpose: u64) -> Random {
        Random(hash_pair(seed, purpose))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        scramble(self.0)
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
        let mantissa = (self.bits() >> 11) as f64;
        mantissa / (1u64 << 53) as f64
    }

    /// Whether something of probability `p` happens.
    pub fn chance(&mut self, p: f64) -> bool {
        p > 0.0 && self.unit() < p
    }

    /// Exponential with the given mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// Standard normal (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Log-normal with mean 1 and the given standard deviation of the logarithm.
    pub fn log_normal(&mut self, sigma: f64) -> f64 {
        if sigma == 0.0 {
            return 1.0;
        }
        (sigma * self.normal() - sigma * sigma / 2.0).exp()
    }
}

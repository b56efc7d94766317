/// More than this is no sane number of runs.
const MOST: u32 = 400;

/// The least number of more runs from which on it is `settled`, if that is sane. What is settled stays
/// settled as runs are added, but for the steps of degrees of freedom, so bisection finds it.
pub(in crate::judge) fn to_settle(settled: impl Fn(u32) -> bool) -> Option<u32> {
    if !settled(MOST) {
        return None;
    }
    let (mut low, mut high) = (0, MOST);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if settled(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}

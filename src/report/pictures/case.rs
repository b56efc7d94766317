use super::cache::cold_and_warm;
use super::picture::Picture;
use crate::result::CaseResult;

/// The pictures over all phases of a case; what has no data has no picture.
pub(in crate::report) fn of_case(case: &CaseResult) -> Vec<Picture> {
    cold_and_warm(case).into_iter().collect()
}

use super::cache::{cache_found, cold_and_warm};
use super::picture::Picture;
use super::search::{search_path, search_throughput};
use super::split::side_by_side;
use super::sweep::sweep;
use crate::result::CaseResult;

/// The pictures over all phases of a case; what has no data has no picture.
pub(in crate::report) fn of_case(case: &CaseResult) -> Vec<Picture> {
    let mut out = Vec::new();
    out.extend(search_path(case));
    out.extend(search_throughput(case));
    out.extend(sweep(case));
    out.extend(cold_and_warm(case));
    out.extend(cache_found(case));
    out.extend(side_by_side(case));
    out.into_iter().map(Picture::printable).collect()
}
